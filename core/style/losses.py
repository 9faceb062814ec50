"""What style transfer holds against a picture: costs of content and of style, by layer.

Write ``F`` for what a layer sees in the picture, ``[C, P]`` with C channels at P places, and ``S``
for what it sees in the painting. Content is ``F`` itself; style is how channels fire together,
wherever they do:

    content    mean over channels and places of (F - T)^2, for the photograph's T
    Gram       G = F F^T / P, [C, C];  the sum over entries of (G - A)^2, for the painting's A
    Wasserstein  mean m = F 1 / P, [C], covariance K = G - m m^T, [C, C]; the squared distance of
               the normal distributions N(m, K) and N(n, L):
               |m - n|^2 + trace(K + L - 2 (L^1/2 K L^1/2)^1/2)

The first two are Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural
Networks" (CVPR 2016); with ``G' = P G`` their style cost of a layer is
``1 / (4 C^2 P^2) |G' - A'|^2``, which is ours but for the factor ``1 / (4 C^2)``. The third is
Olkin and Pukelsheim (1982), as style first in K. Crowson's style-transfer-pytorch (2021).

Layers differ by powers of ten in how much they see, so every cost is divided by the energy of its
target: ``mean T^2``, ``|A|^2``, and ``trace(L) + |n|^2``. A picture in which the layer sees nothing
then costs 1 in each of them, and weights mean the same in every layer of every network.

All of them are functions of sums over places, so they can be had exactly of a picture that is
looked at tile by tile: sums add up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from core.optim.objectives import TINY

Sums = tuple[Tensor, ...]
Box = tuple[slice, slice]
EVERYWHERE: Box = (slice(None), slice(None))
# Added to the diagonal of covariances, in units of their mean variance: channels that never fire
# have none, and the root of nothing has no gradient.
JITTER = 1e-4
# Sums over places are added up from so many parts.
CHUNKS = 8


@dataclass(frozen=True)
class LayerWindow:
    """Which places of a layer are counted, where a picture is looked at in pieces.

    Attributes:
        within: (rows, columns) of what is seen.
        whole: the same places, as (rows, columns) of what is seen of the whole picture.
    """

    within: Box = EVERYWHERE
    whole: Box = EVERYWHERE


@dataclass(frozen=True)
class LossTerm:
    """What is held against what one layer sees.

    Attributes:
        name: names it among others: ``content relu3b`` or ``style relu1a``.
        layer: name of the layer.
        sums: from activations ``[N, C, H, W]``, and which of their places count, to tensors
            ``[N, ...]`` that add up over pieces of a picture.
        loss: from these sums to costs ``[N]``.
    """

    name: str
    layer: str
    sums: Callable[[Tensor, LayerWindow], Sums]
    loss: Callable[[Sums], Tensor]


def content(layer: str, target: Tensor) -> LossTerm:
    """Cost what a layer sees elsewhere than in the photograph: ``mean (F - T)^2 / mean T^2``.

    Args:
        layer: name of a layer with activations ``[N, C, H, W]``, or ``[N, C]``.
        target: ``[1, C, H, W]`` or ``[1, C]``, what it sees in the photograph.
    """
    energy = target.to(_precision(target)).square().mean().clamp(min=TINY)

    def sums(seen: Tensor, window: LayerWindow) -> Sums:
        own, wanted = _own(seen, window.within), _own(target, window.whole)
        apart: Tensor = _SquaredLength.apply(own - wanted.to(own))
        return (apart,)

    def worth(own: Sums) -> Tensor:
        return own[0] / target[0].numel() / energy

    return LossTerm(f"content {layer}", layer, sums, worth)


def moments(seen: Tensor, weight: Tensor | None = None) -> Sums:
    """Sum what fires together over places.

    Args:
        seen: ``[N, C, H, W]``, or ``[N, C]`` for a layer without places.
        weight: ``[H, W]``, how much each place counts; all of them 1 by default.

    Returns:
        ``sum w f f^T`` as ``[N, C, C]``, ``sum w`` as ``[N]`` and ``sum w f`` as ``[N, C]``.
    """
    together, count = _together(seen, weight)
    places, each = _places(seen), _each(seen, weight)
    counted = places if each is None else places * each
    return together, count, counted.sum(1, dtype=_precision(seen))


def _together(seen: Tensor, weight: Tensor | None) -> Sums:
    """Give ``sum w f f^T`` as ``[N, C, C]`` and ``sum w`` as ``[N]``, as ``moments`` does."""
    places, each = _places(seen), _each(seen, weight)
    counted = places.detach() if each is None else places.detach() * each
    total = float(places.shape[1]) if weight is None else float(weight.sum())
    together: Tensor = _Together.apply(places, counted)
    return together, together.new_full((len(together),), total)


def _places(seen: Tensor) -> Tensor:
    """Lay places out as rows, ``[N, P, C]``: no copy, as channels are last in memory."""
    return seen.permute(0, 2, 3, 1).flatten(1, 2) if seen.ndim == 4 else seen[:, None]


def _each(seen: Tensor, weight: Tensor | None) -> Tensor | None:
    """Lay weights of places out as a column, ``[P, 1]``."""
    return None if weight is None else weight.to(seen).flatten()[:, None]


class _Together(torch.autograd.Function):
    """``X^T W X`` for ``X: [N, P, C]`` and diagonal W, at one product backwards instead of two."""

    @staticmethod
    def forward(ctx: Any, places: Tensor, weighted: Tensor) -> Tensor:
        """Multiply ``X^T`` and ``W X``, ``[N, P, C]`` both, to ``[N, C, C]``."""
        ctx.save_for_backward(weighted)
        pairs = zip(places, weighted, strict=True)
        return torch.stack([_product(one, other) for one, other in pairs])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Give ``W X (D + D^T)`` for the gradient ``D``."""
        (weighted,) = ctx.saved_tensors
        return weighted @ (gradient + gradient.mT).to(weighted), None


def _product(one: Tensor, other: Tensor) -> Tensor:
    """Multiply ``[P, C]`` and ``[P, C]`` to ``[C, C]``, in chunks of places.

    Results in half precision are rounded; those of chunks, added up in full precision, are less so.
    """
    chunked = len(one) // CHUNKS * CHUNKS
    parts = (it[:chunked].view(CHUNKS, -1, it.shape[1]) for it in (one, other))
    total: Tensor = torch.matmul(next(parts).mT, next(parts)).sum(0, dtype=_precision(one))
    if chunked < len(one):
        total += one[chunked:].T @ other[chunked:]
    return total


class _SquaredLength(torch.autograd.Function):
    """The sum of squares over all but the first axis, in full precision, without a copy in it."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        """Sum up ``[N, ...]`` to ``[N]``."""
        ctx.save_for_backward(values)
        axes = tuple(range(1, values.ndim))
        length: Tensor = torch.linalg.vector_norm(values, dim=axes, dtype=_precision(values))
        return length.square()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Give twice the values."""
        (values,) = ctx.saved_tensors
        factor: Tensor = (2 * gradient).to(values).view(-1, *(1,) * (values.ndim - 1))
        slope: Tensor = values * factor
        return slope


@dataclass(frozen=True)
class StyleTarget:
    """How the channels of a layer fire together in some paintings.

    Attributes:
        gram: ``[C, C]``.
        mean: ``[C]``.
    """

    gram: Tensor
    mean: Tensor

    @classmethod
    def of(cls, sums: Sums) -> StyleTarget:
        """Take it from the ``moments`` of one picture."""
        together, count, firing = sums
        return cls(together[0] / count[0], firing[0] / count[0])

    @classmethod
    def mixed(cls, styles: Sequence[StyleTarget], shares: Sequence[float]) -> StyleTarget:
        """Mix styles: the statistics of a wall that shows each painting on so much of it."""
        total = sum(shares)
        pairs = list(zip(styles, shares, strict=True))
        gram = sum((it.gram * (share / total) for it, share in pairs), torch.zeros(()))
        mean = sum((it.mean * (share / total) for it, share in pairs), torch.zeros(()))
        return cls(gram, mean)


def gram(layer: str, style: StyleTarget, mask: Tensor | None = None, name: str = "") -> LossTerm:
    """Cost channels that fire together otherwise than in the painting: ``|G - A|^2 / |A|^2``.

    Args:
        layer: name of a layer with activations ``[N, C, H, W]``, or ``[N, C]``.
        style: the painting's.
        mask: ``[H, W]`` at the places of the whole layer, how much each counts.
        name: what it is called; by default after the layer.
    """
    energy = style.gram.square().sum().clamp(min=TINY)

    def worth(own: Sums) -> Tensor:
        together, count = own
        apart = together / count[:, None, None] - style.gram.to(together)
        return apart.square().flatten(1).sum(1) / energy

    return LossTerm(name or f"style {layer}", layer, _masked(_together, mask), worth)


def wasserstein(
    layer: str, style: StyleTarget, mask: Tensor | None = None, name: str = ""
) -> LossTerm:
    """Cost another mean and covariance than the painting's: the squared Wasserstein-2 distance.

    That of the module's description, divided by ``trace(L) + |n|^2``. The trace of the root is the
    sum of the roots of eigenvalues, whose gradient needs no gaps between them. To both covariances
    ``JITTER`` times the painting's mean variance is added.

    Args:
        layer, style, mask, name: as ``gram`` takes them.
    """
    spread = style.gram - torch.outer(style.mean, style.mean)
    identity = torch.eye(len(spread)).to(spread)
    jitter = JITTER * spread.diagonal().mean().clamp(min=TINY) * identity
    spread = spread + jitter
    values, vectors = torch.linalg.eigh(spread)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.mT
    size = spread.trace()
    energy = (style.gram.trace()).clamp(min=TINY)

    def worth(own: Sums) -> Tensor:
        together, count, firing = own
        mean = firing / count[:, None]
        covariance = together / count[:, None, None] - mean[:, :, None] * mean[:, None] + jitter
        between = torch.linalg.eigvalsh(root @ covariance @ root)
        least = torch.finfo(between.dtype).eps * values[-1].square()
        trace = covariance.diagonal(dim1=1, dim2=2).sum(1)
        apart = (mean - style.mean).square().sum(1)
        costs: Tensor = apart + trace + size - 2 * between.clamp(min=least).sqrt().sum(1)
        return costs / energy

    return LossTerm(name or f"style {layer}", layer, _masked(moments, mask), worth)


def resize_mask(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Scale a mask ``[1, 1, H, W]`` to the places of a layer: ``[h, w]`` in ``[0, 1]``."""
    there = F.interpolate(mask, size, mode="bilinear", antialias=True, align_corners=False)
    return there[0, 0].clamp(0, 1)


def _masked(
    add_up: Callable[[Tensor, Tensor | None], Sums], mask: Tensor | None
) -> Callable[[Tensor, LayerWindow], Sums]:
    def sums(seen: Tensor, window: LayerWindow) -> Sums:
        weight = None if mask is None else mask[window.whole[0], window.whole[1]]
        return add_up(_own(seen, window.within), weight)

    return sums


def _own(seen: Tensor, box: Box) -> Tensor:
    return seen[..., box[0], box[1]] if seen.ndim == 4 else seen


def _precision(values: Tensor) -> torch.dtype:
    """Tell what to add up in: float32, if it is less, as half precision would lose most digits."""
    return torch.promote_types(values.dtype, torch.float32)
