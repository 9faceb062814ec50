"""Where the program and its data lie."""

import os
from pathlib import Path

import platformdirs

HOME_VARIABLE = "EXPLORER_HOME"


def home() -> Path:
    """Tell the data folder: ``EXPLORER_HOME``, or the platform's place for user data."""
    named = os.environ.get(HOME_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_dir("neuron-explorer", False))


# The folder that holds the packages, from which a new process can import them.
ROOT = Path(__file__).resolve().parent.parent
