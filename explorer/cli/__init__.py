"""The command line: results on standard output, progress on standard error.

The exit codes are 0 for success, 1 for an ``ExplorerError``, whose message is printed, 2 for an
unknown command or option, and 130 for a command that Ctrl-C or SIGTERM interrupted. The import of
PyTorch takes seconds, so the function of each command imports only the modules that it needs.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

from rich.console import Console

from core.errors import ExplorerError, named
from explorer.cli import (  # noqa: F401  (each adds its commands to `cli`)
    ablate,
    atlas,
    circuit,
    dream_depths,
    dreams,
    examples,
    explain,
    gram,
    index,
    jobs,
    labels,
    lessons,
    networks,
    neurons,
    probe,
    replay,
    report,
    serve,
    style,
    style_depths,
    style_film,
    weights,
)
from explorer.cli.command_io import printing_warnings
from explorer.cli.options import cli

__all__ = ["cli", "main"]

# The error of a command that fails for a reason that a warning has told already.
SAID = "so this command cannot be done"


def main() -> None:
    """Run the command line; print the message of an ExplorerError, and exit with code 1.

    Errors of the operating system, such as a full disk, end the command in the same way.
    """
    printed: set[str] = set()
    try:
        with _terminated_like_interrupted(), printing_warnings() as printed:
            try:
                cli()
            finally:
                sys.stdout.flush()
    except ExplorerError as error:
        # The store warns when it is opened that nothing can be saved, and refuses later to save.
        _fail(SAID if str(error) in printed else str(error))
    except BrokenPipeError:
        # The reader of the output, such as `head`, has seen enough.
        _discard_output()
        sys.exit(1)
    except OSError as error:
        _discard_output()
        where = "the output" if error.filename is None else named(error.filename)
        _fail(
            f"{where} cannot be used ({error.strerror or named(error)}); free space, or choose "
            "another place"
        )


def _fail(message: str) -> None:
    Console(stderr=True, soft_wrap=True).print(f"error: {message}", markup=False, highlight=False)
    sys.exit(1)


def _discard_output() -> None:
    """Discard what is left to be written: Python would fail to write it once more at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C within the ``with`` statement.

    So a terminated command gives back the part of a job that it was working on, and removes files
    that it has not finished.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
