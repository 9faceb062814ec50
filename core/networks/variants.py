"""Variants of a network for style transfer: other pooling, and no zero padding in deep layers.

Gatys et al. (2016) found that average pooling instead of maximum pooling gives smoother pictures:
every pixel gets gradient, not only the maximum of four.

Convolutions with zero padding let units detect the image's border. Optimisation then produces
features that deep units respond to at the border only: flat pale blocks with straight edges at the
border. With replicate padding, units cannot detect the border. Shallow convolutions keep zero
padding for two reasons. Their receptive fields are smaller than the margin that style transfer adds
around an image, and replicate padding of their large activations would take a third of the time of
an optimiser step.
"""

from dataclasses import replace
from weakref import WeakKeyDictionary

from torch import nn

from core.networks.module_parts import copy_modules
from core.networks.network import Network

# A convolution is deep if neighbouring positions of its input are at least this many image pixels
# apart.
DEEP_STRIDE = 4

# By pooling; ``None`` is the network itself, as a value that refers to its key keeps it for ever.
_variants: "WeakKeyDictionary[Network, dict[str, Network | None]]" = WeakKeyDictionary()


def style_variant(network: Network, pooling: str = "own") -> Network:
    """Return the variant of a network for style transfer; the variant is cached.

    Args:
        network: the original network; it is not changed, and its weights are shared.
        pooling: one of ``core.recipes.style.POOLINGS``.
    """
    variants = _variants.setdefault(network, {})
    if pooling not in variants:
        variant = with_replicate_padding(with_pooling(network, pooling))
        variants[pooling] = None if variant is network else variant
    return variants[pooling] or network


def with_replicate_padding(network: Network) -> Network:
    """Return a network whose deep convolutions use replicate padding instead of zero padding.

    Args:
        network: the original network; it is not changed. A network without deep convolutions with
            zero padding is returned unchanged.
    """
    strides = {it.node: min(it.stride) for it in network.layers if it.stride is not None}
    deep_paths = [
        path
        for path, part in network.module.named_modules()
        if isinstance(part, nn.Conv2d)
        and part.padding_mode == "zeros"
        and part.padding != (0, 0)
        and strides.get(path, 0) >= DEEP_STRIDE * min(part.stride)
    ]
    if not deep_paths:
        return network
    copied = copy_modules(network.module)
    for path in deep_paths:
        copied.get_submodule(path).padding_mode = "replicate"  # type: ignore[assignment]
    return replace(network, module=copied)


def with_pooling(network: Network, pooling: str) -> Network:
    """Return a network with average or maximum pooling, with the same weights.

    Only ``nn.MaxPool2d`` and ``nn.AvgPool2d`` are replaced; a mean over the whole image stays.

    Args:
        network: the original network; it is not changed.
        pooling: one of ``core.recipes.style.POOLINGS``; ``own`` changes nothing.
    """
    if pooling == "own":
        return network
    replaced = nn.MaxPool2d if pooling == "average" else nn.AvgPool2d
    copied = copy_modules(network.module)
    for path, part in list(copied.named_modules()):
        if isinstance(part, replaced):
            copied.set_submodule(path, _other_pooling(part))
    return replace(network, module=copied)


def _other_pooling(part: nn.MaxPool2d | nn.AvgPool2d) -> nn.Module:
    kind = nn.AvgPool2d if isinstance(part, nn.MaxPool2d) else nn.MaxPool2d
    return kind(part.kernel_size, part.stride, part.padding, ceil_mode=part.ceil_mode)
