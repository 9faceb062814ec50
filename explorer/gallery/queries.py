"""The gallery: everything that somebody asked for, to be found, named, starred, binned and shown.

An entry is a job. Nothing here needs PyTorch or Streamlit, and no more pictures are read than are
to be shown.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import ExplorerError, quoted
from core.recipes import kinds
from core.recipes.neuron import UNIT_OBJECTIVES
from core.recipes.recipe import Recipe
from explorer.jobs.job import Job
from explorer.jobs.job_queue import Jobs
from explorer.store.results import StoredPicture
from explorer.text import recipe_summary

# Fills whole rows of two, three, five or six.
PER_PAGE = 30
TITLE_AT_MOST = 80
# What was deleted can be taken back for so long.
BIN_SECONDS = 24 * 60 * 60.0
# Looks for pictures of living neurons among so many times as many as a cover shows.
COVER_DEPTH = 3
PNG_SIGNATURE = b"\x89PNG"

# Asked for, not binned, and fit for what is searched.
MATCHES = """
rank = 0 AND deleted IS NULL
AND (:kind = '' OR kind = :kind)
AND (:network = '' OR network = :network)
AND (:layer = '' OR layer = :layer)
AND (NOT :starred OR starred)
AND (:text = '' OR instr(lower(title || ' ' || network || ' ' || layer), lower(:text)))
"""
# Over, with something to show; what shipped with the project counts, as its parts are done.
SHOWABLE = """
state <> 'open' AND (
    EXISTS (SELECT 1 FROM parts WHERE job = jobs.key AND done)
    OR EXISTS (SELECT 1 FROM parts JOIN sketches USING (result) WHERE job = jobs.key))
"""
NEWEST = "ORDER BY coalesce(ended, queued) DESC, key"
UNFINISHED = "rank = 0 AND deleted IS NULL AND state IN ('open', 'failed', 'interrupted')"
STALE = "state <> 'open' AND deleted IS NOT NULL AND deleted <= :before"
# Of the parts of stale jobs, those that no other job has, and nobody works on.
ORPHANS = f"""
SELECT result FROM parts WHERE job IN (SELECT key FROM jobs WHERE {STALE})
EXCEPT SELECT result FROM parts WHERE job NOT IN (SELECT key FROM jobs WHERE {STALE})
EXCEPT SELECT result FROM claims
"""


@dataclass(frozen=True)
class Search:
    """What is looked for; empty means everything.

    Attributes:
        kind, network, layer: of the recipe, as they are.
        starred: only what somebody starred.
        text: stands in the title, or in the network's or layer's name.
    """

    kind: str = ""
    network: str = ""
    layer: str = ""
    starred: bool = False
    text: str = ""


@dataclass(frozen=True)
class PictureRef:
    """Where one picture of an entry stands.

    Attributes:
        result: key of the recipe that it is a result of.
        part: which of that recipe's pictures.
        finished: whether it is more than a sketch.
        number: which of the entry's pictures it is; for neurons the unit.
    """

    result: str
    part: int
    finished: bool
    number: int


@dataclass(frozen=True)
class GalleryPicture:
    """One picture of an entry, read from the store.

    Attributes:
        place: where it stands.
        image: PNG, or WebP if it is a sketch or came with the project.
        facts: what was measured of it; nothing for a sketch.
    """

    ref: PictureRef
    image: bytes
    facts: Mapping[str, float | bool | str]

    @property
    def exact(self) -> bool:
        """Whether its file can be replayed: it carries its recipe, and lost nothing."""
        return self.ref.finished and self.image.startswith(PNG_SIGNATURE)

    @property
    def dead(self) -> bool:
        """Whether it shows a neuron that nothing excites."""
        return bool(self.facts.get("dead"))


class Gallery:
    """All entries in a store."""

    def __init__(self, jobs: Jobs, clock: Callable[[], float] = time.time) -> None:
        self.jobs = jobs
        self._store = jobs.store
        self._clock = clock

    def entries(self, search: Search, page: int = 1, per_page: int = PER_PAGE) -> list[Job]:
        """List what is over and has something to show, newest first.

        Args:
            search: what is looked for.
            page: counted from 1.
            per_page: how many stand on a page.
        """
        chosen = (
            f"WHERE key IN (SELECT key FROM jobs WHERE {MATCHES} AND {SHOWABLE} {NEWEST} "
            f"LIMIT :count OFFSET :first) {NEWEST}"
        )
        values = {**asdict(search), "count": per_page, "first": (page - 1) * per_page}
        return self.jobs.select(chosen, values)

    def count(self, search: Search) -> int:
        """Tell how many entries there are."""
        statement = f"SELECT count(*) FROM jobs WHERE {MATCHES} AND {SHOWABLE}"
        with self._store.reading() as connection:
            (count,) = connection.execute(statement, asdict(search)).fetchone()
        return int(count)

    def choices(self) -> dict[str, list[str]]:
        """List what can be searched by: the kinds, networks and layers that there are."""
        found = {}
        with self._store.reading() as connection:
            for name in ("kind", "network", "layer"):
                # A layer's name means little without its network, but both can be chosen.
                rows = connection.execute(
                    f"SELECT DISTINCT {name} FROM jobs WHERE rank = 0 AND deleted IS NULL "
                    f"AND {name} <> '' AND {SHOWABLE} ORDER BY {name}"
                )
                found[name] = [value for (value,) in rows]
        return found

    def unfinished(self, at_most: int) -> tuple[list[Job], int]:
        """List what waits, runs, or stopped by itself, and tell how many there are in all."""
        order = "ORDER BY state = 'open' DESC, rank, queued LIMIT :count"
        listed = self.jobs.select(f"WHERE {UNFINISHED} {order}", {"count": at_most})
        with self._store.reading() as connection:
            total = f"SELECT count(*) FROM jobs WHERE {UNFINISHED}"
            (count,) = connection.execute(total).fetchone()
        return listed, int(count)

    def find(self, beginning: str) -> Job:
        """Find an entry by the first digits of its key.

        Raises:
            ExplorerError: there is none, or it was deleted.
        """
        try:
            job = self.jobs.find(beginning)
        except ExplorerError:
            raise ExplorerError(f"there is nothing {quoted(beginning)} in the gallery") from None
        if job.deleted is not None:
            raise ExplorerError(f"{entry_title(job)} was deleted from the gallery")
        return job

    def picture_refs(self, job: Job) -> list[PictureRef]:
        """List an entry's pictures: the finished ones in the recipe's order, then sketches."""
        own = (
            "SELECT position, result, part FROM parts JOIN pictures ON pictures.key = result "
            "WHERE job = ?"
        )
        rough = "SELECT position, result, part FROM parts JOIN sketches USING (result) WHERE job=?"
        with self._store.reading() as connection:
            finished = connection.execute(own, (job.key,)).fetchall()
            previews = connection.execute(rough, (job.key,)).fetchall()
            done = connection.execute(
                "SELECT position, result FROM parts WHERE job = ? AND done", (job.key,)
            ).fetchall()
        here = {result for _, result, _ in finished}
        for position, result in done:
            if result not in here and (shipped := self._store.get(result)) is not None:
                finished += [(position, result, part) for part in shipped.pictures]
        there = {(result, part) for _, result, part in finished}
        order = _order(job)
        number = kinds.KINDS.get(job.kind, Recipe).picture_number

        def rank(row: tuple[int, str, int]) -> tuple[int, int]:
            return row[0], order.get(row[2], row[2])

        found = [
            PictureRef(it, own, True, number(at, own)) for at, it, own in sorted(finished, key=rank)
        ]
        left = [row for row in sorted(previews, key=rank) if row[1:] not in there]
        return found + [PictureRef(it, own, False, number(at, own)) for at, it, own in left]

    def read_pictures(self, places: Sequence[PictureRef]) -> list[GalleryPicture]:
        """Read some pictures; those that are gone meanwhile are left out."""
        rows: dict[PictureRef, StoredPicture] = {}
        with self._store.reading() as connection:
            for place in places:
                table, facts = ("pictures", "facts") if place.finished else ("sketches", "'{}'")
                key = "key" if place.finished else "result"
                statement = f"SELECT image, {facts} FROM {table} WHERE {key} = ? AND part = ?"
                found = connection.execute(statement, (place.result, place.part)).fetchone()
                if found is not None:
                    rows[place] = StoredPicture(place.part, found[0], json.loads(found[1]))
        for result in {it.result for it in places if it.finished and it not in rows}:
            shipped = self._store.get(result)
            pictures = {} if shipped is None else shipped.pictures
            for place in places:
                if place.result == result and place.part in pictures:
                    rows[place] = pictures[place.part]
        return [GalleryPicture(it, rows[it].image, rows[it].facts) for it in places if it in rows]

    def cover_pictures(self, job: Job, count: int) -> list[GalleryPicture]:
        """Read a few pictures that stand for an entry, of living neurons where there are any."""
        places = self.picture_refs(job)[: count * COVER_DEPTH]
        chosen: list[GalleryPicture] = []
        for start in range(0, len(places), count):
            chosen += self.read_pictures(places[start : start + count])
            if sum(not it.dead for it in chosen) >= count:
                break
        return sorted(chosen, key=lambda it: it.dead)[:count]

    def total_bytes(self, jobs: Sequence[Job]) -> int:
        """Tell how many bytes the finished pictures of some entries have."""
        statement = (
            "SELECT coalesce(sum(length(image)), 0) FROM pictures WHERE key IN "
            "(SELECT result FROM parts WHERE job IN (SELECT value FROM json_each(?)))"
        )
        with self._store.reading() as connection:
            keys = json.dumps([job.key for job in jobs])
            (weight,) = connection.execute(statement, (keys,)).fetchone()
        return int(weight)

    def rename(self, key: str, title: str) -> None:
        """Give an entry a name; an empty one takes it away.

        Raises:
            ExplorerError: the name is too long.
        """
        words = " ".join("".join(it if it.isprintable() else " " for it in title).split())
        if len(words) > TITLE_AT_MOST:
            raise ExplorerError(
                f"this name has {len(words)} characters; write at most {TITLE_AT_MOST}"
            )
        self._write("UPDATE jobs SET title = ? WHERE key = ?", [(words, key)])

    def star(self, key: str, starred: bool) -> None:
        """Give an entry a star, or take it away."""
        self._write("UPDATE jobs SET starred = ? WHERE key = ?", [(int(starred), key)])

    def delete(self, keys: Iterable[str], visitor: str) -> list[str]:
        """Put entries into the bin, and stop those that are not over.

        Args:
            keys: of the entries.
            visitor: who deletes; what somebody else waits for stays.

        Returns:
            The keys of those that are in the bin now.
        """
        gone = []
        for key in keys:
            job = self.jobs.get(key)
            if job is not None and job.open:
                job = self.jobs.cancel(key, visitor)
            if job is not None and not job.open:
                gone.append(key)
        now = self._clock()
        statement = "UPDATE jobs SET deleted = ? WHERE key = ? AND state <> 'open'"
        self._write(statement, [(now, key) for key in gone])
        return gone

    def restore(self, keys: Iterable[str]) -> None:
        """Take entries out of the bin."""
        self._write("UPDATE jobs SET deleted = NULL WHERE key = ?", [(key,) for key in keys])

    def purge(self) -> int:
        """Empty the bin of what has been in it for long, with all that nothing else uses.

        Returns:
            How many entries are gone for good.
        """
        values = {"before": self._clock() - BIN_SECONDS}
        with self._store.reading() as connection:
            if not connection.execute(f"SELECT 1 FROM jobs WHERE {STALE}", values).fetchone():
                return 0
        with self._store.transaction() as connection:
            orphans = connection.execute(ORPHANS, values).fetchall()
            connection.executemany("DELETE FROM results WHERE key = ?", orphans)
            connection.executemany("DELETE FROM sketches WHERE result = ?", orphans)
            return connection.execute(f"DELETE FROM jobs WHERE {STALE}", values).rowcount

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        with self._store.transaction() as connection:
            connection.executemany(statement, rows)


def entry_title(job: Job) -> str:
    """Name an entry: by its title, or in plain words what it is."""
    if job.title:
        return job.title
    try:
        return recipe_summary.describe_recipe(job.recipe)
    except ExplorerError:  # A recipe of an older version can be looked at, but not read.
        return " ".join(it for it in (job.network, job.layer, job.kind) if it)


def recipe_settings(job: Job) -> dict[str, Any]:
    """List what an entry was made with, by name, also where its recipe is of an older version."""
    content: dict[str, Any] = json.loads(job.json)
    return {name: it for name, it in content.items() if name not in ("kind", "version")}


def _order(job: Job) -> dict[int, int]:
    """Tell in which order a recipe names its pictures, where it does."""
    made = recipe_settings(job)
    count = made.get("count", 1)
    if made.get("objective", UNIT_OBJECTIVES[0]) not in UNIT_OBJECTIVES:
        return {}
    numbers = [unit * count + number for unit in made.get("units", []) for number in range(count)]
    return {number: place for place, number in enumerate(numbers)}
