"""Everything made so far, in one SQLite file that any number of processes may share.

The file lies in the data folder: ``EXPLORER_HOME``, or else the platform's own place for user data.
Writes are transactions in write-ahead mode, so readers see a result whole or not at all, also
after a kill. The pictures that ship with the project stand in a second, read-only file of the same
form; a key is looked up in both.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import platformdirs

from core.errors import ExplorerError
from core.recipes import Recipe

HOME_VARIABLE = "EXPLORER_HOME"
FILE_NAME = "explorer.sqlite3"
SHIPPED = Path(__file__).parent / "assets" / "sketchnet.sqlite3"
# Rises when tables change; a file of another version is refused rather than misread.
SCHEMA_VERSION = 1
# How long a writer waits for another to finish.
BUSY_SECONDS = 30.0

SCHEMA = """
CREATE TABLE results (
    key     TEXT PRIMARY KEY,  -- the recipe's key
    kind    TEXT NOT NULL,     -- the recipe's kind, network and layer, to search by
    network TEXT NOT NULL,
    layer   TEXT NOT NULL,
    recipe  TEXT NOT NULL,     -- JSON
    created TEXT NOT NULL,     -- ISO 8601, UTC
    seconds REAL NOT NULL      -- what it took
) STRICT;
CREATE TABLE pictures (
    key   TEXT NOT NULL REFERENCES results (key) ON DELETE CASCADE,
    part  INTEGER NOT NULL,    -- which picture of the result: for neurons the unit
    image BLOB NOT NULL,       -- an encoded picture, PNG or WebP
    facts TEXT NOT NULL,       -- JSON: what was measured of it
    PRIMARY KEY (key, part)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True)
class StoredPicture:
    """One picture of a result.

    Attributes:
        part: which of the result's pictures it is; for neurons the unit.
        image: an encoded picture, PNG or WebP.
        facts: what was measured of it, such as ``activation`` and ``dead``.
    """

    part: int
    image: bytes
    facts: Mapping[str, float | bool | str]


@dataclass(frozen=True)
class StoredResult:
    """A finished piece of work.

    Attributes:
        recipe: its recipe as JSON.
        created: when it was finished, UTC.
        seconds: what it took.
        pictures: by part.
    """

    recipe: str
    created: datetime
    seconds: float
    pictures: Mapping[int, StoredPicture]


def home() -> Path:
    """Tell the data folder: ``EXPLORER_HOME``, or the platform's place for user data."""
    named = os.environ.get(HOME_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_dir("neuron-explorer", False))


class Store:
    """Results by the key of their recipe; safe to share between threads.

    Raises:
        ExplorerError: from every method, where the file cannot be opened, read or written.
    """

    def __init__(self, path: Path | None = None, shipped: Path | None = SHIPPED) -> None:
        """Open a store, and set it up where there is none yet.

        Args:
            path: the SQLite file; by default ``explorer.sqlite3`` in the data folder.
            shipped: a read-only store to look into as well, if it exists.
        """
        self.path = path or home() / FILE_NAME
        self._shipped = shipped if shipped is not None and shipped.is_file() else None
        self._local = threading.local()
        with self._explained("opened"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._set_up()

    def get(self, key: str) -> StoredResult | None:
        """Find a finished result, or ``None``."""
        with self._explained("read"):
            for connection in self._readers():
                result = _read(connection, key)
                if result is not None:
                    return result
        return None

    def put(self, recipe: Recipe, pictures: Sequence[StoredPicture], seconds: float) -> None:
        """Keep a finished result, all of it or nothing; an equal recipe's result is replaced."""
        row = (
            recipe.key,
            recipe.kind,
            recipe.network,
            getattr(recipe, "layer", ""),
            recipe.to_json(),
            datetime.now(timezone.utc).isoformat(timespec="seconds"),
            seconds,
        )
        rows = [(recipe.key, it.part, it.image, json.dumps(dict(it.facts))) for it in pictures]
        with self._explained("written"), self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM results WHERE key = ?", (recipe.key,))
            connection.execute("INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            connection.executemany("INSERT INTO pictures VALUES (?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Close this thread's connections."""
        for name in ("connection", "shipped"):
            connection = getattr(self._local, name, None)
            if connection is not None:
                connection.close()
                delattr(self._local, name)

    def _set_up(self) -> None:
        # Once per file: write-ahead mode stays with it, tables are made by whoever comes first.
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in SCHEMA.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif version != SCHEMA_VERSION:
                raise ExplorerError(
                    f"the store {self.path} has version {version}, and this explorer reads "
                    f"{SCHEMA_VERSION}; set {HOME_VARIABLE} to a new folder"
                )
            connection.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        # In write-ahead mode this loses no finished transaction to a killed process.
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, inside a transaction that an exception rolls back."""
        if not hasattr(self._local, "connection"):
            self._local.connection = self._connect()
        connection: sqlite3.Connection = self._local.connection
        try:
            yield connection
            if connection.in_transaction:
                connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _readers(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            yield connection
        if self._shipped is not None:
            if not hasattr(self._local, "shipped"):
                # Immutable: an installed package may lie in a folder without write permission.
                uri = f"{self._shipped.resolve().as_uri()}?mode=ro&immutable=1"
                self._local.shipped = sqlite3.connect(uri, uri=True)
            yield self._local.shipped

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise ExplorerError(
                f"the store {self.path} cannot be {what} ({error}); check the folder's permissions "
                f"and free space, or set {HOME_VARIABLE} to another folder"
            ) from error


def _read(connection: sqlite3.Connection, key: str) -> StoredResult | None:
    found = connection.execute(
        "SELECT recipe, created, seconds FROM results WHERE key = ?", (key,)
    ).fetchone()
    if found is None:
        return None
    rows = connection.execute("SELECT part, image, facts FROM pictures WHERE key = ?", (key,))
    pictures = {part: StoredPicture(part, image, json.loads(facts)) for part, image, facts in rows}
    return StoredResult(found[0], datetime.fromisoformat(found[1]), found[2], pictures)
