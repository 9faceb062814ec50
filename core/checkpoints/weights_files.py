"""Reading and writing of weights files, without running anything that is in them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from core.checkpoints.declared import ITEM_BYTES, DeclaredTensor, list_names
from core.checkpoints.outline import DTYPES, OpenedFile, open_file
from core.checkpoints.plain_names import largest_state_dict
from core.errors import BadCheckpoint
from core.files import replacing
from core.safetensors_header import LENGTH

# Weights of larger magnitude would overflow in the first layers.
LARGEST = 1e12
# The format's names of types, by PyTorch's; and its key of texts.
STORED_DTYPES = {dtype: stored for stored, dtype in DTYPES.items()}
METADATA = "__metadata__"

StateDict = dict[str, Tensor]


def read_checkpoint(path: Path) -> tuple[StateDict, tuple[str, ...] | None]:
    """Read the largest state dict of a weights file, and the class names if the file has any.

    Returns:
        float32, integer or boolean tensors by parameter name, and the class names or ``None``.

    Raises:
        BadCheckpoint: the file is missing, damaged, or holds anything but finite tensors.
    """
    opened = open_file(path)
    classes = opened.content.classes
    state = read_tensors(opened, largest_state_dict(opened.content))
    return state, classes[0] if classes else None


def read_tensors(opened: OpenedFile, paths: Mapping[str, str]) -> StateDict:
    """Read some of the tensors of a weights file.

    Args:
        opened: the file.
        paths: the path of each tensor in the file, by the name that it gets.

    Returns:
        float32, integer or boolean tensors by name.

    Raises:
        BadCheckpoint: the file is damaged, or holds other values than finite numbers.
    """
    tensors = opened.declare(paths)
    try:
        state = dict(_read_tensors(opened.path, tensors))
    except (OSError, EOFError) as error:
        raise BadCheckpoint(f"{opened.name} cannot be read: {error}") from error
    absurd = [parameter for parameter, value in state.items() if not _is_sensible(value)]
    if absurd:
        raise BadCheckpoint(
            f"{opened.name} has values that are no finite numbers below {LARGEST:g} in "
            f"{list_names(absurd)}"
        )
    return state


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
    """Write tensors and, if given, class names in the format of ``read_checkpoint``.

    The tensors are written one after the other, so that no second copy of them is in memory.
    """
    header: dict[str, object] = (
        {} if classes is None else {METADATA: {"classes": json.dumps(classes)}}
    )
    end = 0
    for name, value in state.items():
        start, end = end, end + value.numel() * value.element_size()
        dtype = STORED_DTYPES[str(value.dtype).removeprefix("torch.")]
        header[name] = {"dtype": dtype, "shape": list(value.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % LENGTH.size)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(LENGTH.pack(len(text)) + text)
        for value in state.values():
            flat = value.detach().cpu().contiguous().reshape(-1)
            file.write(flat.view(torch.uint8).numpy().data)
