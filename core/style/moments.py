"""Sums over the positions of a layer: of activations, of their squares, and of their products.

Rounding errors do not depend on the number of threads. Sums are at least in float32, also of
activations in half precision.
"""

from typing import Any

import torch
from torch import Tensor

from core.fixed_order import one_thread, squares_per_image, sum_per_image
from core.optim.activations import at_least_float32, sum_precision

Sums = tuple[Tensor, ...]
# Number of parts in which products over positions are computed, see ``_product``.
CHUNKS = 8


def moments(activations: Tensor, weight: Tensor | None = None, exact: bool = True) -> Sums:
    """Compute weighted sums over positions of activations and of products of two channels.

    Args:
        activations: ``f``, ``[N, C, H, W]``, or ``[N, C]`` for a layer without positions.
        weight: ``w``, the weight of each position, ``[H, W]``; all 1 by default.
        exact: whether products of activations in half precision are as exact as float32; else their
            relative errors are about 1e-4, in half of the time.

    Returns:
        ``sum w f f^T`` as ``[N, C, C]``, ``sum w`` as ``[N]`` and ``sum w f`` as ``[N, C]``.
    """
    products, count = product_sums(activations, weight, exact)
    rows, weights = _rows(activations), _weight_column(activations, weight)
    weighted = rows if weights is None else at_least_float32(rows) * weights
    # Several threads would divide the channels, and sum the last of each share in another order.
    with one_thread():
        sums = weighted.sum(1, dtype=sum_precision(activations))
    return products, count, sums


def product_sums(activations: Tensor, weight: Tensor | None, exact: bool = False) -> Sums:
    """Compute only ``sum w f f^T``, ``[N, C, C]``, and ``sum w``, ``[N]``, of ``moments``.

    Args:
        activations, weight, exact: see ``moments``.
    """
    rows, weights = _rows(activations), _weight_column(activations, weight)
    if weights is not None:
        rows = at_least_float32(rows)
    weighted = rows.detach() if weights is None else rows.detach() * weights
    products: Tensor = _WeightedGram.apply(rows, weighted, exact)
    return products, position_count(rows, weights)


def position_count(rows: Tensor, weights: Tensor | None) -> Tensor:
    """Return the sum of the weights ``[P, 1]`` of positions for rows ``[N, P, C]``: ``[N]``."""
    if weights is None:
        total = rows.new_full((1,), rows.shape[1], dtype=sum_precision(rows))
    else:
        total = sum_per_image(weights[None])
    return total.repeat(len(rows))


def _rows(activations: Tensor) -> Tensor:
    """Return activations with one row per position, ``[N, P, C]``.

    Nothing is copied, as channels are last in memory.
    """
    if activations.ndim == 4:
        return activations.permute(0, 2, 3, 1).flatten(1, 2)
    return activations[:, None]


def _weight_column(activations: Tensor, weight: Tensor | None) -> Tensor | None:
    """Return the weights of positions as a column, ``[P, 1]``."""
    kind = sum_precision(activations)
    return None if weight is None else weight.to(activations.device, kind).flatten()[:, None]


class _WeightedGram(torch.autograd.Function):
    """``X^T W X`` for ``X: [N, P, C]`` and diagonal ``W``, ``[P, P]``.

    The backward pass needs one matrix product. Without this class, autograd would compute two.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weighted: Tensor, exact: bool) -> Tensor:
        """Compute ``X^T W X``, ``[N, C, C]``, from ``X`` and ``W X``, each ``[N, P, C]``."""
        ctx.save_for_backward(weighted)
        pairs = zip(rows, weighted, strict=True)
        return torch.stack([_product(one, other, exact) for one, other in pairs])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient for ``X``: ``W X (D + D^T)``, where ``D`` is that of the result."""
        (weighted,) = ctx.saved_tensors
        return weighted @ (gradient + gradient.mT).to(weighted), None, None


def _product(one: Tensor, other: Tensor, exact: bool) -> Tensor:
    """Compute ``one^T other`` for two tensors ``[P, C]``, in chunks of positions.

    In half precision, a matrix product rounds its result to half precision. This would be too
    coarse for covariances, which would have negative eigenvalues. So if the result is to be
    ``exact``, the product is computed once more minus the rounded result, which gives what was lost
    by rounding.
    """
    chunked = len(one) // CHUNKS * CHUNKS
    parts = (it[:chunked].view(CHUNKS, -1, it.shape[1]) for it in (one, other))
    left, right = next(parts).mT, next(parts)
    rounded = torch.matmul(left, right)
    total: Tensor = rounded.sum(0, dtype=sum_precision(one))
    if exact and rounded.dtype != total.dtype:
        total += torch.baddbmm(rounded, left, right, beta=-1).sum(0, dtype=total.dtype)
    if chunked < len(one):
        total += one[chunked:].to(total).T @ other[chunked:].to(total)
    return total


def squared_norm(values: Tensor) -> Tensor:
    """Return the sum of squares over all axes except the first, ``[N, ...]`` to ``[N]``."""
    result: Tensor = _SquaredNorm.apply(values)
    return result


class _SquaredNorm(torch.autograd.Function):
    """The function of ``squared_norm``, without a converted copy of values in half precision."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        """Compute the sums of squares: ``[N, ...]`` to ``[N]``."""
        ctx.save_for_backward(values)
        return squares_per_image(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Return the gradient for the values: twice the values times the gradient of the sums."""
        (values,) = ctx.saved_tensors
        factor: Tensor = (2 * gradient).to(values).view(-1, *(1,) * (values.ndim - 1))
        result: Tensor = values * factor
        return result
