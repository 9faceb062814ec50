"""How style transfer looks: the same network with another pooling, and unaware of its border.

Gatys et al. (2016) found that averages instead of maxima make smoother pictures: every pixel gets
gradient, not only the strongest of four.

Convolutions that surround what they see with zeros tell neurons where the picture ends. Deep ones
then ask for what pleases them there and nowhere else: flat pale blocks with straight edges, at the
picture's border. Where the last row is repeated instead, there is nothing to know. Shallow ones go
on with zeros: these reach a few pixels far, no further than the frame around a picture, and to
repeat rows of large maps takes a third of a step.
"""

import copy
from dataclasses import replace
from weakref import WeakKeyDictionary

from torch import nn

from core.networks.network import Network

POOLINGS = ("own", "average", "max")
# Convolutions of places that are at least so many pixels apart are deep.
DEEP = 4

_made: "WeakKeyDictionary[Network, dict[str, Network]]" = WeakKeyDictionary()


def style_variant(network: Network, pooling: str = "own") -> Network:
    """Give the network that style transfer looks through, the same one again for the same network.

    Args:
        network: is not changed, and shares its weights.
        pooling: one of ``POOLINGS``.
    """
    made = _made.setdefault(network, {})
    if pooling not in made:
        made[pooling] = with_replicate_padding(with_pooling(network, pooling))
    return made[pooling]


def with_replicate_padding(network: Network) -> Network:
    """Give a network whose deep convolutions repeat the last row where they would see zeros.

    Args:
        network: is not changed; itself where there is no such convolution.
    """
    strides = {it.node: min(it.stride) for it in network.layers if it.stride is not None}
    wanted = [
        path
        for path, part in network.module.named_modules()
        if isinstance(part, nn.Conv2d)
        and part.padding_mode == "zeros"
        and part.padding != (0, 0)
        and strides.get(path, 0) >= DEEP * min(part.stride)
    ]
    if not wanted:
        return network
    twin = _twin(network.module)
    for path in wanted:
        twin.get_submodule(path).padding_mode = "replicate"  # type: ignore[assignment]
    return replace(network, module=twin)


def with_pooling(network: Network, pooling: str) -> Network:
    """Give a network that pools by averages or by maxima, with the same weights.

    Only modules for pooling in windows are exchanged; a mean over the whole picture stays.

    Args:
        network: is not changed.
        pooling: one of ``POOLINGS``; ``own`` changes nothing.
    """
    if pooling == "own":
        return network
    old = nn.MaxPool2d if pooling == "average" else nn.AvgPool2d
    twin = _twin(network.module)
    for path, part in list(twin.named_modules()):
        if isinstance(part, old):
            parent, _, name = path.rpartition(".")
            setattr(twin.get_submodule(parent), name, _exchanged(part))
    return replace(network, module=twin)


def _twin(module: nn.Module) -> nn.Module:
    """Copy the tree of modules, with the very same tensors."""
    shared = {id(it): it for it in (*module.parameters(), *module.buffers())}
    twin: nn.Module = copy.deepcopy(module, shared)
    return twin


def _exchanged(part: nn.MaxPool2d | nn.AvgPool2d) -> nn.Module:
    kind = nn.AvgPool2d if isinstance(part, nn.MaxPool2d) else nn.MaxPool2d
    return kind(part.kernel_size, part.stride, part.padding, ceil_mode=part.ceil_mode)
