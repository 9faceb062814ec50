"""A device that does not exist: its tensors are on the CPU, and say that they are elsewhere.

What it shows: every operation of PyTorch that reaches a tensor of the device, forward and backward,
with its precision; tensors of the CPU among them, for which a real device would raise an error; and
each time that the host waits for the device. What it cannot show: the speed and the rounding of a
real device, what half precision changes there, and which operations a real one lacks. Those
that it lacks are given by the test.

Code that converts a tensor inside of a function of PyTorch, and code in other threads, is not seen:
only functions that are called by this project's code in the thread of the ``with`` statement are.
"""

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

CORE = str(Path(__file__).parents[2] / "core")
WIDE = (torch.float64, torch.complex128)
# Operations after which the host knows a number, so it waits for the device.
READING = {
    "aten::_local_scalar_dense",
    "aten::nonzero",
    "aten::equal",
    "aten::masked_select",
    "aten::is_nonzero",
}
COPYING, INDEXING = "aten::copy_", {"aten::index", "aten::index_put_", "aten::index_put"}
# What PyTorch puts off is not seen where these tensors are computed.
AT_ONCE = {
    "aten::_conj": torch.ops.aten._conj_physical.default,
    "aten::_neg_view": torch.ops.aten.neg.default,
}
CPU_ONLY = ("mkldnn::", "mkl::", "quantized::", "onednn::")


class DeviceTensor(Tensor):
    """A tensor of the device.

    Attributes:
        held: the tensor of the CPU with its numbers.
        owner: the device.
    """

    held: Tensor
    owner: "FakeDevice"
    # The device is a mode, which sees the functions that are called.
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: Tensor, owner: "FakeDevice") -> "DeviceTensor":
        made: DeviceTensor = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=held.device,
        )
        made.held, made.owner = held, owner
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return self.owner.device

    def __repr__(self) -> str:  # type: ignore[override]
        return f"{self.owner.device.type} {self.held}"

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        with torch._C.DisableTorchFunction():
            given = _tensors((args, kwargs))
            ours = [it for it in given if isinstance(it, DeviceTensor)]
            owner = ours[0].owner
            name: str = func._schema.name
            owner.check(name, given)
            args, options = _change_tensors((args, dict(kwargs or {})), _held)
            result = AT_ONCE.get(name, func)(*args, **options)
            if name == COPYING and not isinstance(given[0], DeviceTensor):
                return given[0]
            result = owner.spoil(name, result)
            # What works in place returns the tensor that it was given.
            known = {id(it.held): it for it in ours}
            return _change_tensors(
                result, lambda it: known[id(it)] if id(it) in known else owner.hold(it)
            )


class _Move(torch.autograd.Function):
    """A copy from the CPU to the device or back."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, owner: "FakeDevice | None") -> Tensor:
        if owner is None:
            ctx.owner = tensor.owner  # type: ignore[attr-defined]
            return _held(tensor).detach().clone()
        ctx.owner = None
        return owner.hold(tensor.detach().clone())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return (_held(gradient) if ctx.owner is None else ctx.owner.hold(gradient)), None


def _held(value: Any) -> Any:
    return value.held if isinstance(value, DeviceTensor) else value


# What follows does what ``torch.utils._pytree`` does, for the containers of operations, in a
# fraction of the time.
def _tensors(value: Any) -> list[Tensor]:
    """Return all tensors in nested containers."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return []
    return [it for each in value for it in _tensors(each)]


def _change_tensors(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """Return nested containers with other tensors in them."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: _change_tensors(it, change) for key, it in value.items()}
    if isinstance(value, (list, tuple)):
        changed = [_change_tensors(it, change) for it in value]
        return changed if isinstance(value, list) else tuple(changed)
    return value


def _never(_: Any) -> bool:
    return False


class FakeDevice(TorchFunctionMode):
    """The device; what runs in its ``with`` statement can use it by its name.

    Attributes:
        device: its name for PyTorch, such as ``mps``.
        lacks: names of operations that it does not have.
        wrong: by the name of an operation, for which results its values are wrong.
        seen: how often each operation ran.
        waits: how often the host waited for the device, by the place in ``core``.
    """

    def __init__(
        self,
        kind: str,
        lacks: Iterable[str] = (),
        wrong: Mapping[str, Callable[[Tensor], bool]] | None = None,
    ) -> None:
        super().__init__()
        self.device = torch.device(kind)
        self.lacks, self.wrong = set(lacks), dict(wrong or {})
        self.seen: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()
        self._before: list[bool] = []

    def hold(self, tensor: Tensor) -> Tensor:
        """Return a tensor of the device with the numbers of a tensor of the CPU."""
        if self.device.type == "mps" and tensor.dtype in WIDE:
            raise TypeError("the MPS framework doesn't support float64")
        return DeviceTensor(tensor, self)

    def check(self, name: str, given: list[Tensor]) -> None:
        """Count an operation, and raise what a real device would raise."""
        self.seen[name] += 1
        if name in self.lacks:
            raise NotImplementedError(f"The operator '{name}' is not currently implemented.")
        if name.startswith(CPU_ONLY):
            raise AssertionError(f"{name} is for CPUs only")
        strange = [it for it in given if not isinstance(it, DeviceTensor) and it.ndim]
        by_truth = name in INDEXING and any(it.dtype == torch.bool for it in given[1:])
        if strange and name not in INDEXING and name != COPYING:
            raise RuntimeError(f"{name}: Expected all tensors to be on the same device")
        if name in READING or by_truth or strange:
            self.wait(name)

    def spoil(self, name: str, result: Any) -> Any:
        """Return a result, which is made wrong if the operation is."""
        if name in self.wrong and self.wrong[name](result):
            return result + result.abs().max()
        return result

    def wait(self, what: str) -> None:
        """Count that the host waits for the device."""
        codes = (frame.f_code for frame, _ in traceback.walk_stack(None))
        place = next((it for it in codes if it.co_filename.startswith(CORE)), None)
        name = "?" if place is None else f"{Path(place.co_filename).name}:{place.co_name}"
        self.waits[f"{name} {what}"] += 1

    def __enter__(self) -> "FakeDevice":
        # Modules that are moved get new parameters, as tensors of another class need.
        self._before.append(torch.__future__.get_overwrite_module_params_on_conversion())
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        torch.__future__.set_overwrite_module_params_on_conversion(self._before.pop())

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        first = args[0] if args else None
        if func in (torch.autograd.grad, Tensor.backward):
            # The backward passes of this project's functions must see the device, too.
            with (
                self,
                mock.patch.object(torch.autograd, "has_torch_function", _never),
                mock.patch.object(torch._tensor, "has_torch_function_unary", _never),
            ):
                return func(*args, **options)
        if func is Tensor.to:
            return self._to(first, args[1:], options)
        if isinstance(first, DeviceTensor):
            if func is Tensor.cpu:
                return self._to(first, ("cpu",), {})
            if func is Tensor.tolist:
                self.wait("tolist")
                return first.held.tolist()
            if func in (Tensor.numpy, Tensor.__array__):
                raise TypeError(f"can't convert {self.device} device type tensor to numpy")
            if func is Tensor.__deepcopy__:
                return self._copy(first, args[1])
        if self._is_here(options.get("device")):
            made = func(*args, **{**options, "device": "cpu"})
            if func in (torch.tensor, torch.as_tensor):
                self.wait("tensor")
            return self.hold(_held(made))
        return func(*args, **options)

    def _is_here(self, device: Any) -> bool:
        return device is not None and torch.device(device).type == self.device.type

    def _to(self, tensor: Tensor, args: tuple[Any, ...], options: dict[str, Any]) -> Tensor:
        """Do what ``Tensor.to`` does."""
        other = next((it for it in (*args, *options.values()) if isinstance(it, Tensor)), None)
        device: Any
        dtype: Any
        if other is not None:
            device, dtype, unawaited, layout = other.device, other.dtype, False, None
        else:
            device, dtype, unawaited, layout = torch._C._nn._parse_to(  # type: ignore[attr-defined]
                *args, **options
            )
        changes = {"dtype": dtype, "memory_format": layout}
        changes = {name: value for name, value in changes.items() if value is not None}
        here, there = isinstance(tensor, DeviceTensor), self._is_here(device)
        if device is None or here == there:
            if here or (device is not None and there):
                return Tensor.to(tensor, **changes) if changes else tensor
            kept = {**changes, **({} if device is None else {"device": device})}
            return Tensor.to(tensor, **kept)
        if here or not unawaited or self.device.type != "cuda":
            self.wait("copy")
        moved: Tensor = _Move.apply(tensor, None) if here else None  # type: ignore[assignment]
        if here:
            return moved.to(**changes) if changes else moved
        tensor = tensor.to(**changes) if changes else tensor
        arrived: Tensor = _Move.apply(tensor, self)
        return arrived

    def _copy(self, tensor: DeviceTensor, memo: dict[int, Any]) -> Tensor:
        if id(tensor) not in memo:
            copied = self.hold(tensor.held.clone())
            copied.requires_grad_(tensor.requires_grad)
            if isinstance(tensor, torch.nn.Parameter):
                copied._is_param = True  # type: ignore[attr-defined]
            memo[id(tensor)] = copied
        found: Tensor = memo[id(tensor)]
        return found
