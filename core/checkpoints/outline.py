"""What is in a weights file, of any format, without PyTorch and before any value is read."""

from pathlib import Path

from core import safetensors_header
from core.checkpoints import state_dicts, torch_files
from core.checkpoints.declared import (
    NAME_CHARACTERS,
    CheckpointOutline,
    DeclaredTensor,
    check_names,
    check_outline,
    contiguous_stride,
)
from core.errors import BadCheckpoint, named
from core.safetensors_header import SafetensorsHeader, parse_json

# PyTorch's names of types, by those of safetensors.
DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
}
CLASSES_AT_MOST = 100_000
# Where a tar archive has the name of its format, which torch.save wrote until 2017.
TAR_NAME_AT, TAR_NAME = 257, b"ustar"


def read_outline(path: Path) -> CheckpointOutline:
    """Read what a weights file says of its tensors, and check it.

    The format is found in the content: a zip archive or pickles of ``torch.save``, or safetensors.

    Raises:
        BadCheckpoint: the file is missing, damaged, or holds anything but tensors that a network
            could use.
    """
    name = named(path.name)
    try:
        if not path.is_file():
            raise BadCheckpoint(f"there is no weights file {name}")
        with path.open("rb") as file:
            start = file.read(TAR_NAME_AT + len(TAR_NAME))
        if start[TAR_NAME_AT:] == TAR_NAME:
            raise BadCheckpoint(
                f"{name} is of a format that PyTorch wrote until 2017; load it there and save "
                "model.state_dict() again"
            )
        torch_file = torch_files.is_torch_file(start)
        outline = _torch_outline(path) if torch_file else _safetensors_outline(path)
    except OSError as error:
        raise BadCheckpoint(f"{name} cannot be read: {error.strerror}") from error
    return check_outline(outline, path)


def _torch_outline(path: Path) -> CheckpointOutline:
    name = named(path.name)
    content, places = torch_files.read_content(path)
    state = state_dicts.find_state_dict(content, name)
    check_names(state, name)
    tensors = {
        plain: torch_files.declare(plain, state[stored], places, name)
        for stored, plain in state_dicts.plain_names(list(state)).items()
    }
    return CheckpointOutline(tensors, None)


def _safetensors_outline(path: Path) -> CheckpointOutline:
    name = named(path.name)
    try:
        header = safetensors_header.read_header(path)
    except ValueError as error:
        kind = (
            "safetensors file"
            if path.suffix == ".safetensors"
            else "weights file, of safetensors or torch.save"
        )
        raise BadCheckpoint(f"{name} is not a readable {kind}: {error}") from error
    check_names(header.tensors, name)
    tensors = {}
    for stored, plain in state_dicts.plain_names(list(header.tensors)).items():
        tensor = header.tensors[stored]
        dtype = DTYPES.get(tensor.dtype, tensor.dtype)
        stride = contiguous_stride(tensor.shape)
        tensors[plain] = DeclaredTensor(dtype, tensor.shape, stride, tensor.start)
    return CheckpointOutline(tensors, _classes(header, name))


def _classes(header: SafetensorsHeader, name: str) -> tuple[str, ...] | None:
    """Return the class names: a JSON list under the key ``classes`` of the metadata."""
    if "classes" not in header.metadata:
        return None
    try:
        classes = parse_json(header.metadata["classes"])
    except ValueError as error:
        raise BadCheckpoint(f"{name} has class names that cannot be read: {error}") from error
    if not isinstance(classes, list) or not all(isinstance(it, str) for it in classes):
        raise BadCheckpoint(f"{name} has class names that are no JSON list of strings")
    if len(classes) > CLASSES_AT_MOST or any(
        len(it) > NAME_CHARACTERS or not it.isprintable() for it in classes
    ):
        raise BadCheckpoint(
            f"{name} has class names that cannot be shown, of more than {NAME_CHARACTERS} "
            f"characters, or more than {CLASSES_AT_MOST:,} of them"
        )
    return tuple(classes)
