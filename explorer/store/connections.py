"""Ways to open the SQLite file of the store, and what its errors mean."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import named
from explorer.store.schema import SCHEMA, VERSION

# How long a connection waits for the lock of another writer.
BUSY_SECONDS = 30.0
# How the file is opened: for reading and writing; for reading; for reading without the lock and
# index files that write-ahead mode needs; or not at all: the store is empty.
WRITE, READ, FROZEN, EMPTY = "mode=rwc", "mode=ro", "mode=ro&immutable=1", ""
# Parts of SQLite's messages about files that are damaged, and about files that cannot be written.
DAMAGED = ("disk image is malformed", "malformed database", "not a database", "Could not decode")
UNWRITABLE = (
    "unable to open",
    "readonly database",
    "disk is full",
    "disk I/O error",
)


@dataclass(frozen=True)
class OpenFile:
    """A thread's connection to the file of the store.

    Attributes:
        connection: the connection.
        mode: how the file was opened, such as ``WRITE``.
        identity: device and number of the file, or None if there was none.
    """

    connection: sqlite3.Connection
    mode: str
    identity: tuple[int, int] | None


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open the file of a store in a mode such as ``WRITE``; a new empty store for ``EMPTY``.

    Raises:
        sqlite3.Error: the file cannot be opened like this.
    """
    if mode == EMPTY:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        upgrade(connection, 0)
        return connection
    # ``as_uri`` needs an absolute path.
    uri = f"{path.absolute().as_uri()}?{mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    # In write-ahead mode, NORMAL loses no committed transaction when a process is killed.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Add to the tables of a version what later versions have; version 0 has no tables."""
    for added in range(version + 1, VERSION + 1):
        for statement in SCHEMA[added].split(";\n"):
            connection.execute(statement)


def file_identity(path: Path) -> tuple[int, int] | None:
    """Return device and number of a file, which another file of the same name does not have."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_among(error: Exception, kinds: Sequence[str]) -> bool:
    """Whether an error is one of SQLite's kinds ``DAMAGED`` or ``UNWRITABLE``."""
    return isinstance(error, sqlite3.Error) and any(it in str(error) for it in kinds)


def error_words(error: Exception) -> str:
    """Return what an error says, without the path, which the message has already."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return named(error)
