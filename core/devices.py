"""Choice of the device to compute on, and half precision where it is fast."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from core.errors import ExplorerError, unknown

DEVICES = ("auto", "cpu", "cuda", "mps")


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
