"""Paths of the data folder and of the project's code."""

import os
from pathlib import Path

import platformdirs

HOME_VARIABLE = "EXPLORER_HOME"


def home() -> Path:
    """Return the data folder: ``EXPLORER_HOME``, or the platform's folder for user data."""
    named = os.environ.get(HOME_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_dir("neuron-explorer", False))


# The folder that holds the packages core and explorer: a new process imports them from here.
ROOT = Path(__file__).resolve().parent.parent
