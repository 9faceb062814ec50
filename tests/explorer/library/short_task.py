"""A background task that ends at once; with ``fails`` as its argument, with a problem."""

import sys

from core.errors import ExplorerError
from explorer.library import background_task


def work() -> None:
    background_task.report_progress(1, 2)
    if sys.argv[1] == "fails":
        raise ExplorerError("it could not be done")
    background_task.report_progress(2, 2)


if __name__ == "__main__":
    background_task.run_task(work)
