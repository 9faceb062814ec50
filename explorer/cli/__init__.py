"""The command line: results on standard output, progress on standard error.

It exits with 0 when all went well, 1 with one sentence when something is refused, 2 when the
command itself is misspelt, and 130 when it was interrupted. PyTorch takes seconds to import, so
commands import what they need.
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
    """Run the command line, and turn what is refused into one sentence and exit code 1."""
    try:
        cli()
    except ExplorerError as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", markup=False, highlight=False)
        sys.exit(1)
