"""What is in a weights file, of any format, without PyTorch and before any value is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import safetensors_header
from core.checkpoints import class_names, contents, foreign_files, torch_files
from core.checkpoints.contents import FileContent
from core.checkpoints.declared import (
    DeclaredTensor,
    check_names,
    check_tensors,
    contiguous_stride,
)
from core.checkpoints.pickle_values import ObjectOutline, TensorOutline
from core.errors import BadCheckpoint, named
from core.files import file_and_part

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


@dataclass(frozen=True)
class OpenedFile:
    """A weights file of which everything but the values was read.

    Attributes:
        path: the file.
        part: which of several state dicts in it the user names; "" to choose one.
        content: all tensors in it, by path.
        places: where its storages are, for a file of ``torch.save``.
    """

    path: Path
    part: str
    content: FileContent
    places: torch_files.Places

    @property
    def name(self) -> str:
        """The name of the file for messages."""
        return named(self.path.name)

    def declare(self, paths: Mapping[str, str]) -> Mapping[str, DeclaredTensor]:
        """Check some of the tensors, and return where in the file their values are.

        Args:
            paths: the path of each tensor in the file, by the name that it gets.

        Raises:
            BadCheckpoint: a tensor is of a type that networks do not use, damaged or too large.
        """
        check_names(paths, self.name)
        tensors = {}
        for name, path in paths.items():
            tensor = self.content.tensors[path]
            if isinstance(tensor, TensorOutline):
                tensor = torch_files.declare(name, tensor, self.places, self.name)
            tensors[name] = tensor
        return check_tensors(tensors, self.path)


def open_file(path: Path) -> OpenedFile:
    """Read what a weights file says of its tensors.

    The format is found in the content: a zip archive or pickles of ``torch.save``, or safetensors.

    Args:
        path: the file; after a ``#``, the path of one of its state dicts may follow.

    Raises:
        BadCheckpoint: the file is missing or damaged, of another format, or has no tensors.
    """
    file, part = file_and_part(path)
    name = named(file.name)
    try:
        if not file.is_file():
            raise BadCheckpoint(f"there is no weights file {name}; name one that is there")
        with file.open("rb") as opened:
            start = opened.read(foreign_files.START_BYTES)
        if kind := foreign_files.what_it_is(start):
            raise BadCheckpoint(f"{name} is {kind}")
        if torch_files.is_torch_file(start):
            content, places = _torch_content(file)
        else:
            content, places = _safetensors_content(file), {}
    except OSError as error:
        raise BadCheckpoint(f"{name} cannot be read: {error.strerror}") from error
    return OpenedFile(file, part, content, places)


def _torch_content(path: Path) -> tuple[FileContent, torch_files.Places]:
    name = named(path.name)
    content, places = torch_files.read_content(path)
    found = contents.find_tensors(content, name)
    if not found.tensors:
        raise BadCheckpoint(
            f"{name} holds no state dict (tensors by parameter name){_what_instead(content, found)}"
            "; save model.state_dict()"
        )
    return found, places


def _what_instead(content: Any, found: FileContent) -> str:
    """Return what a file without tensors by name holds, after a comma; "" for anything else."""
    if isinstance(content, TensorOutline):
        return ", but one tensor without a name"
    if found.arrays:
        return ", but arrays of numpy"
    if isinstance(content, ObjectOutline):
        return f", but an object of the class {named(content.kind)}"
    return ""


def _safetensors_content(path: Path) -> FileContent:
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
    found = FileContent(folders={0: ""}, holders=dict.fromkeys(header.tensors, 0))
    for path_in_file, tensor in header.tensors.items():
        dtype = DTYPES.get(tensor.dtype, tensor.dtype)
        stride = contiguous_stride(tensor.shape)
        found.tensors[path_in_file] = DeclaredTensor(dtype, tensor.shape, stride, tensor.start)
    if "classes" in header.metadata:
        found.classes.append(class_names.from_metadata(header.metadata["classes"], name))
    return found
