"""Weights files: reading them without running code, and loading them into a network.

A file is checked in two steps: what it says of its tensors, without PyTorch and before any of them
is read (``outline``), and their values (``weights_files``).
"""

from core.exports import lazy

__all__, __getattr__ = lazy(
    __name__,
    {
        "fitting": ["fingerprint", "load_state"],
        "weights_files": ["StateDict", "read_checkpoint", "write_safetensors"],
    },
)
