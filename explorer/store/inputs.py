"""The pictures that recipes start from, in the store, by the fingerprints of their pixels."""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from explorer.store.database import SHIPPED, Database, NothingSaved

# Uploaded pictures that no result or job uses are kept up to this total size.
UNUSED_BYTES = 256 * 1024**2
# As long as the store cannot be written, this many input pictures are kept in memory.
UNSAVED_AT_MOST = 16
# A picture that is stored again keeps its title, so that nobody changes the titles of others.
TITLE = "title = CASE WHEN title = '' THEN excluded.title ELSE title END"
PUT_INPUT = f"""
INSERT INTO inputs (fingerprint, image, title) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET sent = NULL, {TITLE}
"""
PUT_UPLOAD = f"""
INSERT INTO inputs (fingerprint, image, title, sent) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET sent = CASE WHEN sent IS NULL THEN NULL ELSE excluded.sent END, {TITLE}
"""
# Selects the uploaded pictures that no result or job uses, the latest first; the pictures with the
# given fingerprints are left out.
UNUSED = """
SELECT fingerprint, length(image) FROM inputs
WHERE sent IS NOT NULL AND fingerprint NOT IN (SELECT value FROM json_each(?))
AND NOT EXISTS (SELECT 1 FROM results WHERE instr(recipe, fingerprint))
AND NOT EXISTS (SELECT 1 FROM jobs WHERE instr(recipe, fingerprint))
ORDER BY sent DESC
"""


class InputStore(Database):
    """A store of input pictures: those that recipes start from."""

    def __init__(self, path: Path | None = None, shipped: Sequence[Path] | None = SHIPPED) -> None:
        super().__init__(path, shipped)
        # Input pictures that could not be stored, by their fingerprints.
        self._unsaved: dict[str, bytes] = {}

    def put_input(self, fingerprint: str, image: bytes, title: str = "") -> None:
        """Store the PNG of an input picture under its fingerprint.

        If the store cannot be written, the picture is kept in memory, so that pages can show it.

        Args:
            fingerprint: fingerprint of the pixels.
            image: the PNG.
            title: what the picture is called; a title that it has already stays.
        """
        try:
            with self.transaction() as connection:
                connection.execute(PUT_INPUT, (fingerprint, image, title))
        except NothingSaved:
            self._keep_unsaved(fingerprint, image)

    def put_upload(self, fingerprint: str, image: bytes, title: str = "") -> None:
        """Store a picture that a visitor uploaded, as ``put_uploads`` does."""
        self.put_uploads([(fingerprint, image, title)])

    def put_uploads(self, uploads: Sequence[tuple[str, bytes, str]]) -> None:
        """Store pictures that a visitor uploaded, and delete old uploads.

        Of the other uploads that no result or job uses, the latest are kept, up to
        ``UNUSED_BYTES`` in total, so that uploads do not fill the disk.

        Args:
            uploads: fingerprint, PNG and title of each, as for ``put_input``.
        """
        try:
            with self.transaction() as connection:
                for fingerprint, image, title in uploads:
                    connection.execute(PUT_UPLOAD, (fingerprint, image, title, time.time()))
                new = json.dumps([it[0] for it in uploads])
                kept_bytes = 0
                for unused, size in connection.execute(UNUSED, (new,)).fetchall():
                    kept_bytes += size
                    if kept_bytes > UNUSED_BYTES:
                        connection.execute("DELETE FROM inputs WHERE fingerprint = ?", (unused,))
        except NothingSaved:
            for fingerprint, image, _ in uploads:
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

    def input_titles(self, fingerprints: Iterable[str]) -> dict[str, str]:
        """Return the titles of those input pictures that have one, by their fingerprints."""
        statement = (
            "SELECT fingerprint, title FROM inputs "
            "WHERE title <> '' AND fingerprint IN (SELECT value FROM json_each(?))"
        )
        with self.reading() as connection:
            return dict(connection.execute(statement, (json.dumps(list(fingerprints)),)))
