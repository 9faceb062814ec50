"""Export of gallery entries as one zip file with pictures, recipes and a manifest.

The PNG files contain their recipes and can be replayed bit for bit. Shipped pictures exist only as
lossy WebP files. They are exported unchanged; their recipe is in the entry's ``recipe.json``.
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
from explorer.gallery.pictures import GalleryPicture
from explorer.gallery.queries import Gallery
from explorer.jobs.job import Job

# The size of a zip file is limited, because it is built in memory and downloaded in one piece.
ENTRIES_AT_MOST = 200
BYTES_AT_MOST = 256 * 2**20
# Number of pictures that are read from the store at a time.
BATCH = 64
NAME_AT_MOST = 60
MANIFEST = "manifest.json"
MANIFEST_VERSION = 1


def write_zip(gallery: Gallery, jobs: Sequence[Job]) -> bytes:
    """Return a zip file with a folder for each entry, and a manifest of all of them.

    Raises:
        ExplorerError: there are too many entries, or their pictures are too large together.
    """
    check_size(gallery, jobs)
    buffer = io.BytesIO()
    # The pictures are compressed already, so they are stored as they are.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        entries = [_add_entry(file, gallery, job) for job in jobs]
        manifest = {"version": MANIFEST_VERSION, "entries": entries}
        _write(file, MANIFEST, json.dumps(manifest, indent=2).encode(), _latest_end(jobs))
    return buffer.getvalue()


def check_size(gallery: Gallery, jobs: Sequence[Job]) -> None:
    """Check, before any work, that entries fit into one zip file.

    Raises:
        ExplorerError: as for ``write_zip``.
    """
    if len(jobs) > ENTRIES_AT_MOST:
        raise ExplorerError(
            f"more than {ENTRIES_AT_MOST} entries are too many for one zip; choose fewer"
        )
    if gallery.total_bytes(jobs) > BYTES_AT_MOST:
        raise ExplorerError(
            f"these pictures have more than {BYTES_AT_MOST // 2**20} MB, too much for one zip; "
            "choose fewer"
        )


def _add_entry(file: zipfile.ZipFile, gallery: Gallery, job: Job) -> dict[str, Any]:
    """Add the files of one entry, and return its description for the manifest."""
    folder, ended = f"{portable_name(gallery.title(job))}-{job.id}", _end_time(job)
    _write(file, f"{folder}/recipe.json", job.json.encode(), ended)
    refs = [it for it in gallery.picture_refs(job) if it.finished]
    pictures = []
    for start in range(0, len(refs), BATCH):
        for picture in gallery.read_pictures(refs[start : start + BATCH]):
            path = f"{folder}/{picture_file_name(job, picture)}"
            _write(file, path, picture.image, ended)
            number, facts = picture.ref.number, dict(picture.facts)
            pictures.append({"file": path, "part": number, "exact": picture.exact, "facts": facts})
    return {
        "title": job.title,
        "name": gallery.title(job),
        "key": job.key,
        "state": job.state,
        "made": ended.isoformat(timespec="seconds"),
        "starred": job.starred,
        "recipe": json.loads(job.json),
        "pictures": pictures,
    }


def picture_file_name(job: Job, picture: GalleryPicture, title: str = "") -> str:
    """Return the file name for one picture of an entry, which begins with the title, if any."""
    name = portable_name(title or f"{job.network} {job.layer} {job.kind}")
    extension = "png" if picture.exact else "webp"
    return f"{name}-{picture.ref.number:04d}.{extension}"


def portable_name(words: str) -> str:
    """Return a text as a file name for every operating system: small letters, digits, hyphens.

    ``Relu 3b, neuron`` becomes ``relu-3b-neuron``. It has at most ``NAME_AT_MOST`` characters.
    """
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:NAME_AT_MOST].strip("-") or "untitled"


def _write(file: zipfile.ZipFile, path: str, content: bytes, modified: datetime) -> None:
    info = zipfile.ZipInfo(path, modified.timetuple()[:6])
    info.external_attr = 0o644 << 16
    file.writestr(info, content)


def _end_time(job: Job) -> datetime:
    return datetime.fromtimestamp(job.ended or job.queued, timezone.utc)


def _latest_end(jobs: Sequence[Job]) -> datetime:
    return max((_end_time(job) for job in jobs), default=datetime(1980, 1, 1, tzinfo=timezone.utc))
