"""What a weights file says of its tensors, and the checks before any of them is read.

Nothing here needs PyTorch, so that a file from a stranger is refused before PyTorch is imported.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadCheckpoint, named

# Bytes of one element, by the names that PyTorch gives the accepted types.
ITEM_BYTES = {
    **dict.fromkeys(("bool", "uint8", "int8"), 1),
    **dict.fromkeys(("int16", "float16", "bfloat16"), 2),
    **dict.fromkeys(("int32", "float32"), 4),
    **dict.fromkeys(("int64", "float64"), 8),
}
# The largest network of torchvision has 1,200 tensors.
TENSORS_AT_MOST = 20_000
NAME_CHARACTERS = 250
DIMENSIONS_AT_MOST = 8
# A tensor may appear under several names, so the tensors may have a few times the file's bytes.
# Files that repeat their content more often are made to fill the memory.
REPEATS_AT_MOST = 2
# The largest published weights of torchvision have 2.6 GB.
BYTES_AT_MOST = 8 * 2**30
# A message lists at most this many names, and counts the rest.
NAMES_LISTED = 4


@dataclass(frozen=True)
class DeclaredTensor:
    """A tensor that is not read yet.

    Attributes:
        dtype: PyTorch's name of the type, such as ``float32``.
        shape, stride: as PyTorch has them; the stride counts elements.
        start: position, in the file, of the first byte of the tensor's first element.
    """

    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    start: int

    @property
    def span(self) -> int:
        """The number of stored elements from the first to the last one that the tensor has."""
        return span_of(self.shape, self.stride)


def span_of(shape: tuple[int, ...], stride: tuple[int, ...]) -> int:
    """Return how many stored elements lie between a tensor's first and last one, both included."""
    if 0 in shape:
        return 0
    return 1 + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))


def contiguous_stride(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the stride of a tensor whose elements are stored row by row."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def list_first(texts: Sequence[str]) -> str:
    """Return the first texts, and how many more there are: ``a, b, c, d and 3 more``."""
    more = f" and {len(texts) - NAMES_LISTED} more" if len(texts) > NAMES_LISTED else ""
    return ", ".join(texts[:NAMES_LISTED]) + more


def list_names(names: Iterable[str]) -> str:
    """Return the first names as ``list_first`` does, each shortened."""
    return list_first([named(name) for name in names])


def check_names(names: Iterable[str], file: str) -> None:
    """Check the names of tensors: how many, how long, and that they can be shown.

    Raises:
        BadCheckpoint: a name is too long or cannot be shown, or there are too many.
    """
    names = list(names)
    if len(names) > TENSORS_AT_MOST:
        raise BadCheckpoint(
            f"{file} has {len(names):,} tensors; at most {TENSORS_AT_MOST:,} can be read"
        )
    long = [it for it in names if len(it) > NAME_CHARACTERS]
    if long:
        raise BadCheckpoint(
            f"{file} has names of more than {NAME_CHARACTERS} characters: {list_names(long)}"
        )
    # Half of a surrogate pair, a line break and a control character cannot be shown either.
    hidden = [it for it in names if not it.isprintable()]
    if hidden:
        raise BadCheckpoint(f"{file} has names that cannot be shown: {list_names(hidden)}")


def check_tensors(
    tensors: Mapping[str, DeclaredTensor], path: Path
) -> Mapping[str, DeclaredTensor]:
    """Check the types and the sizes of tensors of a file, and return them.

    Raises:
        BadCheckpoint: a tensor is of a type that networks do not use, or the tensors together are
            larger than the file can tell.
    """
    file = named(path.name)
    for name, tensor in tensors.items():
        if tensor.dtype not in ITEM_BYTES:
            raise BadCheckpoint(
                f"{named(name)} in {file} is of the type {named(tensor.dtype)}; save it as a plain "
                "float32 tensor"
            )
    total = sum(it.span * ITEM_BYTES[it.dtype] for it in tensors.values())
    if total > REPEATS_AT_MOST * path.stat().st_size or total > BYTES_AT_MOST:
        raise BadCheckpoint(
            f"the tensors of {file} would take {total / 1e6:,.0f} MB, more than such a file may; "
            "save a state dict without views of other tensors"
        )
    return tensors
