"""The header of a safetensors file, read and checked before any of its data.

A safetensors file begins with the size of its header (8 bytes, little endian) and the header: JSON
with the type, shape and place of each tensor, and texts under ``__metadata__``. The data of the
tensors follows without gaps. Weights files and indexes are both of this format.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import quoted

# The largest header in bytes. A header of this size takes about 200 MB of memory at most, however
# it is nested, and has room for 40,000 tensors.
HEADER_BYTES = 8 * 2**20
DIMENSIONS_AT_MOST = 8
# No axis of a tensor is longer, so that products of a few sizes stay exact and short.
AXIS_AT_MOST = 2**40
LENGTH = struct.Struct("<Q")
# Bytes of one element, by the format's name of the type. Types whose elements are no whole bytes
# are not among them.
ITEM_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}


@dataclass(frozen=True)
class StoredTensor:
    """A tensor of a safetensors file that is not read yet.

    Attributes:
        dtype: the type as the format names it, such as ``F32``.
        shape: the shape.
        start: position of the first byte in the file.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class SafetensorsHeader:
    """The content of a header: the tensors by name, and the texts of the metadata."""

    tensors: Mapping[str, StoredTensor]
    metadata: Mapping[str, str]


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text from a stranger.

    Raises:
        ValueError: the text is no JSON, too deep, or has a number of thousands of digits.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("its JSON is nested too deeply") from error


def read_header(path: Path) -> SafetensorsHeader:
    """Read a header and check it against the size of the file.

    Raises:
        ValueError: the file is damaged or no safetensors file; the text is the end of a sentence
            that begins with the file's name.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        begin, content = _read_json(file, path.stat().st_size)
    metadata = content.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(it, str) for it in metadata.values()):
        raise ValueError("its metadata are no texts")
    tensors = {name: _stored_tensor(name, entry, begin) for name, entry in content.items()}
    end = begin
    for tensor in sorted(tensors.values(), key=lambda it: (it.start, it.shape.count(0) == 0)):
        if tensor.start != end:
            raise ValueError("its tensors overlap or leave gaps")
        end += math.prod(tensor.shape) * ITEM_BYTES[tensor.dtype]
    if end != path.stat().st_size:
        raise ValueError("it is cut off, or longer than its header says")
    return SafetensorsHeader(tensors, metadata)


def _read_json(file: BinaryIO, size: int) -> tuple[int, dict[str, Any]]:
    """Return the position of the first byte of data, and the header's JSON object."""
    first = file.read(LENGTH.size)
    if len(first) < LENGTH.size:
        raise ValueError("it is too short")
    (length,) = LENGTH.unpack(first)
    if length > size - LENGTH.size:
        raise ValueError("it is cut off, or has no header")
    if length > HEADER_BYTES:
        raise ValueError(f"its header has more than {HEADER_BYTES // 2**20} MB")
    content = parse_json(file.read(length))
    if not isinstance(content, dict):
        raise ValueError("its header is no JSON object")
    return LENGTH.size + length, content


def _stored_tensor(name: str, entry: Any, begin: int) -> StoredTensor:
    """Check the header's entry of a tensor; ``begin`` is the position of the first byte of data."""
    if not isinstance(entry, dict):
        raise ValueError(f"its header says nothing of {quoted(name)}")
    dtype = entry.get("dtype")
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise ValueError(f"{quoted(name)} is of type {quoted(dtype)}, which is not supported")
    shape = _sizes(name, entry.get("shape"), DIMENSIONS_AT_MOST)
    offsets = _sizes(name, entry.get("data_offsets"), 2)
    if len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * ITEM_BYTES[dtype]:
        raise ValueError(f"{quoted(name)} has more or fewer bytes than its shape says")
    return StoredTensor(dtype, shape, begin + offsets[0])


def _sizes(name: str, value: Any, most: int) -> tuple[int, ...]:
    """Return the sizes of a JSON list, of which there are ``most`` at most."""
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"the header's numbers of {quoted(name)} make no sense")
    if not all(type(it) is int and 0 <= it <= AXIS_AT_MOST for it in value):
        raise ValueError(f"the header's numbers of {quoted(name)} make no sense")
    return tuple(value)
