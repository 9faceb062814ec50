"""Loading the tensors of a checkpoint into a network, and fingerprints of weights."""

import hashlib
import warnings
from collections import OrderedDict
from collections.abc import Collection, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from core.checkpoints.matching import COUNTERS
from core.checkpoints.misfits import describe_problems
from core.errors import BadCheckpoint, named

NO_VERSIONS: Mapping[str, int] = MappingProxyType({})


def load_state(
    module: nn.Module,
    state: Mapping[str, Tensor],
    file_name: str,
    network_name: str,
    versions: Mapping[str, int] = NO_VERSIONS,
) -> None:
    """Replace a network's parameters and buffers by the tensors of a checkpoint.

    Args:
        module: the network, on any device.
        state: the tensors by name.
        file_name, network_name: names for messages.
        versions: versions of the network's modules when the checkpoint was saved, by name.

    Raises:
        BadCheckpoint: a tensor is missing, unexpected, or of another shape or kind (floating,
            integer, boolean) than in the network; the message lists these tensors.
    """
    expected = module.state_dict()
    problems = describe_problems(
        [name for name in expected if name not in state and not name.endswith(COUNTERS)],
        [name for name in state if name not in expected],
        [
            f"{named(name)} {list(state[name].shape)} instead of {list(value.shape)}"
            for name, value in expected.items()
            if name in state and state[name].shape != value.shape
        ],
        [
            f"{named(name)} {kind_of(state[name])} instead of {kind_of(value)}"
            for name, value in expected.items()
            if name in state and kind_of(state[name]) != kind_of(value)
        ],
    )
    if problems:
        raise BadCheckpoint(f"{file_name} does not fit {network_name}; tensors {problems}")
    counters = {
        name: torch.zeros_like(expected[name], device="cpu")
        for name in expected
        if name not in state
    }
    # The file may have int32 where the network has int64.
    fitting = {name: value.to(expected[name].dtype) for name, value in state.items()}
    with warnings.catch_warnings():
        # torchvision advises to train an older network anew.
        warnings.simplefilter("ignore")
        module.load_state_dict(_versioned(module, {**fitting, **counters}, versions), assign=True)


def _versioned(
    module: nn.Module, state: Mapping[str, Tensor], versions: Mapping[str, int]
) -> OrderedDict[str, Tensor]:
    """Return a state dict with the versions of the modules, which some of them read.

    A version that is newer than the module, or no version at all, is left out.
    """
    metadata = {name: dict(it) for name, it in module.state_dict()._metadata.items()}  # type: ignore[attr-defined]
    for name, version in versions.items():
        if name in metadata and 0 < version <= metadata[name].get("version", 0):
            metadata[name]["version"] = version
    versioned = OrderedDict(state)
    versioned._metadata = metadata  # type: ignore[attr-defined]
    return versioned


def adapt_to_version(module: nn.Module, version: int) -> None:
    """Change a network to what it was in an older version of its library.

    torchvision's MNASNet builds its first layers anew for a state dict of its first version.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module.load_state_dict(_versioned(module, {}, {"": version}), strict=False)


def remove_head(module: nn.Module, dropped: Collection[str]) -> None:
    """Replace the modules of the head that lack their tensors by identities.

    Args:
        module: the network.
        dropped: names of the tensors that are lacking, all of one outermost module.
    """
    for path in {name.partition(".")[0] for name in dropped}:
        inside = [name for name in module.state_dict() if name.startswith(f"{path}.")]
        whole = set(inside) <= set(dropped)
        parts = [path] if whole else sorted({name.rpartition(".")[0] for name in dropped})
        for part in parts:
            module.set_submodule(part, nn.Identity())


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
