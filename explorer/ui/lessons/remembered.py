"""Measurements of the lessons that are kept in files, so that each is made once on a machine."""

import contextlib
import functools
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from core.errors import ExplorerError
from core.files import make_folder, write_file
from core.networks import Network
from explorer import paths
from explorer.ui import server_state

Params = ParamSpec("Params")
Result = TypeVar("Result")

FOLDER = "lessons"
DIGITS = 16


def remembered(
    entries: int, words: str | bool = False, version: int = 1
) -> Callable[[Callable[Params, Result]], Callable[Params, Result]]:
    """Return a decorator like ``server_state.cached`` that keeps results in the data folder, too.

    The results are numbers, or tuples of numbers, by name. The arguments are networks, and what
    ``repr`` tells apart. If the folder cannot be written, it is measured again next time.

    Args:
        entries, words: as for ``server_state.cached``.
        version: is raised when the function begins to measure something else.
    """

    def decorate(function: Callable[Params, Result]) -> Callable[Params, Result]:
        @functools.wraps(function)
        def measure(*args: Params.args, **kwargs: Params.kwargs) -> Result:
            file = _file_of(function.__name__, version, args, kwargs)
            found: Any = _read(file)
            if found is None:
                found = function(*args, **kwargs)
                _write(file, found)
            return found  # type: ignore[no-any-return]

        return server_state.cached(entries, words)(measure)

    return decorate


def folder() -> Path:
    """Return the folder of what the lessons keep: indexes and measurements."""
    return paths.home() / FOLDER


def _file_of(name: str, version: int, args: Any, kwargs: Any) -> Path:
    """Return the file of the result of a function for some arguments."""
    every = [*args, *sorted(kwargs.items())]
    told = repr([it.fingerprint if isinstance(it, Network) else it for it in every])
    key = hashlib.sha256(told.encode()).hexdigest()[:DIGITS]
    return folder() / f"{name}-{version}-{key}.json"


def _read(file: Path) -> dict[str, Any] | None:
    """Return a result that was kept; None if there is none, or if it is damaged."""
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict):
        return None
    return {key: tuple(it) if isinstance(it, list) else it for key, it in content.items()}


def _write(file: Path, result: object) -> None:
    """Write a result; do nothing if the folder cannot be written."""
    with contextlib.suppress(OSError, ExplorerError):
        make_folder(file.parent)
        write_file(file, json.dumps(result).encode())
