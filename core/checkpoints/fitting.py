"""Fitting a checkpoint to a network: the number of classes, shapes and types, and the values."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from core.checkpoints.declared import list_first
from core.errors import BadCheckpoint, named

# Batch normalisation counts training batches. Evaluation never reads these counters, and old
# checkpoints lack them.
COUNTERS = ".num_batches_tracked"


def class_count(state: Mapping[str, Tensor], module: nn.Module, classes: int) -> int:
    """Return how many classes a checkpoint of a network was trained for.

    The last weight with ``classes`` rows in the module is that of the classifier; the checkpoint
    may have another number of rows there. Example: if ``fc.weight`` is ``[1000, 512]`` in the
    module and ``[10, 512]`` in the checkpoint, the result is 10. Biases are not used: a short file
    may have a bias of many rows, but weights take the place that they claim.

    Args:
        state: the checkpoint's tensors.
        module: the same architecture with its default number of classes, on any device.
        classes: the default number of classes.

    Returns:
        The number of rows in the checkpoint; ``classes`` if the checkpoint has no such parameter.
    """
    for name, value in reversed(list(module.state_dict().items())):
        loaded = state.get(name)
        if loaded is None or value.ndim < 2 or loaded.ndim != value.ndim:
            continue
        if value.shape[0] == classes and loaded.shape[1:] == value.shape[1:]:
            return max(int(loaded.shape[0]), 1)
    return classes


def load_state(
    module: nn.Module, state: Mapping[str, Tensor], file_name: str, network_name: str
) -> None:
    """Replace a network's parameters and buffers by the tensors of a checkpoint.

    Raises:
        BadCheckpoint: a tensor is missing, unexpected, or of another shape or kind (floating,
            integer, boolean) than in the network; the message lists these tensors.
    """
    expected = module.state_dict()
    missing = [name for name in expected if name not in state and not name.endswith(COUNTERS)]
    unexpected = [named(name) for name in state if name not in expected]
    misshapen = [
        f"{named(name)} {list(state[name].shape)} instead of {list(value.shape)}"
        for name, value in expected.items()
        if name in state and state[name].shape != value.shape
    ]
    of_other_kind = [
        f"{named(name)} {kind_of(state[name])} instead of {kind_of(value)}"
        for name, value in expected.items()
        if name in state and kind_of(state[name]) != kind_of(value)
    ]
    problems = [
        f"{len(names)} {what}: {list_first(names)}"
        for what, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", misshapen),
            ("of another kind", of_other_kind),
        )
        if names
    ]
    if problems:
        raise BadCheckpoint(
            f"{file_name} does not fit {network_name}; tensors {'; '.join(problems)}"
        )
    counters = {
        name: torch.zeros_like(expected[name], device="cpu")
        for name in expected
        if name not in state
    }
    # The file may have int32 where the network has int64.
    fitting = {name: value.to(expected[name].dtype) for name, value in state.items()}
    module.load_state_dict({**fitting, **counters}, assign=True)


def kind_of(value: Tensor) -> str:
    """Return the kind of a tensor's type: ``floating``, ``integer`` or ``boolean``."""
    if value.is_floating_point():
        return "floating"
    return "boolean" if value.dtype == torch.bool else "integer"


def fingerprint(state: Mapping[str, Tensor], *settings: object) -> str:
    """Return 16 hexadecimal digits of a SHA-256 that identify weights and settings by content."""
    digest = hashlib.sha256(repr(settings).encode())
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
