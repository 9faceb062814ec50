"""Everything made so far, and all that waits to be made, in one SQLite file for many processes.

The file lies in the data folder: ``EXPLORER_HOME``, or else the platform's own place for user data.
Writes are transactions in write-ahead mode, so readers see a result whole or not at all, also
after a kill. The pictures that ship with the project stand in a second, read-only file of the same
form; a key is looked up in both.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from core.errors import ExplorerError
from core.recipes.recipe import Recipe
from explorer.paths import HOME_VARIABLE, home
from explorer.store.schema import SCHEMA, VERSION

FILE_NAME = "explorer.sqlite3"
# What ships: SketchNet's neurons, and what its Style pages show first.
NEURONS, STYLES = SHIPPED = (
    Path(__file__).with_name("sketchnet.sqlite3"),
    Path(__file__).with_name("styles.sqlite3"),
)
# How long a writer waits for another to finish.
BUSY_SECONDS = 30.0
# Bytes of pictures that visitors sent and from which nothing was made.
UNUSED_BYTES = 256 * 1024**2
PUT_INPUT = """
INSERT INTO inputs VALUES (?, ?, NULL) ON CONFLICT DO UPDATE SET sent = NULL
"""
PUT_SENT = """
INSERT INTO inputs VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET sent = excluded.sent WHERE sent IS NOT NULL
"""
# Other pictures of visitors from which nothing was made, the last one first.
UNUSED = """
SELECT fingerprint, length(image) FROM inputs
WHERE sent IS NOT NULL AND fingerprint != ?
AND NOT EXISTS (SELECT 1 FROM results WHERE instr(recipe, fingerprint))
AND NOT EXISTS (SELECT 1 FROM jobs WHERE instr(recipe, fingerprint))
ORDER BY sent DESC
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


class Store:
    """Results by the key of their recipe; safe to share between threads.

    Raises:
        ExplorerError: from every method, where the file cannot be opened, read or written.
    """

    def __init__(self, path: Path | None = None, shipped: Sequence[Path] | None = SHIPPED) -> None:
        """Open a store, and set it up where there is none yet.

        Args:
            path: the SQLite file; by default ``explorer.sqlite3`` in the data folder.
            shipped: read-only stores to look into as well, as far as they exist; None for none.
        """
        self.path = path or home() / FILE_NAME
        self._shipped = tuple(it for it in shipped or () if it.is_file())
        self._local = threading.local()
        with self._explained("opened"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._set_up()

    def get(self, key: str, shipped: bool = True) -> StoredResult | None:
        """Find a finished result, or ``None``.

        Args:
            key: of its recipe.
            shipped: whether to look at those that came with the project, whose pictures are lossy.
        """
        with self._explained("read"):
            for connection in self._readers(shipped):
                result = _read(connection, key)
                if result is not None:
                    return result
        return None

    def pictures(self, recipe: Recipe) -> dict[int, StoredPicture]:
        """Find the finished pictures of a recipe, by number, also while others are missing."""
        found: dict[int, StoredPicture] = {}
        for position, part in enumerate(recipe.parts()):
            result = self.get(part.key)
            if result is not None:
                own = result.pictures.items()
                found.update({recipe.picture_number(position, number): it for number, it in own})
        return found

    def picture(self, key: str, part: int) -> StoredPicture | None:
        """Get one picture of a result, ``None`` if it is not there."""
        statement = "SELECT part, image, facts FROM pictures WHERE key = ? AND part = ?"
        with self._explained("read"):
            for connection in self._readers():
                row = connection.execute(statement, (key, part)).fetchone()
                if row is not None:
                    return StoredPicture(row[0], row[1], json.loads(row[2]))
        return None

    def samples(self, key: str, count: int) -> list[StoredPicture]:
        """Get a few pictures of a result, those of dead neurons last; none if it is not there."""
        statement = (
            "SELECT part, image, facts FROM pictures WHERE key = ? "
            "ORDER BY coalesce(json_extract(facts, '$.dead'), 0), part LIMIT ?"
        )
        with self._explained("read"):
            for connection in self._readers():
                rows = connection.execute(statement, (key, count)).fetchall()
                if rows:
                    return [StoredPicture(part, it, json.loads(facts)) for part, it, facts in rows]
        return []

    def exhibited(self, network: str, layer: str, units: Sequence[int]) -> list[bytes]:
        """Get pictures of neurons that came with the project, in the order of the units.

        Nothing needs to be known of the network, which a page may still be loading. Left out are
        those that are not there.
        """
        statement = (
            "SELECT part, image FROM pictures JOIN results USING (key) WHERE kind = 'neurons' "
            "AND network = ? AND layer = ? AND part IN (SELECT value FROM json_each(?))"
        )
        found: dict[int, bytes] = {}
        with self._explained("read"):
            for shipped in self._came_along():
                found |= dict(shipped.execute(statement, (network, layer, json.dumps(list(units)))))
        return [found[unit] for unit in units if unit in found]

    def present(self, keys: Iterable[str], shipped: bool = True) -> set[str]:
        """Tell which of some keys have a finished result.

        Args:
            keys: of recipes.
            shipped: whether results that came with the project count.
        """
        wanted = json.dumps(list(keys))
        statement = "SELECT key FROM results WHERE key IN (SELECT value FROM json_each(?))"
        found: set[str] = set()
        with self._explained("read"):
            for connection in self._readers(shipped):
                found.update(key for (key,) in connection.execute(statement, (wanted,)))
        return found

    def put(self, recipe: Recipe, pictures: Sequence[StoredPicture], seconds: float) -> None:
        """Keep a finished result, all of it or nothing; an equal recipe's result is replaced."""
        with self.transaction() as connection:
            self.write(connection, recipe, pictures, seconds)

    def write(
        self,
        connection: sqlite3.Connection,
        recipe: Recipe,
        pictures: Sequence[StoredPicture],
        seconds: float,
    ) -> None:
        """Keep a finished result as ``put`` does, as a piece of a larger transaction."""
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
        connection.execute("DELETE FROM results WHERE key = ?", (recipe.key,))
        connection.execute("INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        connection.executemany("INSERT INTO pictures VALUES (?, ?, ?, ?)", rows)

    def put_input(self, fingerprint: str, image: bytes) -> None:
        """Keep a picture that recipes start from: its fingerprint and its PNG."""
        with self.transaction() as connection:
            connection.execute(PUT_INPUT, (fingerprint, image))

    def put_sent(self, fingerprint: str, image: bytes) -> None:
        """Keep a picture that a visitor sent, as ``put_input`` does, for as long as there is room.

        Of those from which nothing was made, only the last ones stay, so that what visitors only
        looked at does not fill the disk.
        """
        with self.transaction() as connection:
            connection.execute(PUT_SENT, (fingerprint, image, time.time()))
            held = 0
            for each, size in connection.execute(UNUSED, (fingerprint,)).fetchall():
                held += size
                if held > UNUSED_BYTES:
                    connection.execute("DELETE FROM inputs WHERE fingerprint = ?", (each,))

    def input(self, fingerprint: str) -> bytes | None:
        """Get the PNG of a picture that recipes start from, ``None`` if it is not there."""
        statement = "SELECT image FROM inputs WHERE fingerprint = ?"
        with self.reading() as connection:
            found = connection.execute(statement, (fingerprint,)).fetchone()
        return None if found is None else bytes(found[0])

    def remember_checkpoint(self, network: str, weights: str, path: Path) -> None:
        """Remember the file of weights of one's own, so that recipes for them can be worked on."""
        row = (weights, network, str(path.resolve()))
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)", row)

    def checkpoint(self, weights: str) -> Path | None:
        """Tell where the file of some weights of one's own lies, ``None`` if that is not known."""
        statement = "SELECT path FROM checkpoints WHERE weights = ?"
        with self.reading() as connection:
            found = connection.execute(statement, (weights,)).fetchone()
        return Path(found[0]) if found is not None and Path(found[0]).is_file() else None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give this thread's connection, to read one state of the store."""
        with self._explained("read"), self._connection() as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give this thread's connection for writes that happen together, or not at all."""
        with self._explained("written"), self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    def close(self) -> None:
        """Close this thread's connections."""
        for connection in (getattr(self._local, "connection", None), *self._local_shipped()):
            if connection is not None:
                connection.close()
        vars(self._local).clear()

    def _set_up(self) -> None:
        # Once per file: write-ahead mode stays with it, tables are made by whoever comes first.
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise ExplorerError(
                    f"the store {self.path} has version {version}, and this explorer reads "
                    f"{VERSION}; set {HOME_VARIABLE} to a new folder"
                )
            for added in range(version + 1, VERSION + 1):
                for statement in SCHEMA[added].split(";\n"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
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

    def _readers(self, shipped: bool = True) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            yield connection
        if shipped:
            yield from self._came_along()

    def _came_along(self) -> Sequence[sqlite3.Connection]:
        """This thread's connections to what came with the project."""
        opened = self._local_shipped()
        for file in self._shipped[len(opened) :]:
            # Immutable: an installed package may lie in a folder without write permission.
            uri = f"{file.resolve().as_uri()}?mode=ro&immutable=1"
            opened.append(sqlite3.connect(uri, uri=True))
        return opened

    def _local_shipped(self) -> list[sqlite3.Connection]:
        opened: list[sqlite3.Connection] = vars(self._local).setdefault("shipped", [])
        return opened

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
