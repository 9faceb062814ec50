"""Paths of the data folder and of the project's code."""

import os
from pathlib import Path

import platformdirs

HOME_VARIABLE = "EXPLORER_HOME"


def home() -> Path:
    """Return the data folder.

    It is the value of the environment variable ``EXPLORER_HOME``, or else a folder in the operating
    system's place for user data, such as ``~/.local/share/neuron-explorer``.
    """
    named = os.environ.get(HOME_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_dir("neuron-explorer", False))


def checkpoints_folder() -> Path:
    """Return the folder of the uploaded checkpoints, which is in the data folder."""
    return home() / "networks"


# The folder that contains the packages core and explorer. New processes are started in this folder,
# so that they can import both packages.
ROOT = Path(__file__).resolve().parent.parent
