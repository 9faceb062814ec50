"""Results of recipes, and the pictures that recipes start from, in one SQLite file.

Several processes may read and write the file at the same time. By default it is in the data folder
(``explorer.paths.home``). Writes are transactions in write-ahead mode: readers see a result
completely or not at all, even if the writer is killed. The pictures that ship with the project are
in read-only files of the same schema, which are searched as well.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from core.errors import ExplorerError, named
from core.recipes.recipe import Recipe
from explorer.store.database import SHIPPED, Database, NothingSaved

# Uploaded pictures that no result or job uses are kept up to this total size.
UNUSED_BYTES = 256 * 1024**2
# As long as the store cannot be written, this many input pictures are kept in memory.
UNSAVED_AT_MOST = 16
PUT_INPUT = """
INSERT INTO inputs VALUES (?, ?, NULL) ON CONFLICT DO UPDATE SET sent = NULL
"""
PUT_UPLOAD = """
INSERT INTO inputs VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET sent = excluded.sent WHERE sent IS NOT NULL
"""
# Selects the uploaded pictures that no result or job uses, the latest first; the picture with the
# given fingerprint is left out.
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
        part: number of the picture within the result; for neurons it encodes the unit
            (``NeuronRecipe.unit_of``).
        image: the encoded picture, PNG or WebP.
        facts: values that were measured for the picture, by name, such as ``activation`` (a number)
            and ``silent`` (a bool).
    """

    part: int
    image: bytes
    facts: Mapping[str, float | bool | str]

    def __post_init__(self) -> None:
        # Stores of earlier versions have the fact ``silent`` under the name ``dead``.
        renamed = {"silent" if name == "dead" else name: it for name, it in self.facts.items()}
        object.__setattr__(self, "facts", renamed)

    @property
    def silent(self) -> bool:
        """Whether the picture leaves its unit at zero, although it was optimised to excite it."""
        return bool(self.facts.get("silent"))


@dataclass(frozen=True)
class StoredResult:
    """The finished result of a recipe.

    Attributes:
        recipe: the recipe as JSON.
        created: when the result was finished, in UTC.
        seconds: how long it took to render, in seconds.
        pictures: the pictures by their ``part``.
    """

    recipe: str
    created: datetime
    seconds: float
    pictures: Mapping[int, StoredPicture]


class Store(Database):
    """A store of results by their recipe's key, and of input pictures by their fingerprint.

    An input picture is one that a recipe starts from. Several threads may use the same object.

    Raises:
        ExplorerError: by every method, if the file cannot be opened, read or written.
    """

    def __init__(self, path: Path | None = None, shipped: Sequence[Path] | None = SHIPPED) -> None:
        super().__init__(path, shipped)
        # Input pictures that could not be stored, by their fingerprints.
        self._unsaved: dict[str, bytes] = {}

    def get(self, key: str, shipped: bool = True) -> StoredResult | None:
        """Return the finished result of a recipe, or None if it does not exist.

        Args:
            key: key of the recipe.
            shipped: whether to search the shipped files too; their pictures are lossy.
        """
        statement = (
            "SELECT recipe, created, seconds, part, image, facts "
            "FROM results LEFT JOIN pictures USING (key) WHERE key = ?"
        )
        for rows in self._rows(statement, (key,), shipped):
            if rows:
                recipe, created, seconds = rows[0][:3]
                pictures = [self._picture(*row[3:]) for row in rows if row[3] is not None]
                with self._parsing():
                    return StoredResult(
                        str(recipe),
                        datetime.fromisoformat(created),
                        seconds,
                        {it.part: it for it in pictures},
                    )
        return None

    def pictures(self, recipe: Recipe) -> dict[int, StoredPicture]:
        """Return those pictures of a recipe that are finished, by their number in the recipe."""
        found: dict[int, StoredPicture] = {}
        for position, part in enumerate(recipe.parts()):
            result = self.get(part.key)
            if result is not None:
                for number, picture in result.pictures.items():
                    found[recipe.picture_number(position, number)] = picture
        return found

    def picture(self, key: str, part: int) -> StoredPicture | None:
        """Return picture number ``part`` of the result of a recipe, or None if it does not exist.

        Args:
            key: key of the recipe.
            part: number of the picture within the result.
        """
        statement = "SELECT part, image, facts FROM pictures WHERE key = ? AND part = ?"
        for rows in self._rows(statement, (key, part)):
            for row in rows:
                return self._picture(*row)
        return None

    def samples(self, key: str, count: int) -> list[StoredPicture]:
        """Return up to ``count`` pictures of the result of a recipe, those of silent units last.

        The list is empty if there is no result for the recipe's key.
        """
        statement = (
            "SELECT part, image, facts FROM pictures WHERE key = ? "
            "ORDER BY CASE WHEN json_valid(facts) THEN coalesce(json_extract(facts, '$.silent'), "
            "json_extract(facts, '$.dead'), 0) END, part LIMIT ?"
        )
        for rows in self._rows(statement, (key, count)):
            if rows:
                return [self._picture(*row) for row in rows]
        return []

    def shipped_units(self, network: str, layer: str, units: Sequence[int]) -> list[bytes]:
        """Return the shipped pictures of some units, in the order of ``units``.

        Units without a shipped picture are left out. Only the names of the network and the layer
        are needed, so a page can call this while the network is still being loaded.
        """
        statement = (
            "SELECT part, image FROM pictures JOIN results USING (key) WHERE kind = 'neurons' "
            "AND network = ? AND layer = ? AND part IN (SELECT value FROM json_each(?))"
        )
        found: dict[int, bytes] = {}
        for rows in self._shipped_rows(statement, (network, layer, json.dumps(list(units)))):
            found |= dict(rows)
        return [found[unit] for unit in units if unit in found]

    def present(self, keys: Iterable[str], shipped: bool = True) -> set[str]:
        """Return the keys in ``keys`` for which there is a finished result.

        Args:
            keys: keys of recipes.
            shipped: whether to search the shipped files too.
        """
        encoded = json.dumps(list(keys))
        statement = "SELECT key FROM results WHERE key IN (SELECT value FROM json_each(?))"
        return {key for rows in self._rows(statement, (encoded,), shipped) for (key,) in rows}

    def put(self, recipe: Recipe, pictures: Sequence[StoredPicture], seconds: float) -> None:
        """Store the finished result of a recipe in one transaction.

        If the store has a result of an equal recipe, the new result replaces it.
        """
        with self.transaction() as connection:
            self.write(connection, recipe, pictures, seconds)

    def write(
        self,
        connection: sqlite3.Connection,
        recipe: Recipe,
        pictures: Sequence[StoredPicture],
        seconds: float,
    ) -> None:
        """Store a result as ``put`` does, in the transaction that ``connection`` is in."""
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
        """Store the PNG of an input picture under its fingerprint.

        If the store cannot be written, the picture is kept in memory, so that pages can show it.
        """
        try:
            with self.transaction() as connection:
                connection.execute(PUT_INPUT, (fingerprint, image))
        except NothingSaved:
            self._keep_unsaved(fingerprint, image)

    def put_upload(self, fingerprint: str, image: bytes) -> None:
        """Store a picture that a visitor uploaded, and delete old uploads.

        Of the other uploads that no result or job uses, the latest are kept, up to
        ``UNUSED_BYTES`` in total, so that uploads do not fill the disk. If the store cannot be
        written, the picture is kept in memory.
        """
        try:
            with self.transaction() as connection:
                connection.execute(PUT_UPLOAD, (fingerprint, image, time.time()))
                kept_bytes = 0
                for unused, size in connection.execute(UNUSED, (fingerprint,)).fetchall():
                    kept_bytes += size
                    if kept_bytes > UNUSED_BYTES:
                        connection.execute("DELETE FROM inputs WHERE fingerprint = ?", (unused,))
        except NothingSaved:
            self._keep_unsaved(fingerprint, image)

    def _keep_unsaved(self, fingerprint: str, image: bytes) -> None:
        self._unsaved[fingerprint] = image
        while len(self._unsaved) > UNSAVED_AT_MOST:
            self._unsaved.pop(next(iter(self._unsaved)), None)

    def input(self, fingerprint: str) -> bytes | None:
        """Return the PNG of the input picture with a fingerprint, or None if it does not exist."""
        statement = "SELECT image FROM inputs WHERE fingerprint = ?"
        with self.reading() as connection:
            found = connection.execute(statement, (fingerprint,)).fetchone()
        return self._unsaved.get(fingerprint) if found is None else bytes(found[0])

    def remember_checkpoint(self, network: str, weights: str, path: Path) -> None:
        """Store the path of a user's own checkpoint, so that workers can load it.

        Args:
            network: name of the network.
            weights: fingerprint of the weights.
            path: the checkpoint's file.
        """
        row = (weights, network, str(path.resolve()))
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)", row)

    def checkpoint(self, weights: str) -> Path | None:
        """Return the file of a user's own checkpoint by the fingerprint of its weights.

        None if no path was stored for the fingerprint, or the file no longer exists.
        """
        statement = "SELECT path FROM checkpoints WHERE weights = ?"
        with self.reading() as connection:
            found = connection.execute(statement, (weights,)).fetchone()
        return Path(found[0]) if found is not None and Path(found[0]).is_file() else None

    def set_checkpoint_owner(self, network: str, owner: str | None) -> None:
        """Store to whom an uploaded checkpoint belongs.

        Args:
            network: name of the checkpoint's network.
            owner: identifier of the visitor who added it; None once it was removed.
        """
        with self.transaction() as connection:
            connection.execute("DELETE FROM checkpoint_owners WHERE network = ?", (network,))
            if owner is not None:
                connection.execute("INSERT INTO checkpoint_owners VALUES (?, ?)", (network, owner))

    def checkpoint_owner(self, network: str) -> str:
        """Return the identifier of the visitor who added a checkpoint; "" if unknown."""
        statement = "SELECT owner FROM checkpoint_owners WHERE network = ?"
        with self.reading() as connection:
            found = connection.execute(statement, (network,)).fetchone()
        return "" if found is None else str(found[0])

    def used_bytes(self) -> int:
        """Return the size of the content of the SQLite file, in bytes.

        The file itself may be larger: it keeps the space of what was deleted for what comes next.
        """
        with self.reading() as connection:
            pages, free, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)

    def _picture(self, part: Any, image: Any, facts: Any) -> StoredPicture:
        """Return a picture from a row of the table ``pictures``."""
        with self._parsing():
            return StoredPicture(int(part), bytes(image), json.loads(facts))

    @contextmanager
    def _parsing(self) -> Iterator[None]:
        """Raise an ExplorerError if what was read is not what was written."""
        try:
            yield
        except (TypeError, ValueError) as error:
            raise ExplorerError(
                f"a result in the store {named(self.path)} is damaged ({named(error)}); make it "
                "anew, or move the store away to begin a new one"
            ) from error
