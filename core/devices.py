"""Choice of the device to compute on, its precision and memory layout, and what it cannot do."""

import functools
import logging
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import starmap
from typing import Any, ParamSpec

import torch
from torch import Tensor

from core.errors import ExplorerError, unknown

Params = ParamSpec("Params")

LOG = logging.getLogger(__name__)
DEVICES = ("auto", "cpu", "cuda", "mps")
# Types of devices that have every operation of PyTorch, and compute what the CPU computes.
RELIABLE = ("cpu", "cuda")
WITHOUT_FLOAT64 = ("mps",)
# Relative difference between the values of two devices that rounding may cause.
TOLERANCE = 1e-3
# ``falls_back`` remembers its answer for this many shapes of tensors.
SHAPES_AT_MOST = 4096


def resolve_device(name: str = "auto") -> torch.device:
    """Return the device of a name; ``auto`` is CUDA if present, else Apple's MPS, else the CPU.

    Raises:
        ExplorerError: the name is none of ``DEVICES``, or this machine has no such device.
    """
    if name not in DEVICES:
        raise unknown("device", name, DEVICES)
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if available[kind]))
    if not available[name]:
        raise ExplorerError(f"this machine has no {name} device; choose auto or cpu")
    return torch.device(name)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether a device computes bfloat16 arithmetic in hardware.

    A CPU without instructions for bfloat16 emulates this arithmetic, which is slower than float32.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context that runs convolutions in bfloat16 where that is fast, else an empty one."""
    if has_fast_bfloat16(device):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def working_precision(image: Tensor) -> torch.dtype:
    """Return the precision in which convolutions of an image are computed in this context.

    It is autocast's precision if the image is float32 and autocast is on for the image's device,
    else the precision of the image.
    """
    kind = image.device.type
    if torch.is_autocast_enabled(kind) and image.dtype == torch.float32:
        return torch.get_autocast_dtype(kind)
    return image.dtype


def memory_format(device: torch.device) -> torch.memory_format:
    """Return the memory layout of images and kernels in which a device's convolutions are fast.

    CPUs and CUDA are fastest with channels last. Apple's MPS converts this layout at every
    operation, and several versions of PyTorch compute wrong values for views of it there.
    """
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which convolutions of float32 are not rounded to TF32 on CUDA."""
    if device.type != "cuda":
        return nullcontext()
    # ``flags`` would switch cuDNN off if it were not told otherwise.
    context: AbstractContextManager[object] = torch.backends.cudnn.flags(
        enabled=True, allow_tf32=False
    )
    return context


def widest(values: Tensor) -> Tensor:
    """Return values in float64, or as they are if their device has no float64."""
    return values if values.device.type in WITHOUT_FLOAT64 else values.double()


def exact(values: Tensor) -> Tensor:
    """Return values in float64, on the CPU if their device has no float64."""
    # Two conversions, because the device would convert the values before it sends them.
    return (values.cpu() if values.device.type in WITHOUT_FLOAT64 else values).double()


def like(values: Tensor, other: Tensor) -> Tensor:
    """Return values in the precision and on the device of another tensor.

    The host does not wait for CUDA. MPS copies safely only if the host waits for it.
    """
    converted, device = values.to(other.dtype), other.device
    return converted.to(device, non_blocking=device.type == "cuda")


def indices_on(device: torch.device, indices: Any) -> Tensor:
    """Return indices ``[n]``, a list or an array, on a device; the host does not wait for CUDA."""
    return torch.as_tensor(indices).to(device, non_blocking=device.type == "cuda")


def falls_back(function: Callable[Params, Tensor]) -> Callable[Params, Tensor]:
    """Decorate a function of tensors so that the CPU computes what a device cannot.

    On CPUs and CUDA, nothing changes. Any other device is tried when tensors of some shapes come
    for the first time. If it fails, or if value or gradient differ from those of the CPU, the CPU
    computes the function for these shapes from then on. (On MPS some operations are missing, and
    others have been wrong for some shapes, such as inverse Fourier transforms of odd lengths.)

    Args:
        function: a function of tensors on one device, and of other hashable values. It has no
            effect but its result.
    """

    @functools.wraps(function)
    def run(*args: Params.args, **kwargs: Params.kwargs) -> Tensor:
        device = next(it.device for it in args if isinstance(it, Tensor))
        if device.type in RELIABLE:
            return function(*args, **kwargs)
        key = (function, device.type, *map(_described, args), *kwargs.items())
        if key not in _agreed:
            if len(_agreed) == SHAPES_AT_MOST:
                _agreed.clear()
            _agreed[key] = _agrees(function, args, kwargs)
            if not _agreed[key]:
                LOG.info("the CPU computes %s, because %s does not", function.__name__, device.type)
        if _agreed[key]:
            return function(*args, **kwargs)
        there = (it.cpu() if isinstance(it, Tensor) else it for it in args)
        return function(*there, **kwargs).to(device)  # type: ignore[arg-type]

    return run


# Whether a device computes a function as the CPU does, by what the answer depends on.
_agreed: dict[Hashable, bool] = {}


def _described(value: Any) -> Any:
    """Return what the ability of a device may depend on: all of a value but a tensor's numbers."""
    return (value.shape, value.dtype, value.requires_grad) if isinstance(value, Tensor) else value


def _agrees(
    function: Callable[..., Tensor], args: Iterable[Any], kwargs: Mapping[str, Any]
) -> bool:
    """Whether a function has about the same value and gradient on the device as on the CPU."""
    try:
        here = _evaluate(function, [_leaf(it) for it in args], kwargs)
    # What a device lacks, it tells by various exceptions.
    except Exception:
        return False
    there = _evaluate(function, [_leaf(it, on_cpu=True) for it in args], kwargs)
    return all(starmap(agree, zip(here, there, strict=True)))


def _leaf(value: Any, on_cpu: bool = False) -> Any:
    """Return a tensor without its history, and any other value as it is."""
    if not isinstance(value, Tensor):
        return value
    alone = value.detach().cpu() if on_cpu else value.detach()
    return alone.requires_grad_(value.requires_grad)


def _evaluate(
    function: Callable[..., Tensor], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[Tensor]:
    """Return the value of a function, and the gradients of its weighted sum, on the CPU."""
    needed = [it for it in args if isinstance(it, Tensor) and it.requires_grad]
    with torch.enable_grad():
        value = function(*args, **kwargs)
        # With equal weights, many gradients would be constant, also wrong ones.
        weights = like(torch.linspace(0.5, 1.5, value.numel()), value)
        gradients = torch.autograd.grad((value.flatten() * weights).sum(), needed) if needed else ()
    return [it.detach().cpu() for it in (value, *gradients)]


def agree(found: Tensor, expected: Tensor) -> bool:
    """Whether two tensors on the CPU are equal, up to what devices may differ by."""
    if found.shape != expected.shape:
        return False
    apart = (found.double() - expected.double()).norm()
    return bool(apart <= TOLERANCE * expected.double().norm() + TOLERANCE**2)
