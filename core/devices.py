"""Where the numbers are computed: choosing a device, and half precision where it is fast."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from core.errors import ExplorerError, unknown

DEVICES = ("auto", "cpu", "cuda", "mps")


def resolve_device(name: str = "auto") -> torch.device:
    """Turn a setting into a device; ``auto`` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        ExplorerError: the name is none of ``DEVICES``, or this machine has no such device.
    """
    if name not in DEVICES:
        raise unknown("device", name, DEVICES)
    have = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if have[kind]))
    if not have[name]:
        raise ExplorerError(f"this machine has no {name} device; choose auto or cpu")
    return torch.device(name)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Say whether bfloat16 arithmetic is done in hardware on a device.

    A CPU without the instructions emulates them, which is slower than float32.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Run convolutions in bfloat16 within a ``with`` where that is fast, else change nothing."""
    if has_fast_bfloat16(device):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def working_precision(image: Tensor) -> torch.dtype:
    """Tell in which precision convolutions of an image run just now: autocast's, or its own."""
    kind = image.device.type
    if torch.is_autocast_enabled(kind) and image.dtype == torch.float32:
        return torch.get_autocast_dtype(kind)
    return image.dtype
