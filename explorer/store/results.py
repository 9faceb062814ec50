"""Results of recipes, and the pictures that recipes start from, in one SQLite file.

Many processes may use the file. It lies in the data folder: ``EXPLORER_HOME``, or the platform's
folder for user data. Writes are transactions in write-ahead mode: readers see a result completely
or not at all, even if the writer is killed. The pictures that ship with the project are in
read-only files of the same schema, which are searched as well.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from core.recipes.recipe import Recipe
from explorer.store.database import Database

# At most this many bytes are kept of uploaded pictures that no result or job uses.
UNUSED_BYTES = 256 * 1024**2
PUT_INPUT = """
INSERT INTO inputs VALUES (?, ?, NULL) ON CONFLICT DO UPDATE SET sent = NULL
"""
PUT_UPLOAD = """
INSERT INTO inputs VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET sent = excluded.sent WHERE sent IS NOT NULL
"""
# Uploaded pictures, except for one, that no result or job uses; the latest first.
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
        part: number of the picture within the result; for neurons the unit.
        image: the encoded picture, PNG or WebP.
        facts: measurements of the picture, such as ``activation`` and ``dead``.
    """

    part: int
    image: bytes
    facts: Mapping[str, float | bool | str]


@dataclass(frozen=True)
class StoredResult:
    """The finished result of a recipe.

    Attributes:
        recipe: the recipe as JSON.
        created: when it was finished, in UTC.
        seconds: how long the work took.
        pictures: the pictures by their ``part``.
    """

    recipe: str
    created: datetime
    seconds: float
    pictures: Mapping[int, StoredPicture]


class Store(Database):
    """Results by the key of their recipe, and inputs by their fingerprint; safe between threads.

    Raises:
        ExplorerError: by every method, if the file cannot be opened, read or written.
    """

    def get(self, key: str, shipped: bool = True) -> StoredResult | None:
        """Return a finished result, or None if it does not exist.

        Args:
            key: key of the recipe.
            shipped: whether to search the shipped results too, whose pictures are lossy.
        """
        with self._translate_errors("read"):
            for connection in self._readers(shipped):
                result = _read(connection, key)
                if result is not None:
                    return result
        return None

    def pictures(self, recipe: Recipe) -> dict[int, StoredPicture]:
        """Return the finished pictures of a recipe by their number; others may still be missing."""
        found: dict[int, StoredPicture] = {}
        for position, part in enumerate(recipe.parts()):
            result = self.get(part.key)
            if result is not None:
                for number, picture in result.pictures.items():
                    found[recipe.picture_number(position, number)] = picture
        return found

    def picture(self, key: str, part: int) -> StoredPicture | None:
        """Return one picture of a result, or None if it does not exist."""
        statement = "SELECT part, image, facts FROM pictures WHERE key = ? AND part = ?"
        with self._translate_errors("read"):
            for connection in self._readers():
                row = connection.execute(statement, (key, part)).fetchone()
                if row is not None:
                    return StoredPicture(row[0], row[1], json.loads(row[2]))
        return None

    def samples(self, key: str, count: int) -> list[StoredPicture]:
        """Return up to ``count`` pictures of a result, those of dead units last.

        The list is empty if the result does not exist.
        """
        statement = (
            "SELECT part, image, facts FROM pictures WHERE key = ? "
            "ORDER BY coalesce(json_extract(facts, '$.dead'), 0), part LIMIT ?"
        )
        with self._translate_errors("read"):
            for connection in self._readers():
                rows = connection.execute(statement, (key, count)).fetchall()
                if rows:
                    return [StoredPicture(part, it, json.loads(facts)) for part, it, facts in rows]
        return []

    def shipped_units(self, network: str, layer: str, units: Sequence[int]) -> list[bytes]:
        """Return the shipped pictures of some units, in the order of ``units``.

        Units without a shipped picture are left out. The network itself is not needed: a page
        may still be loading it.
        """
        statement = (
            "SELECT part, image FROM pictures JOIN results USING (key) WHERE kind = 'neurons' "
            "AND network = ? AND layer = ? AND part IN (SELECT value FROM json_each(?))"
        )
        found: dict[int, bytes] = {}
        with self._translate_errors("read"):
            for shipped in self._shipped_connections():
                found |= dict(shipped.execute(statement, (network, layer, json.dumps(list(units)))))
        return [found[unit] for unit in units if unit in found]

    def present(self, keys: Iterable[str], shipped: bool = True) -> set[str]:
        """Return those of some keys that have a finished result.

        Args:
            keys: keys of recipes.
            shipped: whether to search the shipped results too.
        """
        encoded = json.dumps(list(keys))
        statement = "SELECT key FROM results WHERE key IN (SELECT value FROM json_each(?))"
        found: set[str] = set()
        with self._translate_errors("read"):
            for connection in self._readers(shipped):
                found.update(key for (key,) in connection.execute(statement, (encoded,)))
        return found

    def put(self, recipe: Recipe, pictures: Sequence[StoredPicture], seconds: float) -> None:
        """Store a finished result in one transaction; replace the result of an equal recipe."""
        with self.transaction() as connection:
            self.write(connection, recipe, pictures, seconds)

    def write(
        self,
        connection: sqlite3.Connection,
        recipe: Recipe,
        pictures: Sequence[StoredPicture],
        seconds: float,
    ) -> None:
        """Store a finished result as ``put`` does, inside a transaction of the caller."""
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
        """Store a picture that recipes start from: its fingerprint and its PNG."""
        with self.transaction() as connection:
            connection.execute(PUT_INPUT, (fingerprint, image))

    def put_upload(self, fingerprint: str, image: bytes) -> None:
        """Store a picture that a visitor uploaded, as ``put_input`` does, but delete old ones.

        Of the uploads that no result or job uses, only the latest ``UNUSED_BYTES`` are kept, so
        that they do not fill the disk.
        """
        with self.transaction() as connection:
            connection.execute(PUT_UPLOAD, (fingerprint, image, time.time()))
            kept_bytes = 0
            for unused, size in connection.execute(UNUSED, (fingerprint,)).fetchall():
                kept_bytes += size
                if kept_bytes > UNUSED_BYTES:
                    connection.execute("DELETE FROM inputs WHERE fingerprint = ?", (unused,))

    def input(self, fingerprint: str) -> bytes | None:
        """Return the PNG of a picture that recipes start from, or None if it does not exist."""
        statement = "SELECT image FROM inputs WHERE fingerprint = ?"
        with self.reading() as connection:
            found = connection.execute(statement, (fingerprint,)).fetchone()
        return None if found is None else bytes(found[0])

    def remember_checkpoint(self, network: str, weights: str, path: Path) -> None:
        """Store the path of a user's own checkpoint, so that workers can load its weights."""
        row = (weights, network, str(path.resolve()))
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)", row)

    def checkpoint(self, weights: str) -> Path | None:
        """Return the file of a user's own checkpoint by the fingerprint of its weights.

        None if the weights are unknown, or the file no longer exists.
        """
        statement = "SELECT path FROM checkpoints WHERE weights = ?"
        with self.reading() as connection:
            found = connection.execute(statement, (weights,)).fetchone()
        return Path(found[0]) if found is not None and Path(found[0]).is_file() else None


def _read(connection: sqlite3.Connection, key: str) -> StoredResult | None:
    found = connection.execute(
        "SELECT recipe, created, seconds FROM results WHERE key = ?", (key,)
    ).fetchone()
    if found is None:
        return None
    rows = connection.execute("SELECT part, image, facts FROM pictures WHERE key = ?", (key,))
    pictures = {part: StoredPicture(part, image, json.loads(facts)) for part, image, facts in rows}
    return StoredResult(found[0], datetime.fromisoformat(found[1]), found[2], pictures)
