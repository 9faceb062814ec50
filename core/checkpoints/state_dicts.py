"""The state dict in a checkpoint of a training script, and the plain names of its parameters."""

from collections.abc import Iterator, Mapping
from typing import Any

from core.checkpoints.pickle_outline import TensorOutline
from core.errors import BadCheckpoint

# How deep a state dict may be in other mappings, as in ``{"model": {"state_dict": {...}}}``.
DEPTH = 2
# What data-parallel training and weight averaging, torch.compile, Lightning and the like put before
# every name.
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "ema_model.")
# The counter of ``torch.optim.swa_utils.AveragedModel``, which is no parameter of the network.
AVERAGED = "n_averaged"
# Auxiliary classifiers that only training uses; torchvision's googlenet and inception_v3
# checkpoints contain them.
AUXILIARY_HEADS = ("aux1.", "aux2.", "AuxLogits.")


def find_state_dict(content: Any, file: str) -> dict[str, TensorOutline]:
    """Return the mapping with most tensors, of those that hold nothing but tensors by name.

    Scripts wrap a state dict in many ways: ``{"state_dict": ..., "epoch": 3}``, ``{"net": ...}``,
    ``{"model": ..., "model_ema": ...}``. Of equally large ones, the first is returned.

    Args:
        content: what the file holds, with an outline for each tensor.
        file: name of the file for messages.

    Raises:
        BadCheckpoint: there is no such mapping.
    """
    found = [it for it in _mappings(content, DEPTH, set()) if _is_state_dict(it)]
    if not found:
        raise BadCheckpoint(f"{file} holds no state dict (tensors by parameter name)")
    return max(found, key=len)


def _mappings(value: Any, depth: int, seen: set[int]) -> Iterator[dict[Any, Any]]:
    """Yield a mapping and those in it, each once however often it appears."""
    if isinstance(value, dict) and id(value) not in seen:
        seen.add(id(value))
        yield value
        for inner in value.values() if depth else ():
            yield from _mappings(inner, depth - 1, seen)


def _is_state_dict(mapping: Mapping[Any, Any]) -> bool:
    return bool(mapping) and all(
        isinstance(name, str) and isinstance(value, TensorOutline)
        for name, value in mapping.items()
    )


def plain_names(names: list[str]) -> dict[str, str]:
    """Return names as the network has them, by the names in the file.

    Prefixes that all names share are taken off, such as ``_orig_mod.`` of ``torch.compile``.
    Tensors that the network does not have are left out: auxiliary classifiers and the counter of
    weight averaging.
    """
    plain = {name: name for name in names}
    prefix: str | None = ""
    while prefix is not None:
        plain = {
            name: short.removeprefix(prefix)
            for name, short in plain.items()
            if short.removeprefix(prefix) != AVERAGED
        }
        prefix = next((it for it in PREFIXES if _all_begin(plain, it)), None)
    return {name: short for name, short in plain.items() if not short.startswith(AUXILIARY_HEADS)}


def _all_begin(plain: Mapping[str, str], prefix: str) -> bool:
    return bool(plain) and all(name.startswith(prefix) for name in plain.values())
