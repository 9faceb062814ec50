"""The same network with another pooling.

Gatys et al. (2016) found that averages instead of maxima make smoother pictures: every pixel gets
gradient, not only the strongest of four.
"""

import copy
from dataclasses import replace

from torch import nn

from core.networks import Network

POOLINGS = ("own", "average", "max")


def pooled(network: Network, pooling: str) -> Network:
    """Give a network that pools by averages or by maxima, with the same weights.

    Only modules for pooling in windows are exchanged; a mean over the whole picture stays.

    Args:
        network: is not changed.
        pooling: one of ``POOLINGS``; ``own`` changes nothing.
    """
    if pooling == "own":
        return network
    old = nn.MaxPool2d if pooling == "average" else nn.AvgPool2d
    module = network.module
    # Only the tree of modules is copied, with the very same tensors.
    shared = {id(it): it for it in (*module.parameters(), *module.buffers())}
    twin: nn.Module = copy.deepcopy(module, shared)
    for path, part in list(twin.named_modules()):
        if isinstance(part, old):
            parent, _, name = path.rpartition(".")
            setattr(twin.get_submodule(parent), name, _exchanged(part))
    return replace(network, module=twin)


def _exchanged(part: nn.MaxPool2d | nn.AvgPool2d) -> nn.Module:
    kind = nn.AvgPool2d if isinstance(part, nn.MaxPool2d) else nn.MaxPool2d
    return kind(part.kernel_size, part.stride, part.padding, ceil_mode=part.ceil_mode)
