"""The ladder of layers that a person wants to see, from the image up to the logits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from core.networks.receptive_fields.rules import Value

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
# As many blocks of one class in a row make a stage of its owner rather than a block.
STAGE_BLOCKS = 3
# What the last layer is called where no module of its own computes it.
LOGITS = "logits"


@dataclass(frozen=True)
class TracedTensor:
    """One tensor in the order of execution.

    Attributes:
        node: its name.
        index: its place in the order of execution.
        path: of the module or operation that computed it; as the node's name, save that a
            module keeps its path when it is called again.
        leaf: whether a module without parts computed it, and not a function.
        activation: whether it is the result of an activation such as ReLU.
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
        """The path of the module in whose own code it was computed."""
        return self.path.rpartition(".")[0]


def select_layers(
    module: nn.Module, steps: Sequence[TracedTensor], outputs: Mapping[str, str]
) -> dict[str, str]:
    """Choose the layers that a person wants to see: names for people by the names of nodes.

    These are the outputs of blocks, under the path of the block; activations outside of blocks;
    and the logits. Containers, stages and wrappers are looked into, blocks are not.
    """
    by_node = {step.node: step for step in steps}
    transparent, blocks = {""}, list[str]()
    _sort_parts(module, "", steps, transparent, blocks)
    chosen: dict[str, str] = {}
    for path in blocks:
        if outputs.get(path) in by_node:
            chosen.setdefault(outputs[path], path)
    for step in steps:
        if step.activation and step.owner in transparent:
            chosen.setdefault(step.node, step.node)
    if not chosen:
        # A network without blocks and activations: show what has weights of its own.
        parts = dict(module.named_modules())
        weighted = (step for step in steps if step.leaf and _has_weights(parts[step.path]))
        chosen = {step.node: step.node for step in weighted}
    last = by_node.get(outputs.get("", ""), steps[-1])
    chosen.setdefault(last.node, last.node if last.leaf else LOGITS)
    return chosen


def _sort_parts(
    owner: nn.Module,
    path: str,
    steps: Sequence[TracedTensor],
    transparent: set[str],
    blocks: list[str],
) -> None:
    """Sort the parts of a module into those to look into and the blocks, by path."""
    for name, part in owner.named_children():
        inner = f"{path}.{name}" if path else name
        if _is_container(part) or _is_stage(part) or _is_wrapper(part, inner, steps):
            transparent.add(inner)
            _sort_parts(part, inner, steps, transparent, blocks)
        elif has_parts(part) or _is_own_activation(part, inner, steps):
            blocks.append(inner)


def has_parts(module: nn.Module) -> bool:
    """Tell whether a module is made of others."""
    return len(list(module.children())) > 0


def _has_weights(module: nn.Module) -> bool:
    return len(list(module.parameters())) > 0


def _is_container(part: nn.Module) -> bool:
    """Tell whether a module only strings others together; one with a name is a block of leaves."""
    if type(part) in CONTAINERS:
        return True
    own_forward = all(type(part).forward is not base.forward for base in CONTAINERS)
    inner = list(part.children())
    return (
        isinstance(part, CONTAINERS)
        and not own_forward
        and len(inner) > 0
        and all(has_parts(each) for each in inner)
    )


def _is_stage(part: nn.Module) -> bool:
    """Tell whether a module holds a row of blocks of one class, as a transformer's encoder does."""
    for row in part.children():
        # A list is there to be looped over; a short sequence may be one branch of a block.
        least = 2 if isinstance(row, nn.ModuleList) else STAGE_BLOCKS
        members = list(row.children())
        if isinstance(row, CONTAINERS) and len(members) >= least:
            alike = len({type(each) for each in members}) == 1
            if alike and has_parts(members[0]) and not isinstance(members[0], CONTAINERS):
                return True
    return False


def _is_wrapper(part: nn.Module, path: str, steps: Sequence[TracedTensor]) -> bool:
    """Tell whether a module with blocks of its own makes up most of the network."""
    inside = sum(step.node.startswith(f"{path}.") for step in steps)
    has_blocks = any(
        has_parts(each) and not isinstance(each, CONTAINERS)
        for each in part.modules()
        if each is not part
    )
    return has_blocks and 2 * inside > len(steps)


def _is_own_activation(part: nn.Module, path: str, steps: Sequence[TracedTensor]) -> bool:
    """Tell whether a module without parts is an activation written by the network's author."""
    return not _has_weights(part) and any(step.activation and step.owner == path for step in steps)


def depths_of(steps: Sequence[TracedTensor], shown: Mapping[str, str]) -> list[float]:
    """Place every step between the image (0) and the logits (1), by shown layers."""
    rungs = [step.index for step in steps if step.node in shown]
    # What comes before the first shown layer starts from the image.
    known = [min(steps[0].index, rungs[0]) - 1, *rungs]
    rungs_at = np.linspace(0.0, 1.0, len(known))
    return [float(np.interp(step.index, known, rungs_at)) for step in steps]
