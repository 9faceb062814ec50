"""The content loss and the style losses of style transfer; each loss is for one layer.

Write ``F`` for the activations of a layer for the optimised image, ``[C, P]`` with C channels at P
positions. The content loss compares ``F`` itself. Style losses compare which channels respond
together, wherever in the image:

    content      mean over channels and positions of (F - T)^2, for the photograph's activations T
    Gram         G = F F^T / P, [C, C];  the sum over entries of (G - A)^2, for the painting's A
    Wasserstein  mean m = F 1 / P, [C], covariance K = G - m m^T, [C, C]; the squared distance
                 between the normal distributions N(m, K) and the painting's N(n, L):
                 |m - n|^2 + trace(K + L - 2 (L^1/2 K L^1/2)^1/2), see ``wasserstein_loss``

The first two are from Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural
Networks" (CVPR 2016). With ``G' = P G``, their style loss of a layer is
``1 / (4 C^2 P^2) |G' - A'|^2``, which is the Gram loss above times ``1 / (4 C^2)``. The formula of
the Wasserstein distance is from Olkin and Pukelsheim (1982). K. Crowson was the first to use it for
style, in style-transfer-pytorch (2021).

Activations of layers differ by powers of ten, so every loss is divided by the energy of its target:
``mean T^2``, ``|A|^2``, and ``trace(L) + |n|^2``. Each loss is then 1 for an image whose
activations are all zero, and a weight has the same effect for every layer of every network.

All losses are functions of sums over positions. A sum over the whole image is the total of the sums
over its tiles. The losses of a large image can therefore be computed exactly, tile by tile.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.fixed_order import squares_per_image, sum_per_image
from core.images.resize import resize_linearly
from core.images.tiles import Box
from core.optim.objectives import TINY
from core.style import parallel
from core.style.moments import Sums, cropped, product_sums, squared_distance

# The gradient with respect to each of the sums; None for none.
Gradients = tuple[Tensor | None, ...]
EVERYWHERE: Box = (slice(None), slice(None))


@dataclass(frozen=True)
class LayerWindow:
    """The positions of a layer that belong to a tile of the image; by default all positions.

    Attributes:
        within: the positions as (rows, columns) of the tile's activations.
        whole: the same positions as (rows, columns) of the whole image's activations.
    """

    within: Box = EVERYWHERE
    whole: Box = EVERYWHERE

    def inside(self, box: Box) -> LayerWindow:
        """Return those of the positions that are in (rows, columns) of the whole layer."""
        within, whole = [], []
        for own, part, limit in zip(self.within, self.whole, box, strict=True):
            first = max(part.start or 0, limit.start)
            stop = max(first, limit.stop if part.stop is None else min(part.stop, limit.stop))
            shift = (own.start or 0) - (part.start or 0)
            within.append(slice(first + shift, stop + shift))
            whole.append(slice(first, stop))
        return LayerWindow((within[0], within[1]), (whole[0], whole[1]))


@dataclass(frozen=True)
class LossTerm:
    """The loss of one layer, in two parts: sums over positions, and a function of these sums.

    Attributes:
        name: unique name, such as ``content relu3b`` or ``style relu1a``.
        layer: name of the layer.
        sums: function that computes sums, tensors ``[N, ...]``, of activations ``[N, C, H, W]``
            over the positions in a window. Added up over the tiles of an image, they are the sums
            over the whole image.
        loss: function that computes losses ``[N]`` from these sums.
        derivative: the same loss with its gradient, if that is computed apart from autograd.
    """

    name: str
    layer: str
    sums: Callable[[Tensor, LayerWindow], Sums]
    loss: Callable[[Sums], Tensor]
    derivative: Derivative | None = None

    @classmethod
    def with_derivative(
        cls,
        name: str,
        layer: str,
        sums: Callable[[Tensor, LayerWindow], Sums],
        derivative: Derivative,
    ) -> LossTerm:
        """Return a loss whose gradient is not computed by autograd."""

        def loss(values: Sums) -> Tensor:
            return _differentiated([derivative], [values])[0]

        return cls(name, layer, sums, loss, derivative)


@dataclass(frozen=True)
class Derivative:
    """A loss and its gradient, which are computed together.

    Attributes:
        work: about how long that takes, relative to other losses.
        compute: function that computes losses ``[N]`` from sums, and if asked for the gradient of
            each loss with respect to each of the sums, of the same shape; None for none.
    """

    work: float
    compute: Callable[[Sums, bool], tuple[Tensor, Gradients]]


def evaluate(terms: Sequence[LossTerm], sums: Sequence[Sums]) -> list[Tensor]:
    """Return the losses ``[N]`` of several terms; those with a derivative at the same time."""
    pairs = list(zip(terms, sums, strict=True))
    apart = [(it.derivative, values) for it, values in pairs if it.derivative is not None]
    found = iter(_differentiated([it for it, _ in apart], [values for _, values in apart]))
    return [term.loss(values) if term.derivative is None else next(found) for term, values in pairs]


def _differentiated(derivatives: Sequence[Derivative], sums: Sequence[Sums]) -> list[Tensor]:
    """Return the losses ``[N]`` of several derivatives, which are computed at the same time."""
    if not derivatives:
        return []
    flat = itertools.chain.from_iterable(sums)
    return list(_Differentiated.apply(derivatives, [len(it) for it in sums], *flat))


class _Differentiated(torch.autograd.Function):
    """Losses whose gradients are computed together with them."""

    @staticmethod
    def forward(
        ctx: Any, derivatives: Sequence[Derivative], counts: Sequence[int], *flat: Tensor
    ) -> tuple[Tensor, ...]:
        """Return the losses, each ``[N]``.

        Args:
            ctx: state for the backward pass.
            derivatives: the losses and how to compute them.
            counts: the number of sums of each loss.
            flat: the sums of all losses.
        """
        values, needed = iter(flat), any(it.requires_grad for it in flat)
        work = [
            (it.work, functools.partial(it.compute, tuple(itertools.islice(values, count)), needed))
            for it, count in zip(derivatives, counts, strict=True)
        ]
        found = parallel.run(work, all(it.device.type == "cpu" for it in flat))
        ctx.gradients = [gradients for _, gradients in found]
        return tuple(loss for loss, _ in found)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients for all sums."""
        scaled = [
            None if it is None else it * gradient.view(-1, *(1,) * (it.ndim - 1))
            for gradient, them in zip(gradients, ctx.gradients, strict=True)
            for it in them
        ]
        return None, None, *scaled


def content(layer: str, target: Tensor, inner: Box | None = None) -> LossTerm:
    """Return the content loss of a layer: ``mean (F - T)^2 / mean T^2``.

    Args:
        layer: name of a layer with activations ``[N, C, H, W]``, or ``[N, C]``.
        target: activations of this layer for the photograph, ``[1, C, H, W]`` or ``[1, C]``.
        inner: the (rows, columns) that are compared; None for all.
    """
    compared = target if inner is None else cropped(target, inner)
    energy = squares_per_image(compared)[0].div(compared[0].numel()).clamp(min=TINY)

    def squared_error(activations: Tensor, window: LayerWindow) -> Sums:
        window = window if inner is None else window.inside(inner)
        expected = cropped(target, window.whole)
        return (squared_distance(activations, expected, window.within),)

    def loss(sums: Sums) -> Tensor:
        return sums[0] / compared[0].numel() / energy

    return LossTerm(f"content {layer}", layer, squared_error, loss)


@dataclass(frozen=True)
class StyleTarget:
    """Statistics of a layer's activations for one painting, or averaged over several.

    Attributes:
        gram: mean over positions of the products of two channels, ``[C, C]``.
        mean: mean over positions of each channel, ``[C]``.
    """

    gram: Tensor
    mean: Tensor

    @classmethod
    def of(cls, sums: Sums) -> StyleTarget:
        """Compute the statistics of one image from the result of ``moments``."""
        products, count, values = sums
        return cls(products[0] / count[0], values[0] / count[0])

    @classmethod
    def mixed(cls, styles: Sequence[StyleTarget], shares: Sequence[float]) -> StyleTarget:
        """Return the average of the statistics of several paintings, weighted by their shares.

        An image that consists of parts of all paintings, with these shares of its area, has about
        these statistics.
        """
        total = sum(shares)
        pairs = list(zip(styles, shares, strict=True))
        gram = sum((it.gram * (share / total) for it, share in pairs), torch.zeros(()))
        mean = sum((it.mean * (share / total) for it, share in pairs), torch.zeros(()))
        return cls(gram, mean)


def gram(layer: str, style: StyleTarget, mask: Tensor | None = None, name: str = "") -> LossTerm:
    """Return the Gram loss of a layer: ``|G - A|^2 / |A|^2``.

    Args:
        layer: name of a layer with activations ``[N, C, H, W]``, or ``[N, C]``.
        style: statistics of the painting.
        mask: weight of each position of the whole layer, ``[H, W]``.
        name: name of the term; by default derived from the layer.
    """
    energy = squares_per_image(style.gram[None])[0].clamp(min=TINY)

    def loss(sums: Sums) -> Tensor:
        products, count = sums
        difference = products / count[:, None, None] - style.gram.to(products)
        return sum_per_image(difference.square()) / energy

    return LossTerm(name or f"style {layer}", layer, masked_sums(product_sums, mask), loss)


def resize_mask(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize a mask ``[1, 1, H, W]`` to the positions of a layer: ``[h, w]`` in ``[0, 1]``."""
    return resize_linearly(mask, size)[0, 0].clamp(0, 1)


def masked_sums(
    sums_of: Callable[[Tensor, Tensor | None], Sums], mask: Tensor | None
) -> Callable[[Tensor, LayerWindow], Sums]:
    """Return a function for ``LossTerm.sums`` that weights positions by a mask.

    Args:
        sums_of: computes sums from activations and weights of positions, such as ``moments``.
        mask: weight of each position of the whole layer, ``[H, W]``; None for 1 everywhere.
    """

    def sums(activations: Tensor, window: LayerWindow) -> Sums:
        weight = None if mask is None else mask[window.whole[0], window.whole[1]]
        return sums_of(cropped(activations, window.within), weight)

    return sums
