"""Selection of the layers that are shown by default, from the image to the logits.

A *block* is a module whose output is shown as one layer, such as a residual block. Three kinds of
modules are searched for the blocks in them: a *container* such as ``nn.Sequential``, a *stage* with
several blocks of one class in a row, and a *wrapper* that computes most of the network.

The rules are general, and no network is named in them. ``docs/networks.md`` has a table of what
they give for each family of networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from core.networks.depth_sampling import evenly_spaced
from core.networks.receptive_fields.described_call import Value

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
# A module with at least this many blocks of one class in a row is a stage, not a block.
STAGE_BLOCKS = 3
# A block that concatenates at least this many of its tensors has branches (Inception, DenseNet).
BRANCHES = 3
# Of the branches of a block, at most so many are shown.
BRANCHES_SHOWN = 4
# If more layers than this would be shown, each stage shows only some of its blocks, so that about
# ``LAYERS_WANTED`` are left.
LAYERS_AT_MOST, LAYERS_WANTED = 30, 16
# Display name of the last layer if a function computes it, and not a module.
LOGITS = "logits"


@dataclass(frozen=True)
class TracedTensor:
    """One intermediate tensor of a network.

    Attributes:
        node: name of the graph node that computed the tensor.
        index: index of the tensor in the order of execution.
        path: path of the module or function that computed the tensor. It is the same as ``node``,
            except for a module that is called several times: its nodes are ``relu``, ``relu_1`` and
            so on, and their path is ``relu``.
        leaf: whether a module without submodules computed the tensor, and not a function.
        activation: whether the tensor is the result of an activation function such as ReLU.
        value: the axes and shape of the tensor.
        joined: names of the nodes whose values the tensor is a concatenation of; empty for the
            result of any other operation.
    """

    node: str
    index: int
    path: str
    leaf: bool
    activation: bool
    value: Value
    joined: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        """The path of the module whose ``forward`` calls this module or function."""
        return self.path.rpartition(".")[0]


def select_layers(
    module: nn.Module, tensors: Sequence[TracedTensor], outputs: Mapping[str, str]
) -> dict[str, str]:
    """Select the layers that are shown by default; return their display names by node name.

    These layers are the outputs of blocks, with the block's path as the display name; some branches
    of the last block at each size; the embedding of patches; the results of activation functions
    outside blocks; and the logits. Blocks inside other blocks are not shown. If there are more than
    ``LAYERS_AT_MOST``, some blocks of each stage are shown.

    Args:
        module: the network.
        tensors: the network's intermediate tensors in the order of execution.
        outputs: for each module, by its path, the name of the node whose value it returned.
    """
    by_node = {tensor.node: tensor for tensor in tensors}
    transparent, blocks = {""}, list[str]()
    _classify_modules(module, "", tensors, transparent, blocks)
    chosen: dict[str, str] = {}
    for path in blocks:
        if outputs.get(path) in by_node:
            chosen.setdefault(outputs[path], path)
    chosen |= _branches(list(chosen), by_node, outputs)
    for tensor in tensors:
        if tensor.activation and tensor.owner in transparent:
            chosen.setdefault(tensor.node, tensor.node)
    parts = dict(module.named_modules())
    _choose_patch_embedding(parts, by_node, outputs, chosen)
    if not chosen:
        # Without blocks and activations, the layers with weights are shown.
        weighted = (it.node for it in tensors if it.leaf and _has_weights(parts[it.path]))
        chosen = {node: node for node in weighted}
    last = by_node.get(outputs.get("", ""), tensors[-1])
    chosen.setdefault(last.node, last.node if last.leaf else LOGITS)
    return _thinned(chosen, blocks)


def _branches(
    blocks: Sequence[str], tensors: Mapping[str, TracedTensor], outputs: Mapping[str, str]
) -> dict[str, str]:
    """Return the branches that are shown, as display names by node.

    They are shown for the last block at each size only: there are many blocks.

    Args:
        blocks: the nodes of the blocks' outputs, in order of execution.
        tensors: the intermediate tensors by node.
        outputs: see ``select_layers``.
    """
    # A module may return what a module inside it returned; the outermost comes first.
    paths = {node: path for path, node in sorted(outputs.items(), reverse=True)}
    last_at_size = {tensors[node].value.shape[2:]: node for node in blocks if _fork(tensors[node])}
    found = {}
    for node in last_at_size.values():
        inside = [it for it in _fork(tensors[node]) if it in tensors]
        found.update({it: paths.get(it, it) for it in evenly_spaced(inside, BRANCHES_SHOWN)})
    return found


def _fork(tensor: TracedTensor) -> list[str]:
    """Return the branches of the block that a tensor is the output of; none if it has no fork."""
    inside = [node for node in tensor.joined if node.startswith(f"{tensor.owner}.")]
    return inside if len(inside) >= BRANCHES else []


def _choose_patch_embedding(
    parts: Mapping[str, nn.Module],
    tensors: Mapping[str, TracedTensor],
    outputs: Mapping[str, str],
    chosen: dict[str, str],
) -> None:
    """Add the embedding of patches, if a network begins with one, to the shown layers.

    It is a convolution whose stride is the size of its kernel, together with a normalisation if the
    result still has rows and columns.
    """
    convolutions = (it for it in tensors.values() if isinstance(parts.get(it.path), nn.Conv2d))
    first = next(convolutions, None)
    convolution = None if first is None else parts[first.path]
    if first is None or not isinstance(convolution, nn.Conv2d):
        return
    if convolution.kernel_size != convolution.stride or convolution.stride == (1, 1):
        return
    path, node = first.path, first.node
    while path := path.rpartition(".")[0]:
        kernels = [it for it in parts[path].parameters() if it.ndim > 1]
        if len(kernels) > 1:
            break
        output = tensors.get(outputs.get(path, ""))
        if output is not None and output.value.is_map:
            node = output.node
        elif output is not None:
            # This module puts the patches in a row.
            chosen.pop(output.node, None)
    names = {outputs[path]: path for path in sorted(outputs, reverse=True)}
    chosen[node] = chosen.get(node) or names.get(node) or node


def _thinned(chosen: dict[str, str], blocks: Sequence[str]) -> dict[str, str]:
    """Leave out blocks in the middle of stages if too many layers would be shown.

    A network with one stage only, such as a vision transformer, keeps all its blocks.
    """
    stages: dict[str, list[str]] = {}
    for node, name in chosen.items():
        if name in blocks:
            stages.setdefault(name.rpartition(".")[0], []).append(node)
    long = [nodes for nodes in stages.values() if len(nodes) > 1]
    if len(chosen) <= LAYERS_AT_MOST or len(long) < 2:
        return chosen
    others = len(chosen) - sum(map(len, long))
    count = 2
    while others + sum(min(len(it), count + 1) for it in long) <= LAYERS_WANTED:
        count += 1
    left_out = {node for nodes in long for node in set(nodes) - set(evenly_spaced(nodes, count))}
    return {node: name for node, name in chosen.items() if node not in left_out}


def _classify_modules(
    owner: nn.Module,
    path: str,
    tensors: Sequence[TracedTensor],
    transparent: set[str],
    blocks: list[str],
) -> None:
    """Add paths to ``blocks``, or to ``transparent`` for modules that are searched for blocks."""
    for name, part in owner.named_children():
        inner = f"{path}.{name}" if path else name
        if _is_container(part) or _is_stage(part) or _is_wrapper(part, inner, tensors):
            transparent.add(inner)
            _classify_modules(part, inner, tensors, transparent, blocks)
        elif (has_submodules(part) and _has_weights(part)) or _is_custom_activation(
            part, inner, tensors
        ):
            blocks.append(inner)


def has_submodules(module: nn.Module) -> bool:
    """Whether a module has submodules."""
    return len(list(module.children())) > 0


def _has_weights(module: nn.Module) -> bool:
    return len(list(module.parameters())) > 0


def _is_container(part: nn.Module) -> bool:
    """Whether a module only holds submodules, like ``nn.Sequential``.

    A subclass, such as torchvision's ``Conv2dNormActivation``, is a container only if it inherits
    ``forward`` and every one of its submodules has submodules. Otherwise the subclass is a block.
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
        # In a module list, which code loops over, two blocks are enough. A short ``nn.Sequential``
        # may be one branch of a block.
        minimum = 2 if isinstance(sequence, nn.ModuleList) else STAGE_BLOCKS
        blocks = list(sequence.children())
        if isinstance(sequence, CONTAINERS) and len(blocks) >= minimum:
            same_class = len({type(each) for each in blocks}) == 1
            if same_class and has_submodules(blocks[0]) and not isinstance(blocks[0], CONTAINERS):
                return True
    return False


def _is_wrapper(part: nn.Module, path: str, tensors: Sequence[TracedTensor]) -> bool:
    """Whether a module contains blocks and computes more than half of the network's tensors."""
    inside = sum(tensor.node.startswith(f"{path}.") for tensor in tensors)
    has_blocks = any(
        has_submodules(each) and not isinstance(each, CONTAINERS)
        for each in part.modules()
        if each is not part
    )
    return has_blocks and 2 * inside > len(tensors)


def _is_custom_activation(part: nn.Module, path: str, tensors: Sequence[TracedTensor]) -> bool:
    """Whether a module without weights calls an activation function, such as ``F.relu``."""
    inside = (it for it in tensors if it.activation and f"{it.owner}.".startswith(f"{path}."))
    return not _has_weights(part) and any(inside)


def layer_depths(tensors: Sequence[TracedTensor], shown: Mapping[str, str]) -> list[float]:
    """Return the depth of every tensor, from 0 at the image to 1 at the logits.

    The shown layers have evenly spaced depths. The depths of other tensors are interpolated.
    """
    indices = [tensor.index for tensor in tensors if tensor.node in shown]
    # The image, at depth 0, gets an index before the first tensor.
    indices = [min(tensors[0].index, indices[0]) - 1, *indices]
    depths = np.linspace(0.0, 1.0, len(indices))
    return [float(np.interp(tensor.index, indices, depths)) for tensor in tensors]
