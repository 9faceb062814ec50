"""The content loss and the style losses of style transfer; each loss is for one layer.

Write ``F`` for the activations of a layer for the optimised image, ``[C, P]`` with C channels at P
positions. The content loss compares ``F`` itself. Style losses compare which channels respond
together, wherever in the image:

    content      mean over channels and positions of (F - T)^2, for the photograph's activations T
    Gram         G = F F^T / P, [C, C];  the sum over entries of (G - A)^2, for the painting's A
    Wasserstein  mean m = F 1 / P, [C], covariance K = G - m m^T, [C, C]; the squared distance
                 between the normal distributions N(m, K) and the painting's N(n, L):
                 |m - n|^2 + trace(K + L - 2 (L^1/2 K L^1/2)^1/2), see also ``wasserstein``

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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.devices import exact, like
from core.fixed_order import on_one_thread, one_thread, squares_per_image, sum_per_image
from core.images.resize import resize_linearly
from core.images.tiles import Box
from core.optim.objectives import TINY
from core.style.moments import (
    Sums,
    cropped,
    moments,
    product_sums,
    projected_moments,
    squared_distance,
)

EVERYWHERE: Box = (slice(None), slice(None))
# Value that is added to the diagonals of covariances, relative to the painting's mean variance. A
# channel that is always zero has a variance of 0, where the gradient of the square root is
# infinite.
JITTER = 1e-4
# Share of the painting's variance that is compared direction by direction, see ``wasserstein``.
KEPT = 0.99
# Number of channels from which on activations are projected on these directions before they are
# multiplied. With fewer channels, more passes over the activations would take longer than that.
PROJECTED = 256


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
    """

    name: str
    layer: str
    sums: Callable[[Tensor, LayerWindow], Sums]
    loss: Callable[[Sums], Tensor]


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

    return LossTerm(name or f"style {layer}", layer, _masked(product_sums, mask), loss)


def wasserstein(
    layer: str, style: StyleTarget, mask: Tensor | None = None, name: str = "", kept: float = KEPT
) -> LossTerm:
    """Return the Wasserstein loss of a layer: a squared Wasserstein-2 distance to the painting.

    The squared distance is divided by ``trace(L) + |n|^2``, with the covariance ``L`` and the mean
    ``n`` of the painting's activations, so that the losses of all layers have one scale. The
    module's docstring has the whole formula. The trace of the matrix square root is computed as the
    sum of the square roots of the eigenvalues. The gradient of this sum is finite also where
    eigenvalues are equal.
    ``JITTER`` times the painting's mean variance is added to the diagonals of both covariances.

    Eigenvalues take most of the time. Most of the painting's variance lies in few directions, its
    leading eigenvectors ``V: [C, r]`` with eigenvalues ``S``. Only these are compared one by one.
    What is orthogonal to them is compared by its total variance, ``k`` and ``l``:

        trace(K + L) - 2 trace (R^T K R)^1/2 - 2 (k l)^1/2,  R = V S^1/2,  k = trace(K - K V V^T)

    The squared distance is the sum of those in orthogonal subspaces or more, and
    ``(k^1/2 - l^1/2)^2`` is the least that distributions with these variances can have. So this is
    a lower bound, which is 0 at ``K = L``, too.

    Eigenvalues are computed in float64, and if all are kept, everything else, too. Rounding errors
    of float32, which are in proportion to the largest eigenvalue, would make the small ones larger,
    and the loss too small: by 7 % of the painting's energy in deep layers, and negative for the
    painting itself.

    Args:
        layer, style, mask, name: see ``gram``.
        kept: share of the painting's variance that the leading eigenvectors hold; 1 to compare all
            directions one by one.
    """
    leading = _Directions.of(style, kept)
    energy = exact(style.gram).trace().clamp(min=TINY)

    def loss(sums: Sums) -> Tensor:
        mean, inner, trace = leading.statistics(sums)
        trace = trace + leading.jitter * leading.channels
        squared = (mean - leading.mean).square().sum(1)
        roots, inside = _RootTrace.apply(inner, leading.scale, leading.jitter)
        if leading.others:
            # Rounding can make the variance of directions that are never active negative.
            outside = (trace - inside).clamp(min=leading.jitter * leading.others)
            roots = roots + (outside * leading.rest).sqrt()
        distance = squared + trace + leading.scale.sum() + leading.rest - 2 * roots
        return like(distance.clamp(min=0) / energy, sums[0])

    return LossTerm(name or f"style {layer}", layer, _masked(leading.sums, mask), loss)


@dataclass(frozen=True)
class _Directions:
    """The directions in which a painting varies most, for ``wasserstein``; float64.

    Attributes:
        mean: mean of the painting's activations, ``[C]``.
        root: ``R = V S^1/2``, ``[C, r]``.
        scale: ``S``, ``[r]``, variance of the painting in these directions.
        rest: ``l``, variance of the painting in all other directions.
        jitter: variance that is added in each direction.
    """

    mean: Tensor
    root: Tensor
    scale: Tensor
    rest: Tensor
    jitter: Tensor

    @classmethod
    def of(cls, style: StyleTarget, kept: float) -> _Directions:
        """Find the fewest directions that hold a share ``kept`` of the painting's variance."""
        mean = exact(style.mean)
        covariance = exact(style.gram) - torch.outer(mean, mean)
        jitter = JITTER * covariance.diagonal().mean().clamp(min=TINY)
        with one_thread():
            jittered = covariance + jitter * torch.eye(len(mean)).to(covariance)
            values, vectors = torch.linalg.eigh(jittered)
            values = values.clamp(min=jitter)
            others = int((values.cumsum(0) <= (1 - kept) * values.sum()).sum()) if kept < 1 else 0
            root = vectors[:, others:] * values[others:].sqrt()
        return cls(mean, root, values[others:], values[:others].sum(), jitter)

    @property
    def channels(self) -> int:
        """The number of channels of the layer, ``C``."""
        return len(self.mean)

    @property
    def others(self) -> int:
        """The number of other directions."""
        return self.channels - len(self.scale)

    @property
    def projects(self) -> bool:
        """Whether activations are projected on the directions, see ``PROJECTED``."""
        return self.others > 0 and self.channels >= PROJECTED

    def sums(self, activations: Tensor, weight: Tensor | None) -> Sums:
        """Return the sums over positions that ``statistics`` needs."""
        if self.projects:
            return projected_moments(activations, self.root, self.mean, weight)
        # Rounded products disturb only directions whose variance is too small to be kept.
        return moments(activations, weight, exact=not self.others)

    def statistics(self, sums: Sums) -> tuple[Tensor, Tensor, Tensor]:
        """Return the mean ``[N, C]``, ``R^T K R`` as ``[N, r, r]`` and ``trace K`` as ``[N]``."""
        products, count, values, *squares = sums if self.others else map(exact, sums)
        average, mean = products / count[:, None, None], values / count[:, None]
        if squares:
            centred = average[:, -1, :-1]
            inner = average[:, :-1, :-1] - centred[:, :, None] * centred[:, None]
            trace = exact(squares[0] / count) - exact(mean).square().sum(1)
            return exact(mean), inner, trace
        covariance = average - mean[:, :, None] * mean[:, None]
        root = like(self.root, covariance)
        inner = on_one_thread(lambda it: root.mT @ it @ root, covariance)
        return exact(mean), inner, exact(covariance.diagonal(dim1=1, dim2=2)).sum(1)


class _RootTrace(torch.autograd.Function):
    """``trace M^1/2`` and ``trace (M S^-1)`` for ``M = R^T K R + jitter S: [N, r, r]``.

    The second is the variance in the span of ``R``, with the jitter in each direction. Everything
    is computed in float64, by one thread: several would need longer, and round in other ways. The
    gradient of ``trace M^1/2`` is ``M^-1/2 / 2``.
    """

    @staticmethod
    def forward(ctx: Any, inner: Tensor, scale: Tensor, jitter: Tensor) -> tuple[Tensor, Tensor]:
        """Return both traces, float64 ``[N]``, from ``R^T K R`` and ``S: [r]``."""
        with one_thread():
            jittered = exact(inner)
            jittered = (jittered + jittered.mT) / 2 + torch.diag(jitter * scale)
            values, vectors = torch.linalg.eigh(jittered)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(values, like(vectors, inner), scale)
        inside = (jittered.diagonal(dim1=1, dim2=2) / scale).sum(1)
        return values.clamp(min=0).sqrt().sum(1), inside

    @staticmethod
    def backward(ctx: Any, roots: Tensor, inside: Tensor | None) -> tuple[Tensor, None, None]:
        """Return the gradient for ``R^T K R``; eigenvalues of about 0 have none."""
        values, vectors, scale = ctx.saved_tensors
        roots = torch.zeros_like(values[:, 0]) if roots is None else roots
        least = torch.finfo(values.dtype).eps * values[:, -1:]
        inverse = torch.where(values > least, values.clamp(min=TINY**2).rsqrt() / 2, 0.0)
        weights = like(inverse * roots[:, None], vectors)
        with one_thread():
            gradient = (vectors * weights[:, None]) @ vectors.mT
        if inside is not None:
            gradient = gradient + torch.diag_embed(like(inside[:, None] / scale, vectors))
        return gradient, None, None


def resize_mask(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize a mask ``[1, 1, H, W]`` to the positions of a layer: ``[h, w]`` in ``[0, 1]``."""
    return resize_linearly(mask, size)[0, 0].clamp(0, 1)


def _masked(
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

