"""Results of recipes, and the pictures that recipes start from, in one SQLite file.

Several processes may read and write the file at the same time. By default it is in the data folder
(``explorer.paths.home``). Writes are transactions in write-ahead mode: readers see a result
completely or not at all, even if the writer is killed. The pictures that ship with the project are
in read-only files of the same schema, which are searched as well.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from core.errors import ExplorerError, named
from core.files import file_and_part, is_there
from core.recipes.recipe import Recipe
from explorer.store.inputs import InputStore


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


class Store(InputStore):
    """A store of results by their recipe's key, and of input pictures by their fingerprint.

    An input picture is one that a recipe starts from. Several threads may use the same object.

    Raises:
        ExplorerError: by every method, if the file cannot be opened, read or written.
    """

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

    def facts(self, keys: Iterable[str]) -> dict[int, Mapping[str, float | bool | str]]:
        """Return the facts of all pictures of some results, by ``part``, without the images."""
        statement = "SELECT part, facts FROM pictures WHERE key IN (SELECT value FROM json_each(?))"
        found: dict[int, Mapping[str, float | bool | str]] = {}
        for rows in self._rows(statement, (json.dumps(list(keys)),)):
            for part, facts in rows:
                found.setdefault(int(part), self._picture(part, b"", facts).facts)
        return found

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
        if found is None:
            return None
        path = Path(found[0])
        return path if is_there(file_and_part(path)[0]) else None

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
