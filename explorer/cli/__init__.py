"""The command line: results on standard output, progress on standard error.

The exit codes are 0 for success, 1 for an ``ExplorerError``, whose message is printed, 2 for an
unknown command or option, and 130 for an interrupted command. The import of PyTorch takes seconds,
so the function of each command imports only the modules that it needs.
"""

import sys

from rich.console import Console

from core.errors import ExplorerError
from explorer.cli import (  # noqa: F401  (each adds its commands to `cli`)
    atlas,
    dream_depths,
    dreams,
    gram,
    index,
    jobs,
    labels,
    networks,
    neurons,
    replay,
    report,
    serve,
    style,
    style_depths,
)
from explorer.cli.options import cli

__all__ = ["cli", "main"]


def main() -> None:
    """Run the command line; print the message of an ExplorerError, and exit with code 1."""
    try:
        cli()
    except ExplorerError as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", markup=False, highlight=False)
        sys.exit(1)
