"""What a pickle of ``torch.save`` says, found without running it.

A pickle is a program for a small stack machine. ``pickletools.genops`` lists its instructions; the
machine here follows those that build plain containers, and notes which tensors PyTorch would build.
Nothing is imported and nothing is called, whatever the pickle names. Objects of classes that are
not PyTorch's, such as the settings of a training, are noted with their attributes; a pickle that
calls a function which builds no value is refused.
"""

import io
import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from core.checkpoints import torch_names
from core.checkpoints.declared import DIMENSIONS_AT_MOST
from core.checkpoints.pickle_values import (
    NotTensors,
    ObjectOutline,
    OrderedOutline,
    StorageOutline,
    Symbol,
    TensorOutline,
)
from core.errors import quoted

# The most instructions that are followed. A tensor takes about 40.
INSTRUCTIONS_AT_MOST = 1_000_000
# Sizes, strides and offsets are below this number, which no file reaches.
SIZE_AT_MOST = 2**48
# Whole numbers up to this one are kept; PyTorch's magic number is one of 77 bits.
NUMBER_AT_MOST = 2**80

# Instructions with an argument that is more than a value to push.
REFUSED = {"PERSID", "INST", "EXT1", "EXT2", "EXT4"}
# A value that is of no interest, such as a learning rate in a container that PyTorch would build.
OTHER = object()
# Values that a mapping may have as its keys. Others, such as nested tuples, can take very long to
# compare.
Key = str | int | float | bool | None


def read_pickle(data: io.BytesIO) -> tuple[Any, dict[str, StorageOutline]]:
    """Return what a pickle would build, and the storages that it refers to by their keys.

    A ``TensorOutline`` stands for each tensor.

    Args:
        data: the bytes; they are read up to the end of the pickle.

    Raises:
        NotTensors: the pickle is damaged, too long, or names functions that build no tensors.
    """
    machine = PickleMachine()
    try:
        for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
            if count == INSTRUCTIONS_AT_MOST:
                raise NotTensors("it is too long")
            machine.follow(operation.name, argument)
    except NotTensors:
        raise
    # What genops and the methods below raise for damaged bytes.
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise NotTensors("it is damaged") from error
    return machine.result, machine.storages


class PickleMachine:
    """The stack machine of pickles, for instructions that build plain containers and tensors."""

    def __init__(self) -> None:
        self.result: Any = None
        self.storages: dict[str, StorageOutline] = {}
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._copied = 0
        self._operations: Mapping[str, Callable[[Any], object]] = {
            "MARK": self._mark,
            "STOP": self._stop,
            "POP": lambda _: self._pop(),
            "POP_MARK": lambda _: self._pop_mark(),
            "DUP": lambda _: self._push(self._stack[-1]),
            "PUT": self._put,
            "BINPUT": self._put,
            "LONG_BINPUT": self._put,
            "MEMOIZE": lambda _: self._put(len(self._memo)),
            "GET": lambda at: self._push(self._memo[int(at)]),
            "BINGET": lambda at: self._push(self._memo[at]),
            "LONG_BINGET": lambda at: self._push(self._memo[at]),
            "EMPTY_TUPLE": lambda _: self._push(()),
            "EMPTY_LIST": lambda _: self._push([]),
            "EMPTY_SET": lambda _: self._push([]),
            "EMPTY_DICT": lambda _: self._push({}),
            "TUPLE": lambda _: self._push(tuple(self._pop_mark())),
            "TUPLE1": lambda _: self._push(self._pop_some(1)),
            "TUPLE2": lambda _: self._push(self._pop_some(2)),
            "TUPLE3": lambda _: self._push(self._pop_some(3)),
            "LIST": lambda _: self._push(self._pop_mark()),
            "FROZENSET": lambda _: self._push(self._pop_mark()),
            "DICT": self._dict,
            "APPEND": lambda _: self._extend([self._pop()]),
            "APPENDS": lambda _: self._extend(self._pop_mark()),
            "ADDITEMS": lambda _: self._extend(self._pop_mark()),
            "SETITEM": lambda _: self._update(self._pop_some(2)),
            "SETITEMS": lambda _: self._update(self._pop_mark()),
            "GLOBAL": lambda names: self._name(*names.split(" ", 1)),
            "STACK_GLOBAL": lambda _: self._name(*self._pop_some(2)),
            "REDUCE": self._reduce,
            "NEWOBJ": lambda _: self._new(*self._pop_some(2)),
            "NEWOBJ_EX": lambda _: self._new(*self._pop_some(3)[:2]),
            "BUILD": self._build,
            "BINPERSID": self._storage,
            "PROTO": lambda _: None,
            "FRAME": lambda _: None,
            "NONE": lambda _: self._push(None),
            "NEWTRUE": lambda _: self._push(True),
            "NEWFALSE": lambda _: self._push(False),
        }

    def follow(self, operation: str, argument: Any) -> None:
        """Follow one instruction; those that only push their argument have no method."""
        known = self._operations.get(operation)
        if operation in REFUSED:
            raise NotTensors(f"it has the instruction {operation}")
        if known is not None:
            known(argument)
        elif isinstance(argument, int):
            self._push(argument if abs(argument) < NUMBER_AT_MOST else OTHER)
        elif isinstance(argument, str | float):
            self._push(argument)
        elif isinstance(argument, bytes | bytearray):
            self._push(OTHER)
        else:
            raise NotTensors(f"it has the instruction {operation}")

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        return self._stack.pop()

    def _pop_some(self, count: int) -> tuple[Any, ...]:
        if len(self._stack) < count:
            raise NotTensors("it is damaged")
        values = tuple(self._stack[-count:])
        del self._stack[-count:]
        return values

    def _mark(self, _: Any) -> None:
        self._marked.append(self._stack)
        self._stack = []

    def _pop_mark(self) -> list[Any]:
        """Return what was pushed since the last mark, and take it away."""
        values = self._stack
        self._stack = self._marked.pop()
        return values

    def _stop(self, _: Any) -> None:
        self.result = self._pop()

    def _put(self, at: Any) -> None:
        self._memo[int(at)] = self._stack[-1]

    def _extend(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif isinstance(target, ObjectOutline):
            target.attributes.update(enumerate(values, len(target.attributes)))

    def _dict(self, _: Any) -> None:
        items = self._pop_mark()
        self._push({})
        self._update(items)

    def _update(self, items: list[Any] | tuple[Any, ...]) -> None:
        """Set the items of the mapping on the stack: key, value, key, value, ..."""
        target = self._stack[-1]
        if isinstance(target, ObjectOutline):
            target = target.attributes
        if isinstance(target, dict):
            pairs = zip(items[::2], items[1::2], strict=True)
            target.update((key, value) for key, value in pairs if isinstance(key, Key))

    def _name(self, module: str, name: str) -> None:
        # Protocol 2 writes the names that Python 2 had, such as ``exceptions.Exception``.
        module, name = NAME_MAPPING.get((module, name), (module, name))
        module = IMPORT_MAPPING.get(module, module)
        self._push(Symbol(f"{module}.{name}"))

    def _storage(self, _: Any) -> None:
        """Push the storage that a persistent id names: ``("storage", class, key, place, count)``.

        Files of before 2020 have a sixth value for views of other storages, which is None today.
        They name the classes of modules in the same way.
        """
        # A tuple may be very long and appear very often, so only its beginning is taken out.
        values = self._pop()[:6]
        if values[:1] == ("module",):
            # The class of a module, with its source code.
            self._push(values[1])
            return
        kind, symbol, key, _, count, *view = values
        known = kind == "storage" and torch_names.is_storage(symbol.name)
        if not known or not isinstance(key, str) or any(view):
            raise NotTensors("it has a storage that is not understood")
        found = torch_names.STORAGE_TYPES[symbol.name.rpartition(".")[2]]
        storage = StorageOutline(key, *found, _size(count))
        if self.storages.setdefault(key, storage) != storage:
            raise NotTensors("it has two storages of one key")
        self._push(storage)

    def _reduce(self, _: Any) -> None:
        """Push what a function or class would return for a tuple of arguments."""
        symbol, arguments = self._pop_some(2)
        if symbol.name in torch_names.CONTAINERS:
            items = arguments[0] if arguments else []
            self._push(self._copied_pairs(items) if symbol.name in torch_names.PAIRS else items)
        else:
            self._push(_call(symbol.name, arguments))

    def _new(self, symbol: Symbol, arguments: Any) -> None:
        """Push an object that was made without a call of its class."""
        if symbol.name in torch_names.CALLED:
            self._stack.extend((symbol, arguments))
            self._reduce(None)
        else:
            self._push(ObjectOutline(symbol.name))

    def _build(self, _: Any) -> None:
        """Set the attributes, a mapping or a pair of mappings, of the object below them."""
        state = self._pop()
        target = self._stack[-1]
        parts = state[:2] if isinstance(state, tuple) else (state,)
        found = [it for it in parts if isinstance(it, dict)]
        self._count(sum(map(len, found)))
        if isinstance(target, OrderedOutline):
            target.attributes = found[0] if found else {}
        elif isinstance(target, ObjectOutline):
            for attributes in found:
                target.attributes.update(attributes)

    def _copied_pairs(self, items: Any) -> OrderedOutline:
        """Return the mapping of a list of pairs, as Python 2 wrote it, or of a mapping."""
        pairs = items.items() if isinstance(items, dict) else items
        self._count(len(pairs))
        return OrderedOutline((key, value) for key, value in pairs if isinstance(key, Key))

    def _count(self, copied: int) -> None:
        """Bound the number of items that are copied; an instruction may copy many."""
        self._copied += copied
        if self._copied > INSTRUCTIONS_AT_MOST:
            raise NotTensors("it is too long")


def _call(name: str, arguments: tuple[Any, ...]) -> Any:
    if name in torch_names.REBUILD:
        return _tensor(arguments, typed=name.endswith("v3"))
    if name in torch_names.SPECIAL:
        return TensorOutline(torch_names.SPECIAL[name])
    if name in torch_names.WRAPPING:
        return arguments[0]
    if name == torch_names.REBUILD_SUBCLASS:
        function, _, inner = arguments[:3]
        return _call(function.name, inner) if function.name != name else OTHER
    if name == "torch.Size":
        return arguments[0]
    if name in torch_names.PLAIN:
        return OTHER
    if name == torch_names.DEFAULTS:
        return OrderedOutline()
    if name in torch_names.MAKING:
        return ObjectOutline(arguments[0].name)
    if torch_names.is_harmless(name):
        return ObjectOutline(name)
    raise NotTensors(f"it calls {quoted(name)}")


def _tensor(arguments: tuple[Any, ...], typed: bool) -> TensorOutline:
    """Return the tensor of ``(storage, offset, shape, stride, ...)``.

    Args:
        arguments: the arguments of PyTorch's function.
        typed: whether argument 6 is the element type. The storage then counts bytes.
    """
    storage, offset, shape, stride = arguments[:4]
    if not isinstance(storage, StorageOutline):
        raise NotTensors("it has a tensor without a storage")
    if len(shape) != len(stride) or len(shape) > DIMENSIONS_AT_MOST:
        raise NotTensors(f"it has a tensor of more than {DIMENSIONS_AT_MOST} dimensions")
    dtype = arguments[6].name.removeprefix("torch.") if typed else storage.dtype
    return TensorOutline(
        dtype, tuple(map(_size, shape)), tuple(map(_size, stride)), _size(offset), storage
    )


def _size(value: Hashable) -> int:
    """Return a size, stride or offset, which is a whole number and not negative."""
    if type(value) is not int or not 0 <= value < SIZE_AT_MOST:
        raise NotTensors("it has a size that makes no sense")
    return value
