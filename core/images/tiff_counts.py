"""How many values the tags of a TIFF have, which is read before Pillow makes lists of them.

The numbers of strips and tiles in a small file can be so large that lists of them would take
gigabytes. See TIFF 6.0, section 2.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

# Tags that are the position of another directory.
EXIF, GPS, INTEROPERABILITY = 34665, 34853, 40965
# Types whose values are bytes or text: BYTE, ASCII, SBYTE and UNDEFINED.
TEXT_TYPES = (1, 2, 6, 7)
# A directory has this many tags at most.
MAX_TAGS = 2**16


def largest_count(file: BinaryIO) -> int:
    """Return the largest number of values that a numeric tag has; 0 if the file is no TIFF.

    The first directory and those of EXIF are read. The file's position is changed.
    """
    file.seek(0)
    start = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None or len(start) < 16:
        return 0
    big = start[2] == 43
    first = struct.unpack_from(order + ("Q" if big else "I"), start, 8 if big else 4)[0]
    largest, waiting, seen = 0, [first], set()
    while waiting:
        position = waiting.pop()
        if position in seen:
            continue
        seen.add(position)
        for tag, kind, count, value in _tags(file, position, order, big):
            if kind not in TEXT_TYPES:
                largest = max(largest, count)
            if tag in (EXIF, GPS, INTEROPERABILITY):
                waiting.append(value)
    return largest


def _tags(
    file: BinaryIO, position: int, order: str, big: bool
) -> Iterator[tuple[int, int, int, int]]:
    """Yield tag, type, number of values, and value or position of the values, of one directory."""
    number, entry = ("Q", "HHQQ") if big else ("H", "HHII")
    length = struct.calcsize(order + number)
    try:
        file.seek(position)
        (tags,) = struct.unpack(order + number, file.read(length))
        content = file.read(min(tags, MAX_TAGS) * struct.calcsize(order + entry))
    except (OSError, OverflowError, ValueError, struct.error):
        return  # The directory is outside of the file.
    complete = len(content) - len(content) % struct.calcsize(order + entry)
    yield from struct.iter_unpack(order + entry, content[:complete])
