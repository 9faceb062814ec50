"""Where tensors lie in what a training script saves: each by its path, however deep it is wrapped.

A path joins the keys of mappings, the numbers of lists, and the names of attributes and modules:
``callbacks.ema.state_dict.conv1.weight``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.checkpoints import class_names, torch_names
from core.checkpoints.class_names import CLASSES_AT_MOST
from core.checkpoints.declared import NAME_CHARACTERS, DeclaredTensor, list_names
from core.checkpoints.pickle_values import ObjectOutline, OrderedOutline, TensorOutline
from core.errors import BadCheckpoint

# Real files have about 10 levels. Deeper ones are made to exhaust something.
DEPTH_AT_MOST = 32
# State dicts, averages and the states of optimisers together have a few times a network's tensors.
TENSORS_AT_MOST = 50_000
# The state of an optimiser has a mapping for each parameter.
CONTAINERS_AT_MOST = 200_000
# A module has few buffers that are not saved.
PASSING_AT_MOST = 100
# A path has several names; more characters are made to fill the memory.
PATH_CHARACTERS = 4 * NAME_CHARACTERS


@dataclass
class FileContent:
    """All tensors in a weights file, and what else is of use; no value is read yet.

    Attributes:
        tensors: the tensors by path.
        holders: for each path, a number that is the same for all tensors of one mapping or module.
        folders: by the number of the holder, the path of the mapping or module.
        versions: versions of modules by path, as ``_metadata`` of state dicts tells them.
        classes: lists of class names, in the order in which they are in the file.
        arrays: whether there are arrays of numpy.
    """

    tensors: dict[str, TensorOutline | DeclaredTensor] = field(default_factory=dict)
    holders: dict[str, int] = field(default_factory=dict)
    folders: dict[int, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    classes: list[tuple[str, ...]] = field(default_factory=list)
    arrays: bool = False


def find_tensors(content: Any, file: str) -> FileContent:
    """Return the tensors in what a file of ``torch.save`` holds, and the class names beside them.

    Args:
        content: what the file holds, with an outline for each tensor and object.
        file: name of the file for messages.

    Raises:
        BadCheckpoint: there are too many tensors or containers, or a name is too long.
    """
    search = _Search(file)
    if isinstance(content, TensorOutline):
        return search.found
    search.visit(content, "", 0)
    return search.found


class _Search:
    """A search through nested containers that visits each of them once."""

    def __init__(self, file: str) -> None:
        self.found = FileContent()
        self._file = file
        self._seen: set[int] = set()

    def visit(self, value: Any, path: str, depth: int, holder: int | None = None) -> None:
        """Note the tensors in a value.

        Args:
            value: any value.
            path: its path.
            depth: how many containers it is in.
            holder: number of the holder of the module that it is part of; None for others.
        """
        if depth > DEPTH_AT_MOST or id(value) in self._seen:
            return
        self._seen.add(id(value))
        if len(self._seen) > CONTAINERS_AT_MOST:
            raise BadCheckpoint(
                f"{self._file} has more than {CONTAINERS_AT_MOST:,} lists and mappings; save "
                "model.state_dict() alone"
            )
        self._note(value, path)
        if holder is None:
            holder = len(self.found.folders)
            self.found.folders[holder] = path
        within = _is_module(value)
        for key, inner in _items(value):
            where = f"{path}.{key}" if path else str(key)
            if isinstance(inner, TensorOutline):
                self._add(where, inner, holder)
            elif isinstance(inner, (dict, list, tuple, ObjectOutline)):
                names = self._class_names(inner) if key in class_names.KEYS else None
                if names is None:
                    self.visit(inner, where, depth + 1, holder if within else None)
                else:
                    self.found.classes.append(names)

    def _class_names(self, value: Any) -> tuple[str, ...] | None:
        """Return the class names in a container that was not seen before; None if it has none."""
        if isinstance(value, ObjectOutline) or id(value) in self._seen:
            return None
        names = class_names.names_in(value) if len(value) <= CLASSES_AT_MOST else None
        if names is None or not class_names.can_be_shown(names):
            return None
        self._seen.add(id(value))
        return names

    def _add(self, path: str, tensor: TensorOutline, holder: int) -> None:
        if len(path) > PATH_CHARACTERS:
            raise BadCheckpoint(
                f"{self._file} has names of more than {NAME_CHARACTERS} characters: "
                f"{list_names([path])}"
            )
        if len(self.found.tensors) == TENSORS_AT_MOST:
            raise BadCheckpoint(
                f"{self._file} has more than {TENSORS_AT_MOST:,} tensors; save "
                "model.state_dict() alone"
            )
        self.found.tensors.setdefault(path, tensor)
        self.found.holders.setdefault(path, holder)

    def _note(self, value: Any, path: str) -> None:
        """Note versions of modules, and that there are arrays of numpy."""
        if isinstance(value, ObjectOutline):
            self.found.arrays = self.found.arrays or torch_names.is_array(value.kind)
        if isinstance(value, OrderedOutline):
            metadata = value.attributes.get("_metadata")
            if not isinstance(metadata, dict) or id(metadata) in self._seen:
                return
            self._seen.add(id(metadata))
            for name, facts in metadata.items():
                version = facts.get("version") if isinstance(facts, dict) else None
                if isinstance(name, str) and type(version) is int:
                    self.found.versions[".".join(filter(None, (path, name)))] = version


def _is_module(value: Any) -> bool:
    """Whether a value is a module of PyTorch that was saved as a whole."""
    return isinstance(value, ObjectOutline) and all(
        isinstance(value.attributes.get(it), dict) for it in ("_parameters", "_buffers", "_modules")
    )


def _items(value: Any) -> Iterator[tuple[str | int, Any]]:
    """Yield the keys and values of a container that may have tensors in it."""
    if _is_module(value):
        attributes = value.attributes
        passing = attributes.get("_non_persistent_buffers_set", ())
        if not isinstance(passing, list) or len(passing) > PASSING_AT_MOST:
            passing = []
        yield from _items(attributes["_parameters"])
        yield from (it for it in _items(attributes["_buffers"]) if it[0] not in passing)
        yield from _items(attributes["_modules"])
    elif isinstance(value, ObjectOutline):
        yield from _items(value.attributes)
    elif isinstance(value, Mapping):
        yield from ((key, it) for key, it in value.items() if type(key) in (str, int))
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)
