"""Entries of the gallery as one zip file: pictures, recipes and a list of both.

A PNG in it carries its recipe and can be replayed bit for bit. What exists only as it came with the
project, made smaller with loss, stays the WebP that it is, with the recipe beside it.
"""

import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from core.errors import ExplorerError
from explorer.gallery import queries
from explorer.gallery.queries import Gallery, GalleryPicture
from explorer.jobs.job import Job

# What a server can hold in memory for one visitor, and a browser for one download.
ENTRIES_AT_MOST = 200
BYTES_AT_MOST = 256 * 2**20
# Pictures are read from the store so many at a time.
BATCH = 64
NAME_AT_MOST = 60
MANIFEST = "manifest.json"
MANIFEST_VERSION = 1


def write_zip(found: Gallery, jobs: Sequence[Job]) -> bytes:
    """Write entries into a zip: a folder for each, and a manifest of them all.

    Raises:
        ExplorerError: they are too many, or too large together.
    """
    check_size(found, jobs)
    buffer = io.BytesIO()
    # Pictures are compressed already.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        entries = [_add(file, found, job) for job in jobs]
        manifest = {"version": MANIFEST_VERSION, "entries": entries}
        _write(file, MANIFEST, json.dumps(manifest, indent=2).encode(), _latest(jobs))
    return buffer.getvalue()


def check_size(found: Gallery, jobs: Sequence[Job]) -> None:
    """Refuse, before any work, what does not fit into one file.

    Raises:
        ExplorerError: as ``archive``.
    """
    if len(jobs) > ENTRIES_AT_MOST:
        raise ExplorerError(
            f"more than {ENTRIES_AT_MOST} entries are too many for one zip; choose fewer"
        )
    if found.total_bytes(jobs) > BYTES_AT_MOST:
        raise ExplorerError(
            f"these pictures have more than {BYTES_AT_MOST // 2**20} MB, too much for one zip; "
            "choose fewer"
        )


def _add(file: zipfile.ZipFile, found: Gallery, job: Job) -> dict[str, Any]:
    """Add one entry, and describe it for the manifest."""
    folder, made = f"{file_name(queries.entry_title(job))}-{job.id}", _time(job)
    _write(file, f"{folder}/recipe.json", job.json.encode(), made)
    places = [it for it in found.picture_refs(job) if it.finished]
    pictures = []
    for start in range(0, len(places), BATCH):
        for shown in found.read_pictures(places[start : start + BATCH]):
            path = f"{folder}/{picture_file_name(job, shown)}"
            _write(file, path, shown.image, made)
            number, facts = shown.ref.number, dict(shown.facts)
            pictures.append({"file": path, "part": number, "exact": shown.exact, "facts": facts})
    return {
        "title": job.title,
        "name": queries.entry_title(job),
        "key": job.key,
        "state": job.state,
        "made": made.isoformat(timespec="seconds"),
        "starred": job.starred,
        "recipe": json.loads(job.json),
        "pictures": pictures,
    }


def picture_file_name(job: Job, shown: GalleryPicture) -> str:
    """Name the file of one picture of an entry."""
    kind = "png" if shown.exact else "webp"
    return f"{file_name(f'{job.network} {job.layer} {job.kind}')}-{shown.ref.number:04d}.{kind}"


def file_name(words: str) -> str:
    """Make a name for a file or folder that every system takes: small letters, digits, hyphens."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:NAME_AT_MOST].strip("-") or "untitled"


def _write(file: zipfile.ZipFile, path: str, content: bytes, made: datetime) -> None:
    info = zipfile.ZipInfo(path, made.timetuple()[:6])
    info.external_attr = 0o644 << 16
    file.writestr(info, content)


def _time(job: Job) -> datetime:
    return datetime.fromtimestamp(job.ended or job.queued, timezone.utc)


def _latest(jobs: Sequence[Job]) -> datetime:
    return max((_time(job) for job in jobs), default=datetime(1980, 1, 1, tzinfo=timezone.utc))
