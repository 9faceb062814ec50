"""The Wasserstein style loss: a distance between normal distributions of a layer's activations.

``core.style.losses`` has the formula, and the other losses.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.devices import exact, like
from core.fixed_order import one_thread
from core.optim.objectives import TINY
from core.style.losses import Derivative, Gradients, LossTerm, StyleTarget, masked_sums
from core.style.moments import Sums, moments, projected_moments

# Value that is added to the diagonals of covariances, relative to the painting's mean variance. A
# channel that is always zero has a variance of 0, where the gradient of the square root is
# infinite.
JITTER = 1e-4
# Share of the painting's variance that is compared direction by direction, see ``wasserstein``, and
# that of layers with at most ``FEW`` channels, whose eigenvectors take little time.
KEPT, KEPT_OF_FEW, FEW = 0.98, 0.99, 96
# Number of channels from which on activations are projected on these directions before they are
# multiplied. With fewer channels, more passes over the activations would take longer than that.
PROJECTED = 256
# Ratio of the smallest eigenvalue to the largest below which float32 is not enough: four times the
# size of its rounding errors.
SMALLEST = 4 * torch.finfo(torch.float32).eps


def wasserstein(
    layer: str,
    style: StyleTarget,
    mask: Tensor | None = None,
    name: str = "",
    kept: float | None = None,
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

    If all directions are kept, everything is computed in float64. Rounding errors of float32, which
    are in proportion to the largest eigenvalue, would make the small ones larger, and the loss too
    small: by 7 % of the painting's energy in deep layers, and negative for the painting itself. The
    eigenvalues of the leading directions differ less, and eigenvectors take half the time in
    float32; see ``SMALLEST``.

    Args:
        layer, style, mask, name: see ``gram``.
        kept: share of the painting's variance that the leading eigenvectors hold; 1 to compare all
            directions one by one; None for ``kept_share``.
    """
    leading = Directions.of(style, kept_share(len(style.mean)) if kept is None else kept)
    # In proportion to the operations for the eigenvectors, and those for ``R^T K R``.
    projection = 0 if leading.projects else leading.channels**2 * len(leading.scale)
    return LossTerm.with_derivative(
        name or f"style {layer}",
        layer,
        masked_sums(leading.sums, mask),
        Derivative(len(leading.scale) ** 3 + projection, leading.distance),
    )


def kept_share(channels: int) -> float:
    """Return the share of the variance of a layer that is compared direction by direction."""
    return KEPT if channels > FEW else KEPT_OF_FEW


@dataclass(frozen=True)
class Directions:
    """The directions in which a painting varies most, for ``wasserstein``; float64.

    Attributes:
        mean: mean of the painting's activations, ``[C]``.
        root: ``R = V S^1/2``, ``[C, r]``.
        scale: ``S``, ``[r]``, variance of the painting in these directions.
        rest: ``l``, variance of the painting in all other directions.
        jitter: variance that is added in each direction.
        energy: mean squared length of the painting's activations, ``trace(L) + |n|^2``.
    """

    mean: Tensor
    root: Tensor
    scale: Tensor
    rest: Tensor
    jitter: Tensor
    energy: Tensor

    @classmethod
    def of(cls, style: StyleTarget, kept: float) -> Directions:
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
        energy = exact(style.gram).trace().clamp(min=TINY)
        return cls(mean, root, values[others:], values[:others].sum(), jitter, energy)

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
        """Return the sums over positions that ``distance`` needs."""
        if self.projects:
            return projected_moments(activations, self.root, self.mean, weight)
        # Rounded products disturb only directions whose variance is too small to be kept.
        return moments(activations, weight, exact=not self.others)

    def distance(self, sums: Sums, with_gradient: bool) -> tuple[Tensor, Gradients]:
        """Return the distance of ``wasserstein``, ``[N]``, and its gradient for each of the sums.

        With ``Z = M^-1/2``, ``M`` of ``_jittered`` and ``h = (l / k)^1/2``, the gradient of the
        squared distance is ``h S^-1 - Z`` for ``R^T K R``, ``1 - h`` for ``trace K`` and
        ``2 (m - n)`` for the mean ``m``, as that of ``trace M^1/2`` is ``Z / 2``.

        Args:
            sums: the result of ``sums``.
            with_gradient: whether the gradient is computed; else it is None for each.
        """
        values = sums if self.others else tuple(map(exact, sums))
        mean, inner, trace = self._statistics(values)
        matrix = self._jittered(inner)
        roots, inverse = matrix_root(matrix, with_gradient)
        rest = trace + self.jitter * self.channels
        slope = torch.zeros_like(rest)
        if self.others:
            inside = (exact(matrix.diagonal(dim1=1, dim2=2)) / self.scale).sum(1)
            left, least = rest - inside, self.jitter * self.others
            # Rounding can make the variance of directions that are never active negative.
            outside = left.clamp(min=least)
            roots = roots + (outside * self.rest).sqrt()
            slope = torch.where(left >= least, (self.rest / outside).sqrt(), slope)
        squared = (mean - self.mean).square().sum(1)
        whole = squared + rest + self.scale.sum() + self.rest - 2 * roots
        loss = like(whole.clamp(min=0) / self.energy, sums[0])
        if inverse is None:
            return loss, (None,) * len(sums)
        share = (whole >= 0).double() / self.energy
        for_inner = like(share, inverse)[:, None, None] * (
            torch.diag_embed(like(slope[:, None] / self.scale, inverse)) - inverse
        )
        for_mean = 2 * share[:, None] * (mean - self.mean)
        gradients = self._gradients(values, for_mean, like(for_inner, inner), share * (1 - slope))
        pairs = zip(gradients, sums, strict=True)
        return loss, tuple(None if it is None else like(it, other) for it, other in pairs)

    def _statistics(self, sums: Sums) -> tuple[Tensor, Tensor, Tensor]:
        """Return the mean ``[N, C]``, ``R^T K R`` as ``[N, r, r]`` and ``trace K`` as ``[N]``."""
        products, count, values, *squares = sums
        average, mean = products / count[:, None, None], values / count[:, None]
        if squares:
            centred = average[:, -1, :-1]
            inner = average[:, :-1, :-1] - centred[:, :, None] * centred[:, None]
            trace = exact(squares[0] / count) - exact(mean).square().sum(1)
            return exact(mean), inner, trace
        covariance = average - mean[:, :, None] * mean[:, None]
        root = like(self.root, covariance)
        inner = root.mT @ covariance @ root
        return exact(mean), inner, exact(covariance.diagonal(dim1=1, dim2=2)).sum(1)

    def _gradients(
        self, sums: Sums, for_mean: Tensor, for_inner: Tensor, for_trace: Tensor
    ) -> Gradients:
        """Return the gradient for the sums from that for the results of ``_statistics``."""
        products, count, values, *squares = sums
        mean = exact(values / count[:, None])
        if squares:
            for_products = torch.zeros_like(products)
            centred = (products[:, -1, :-1] / count[:, None])[..., None]
            for_products[:, :-1, :-1] = for_inner
            for_products[:, -1, :-1] = -2 * (for_inner @ centred)[..., 0]
            for_values = for_mean - 2 * for_trace[:, None] * mean
            each = [for_products, None, for_values, for_trace]
        else:
            root = like(self.root, for_inner)
            for_products = root @ for_inner @ root.mT
            for_products.diagonal(dim1=1, dim2=2).add_(like(for_trace, for_products)[:, None])
            for_values = (
                for_mean - 2 * exact(for_products @ like(mean, for_products)[..., None])[..., 0]
            )
            each = [for_products, None, for_values]
        positions = exact(count)
        return tuple(
            None if it is None else it / like(positions, it).view(-1, *(1,) * (it.ndim - 1))
            for it in each
        )

    def _jittered(self, inner: Tensor) -> Tensor:
        """Return ``M = R^T K R + jitter S`` for ``R^T K R: [N, r, r]``.

        It is float64 if all directions are kept, else in the precision of ``R^T K R``.
        """
        matrix = exact(inner)
        jittered = (matrix + matrix.mT) / 2 + torch.diag(self.jitter * self.scale)
        return jittered.to(inner.dtype)


def matrix_root(matrix: Tensor, inverted: bool) -> tuple[Tensor, Tensor | None]:
    """Return ``trace M^1/2``, float64 ``[N]``, and if asked for ``M^-1/2``, ``[N, r, r]``.

    Args:
        matrix: ``M``, symmetric, ``[N, r, r]``. If it is float32 and on the CPU, eigenvectors are
            computed in float32 where that is enough, see ``SMALLEST``; else in float64.
        inverted: whether to compute the inverse. Eigenvalues of about 0 have no part in it.
    """
    values, vectors = _decomposed(matrix)
    trace = exact(values).clamp(min=0).sqrt().sum(1)
    if not inverted:
        return trace, None
    least = torch.finfo(values.dtype).eps * values[:, -1:]
    inverse = torch.where(values > least, values.clamp(min=TINY**2).rsqrt(), 0.0)
    vectors = like(vectors, matrix)
    return trace, (vectors * like(inverse, vectors)[:, None]) @ vectors.mT


def _decomposed(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues and eigenvectors of ``M``, in the precision of ``matrix_root``."""
    # The host would have to wait for other devices to tell whether float32 is enough.
    if matrix.dtype == torch.float32 and matrix.device.type == "cpu":
        values, vectors = torch.linalg.eigh(matrix)
        if not bool((values[:, 0] < SMALLEST * values[:, -1]).any()):
            return values, vectors
    values, vectors = torch.linalg.eigh(matrix.double())
    return values, vectors
