"""References to the pictures of the gallery's entries, and reading the pictures from the store."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.recipes import kinds
from core.recipes.neuron import UNIT_OBJECTIVES
from core.recipes.recipe import Recipe
from explorer.jobs.job import Job
from explorer.store.results import Store, StoredPicture

# A cover of n pictures is chosen from the first COVER_DEPTH * n pictures, to avoid silent units.
COVER_DEPTH = 3
PNG_SIGNATURE = b"\x89PNG"


@dataclass(frozen=True)
class PictureRef:
    """A reference to one picture of an entry.

    Attributes:
        result: key of the recipe whose result contains the picture.
        part: number of the picture within that result.
        finished: whether it is a finished picture and not a preview.
        number: number of the picture within the entry's recipe; for neurons it encodes the unit.
    """

    result: str
    part: int
    finished: bool
    number: int


@dataclass(frozen=True)
class GalleryPicture:
    """One picture of an entry, read from the store.

    Attributes:
        ref: the reference by which the picture was read.
        image: the encoded picture: PNG, or WebP for a preview or a shipped picture.
        facts: values that were measured for the picture, by name; empty for a preview.
    """

    ref: PictureRef
    image: bytes
    facts: Mapping[str, float | bool | str]

    @property
    def exact(self) -> bool:
        """Whether the file can be replayed: it is lossless and contains its recipe."""
        return self.ref.finished and self.image.startswith(PNG_SIGNATURE)

    @property
    def silent(self) -> bool:
        """Whether the picture leaves its unit at zero, as ``StoredPicture.silent``."""
        return bool(self.facts.get("silent"))


class PictureReader:
    """Reads the pictures of entries from a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def picture_refs(self, job: Job) -> list[PictureRef]:
        """Return references to the pictures of an entry.

        Finished pictures come first, then previews; both are in the order of the recipe.
        """
        pictures = (
            "SELECT position, result, part FROM parts JOIN pictures ON pictures.key = result "
            "WHERE job = ?"
        )
        sketches = (
            "SELECT position, result, part FROM parts JOIN sketches USING (result) WHERE job=?"
        )
        with self._store.reading() as connection:
            finished = connection.execute(pictures, (job.key,)).fetchall()
            previews = connection.execute(sketches, (job.key,)).fetchall()
            done = connection.execute(
                "SELECT position, result FROM parts WHERE job = ? AND done", (job.key,)
            ).fetchall()
        own_results = {result for _, result, _ in finished}
        for position, result in done:
            if result not in own_results and (shipped := self._store.get(result)) is not None:
                finished += [(position, result, part) for part in shipped.pictures]
        finished_parts = {(result, part) for _, result, part in finished}
        previews = [row for row in previews if row[1:] not in finished_parts]
        order = _part_order(job)
        number = kinds.KINDS.get(job.kind, Recipe).picture_number

        def sort_key(row: tuple[int, str, int]) -> tuple[int, int]:
            position, _, part = row
            return position, order.get(part, part)

        return [
            PictureRef(result, part, is_finished, number(position, part))
            for rows, is_finished in ((finished, True), (previews, False))
            for position, result, part in sorted(rows, key=sort_key)
        ]

    def read_pictures(self, refs: Sequence[PictureRef]) -> list[GalleryPicture]:
        """Read the pictures of some references; deleted pictures are left out."""
        found: dict[PictureRef, StoredPicture] = {}
        with self._store.reading() as connection:
            for ref in refs:
                table, facts = ("pictures", "facts") if ref.finished else ("sketches", "'{}'")
                key = "key" if ref.finished else "result"
                statement = f"SELECT image, {facts} FROM {table} WHERE {key} = ? AND part = ?"
                row = connection.execute(statement, (ref.result, ref.part)).fetchone()
                if row is not None:
                    found[ref] = StoredPicture(ref.part, row[0], json.loads(row[1]))
        for result in {it.result for it in refs if it.finished and it not in found}:
            shipped = self._store.get(result)
            pictures = {} if shipped is None else shipped.pictures
            for ref in refs:
                if ref.result == result and ref.part in pictures:
                    found[ref] = pictures[ref.part]
        return [GalleryPicture(it, found[it].image, found[it].facts) for it in refs if it in found]

    def cover_pictures(self, job: Job, count: int) -> list[GalleryPicture]:
        """Read up to ``count`` pictures that represent an entry, preferably not of silent units."""
        refs = self.picture_refs(job)[: count * COVER_DEPTH]
        chosen: list[GalleryPicture] = []
        for start in range(0, len(refs), count):
            chosen += self.read_pictures(refs[start : start + count])
            if sum(not it.silent for it in chosen) >= count:
                break
        return sorted(chosen, key=lambda it: it.silent)[:count]


def recipe_settings(job: Job) -> dict[str, Any]:
    """Return the fields of an entry's recipe by name; the recipe may be of an older version.

    Of variations, the fields of the base are among them.
    """
    content: dict[str, Any] = json.loads(job.json)
    # The settings that variations have in common are those of their base.
    settings = {**content, **content.pop("base", {})}
    return {name: it for name, it in settings.items() if name not in ("kind", "version", "base")}


def _part_order(job: Job) -> dict[int, int]:
    """Return the position of each picture in the order of the recipe's units, by picture number.

    Empty if a picture of the recipe does not show a single unit.
    """
    settings = recipe_settings(job)
    count = settings.get("count", 1)
    if settings.get("objective", UNIT_OBJECTIVES[0]) not in UNIT_OBJECTIVES:
        return {}
    units = settings.get("units", [])
    numbers = [unit * count + number for unit in units for number in range(count)]
    return {number: index for index, number in enumerate(numbers)}
