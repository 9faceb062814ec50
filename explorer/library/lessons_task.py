"""Starting the background task that makes all images and measurements of the lessons."""

from explorer.library import background_task

# The module that runs the task: it opens the pages, so it is a part of the user interface.
MODULE = "explorer.ui.lessons.preparing"


def key_of(network: str, weights: str) -> str:
    """Return the key of the task for ``background_task.latest_task``.

    Args:
        network: name of the network.
        weights: fingerprint of its weights.
    """
    return f"lessons {network} {weights}"


def start_preparing(network: str, weights: str, visitor: str | None = None) -> None:
    """Start the task, unless it is running already.

    Args:
        network, weights: as for ``key_of``.
        visitor: the visitor who starts the task; None for the machine's user.

    Raises:
        ExplorerError: too many tasks are running.
    """
    background_task.start_task(key_of(network, weights), MODULE, [network], visitor)
