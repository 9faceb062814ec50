"""Selection of the layers that are shown by default, from the image to the logits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from core.networks.receptive_fields.rules import Value

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
# A module with at least this many blocks of one class in a row is a stage, not a block.
STAGE_BLOCKS = 3
# Name of the last layer if no module of its own computes it.
LOGITS = "logits"


@dataclass(frozen=True)
class TracedTensor:
    """One intermediate tensor of a network.

    Attributes:
        node: name of its node.
        index: its index in the order of execution.
        path: path of the module or operation that computed it. It equals the node's name, except
            that a module that is called again keeps its path.
        leaf: whether a module without submodules computed it, and not a function.
        activation: whether it is the result of an activation function such as ReLU.
        value: the axes and shape of the tensor.
    """

    node: str
    index: int
    path: str
    leaf: bool
    activation: bool
    value: Value

    @property
    def owner(self) -> str:
        """The path of the module whose own code computed it."""
        return self.path.rpartition(".")[0]


def select_layers(
    module: nn.Module, tensors: Sequence[TracedTensor], outputs: Mapping[str, str]
) -> dict[str, str]:
    """Select the layers that are shown by default; return their display names by node name.

    They are the outputs of blocks, under the path of the block; activations outside blocks; and the
    logits. Containers, stages and wrappers are searched for blocks; blocks are not searched
    further.

    Args:
        module: the network.
        tensors: its intermediate tensors in the order of execution.
        outputs: name of the node that each module returned, by the module's path.
    """
    by_node = {tensor.node: tensor for tensor in tensors}
    transparent, blocks = {""}, list[str]()
    _classify_modules(module, "", tensors, transparent, blocks)
    chosen: dict[str, str] = {}
    for path in blocks:
        if outputs.get(path) in by_node:
            chosen.setdefault(outputs[path], path)
    for tensor in tensors:
        if tensor.activation and tensor.owner in transparent:
            chosen.setdefault(tensor.node, tensor.node)
    if not chosen:
        # Without blocks and activations, the layers with weights are shown.
        parts = dict(module.named_modules())
        weighted = (it.node for it in tensors if it.leaf and _has_weights(parts[it.path]))
        chosen = {node: node for node in weighted}
    last = by_node.get(outputs.get("", ""), tensors[-1])
    chosen.setdefault(last.node, last.node if last.leaf else LOGITS)
    return chosen


def _classify_modules(
    owner: nn.Module,
    path: str,
    tensors: Sequence[TracedTensor],
    transparent: set[str],
    blocks: list[str],
) -> None:
    """Add the paths of submodules to ``transparent`` (searched further) or to ``blocks``."""
    for name, part in owner.named_children():
        inner = f"{path}.{name}" if path else name
        if _is_container(part) or _is_stage(part) or _is_wrapper(part, inner, tensors):
            transparent.add(inner)
            _classify_modules(part, inner, tensors, transparent, blocks)
        elif has_submodules(part) or _is_custom_activation(part, inner, tensors):
            blocks.append(inner)


def has_submodules(module: nn.Module) -> bool:
    """Whether a module has submodules."""
    return len(list(module.children())) > 0


def _has_weights(module: nn.Module) -> bool:
    return len(list(module.parameters())) > 0


def _is_container(part: nn.Module) -> bool:
    """Whether a module only runs its submodules in sequence.

    A subclass of a container whose submodules are all leaves is a block instead.
    """
    if type(part) in CONTAINERS:
        return True
    own_forward = all(type(part).forward is not base.forward for base in CONTAINERS)
    inner = list(part.children())
    return (
        isinstance(part, CONTAINERS)
        and not own_forward
        and len(inner) > 0
        and all(has_submodules(each) for each in inner)
    )


def _is_stage(part: nn.Module) -> bool:
    """Whether a module has a sequence of blocks of one class, like a transformer's encoder."""
    for sequence in part.children():
        # A module list is meant for loops; a short sequence may be one branch of a block.
        minimum = 2 if isinstance(sequence, nn.ModuleList) else STAGE_BLOCKS
        blocks = list(sequence.children())
        if isinstance(sequence, CONTAINERS) and len(blocks) >= minimum:
            same_class = len({type(each) for each in blocks}) == 1
            if same_class and has_submodules(blocks[0]) and not isinstance(blocks[0], CONTAINERS):
                return True
    return False


def _is_wrapper(part: nn.Module, path: str, tensors: Sequence[TracedTensor]) -> bool:
    """Whether a module contains blocks and makes up most of the network."""
    inside = sum(tensor.node.startswith(f"{path}.") for tensor in tensors)
    has_blocks = any(
        has_submodules(each) and not isinstance(each, CONTAINERS)
        for each in part.modules()
        if each is not part
    )
    return has_blocks and 2 * inside > len(tensors)


def _is_custom_activation(part: nn.Module, path: str, tensors: Sequence[TracedTensor]) -> bool:
    """Whether a leaf module is an activation function written by the network's author."""
    return not _has_weights(part) and any(it.activation and it.owner == path for it in tensors)


def layer_depths(tensors: Sequence[TracedTensor], shown: Mapping[str, str]) -> list[float]:
    """Return the depth of every tensor, from 0 at the image to 1 at the logits.

    The shown layers have evenly spaced depths; those of other tensors are interpolated.
    """
    indices = [tensor.index for tensor in tensors if tensor.node in shown]
    # The image has an index before the first tensor.
    indices = [min(tensors[0].index, indices[0]) - 1, *indices]
    depths = np.linspace(0.0, 1.0, len(indices))
    return [float(np.interp(tensor.index, indices, depths)) for tensor in tensors]
