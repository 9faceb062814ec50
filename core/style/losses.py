"""The content loss and the style losses of style transfer; each loss is for one layer.

Write ``F`` for the activations of a layer for the optimised image, ``[C, P]`` with C channels at P
positions. The content loss compares ``F`` itself. Style losses compare which channels respond
together, wherever in the image:

    content      mean over channels and positions of (F - T)^2, for the photograph's activations T
    Gram         G = F F^T / P, [C, C];  the sum over entries of (G - A)^2, for the painting's A
    Wasserstein  mean m = F 1 / P, [C], covariance K = G - m m^T, [C, C]; the squared distance
                 between the normal distributions N(m, K) and the painting's N(n, L):
                 |m - n|^2 + trace(K + L - 2 (L^1/2 K L^1/2)^1/2)

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
from torch.nn import functional as F

from core.images.tiles import Box
from core.optim.activations import sum_precision
from core.optim.objectives import TINY

Sums = tuple[Tensor, ...]
EVERYWHERE: Box = (slice(None), slice(None))
# Value that is added to the diagonals of covariances, relative to the painting's mean variance. A
# channel that is always zero has a variance of 0, where the gradient of the square root is
# infinite.
JITTER = 1e-4
# Number of parts in which products over positions are computed, see ``_product``.
CHUNKS = 8


@dataclass(frozen=True)
class LayerWindow:
    """The positions of a layer that belong to a tile of the image; by default all positions.

    Attributes:
        within: the positions as (rows, columns) of the tile's activations.
        whole: the same positions as (rows, columns) of the whole image's activations.
    """

    within: Box = EVERYWHERE
    whole: Box = EVERYWHERE


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


def content(layer: str, target: Tensor) -> LossTerm:
    """Return the content loss of a layer: ``mean (F - T)^2 / mean T^2``.

    Args:
        layer: name of a layer with activations ``[N, C, H, W]``, or ``[N, C]``.
        target: activations of this layer for the photograph, ``[1, C, H, W]`` or ``[1, C]``.
    """
    energy = target.to(sum_precision(target)).square().mean().clamp(min=TINY)

    def squared_error(activations: Tensor, window: LayerWindow) -> Sums:
        current, expected = _crop(activations, window.within), _crop(target, window.whole)
        total: Tensor = _SquaredNorm.apply(current - expected.to(current))
        return (total,)

    def loss(sums: Sums) -> Tensor:
        return sums[0] / target[0].numel() / energy

    return LossTerm(f"content {layer}", layer, squared_error, loss)


def moments(activations: Tensor, weight: Tensor | None = None) -> Sums:
    """Compute weighted sums over positions of activations and of products of two channels.

    Args:
        activations: ``f``, ``[N, C, H, W]``, or ``[N, C]`` for a layer without positions.
        weight: ``w``, the weight of each position, ``[H, W]``; all 1 by default.

    Returns:
        ``sum w f f^T`` as ``[N, C, C]``, ``sum w`` as ``[N]`` and ``sum w f`` as ``[N, C]``.
    """
    products, count = _product_sums(activations, weight)
    rows, weights = _rows(activations), _weight_column(activations, weight)
    weighted = rows if weights is None else rows * weights
    return products, count, weighted.sum(1, dtype=sum_precision(activations))


def _product_sums(activations: Tensor, weight: Tensor | None) -> Sums:
    """Compute only ``sum w f f^T``, ``[N, C, C]``, and ``sum w``, ``[N]``, of ``moments``."""
    rows, weights = _rows(activations), _weight_column(activations, weight)
    weighted = rows.detach() if weights is None else rows.detach() * weights
    total = float(rows.shape[1]) if weight is None else float(weight.sum())
    products: Tensor = _WeightedGram.apply(rows, weighted)
    return products, products.new_full((len(products),), total)


def _rows(activations: Tensor) -> Tensor:
    """Return activations with one row per position, ``[N, P, C]``.

    Nothing is copied, as channels are last in memory.
    """
    if activations.ndim == 4:
        return activations.permute(0, 2, 3, 1).flatten(1, 2)
    return activations[:, None]


def _weight_column(activations: Tensor, weight: Tensor | None) -> Tensor | None:
    """Return the weights of positions as a column, ``[P, 1]``."""
    return None if weight is None else weight.to(activations).flatten()[:, None]


class _WeightedGram(torch.autograd.Function):
    """``X^T W X`` for ``X: [N, P, C]`` and diagonal ``W``, ``[P, P]``.

    The backward pass needs one matrix product. Without this class, autograd would compute two.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weighted: Tensor) -> Tensor:
        """Compute ``X^T W X``, ``[N, C, C]``, from ``X`` and ``W X``, each ``[N, P, C]``."""
        ctx.save_for_backward(weighted)
        pairs = zip(rows, weighted, strict=True)
        return torch.stack([_product(one, other) for one, other in pairs])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradient for ``X``: ``W X (D + D^T)``, where ``D`` is that of the result."""
        (weighted,) = ctx.saved_tensors
        return weighted @ (gradient + gradient.mT).to(weighted), None


def _product(one: Tensor, other: Tensor) -> Tensor:
    """Compute ``one^T other`` for two tensors ``[P, C]``, in chunks of positions.

    In half precision, the result of a matrix product is rounded to half precision. If the products
    of chunks are added up in float32, the rounding error is smaller.
    """
    chunked = len(one) // CHUNKS * CHUNKS
    parts = (it[:chunked].view(CHUNKS, -1, it.shape[1]) for it in (one, other))
    total: Tensor = torch.matmul(next(parts).mT, next(parts)).sum(0, dtype=sum_precision(one))
    if chunked < len(one):
        total += one[chunked:].T @ other[chunked:]
    return total


class _SquaredNorm(torch.autograd.Function):
    """The sum of squares over all axes except the first.

    It is accumulated at least in float32, without a converted copy of the tensor.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        """Compute the sums of squares: ``[N, ...]`` to ``[N]``."""
        ctx.save_for_backward(values)
        axes = tuple(range(1, values.ndim))
        norm: Tensor = torch.linalg.vector_norm(values, dim=axes, dtype=sum_precision(values))
        return norm.square()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Return the gradient for the values: twice the values times the gradient of the sums."""
        (values,) = ctx.saved_tensors
        factor: Tensor = (2 * gradient).to(values).view(-1, *(1,) * (values.ndim - 1))
        result: Tensor = values * factor
        return result


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
    energy = style.gram.square().sum().clamp(min=TINY)

    def loss(sums: Sums) -> Tensor:
        products, count = sums
        difference = products / count[:, None, None] - style.gram.to(products)
        return difference.square().flatten(1).sum(1) / energy

    return LossTerm(name or f"style {layer}", layer, _masked(_product_sums, mask), loss)


def wasserstein(
    layer: str, style: StyleTarget, mask: Tensor | None = None, name: str = ""
) -> LossTerm:
    """Return the Wasserstein loss of a layer: a squared Wasserstein-2 distance to the painting.

    The squared distance is divided by ``trace(L) + |n|^2``, with the covariance ``L`` and the mean
    ``n`` of the painting's activations, so that the losses of all layers have one scale. The
    module's docstring has the whole formula. The trace of the matrix square root is computed as the
    sum of the square roots of the eigenvalues. The gradient of this sum is finite also where
    eigenvalues are equal.
    ``JITTER`` times the painting's mean variance is added to the diagonals of both covariances.

    Args:
        layer, style, mask, name: see ``gram``.
    """
    target = style.gram - torch.outer(style.mean, style.mean)
    identity = torch.eye(len(target)).to(target)
    jitter = JITTER * target.diagonal().mean().clamp(min=TINY) * identity
    target = target + jitter
    values, vectors = torch.linalg.eigh(target)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.mT
    target_trace = target.trace()
    energy = (style.gram.trace()).clamp(min=TINY)

    def loss(sums: Sums) -> Tensor:
        products, count, weighted = sums
        mean = weighted / count[:, None]
        covariance = products / count[:, None, None] - mean[:, :, None] * mean[:, None] + jitter
        eigenvalues = torch.linalg.eigvalsh(root @ covariance @ root)
        least = torch.finfo(eigenvalues.dtype).eps * values[-1].square()
        trace = covariance.diagonal(dim1=1, dim2=2).sum(1)
        squared = (mean - style.mean).square().sum(1)
        roots = eigenvalues.clamp(min=least).sqrt().sum(1)
        distance: Tensor = squared + trace + target_trace - 2 * roots
        return distance / energy

    return LossTerm(name or f"style {layer}", layer, _masked(moments, mask), loss)


def resize_mask(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize a mask ``[1, 1, H, W]`` to the positions of a layer: ``[h, w]`` in ``[0, 1]``."""
    resized = F.interpolate(mask, size, mode="bilinear", antialias=True, align_corners=False)
    return resized[0, 0].clamp(0, 1)


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
        return sums_of(_crop(activations, window.within), weight)

    return sums


def _crop(activations: Tensor, box: Box) -> Tensor:
    return activations[..., box[0], box[1]] if activations.ndim == 4 else activations
