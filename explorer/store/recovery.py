"""Copying what can still be read from a damaged store into a new one."""

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from explorer.store.connections import READ, WRITE, connect

# The tables that are copied, with the columns by which their rows are ordered in the file. Claims,
# previews and turns are left out: no worker works on the new file yet.
TABLES = {
    "results": ("rowid",),
    "pictures": ("key", "part"),
    "inputs": ("rowid",),
    "checkpoints": ("rowid",),
    "jobs": ("rowid",),
    "parts": ("job", "position"),
}


def copy_readable(damaged: Path, path: Path) -> int:
    """Copy the rows that can be read from a damaged store into a new one.

    Rows are read from the first one on until a damaged page, and from the last one back. Results
    and jobs whose recipe has changed are left out: their key is a hash of the recipe.

    Args:
        damaged: the damaged file.
        path: the new file, which has its tables already.

    Returns:
        The number of copied results.
    """
    with closing(connect(damaged, READ)) as old, closing(connect(path, WRITE)) as new:
        new.execute("BEGIN IMMEDIATE")
        for table, columns in TABLES.items():
            for direction in ("ASC", "DESC"):
                order = ", ".join(f"{it} {direction}" for it in columns)
                # A damaged page ends the reading in this direction.
                with suppress(sqlite3.Error):
                    rows = old.execute(f"SELECT * FROM {table} ORDER BY {order}")
                    names = [column[0] for column in rows.description]
                    for row in rows:
                        _copy(new, table, names, row)
        new.execute("COMMIT")
        (count,) = new.execute("SELECT count(*) FROM results").fetchone()
    return int(count)


def _copy(new: sqlite3.Connection, table: str, names: Sequence[str], row: tuple[Any, ...]) -> None:
    """Insert a row unless it is there, or its content does not fit.

    Args:
        new: connection to the new store.
        table: name of the table.
        names: names of the row's columns; the damaged store may be of an older version.
        row: the values.
    """
    if table in ("results", "jobs") and _recipe_key(row[4]) != row[0]:
        return
    if table == "pictures" and not _is_json(row[3]):
        return
    marks = ", ".join("?" * len(row))
    # A damaged row may break the rules of its table.
    with suppress(sqlite3.Error):
        new.execute(f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({marks})", row)


def _recipe_key(text: Any) -> str:
    """Return the key of the recipe with a JSON text, as ``Recipe.key`` does."""
    return hashlib.sha256(str(text).encode(errors="replace")).hexdigest()[:32]


def _is_json(text: Any) -> bool:
    try:
        json.loads(text)
    except (TypeError, ValueError):
        return False
    return True
