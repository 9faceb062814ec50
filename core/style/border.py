"""The border of style pictures: the padding of images, and what positions near the border count.

Every pixel should have the same influence on the losses. Where the influence changes from one line
of pixels to the next, that line becomes visible on even, dark parts of a picture. Positions of a
layer near the border see beyond it, so images are padded by their mirror image, and the gradient of
the padding arrives at the mirrored pixels. The influence is then even if three things hold:

- The padding repeats the pixels of the border, too. If it began with the second line, as
  ``mode="reflect"`` does, the border would have half the influence and the second line twice.
- Positions in the padding have no gradient, as they would give mirrored pixels a second one. A
  position whose cell lies partly in the padding has the gradient of the part that is inside: the
  cell of a position is the square around its centre whose side is the stride. Without this, a
  position with a stride of 16 pixels at the border would count twice.
- The padding is at least as wide as a cell. The deepest layers see further, and what is beyond the
  padding repeats its outermost cells (``core.networks.variants``). If these were cut off, they
  would lie in pixels near the border, which would get the gradient of everything beyond.

A cell of a coarse layer is large enough to be seen as a whole, and the one at the border sees cells
of the padding. If the padding were one cell wide, these would have seen little but repeated cells,
and the pixels of the outermost cell would differ from others. So it is two cells wide there.

``docs/findings.md`` has the influence that results.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from core.devices import like
from core.images.tiles import Box
from core.networks.layers import Layer
from core.networks.network import Network
from core.optim.transforms import SymmetricPad
from core.style.losses import LayerWindow
from core.style.tiled_statistics import layer_sizes

# Least and largest padding in pixels. The convolutions with zero padding that remain in
# ``core.networks.variants`` see less than 8 pixels far. 32 pixels are two cells of the deepest
# layers in use; with them, 512 x 384 pixels become 22 % more than with 8.
WIDTHS = (8, 32)
# Layers with a larger stride need a padding of two cells.
COARSE = 8
# For each row and for each column of a layer, how much of the cells there is inside the image.
Shares = tuple[tuple[float, ...], tuple[float, ...]]


def padding_for(network: Network, names: Iterable[str]) -> SymmetricPad:
    """Return the padding of images: a multiple of the largest stride of some layers.

    It is the least multiple in ``WIDTHS``, and at least twice a stride above ``COARSE``; without
    such a multiple, it is the largest width.
    """
    least, most = WIDTHS
    strides = (network.layer(name).stride for name in names)
    coarsest = max((max(it) for it in strides if it is not None), default=1)
    cells = max(math.ceil(least / coarsest), 2 if coarsest > COARSE else 1)
    return SymmetricPad(min(most, coarsest * cells))


def inner_shares(
    network: Network, names: Sequence[str], size: tuple[int, int], padding: int
) -> dict[str, Shares]:
    """Return how much of the cells of layers is inside an image, and not in its padding.

    Args:
        network: the network.
        names: names of layers with positions.
        size: (height, width) of the image with its padding.
        padding: width of the padding in pixels, on each side.
    """
    sizes = layer_sizes(network, names, size)
    return {name: _layer_shares(network.layer(name), sizes[name], size, padding) for name in names}


def inner_box(shares: Shares) -> Box:
    """Return the (rows, columns) of a layer of whose cells at least half is inside the image.

    If the image is narrower than half a cell, it is those of which most is inside.
    """
    least = [min(0.5, max(it)) for it in shares]
    rows, cols = (
        [at for at, share in enumerate(it) if share >= bound]
        for it, bound in zip(shares, least, strict=True)
    )
    return slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)


def inner_gradient(activations: Tensor, window: LayerWindow, shares: Shares) -> Tensor:
    """Return activations themselves, whose gradient is multiplied by the shares of their cells.

    Args:
        activations: ``[N, C, H, W]``, of the whole layer or of a tile.
        window: the positions that belong to the tile; only these have a gradient.
        shares: the shares of the whole layer.
    """
    result: Tensor = _InnerGradient.apply(activations, window, shares)
    return result


def _layer_shares(
    layer: Layer, counts: tuple[int, int], size: tuple[int, int], padding: int
) -> Shares:
    """Return the shares of a layer with (rows, columns) of positions, as ``inner_shares`` does.

    If the centres of positions are unknown, they are assumed to be evenly spaced.
    """
    found = []
    for axis, (count, length) in enumerate(zip(counts, size, strict=True)):
        span = layer.spans[axis] if layer.spans else None
        if span is None or span.window is None or layer.stride is None:
            stride = length / count
            centre = stride / 2
        else:
            stride, centre = float(layer.stride[axis]), sum(span.window) / 2
        shares = []
        for at in range(count):
            first = centre + (at - 0.5) * stride
            inside = min(first + stride, length - padding) - max(first, padding)
            shares.append(min(1.0, max(0.0, inside / stride)))
        found.append(tuple(shares))
    return found[0], found[1]


class _InnerGradient(torch.autograd.Function):
    """The function of ``inner_gradient``."""

    @staticmethod
    def forward(ctx: Any, activations: Tensor, window: LayerWindow, shares: Shares) -> Tensor:
        """Return the activations themselves."""
        ctx.window, ctx.shares = window, shares
        return activations.view_as(activations)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Scale the gradient, in place: the losses have made it for this alone."""
        window: LayerWindow = ctx.window
        for axis, within, whole, shares in zip(
            (2, 3), window.within, window.whole, ctx.shares, strict=True
        ):
            own, offset = shares[whole], within.start or 0
            # Only the lines near a border, as scaling everything would take time.
            inside = [at for at, share in enumerate(own) if share == 1] or [len(own), -1]
            for first, stop in ((0, inside[0]), (max(inside[0], inside[-1] + 1), len(own))):
                if first < stop:
                    part = gradient.narrow(axis, offset + first, stop - first)
                    part *= like(torch.tensor(own[first:stop]), part).view(-1, *(1,) * (3 - axis))
        return gradient, None, None
