"""The directory of a zip archive that ``torch.save`` wrote: where each record is in the file.

``torch.save`` stores its records uncompressed, so a record's bytes can be read from their place.
The directory is read with bounds, and nothing of the records.
"""

import io
import os
import struct
import zipfile
from dataclasses import dataclass

from core.checkpoints import foreign_files
from core.errors import BadCheckpoint

# Largest number of bytes that are read at once, and of records. Both are twice what the largest
# accepted number of tensors needs.
READ_AT_MOST, RECORDS_AT_MOST = 8 * 2**20, 50_000
LOCAL_HEADER = struct.Struct("<4s22xHH")
SIGNATURE = b"PK\x03\x04"
ENCRYPTED = 1


@dataclass(frozen=True)
class ZipRecord:
    """A record of an archive: the position of its first byte in the file, and its length."""

    start: int
    size: int


class BoundedReader(io.BufferedReader):
    """A file of which no more than ``READ_AT_MOST`` bytes are read at once."""

    def read(self, size: int | None = -1) -> bytes:
        """Read bytes as ``io.BufferedReader.read`` does.

        Raises:
            ValueError: more bytes are wanted than the bound.
        """
        rest = os.fstat(self.fileno()).st_size - self.tell()
        wanted = rest if size is None or size < 0 else min(size, rest)
        if wanted > READ_AT_MOST:
            raise ValueError("its directory is too large")
        return super().read(max(wanted, 0))


def read_records(file: BoundedReader, name: str) -> dict[str, ZipRecord]:
    """Return the records of an archive by name.

    Args:
        file: the archive, open for reading.
        name: name of the file for messages.

    Raises:
        BadCheckpoint: the archive is of another program, damaged, compressed or encrypted, or
            records overlap.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            end = archive.start_dir
        if kind := foreign_files.what_archive_it_is(it.filename for it in entries):
            raise BadCheckpoint(f"{name} is {kind}")
        if len(entries) > RECORDS_AT_MOST:
            raise ValueError(f"it has more than {RECORDS_AT_MOST:,} records")
        records = {entry.filename: _record(file, entry) for entry in entries}
        if len(records) != len(entries):
            raise ValueError("two records have one name")
        _check_order(records, end)
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        OSError,
        OverflowError,
        ValueError,
        struct.error,
    ) as error:
        raise BadCheckpoint(f"{name} is not a readable .pth checkpoint: {error}") from error
    return records


def _record(file: BoundedReader, entry: zipfile.ZipInfo) -> ZipRecord:
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
        raise ValueError("its records are compressed, which torch.save never does; save it again")
    if entry.flag_bits & ENCRYPTED:
        raise ValueError("its records are encrypted; save it again")
    file.seek(entry.header_offset)
    signature, name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    if signature != SIGNATURE:
        raise ValueError("a record is not where the directory says")
    return ZipRecord(entry.header_offset + LOCAL_HEADER.size + name + extra, entry.file_size)


def _check_order(records: dict[str, ZipRecord], end: int) -> None:
    """Check that no two records share bytes, and that the last one ends before the directory."""
    before = 0
    for record in sorted(records.values(), key=lambda it: (it.start, it.size)):
        if record.start < before:
            raise ValueError("its records overlap")
        before = record.start + record.size
    if before > end:
        raise ValueError("a record reaches into the directory")
