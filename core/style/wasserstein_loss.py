"""The Wasserstein style loss: a distance between normal distributions of a layer's activations.

``core.style.losses`` has the formula, and the other losses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.devices import exact, like
from core.fixed_order import on_one_thread, one_thread
from core.optim.objectives import TINY
from core.style.eigenvectors import Eigenvectors
from core.style.losses import LossTerm, Spectral, StyleTarget, masked_sums
from core.style.moments import Sums, moments, projected_moments

# Value that is added to the diagonals of covariances, relative to the painting's mean variance. A
# channel that is always zero has a variance of 0, where the gradient of the square root is
# infinite.
JITTER = 1e-4
# Share of the painting's variance that is compared direction by direction, see ``wasserstein``.
KEPT = 0.99
# Number of channels from which on activations are projected on these directions before they are
# multiplied. With fewer channels, more passes over the activations would take longer than that.
PROJECTED = 256


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
    leading = Directions.of(style, kept)
    energy = exact(style.gram).trace().clamp(min=TINY)

    def begin(sums: Sums) -> Spectral:
        mean, inner, trace = leading.statistics(sums)
        jittered = leading.jittered(inner.detach())

        def finish(found: Eigenvectors) -> Tensor:
            total = trace + leading.jitter * leading.channels
            squared = (mean - leading.mean).square().sum(1)
            roots, inside = _RootTrace.apply(inner, jittered, *found, leading.scale)
            if leading.others:
                # Rounding can make the variance of directions that are never active negative.
                outside = (total - inside).clamp(min=leading.jitter * leading.others)
                roots = roots + (outside * leading.rest).sqrt()
            distance = squared + total + leading.scale.sum() + leading.rest - 2 * roots
            return like(distance.clamp(min=0) / energy, sums[0])

        return Spectral(jittered, finish)

    term_name = name or f"style {layer}"
    return LossTerm.spectral(term_name, layer, masked_sums(leading.sums, mask), begin)


@dataclass(frozen=True)
class Directions:
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

    @torch.no_grad()
    def jittered(self, inner: Tensor) -> Tensor:
        """Return ``M = R^T K R + jitter S`` in float64 for ``R^T K R: [N, r, r]``."""
        with one_thread():
            matrix = exact(inner)
            return (matrix + matrix.mT) / 2 + torch.diag(self.jitter * self.scale)


class _RootTrace(torch.autograd.Function):
    """``trace M^1/2`` and ``trace (M S^-1)`` for ``M`` of ``Directions.jittered``.

    The second is the variance in the span of ``R``, with the jitter in each direction. Everything
    is computed in float64, by one thread: several would need longer, and round in other ways. The
    gradient of ``trace M^1/2`` is ``M^-1/2 / 2``.
    """

    @staticmethod
    def forward(
        ctx: Any, inner: Tensor, jittered: Tensor, values: Tensor, vectors: Tensor, scale: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return both traces, float64 ``[N]``.

        Args:
            ctx: state for the backward pass.
            inner: ``R^T K R``, ``[N, r, r]``; gradients are with respect to it.
            jittered: ``M``, ``[N, r, r]``.
            values, vectors: eigenvalues ``[N, r]`` and eigenvectors ``[N, r, r]`` of ``M``.
            scale: ``S``, ``[r]``.
        """
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(values, like(vectors, inner), scale)
        inside = (jittered.diagonal(dim1=1, dim2=2) / scale).sum(1)
        return values.clamp(min=0).sqrt().sum(1), inside

    @staticmethod
    def backward(ctx: Any, roots: Tensor, inside: Tensor | None) -> tuple[Tensor | None, ...]:
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
        return gradient, None, None, None, None
