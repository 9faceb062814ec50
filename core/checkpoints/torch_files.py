"""Files of ``torch.save``: their content, and where the values of each tensor are in the file.

Since 2020 such a file is a zip archive: a pickle, and a record for each storage. Before, it was a
sequence of five pickles (a magic number, a protocol, facts on the machine, the content, the keys of
the storages) and the storages, each after the number of its elements. torchvision still publishes
such files.
"""

import io
import math
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.checkpoints.declared import ITEM_BYTES, DeclaredTensor, span_of
from core.checkpoints.pickle_outline import read_pickle
from core.checkpoints.pickle_values import NotTensors, StorageOutline, TensorOutline
from core.checkpoints.zip_records import SIGNATURE, BoundedReader, ZipRecord, read_records
from core.errors import BadCheckpoint, named
from core.safetensors_header import LENGTH

# The largest pickle of a file in bytes. A tensor takes about 150.
PICKLE_BYTES = 8 * 2**20
MAGIC = 0x1950A86A20F9469CFC6C
PICKLE_START = b"\x80"
COUNT = struct.Struct("<q")

# The (first byte, number of bytes) of each storage in the file, by its key.
Places = Mapping[str, tuple[int, int]]


def is_torch_file(start: bytes) -> bool:
    """Whether a file with these first bytes may be one of ``torch.save``.

    A safetensors file may begin with the same byte as a pickle, but has a brace after its length.
    """
    return start.startswith((SIGNATURE, PICKLE_START)) and start[LENGTH.size :][:1] != b"{"


def read_content(path: Path) -> tuple[Any, Places]:
    """Return what ``torch.load`` would return, with outlines of tensors, and the storages' places.

    Raises:
        BadCheckpoint: the file is damaged, or holds more than tensors.
        OSError: the file cannot be read.
    """
    name = named(path.name)
    with BoundedReader(io.FileIO(path)) as file:
        start = file.peek(len(SIGNATURE))
        try:
            if start.startswith(SIGNATURE):
                return _read_zip(file, name)
            return _read_pickles(file, name)
        except NotTensors as error:
            raise BadCheckpoint(
                f"{name} is damaged or holds more than tensors, which could run code when loaded "
                f"({error}); save model.state_dict() alone, or as safetensors"
            ) from error


def _read_zip(file: BoundedReader, name: str) -> tuple[Any, Places]:
    records = read_records(file, name)
    pickles = [it for it in records if it.endswith("/data.pkl") and it.count("/") == 1]
    if len(pickles) != 1:
        raise BadCheckpoint(
            f"{name} is a zip archive that torch.save did not write; name a file of torch.save or "
            "safetensors"
        )
    folder = pickles[0].removesuffix("data.pkl")
    order = records.get(f"{folder}byteorder")
    if order is not None and _read_record(file, order) != b"little":
        raise BadCheckpoint(f"{name} was saved with another byte order; save it as safetensors")
    content, _ = read_pickle(io.BytesIO(_read_record(file, records[pickles[0]])))
    data = f"{folder}data/"
    places = {
        key.removeprefix(data): (it.start, it.size)
        for key, it in records.items()
        if key.startswith(data)
    }
    return content, places


def _read_record(file: BoundedReader, record: ZipRecord) -> bytes:
    if record.size > PICKLE_BYTES:
        raise NotTensors(f"its pickle has more than {PICKLE_BYTES // 2**20} MB")
    file.seek(record.start)
    return file.read(record.size)


def _read_pickles(file: BoundedReader, name: str) -> tuple[Any, Places]:
    data = io.BytesIO(file.read(PICKLE_BYTES))
    magic, _ = read_pickle(data)
    if magic != MAGIC:
        raise BadCheckpoint(
            f"{name} is a pickle that torch.save did not write; save model.state_dict() with "
            "torch.save, or as safetensors"
        )
    for _ in range(2):  # the protocol, and facts on the machine
        read_pickle(data)
    content, storages = read_pickle(data)
    keys, _ = read_pickle(data)
    if not isinstance(keys, list) or not storages.keys() <= set(keys):
        raise NotTensors("it is damaged")
    file.seek(data.tell())
    return content, dict(_storage_places(file, keys, storages))


def _storage_places(
    file: BoundedReader, keys: list[str], storages: Mapping[str, StorageOutline]
) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the key and the place of each storage, which follow one another from here on."""
    size = os.fstat(file.fileno()).st_size
    for key in keys:
        count = file.read(COUNT.size)
        storage = storages.get(key)
        if storage is None or count != COUNT.pack(storage.count):
            raise NotTensors("it is damaged")
        place = (file.tell(), storage.count * storage.item_bytes)
        if sum(place) > size:
            raise NotTensors("it is cut off")
        yield key, place
        file.seek(sum(place))


def declare(name: str, tensor: TensorOutline, places: Places, file: str) -> DeclaredTensor:
    """Return where the values of a tensor are, after a check that the storage has them.

    Args:
        name: the parameter's name.
        tensor: what the pickle says of the tensor.
        places: the storages' places in the file.
        file: name of the file for messages.

    Raises:
        BadCheckpoint: the storage is missing, or has more or fewer elements than declared.
    """
    storage = tensor.storage
    if storage is None or tensor.dtype not in ITEM_BYTES:
        return DeclaredTensor(tensor.dtype, tensor.shape, tensor.stride, 0)
    start, size = places.get(storage.key, (0, -1))
    item = ITEM_BYTES[tensor.dtype]
    span = span_of(tensor.shape, tensor.stride)
    if size != storage.count * storage.item_bytes or (tensor.offset + span) * item > size:
        raise BadCheckpoint(f"{named(name)} in {file} has more or fewer values than it says")
    if math.prod(tensor.shape) > span:
        raise BadCheckpoint(
            f"{named(name)} in {file} repeats {span:,} stored values to "
            f"{math.prod(tensor.shape):,}; save a contiguous copy of it"
        )
    return DeclaredTensor(tensor.dtype, tensor.shape, tensor.stride, start + tensor.offset * item)
