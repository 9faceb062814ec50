"""What a pickle of ``torch.save`` would build: tensors, storages, containers and other objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


class NotTensors(ValueError):
    """A pickle that is damaged, or that holds more than tensors and plain containers."""


@dataclass(frozen=True)
class Symbol:
    """A function or class that a pickle names; it is never looked up."""

    name: str


class OrderedOutline(dict[Any, Any]):
    """An ``OrderedDict`` or the like, which may have attributes.

    Attributes:
        attributes: those of a state dict have ``_metadata``: the versions of modules.
    """

    attributes: Mapping[Any, Any] = MappingProxyType({})


@dataclass(eq=False)
class ObjectOutline:
    """An object of a class that the machine does not know.

    Attributes:
        kind: full name of its class, or of the function that would have returned it.
        attributes: its attributes, and what it holds if it is a mapping or a list.
    """

    kind: str
    attributes: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StorageOutline:
    """A storage that a pickle refers to.

    Attributes:
        key: its key in the file.
        dtype: type of its elements; "" for bytes.
        item_bytes: bytes of one element.
        count: number of elements.
    """

    key: str
    dtype: str
    item_bytes: int
    count: int


@dataclass(frozen=True)
class TensorOutline:
    """A tensor that a pickle would build.

    Attributes:
        dtype: PyTorch's name of the type, or a word for a type that cannot be read.
        shape, stride, offset: as PyTorch has them, in elements.
        storage: None for types that cannot be read.
    """

    dtype: str
    shape: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    offset: int = 0
    storage: StorageOutline | None = None
