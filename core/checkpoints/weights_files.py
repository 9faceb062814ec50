"""Reading and writing of weights files, without running anything that is in them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from core.checkpoints.declared import ITEM_BYTES, DeclaredTensor, list_names
from core.checkpoints.outline import read_outline
from core.errors import BadCheckpoint, named
from core.files import write_file

# Weights of larger magnitude would overflow in the first layers.
LARGEST = 1e12

StateDict = dict[str, Tensor]


def read_checkpoint(path: Path) -> tuple[StateDict, tuple[str, ...] | None]:
    """Read the tensors of a weights file, and the class names if the file contains any.

    Class names are a JSON list under the key ``classes`` of a safetensors file's metadata.

    Returns:
        float32, integer or boolean tensors by parameter name, and the class names or ``None``.

    Raises:
        BadCheckpoint: the file is missing, damaged, or holds anything but finite tensors.
    """
    outline = read_outline(path)
    name = named(path.name)
    try:
        state = dict(_read_tensors(path, outline.tensors))
    except (OSError, EOFError) as error:
        raise BadCheckpoint(f"{name} cannot be read: {error}") from error
    absurd = [parameter for parameter, value in state.items() if not _is_sensible(value)]
    if absurd:
        raise BadCheckpoint(
            f"{name} has values that are no finite numbers below {LARGEST:g} in "
            f"{list_names(absurd)}"
        )
    return state, outline.classes


def _read_tensors(
    path: Path, tensors: Mapping[str, DeclaredTensor]
) -> Iterator[tuple[str, Tensor]]:
    """Yield names and values, in the order in which they are in the file."""
    with path.open("rb") as file:
        for name, declared in sorted(tensors.items(), key=lambda it: it[1].start):
            content = bytearray(declared.span * ITEM_BYTES[declared.dtype])
            file.seek(declared.start)
            if file.readinto(content) < len(content):
                raise EOFError("it has become shorter")
            yield name, _tensor(content, declared)


def _tensor(content: bytearray, declared: DeclaredTensor) -> Tensor:
    """Return a contiguous tensor, float32 if its values are of a floating type."""
    if not content:
        stored = torch.empty(0, dtype=getattr(torch, declared.dtype))
    elif declared.dtype == "bool":
        # Other bytes than 0 and 1 are no booleans.
        stored = torch.frombuffer(content, dtype=torch.uint8) != 0
    else:
        stored = torch.frombuffer(content, dtype=getattr(torch, declared.dtype))
    value = stored.as_strided(declared.shape, declared.stride).contiguous()
    return value.float() if value.is_floating_point() else value


def _is_sensible(value: Tensor) -> bool:
    """Whether all values are finite and not absurdly large; comparisons with NaN are false."""
    if not value.is_floating_point() or value.numel() == 0:
        return True
    least, largest = torch.aminmax(value)
    return bool(least >= -LARGEST) and bool(largest <= LARGEST)


def write_safetensors(
    path: Path, state: Mapping[str, Tensor], classes: Sequence[str] | None = None
) -> None:
    """Write tensors and, if given, class names in the format of ``read_checkpoint``."""
    metadata = None if classes is None else {"classes": json.dumps(list(classes))}
    tensors = {name: value.contiguous() for name, value in state.items()}
    write_file(path, save(tensors, metadata))
