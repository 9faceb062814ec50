"""Sums over the positions of a layer: of activations, of their squares, and of their products.

Rounding errors do not depend on the number of threads. Sums are at least in float32, also of
activations in half precision.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.devices import like
from core.fixed_order import one_thread, squares_per_image, sum_per_image
from core.images.tiles import Box
from core.optim.activations import at_least_float32, sum_precision

Sums = tuple[Tensor, ...]
# Number of parts in which products over positions are computed, see ``product``.
CHUNKS = 8
# Number of positions whose sum is rounded to half precision, see ``_sum``.
BLOCK = 64


def moments(activations: Tensor, weight: Tensor | None = None, exact: bool = True) -> Sums:
    """Compute weighted sums over positions of activations and of products of two channels.

    Args:
        activations: ``f``, ``[N, C, H, W]``, or ``[N, C]`` for a layer without positions.
        weight: ``w``, the weight of each position, ``[H, W]``; all 1 by default.
        exact: whether sums of activations in half precision are as exact as float32; else their
            relative errors are about 1e-4, in half of the time.

    Returns:
        ``sum w f f^T`` as ``[N, C, C]``, ``sum w`` as ``[N]`` and ``sum w f`` as ``[N, C]``.
    """
    weights = _weight_column(activations, weight)
    products, sums = _Moments.apply(activations, weights, exact, True)
    return products, position_count(activations, weights), sums


def product_sums(activations: Tensor, weight: Tensor | None, exact: bool = False) -> Sums:
    """Compute only ``sum w f f^T``, ``[N, C, C]``, and ``sum w``, ``[N]``, of ``moments``.

    Args:
        activations, weight, exact: see ``moments``.
    """
    weights = _weight_column(activations, weight)
    products, _ = _Moments.apply(activations, weights, exact, False)
    return products, position_count(activations, weights)


def projected_moments(
    activations: Tensor, basis: Tensor, centre: Tensor, weight: Tensor | None = None
) -> Sums:
    """Compute weighted sums over positions for a few directions instead of all channels.

    With ``R`` for the basis and ``c`` for the centre, ``y`` is ``R^T (f - c)`` followed by a 1.
    Products of ``y`` take less time than those of all channels, and are more exact: activations
    have large means, near which half precision is coarse.

    Args:
        activations: ``f``, ``[N, C, H, W]``, or ``[N, C]`` for a layer without positions.
        basis: ``R``, ``[C, r]``.
        centre: ``c``, ``[C]``.
        weight: ``w``, the weight of each position, ``[H, W]``; all 1 by default.

    Returns:
        ``sum w y y^T`` as ``[N, r + 1, r + 1]``, ``sum w`` as ``[N]``, ``sum w f`` as ``[N, C]``
        and ``sum w |f|^2`` as ``[N]``.
    """
    weights = _weight_column(activations, weight)
    products, sums, squares = _ProjectedMoments.apply(activations, weights, basis, centre)
    return products, position_count(activations, weights), sums, squares


def position_count(activations: Tensor, weights: Tensor | None) -> Tensor:
    """Return the sum of the weights ``[P, 1]`` of the positions of activations: ``[N]``."""
    if weights is None:
        positions = math.prod(activations.shape[2:])
        total = activations.new_full((1,), positions, dtype=sum_precision(activations))
    else:
        total = sum_per_image(weights[None])
    return total.repeat(len(activations))


def _rows(activations: Tensor) -> Tensor:
    """Return activations with one row per position, ``[N, P, C]``.

    Nothing is copied, as channels are last in memory.
    """
    if activations.ndim == 4:
        return activations.permute(0, 2, 3, 1).flatten(1, 2)
    return activations[:, None]


def _empty_gradient(ctx: Any, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return an empty gradient of activations, and a view of it with one row per position.

    Autograd adds the gradient of deeper layers in place to a gradient that is no view of another
    tensor, which takes less time than a new tensor for the sum.

    Args:
        ctx: the state of a function, with the ``shape`` of its activations.
        rows: activations as rows, for the precision of the gradient and its device.
    """
    layout = torch.channels_last if len(ctx.shape) == 4 else torch.contiguous_format
    gradient = torch.empty(ctx.shape, dtype=rows.dtype, device=rows.device, memory_format=layout)
    return gradient, _rows(gradient)


def _weight_column(activations: Tensor, weight: Tensor | None) -> Tensor | None:
    """Return the weights of positions as a column, ``[P, 1]``."""
    kind = sum_precision(activations)
    return None if weight is None else weight.to(activations.device, kind).flatten()[:, None]


class _Moments(torch.autograd.Function):
    """``X^T W X`` and ``W X`` summed over positions, for ``X: [N, P, C]`` and diagonal ``W``.

    The backward pass needs one matrix product, which adds the gradient of the sums on its way.
    Without this class, autograd would compute two products, and several copies of ``X``.
    """

    @staticmethod
    def forward(
        ctx: Any, activations: Tensor, weights: Tensor | None, exact: bool, with_sums: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return ``X^T W X``, ``[N, C, C]``, and if asked for the sums of ``W X``, ``[N, C]``.

        Args:
            ctx: state for the backward pass.
            activations: ``[N, C, H, W]`` or ``[N, C]``, whose rows are ``X``.
            weights: the diagonal of ``W``, ``[P, 1]``; None for 1 everywhere.
            exact: see ``moments``.
            with_sums: whether to compute the sums.
        """
        weighted = rows = _rows(activations)
        ctx.shape = activations.shape
        if weights is not None:
            rows = at_least_float32(rows)
            weighted = rows * weights
        ctx.save_for_backward(weighted, weights)
        ctx.set_materialize_grads(False)
        pairs = zip(rows, weighted, strict=True)
        products = torch.stack([product(one, other, exact) for one, other in pairs])
        return products, _sum(weighted, exact) if with_sums else None

    @staticmethod
    def backward(
        ctx: Any, products: Tensor | None, sums: Tensor | None
    ) -> tuple[Tensor, None, None, None]:
        """Return the gradient of the activations; that of ``X`` is ``W X (D + D^T) + W 1 d^T``.

        ``D`` is the gradient of the products, and ``d`` that of the sums.
        """
        weighted, weights = ctx.saved_tensors
        if products is None:
            products = weighted.new_zeros(len(weighted), *[weighted.shape[2]] * 2)
        both = (products + products.mT).to(weighted)
        gradient, of_rows = _empty_gradient(ctx, weighted)
        if sums is None:
            torch.bmm(weighted, both, out=of_rows)
        else:
            constant = sums[:, None].to(weighted)
            if weights is not None:
                constant = weights * constant
            torch.baddbmm(constant, weighted, both, out=of_rows)
        return gradient, None, None, None


class _ProjectedMoments(torch.autograd.Function):
    """The sums of ``projected_moments`` that depend on the activations ``X: [N, P, C]``."""

    @staticmethod
    def forward(
        ctx: Any, activations: Tensor, weights: Tensor | None, basis: Tensor, centre: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``Y^T W Y``, and the sums over positions of ``W X`` and ``W X^2``.

        Args:
            ctx: state for the backward pass.
            activations: ``[N, C, H, W]`` or ``[N, C]``, whose rows are ``X``.
            weights: the diagonal of ``W``, ``[P, 1]``; None for 1 everywhere.
            basis: ``R``, ``[C, r]``.
            centre: ``c``, ``[C]``.
        """
        rows = _rows(activations)
        ctx.shape = activations.shape
        if weights is not None:
            rows = at_least_float32(rows)
        basis, centre = like(basis, rows), like(centre, rows)
        # A column of zeros and a constant of 1 are the last entry of ``y``.
        shift = F.pad(-(centre @ basis), (0, 1), value=1.0)
        projected = F.linear(rows, F.pad(basis, (0, 1)).mT.contiguous(), shift)
        weighted = rows if weights is None else rows * weights
        other = projected if weights is None else projected * weights
        ctx.save_for_backward(weighted, other, basis)
        pairs = zip(projected, other, strict=True)
        products = torch.stack([product(one, two, False) for one, two in pairs])
        squares = squares_per_image(rows) if weights is None else sum_per_image(rows * weighted)
        return products, _sum(weighted, False), squares

    @staticmethod
    def backward(
        ctx: Any, products: Tensor, sums: Tensor, squares: Tensor
    ) -> tuple[Tensor, None, None, None]:
        """Return the gradient of activations; of ``X``: ``W (Y (D + D^T) R^T + 1 d^T + 2 e X)``.

        ``R`` has a last column of 0 here. ``D``, ``d`` and ``e`` are the gradients of the results.
        """
        weighted, projected, basis = ctx.saved_tensors
        both = (products + products.mT)[..., :-1]
        if basis.dtype in (torch.bfloat16, torch.float16):
            # Several threads round as one does in half precision, to which factors are rounded.
            factors = (both.to(basis) @ basis.mT).to(both)  # [N, r + 1, C]
        else:
            with one_thread():
                factors = both @ basis.to(both).mT
        # The last entry of ``y`` is 1.
        factors[:, -1] += sums
        gradient, of_rows = _empty_gradient(ctx, weighted)
        torch.mul(weighted, (2 * squares)[:, None, None].to(weighted), out=of_rows)
        of_rows.baddbmm_(projected, factors.to(weighted))
        return gradient, None, None, None


def _sum(rows: Tensor, exact: bool) -> Tensor:
    """Return the sums over positions of rows ``[N, P, C]``: ``[N, C]``.

    If the result need not be ``exact``, sums of ``BLOCK`` positions are rounded to the precision of
    the rows. Otherwise all rows are converted first, which takes three times as long.
    """
    kind = sum_precision(rows)
    whole = 0 if exact or rows.dtype == kind else rows.shape[1] // BLOCK * BLOCK
    # Several threads would divide the channels, and sum the last of each share in another order.
    with one_thread():
        total = rows[:, whole:].sum(1, dtype=kind)
    if whole:
        blocks = rows[:, :whole].reshape(-1, BLOCK, rows.shape[2])
        # Each block is summed by one thread, also if several share the work.
        sums = torch.bmm(rows.new_ones(len(blocks), 1, BLOCK), blocks)
        with one_thread():
            total += sums.view(len(rows), -1, rows.shape[2]).sum(1, dtype=kind)
    return total


def product(one: Tensor, other: Tensor, exact: bool) -> Tensor:
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


def squared_distance(
    activations: Tensor, target: Tensor, box: Box, weight: Tensor | None = None
) -> Tensor:
    """Return the sum over channels and positions of ``w^2 (F - T)^2``, ``[N]``.

    Args:
        activations: ``F``, ``[N, C, H, W]``, or ``[N, C]`` for a layer without positions.
        target: ``T``, of the shape of the positions in the box.
        box: the (rows, columns) that are compared.
        weight: ``w``, of the shape of the positions in the box; None for 1 everywhere.
    """
    result: Tensor = _SquaredDistance.apply(activations, target, box, weight)
    return result


class _SquaredDistance(torch.autograd.Function):
    """The function of ``squared_distance``.

    Its gradient has the memory layout of the activations, in which it can be added quickly to that
    of deeper layers. Autograd's gradient of a crop has another one.
    """

    @staticmethod
    def forward(
        ctx: Any, activations: Tensor, target: Tensor, box: Box, weight: Tensor | None
    ) -> Tensor:
        """Compute the sums of squares."""
        current = cropped(activations, box)
        difference = current - target.to(current)
        if weight is not None:
            weight = weight.to(difference)
            difference *= weight
        ctx.save_for_backward(activations, difference, weight)
        ctx.box = box
        return squares_per_image(difference)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient: ``2 w^2 (F - T)`` times that of the sums; 0 outside the box."""
        activations, difference, weight = ctx.saved_tensors
        factor = (2 * gradient).to(difference).view(-1, *(1,) * (difference.ndim - 1))
        result = torch.zeros_like(activations)
        inside = torch.mul(difference, factor, out=cropped(result, ctx.box))
        if weight is not None:
            inside *= weight
        return result, None, None, None


def cropped(activations: Tensor, box: Box) -> Tensor:
    """Return the (rows, columns) of activations in a box; all of a layer without positions."""
    return activations[..., box[0], box[1]] if activations.ndim == 4 else activations
