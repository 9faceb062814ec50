"""L-BFGS with one evaluation per step, a bounded step length, and externally clamped parameters.

``torch.optim.LBFGS`` without line search accepts every step, and a single bad step can spoil the
result. With line search it evaluates the loss several times per step. Here a step that increases
the loss is rejected at the next evaluation and repeated with a shorter length. The caller may clamp
the parameter between steps: curvature is computed from the values after clamping.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from core.devices import exact, like
from core.fixed_order import norm, squares_per_image, sum_per_image
from core.optim.optimisers import UncompiledOptimiser

# Largest number of pairs (step, change of the gradient) in the history, and of bytes that all pairs
# may take together. All pairs are read twice per step. With 8 pairs, style transfer needs 10 % more
# steps, and each step is 2 % faster.
HISTORY, HISTORY_BYTES = 16, 2**30
# Largest root mean square of a step, in units of the parameter: FIRST_STEP while the history is
# empty, MAX_STEP after that.
FIRST_STEP, MAX_STEP = 0.01, 0.1
# An increase of the loss by less than this fraction may be a rounding error and is accepted.
LOSS_TOLERANCE = 1e-3
# After this many rejections in a row the next step is accepted and the history is cleared.
MAX_REJECTIONS = 5
# A rejected step is shortened by a factor within these bounds.
SHRINK = (0.1, 0.5)
# Number of values in each block of a dot product.
DOT_BLOCK = 16384
# Pairs with a smaller cosine between the step and the change of the gradient are not stored.
MIN_CURVATURE = 1e-6


class LBFGS(UncompiledOptimiser):
    """Quasi-Newton minimisation over one tensor (Liu and Nocedal, 1989).

    The direction is a linear combination of basis vectors: the preconditioned gradient, the steps
    of the history, and the preconditioned changes of the gradient. Its coefficients follow from dot
    products alone, so large tensors are read only twice per step (Chen, Wang and Zhou, "Large-scale
    L-BFGS using MapReduce", 2014).

    Attributes:
        best: value of the parameter with the lowest loss so far.
    """

    def __init__(
        self,
        parameter: nn.Parameter,
        learning_rate: float = 1.0,
        preconditioner: Callable[[Tensor], Tensor] = torch.clone,
    ) -> None:
        """Create an optimiser with an empty history.

        Args:
            parameter: the tensor to optimise.
            learning_rate: factor of the step length; 1 for the quasi-Newton step.
            preconditioner: estimate of the inverse Hessian, up to a factor: a symmetric, positive
                definite linear map of tensors of the parameter's shape.
        """
        super().__init__([parameter], {"lr": learning_rate})
        self._parameter = parameter
        self._preconditioner = preconditioner
        size = parameter.numel()
        self._capacity = max(1, min(HISTORY, HISTORY_BYTES // (8 * size)))
        # Row 0 is the preconditioned gradient. Rows 1 + 2 k and 2 + 2 k belong to slot k of the
        # history: its step, and its preconditioned change of the gradient.
        self._basis = parameter.new_zeros(2 * self._capacity + 1, size, requires_grad=False)
        self._gradient = torch.zeros_like(self._basis[0])
        self._products = torch.zeros(
            2 * self._capacity + 1, 2 * self._capacity + 1, dtype=torch.float64
        )
        self._slots: list[int] = []  # slots in use, the oldest pair first
        self.best = parameter.detach().clone()
        self._best_loss = float("inf")
        self._accepted: tuple[Tensor, float] | None = None  # last accepted position, and its loss
        self._direction = torch.zeros_like(self._basis[0])
        self._length, self._slope, self._rejections = 0.0, 0.0, 0

    @property
    def history(self) -> Tensor:
        """The basis vectors with a full history, ``[2 m + 1, n]`` for ``m`` pairs."""
        return self._basis

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update the parameter, whose gradient must have been computed already.

        Args:
            closure: returns the loss of the parameter's present value.
        """
        if closure is None or self._parameter.grad is None:
            return
        loss = float(closure())
        if loss < self._best_loss:
            self._best_loss = loss
            self.best.copy_(self._parameter)
        if self._accepted is not None:
            position, accepted_loss = self._accepted
            limit = accepted_loss + LOSS_TOLERANCE * abs(accepted_loss)
            if not loss <= limit and self._rejections < MAX_REJECTIONS:
                self._reject_step(position, accepted_loss, loss)
                return
        gradient = self._parameter.grad.flatten().clone()
        preconditioned = self._preconditioner(self._parameter.grad).flatten()
        pair = None
        if self._rejections >= MAX_REJECTIONS:
            self._slots.clear()
        elif self._accepted is not None:
            moved = self._parameter.flatten() - self._accepted[0]
            pair = self._update_history(moved, gradient, preconditioned)
        self._gradient, self._rejections = gradient, 0
        self._basis[0].copy_(preconditioned)
        self._set_direction(pair)
        self._accepted = (self._parameter.flatten().clone(), loss)
        self._parameter.add_(self._direction.view_as(self._parameter), alpha=self._length)

    def _reject_step(self, position: Tensor, accepted_loss: float, loss: float) -> None:
        """Repeat the last step from the last accepted position with a shorter length.

        The new length is where a parabola through the losses has its minimum, but at least
        ``SHRINK[0]`` and at most ``SHRINK[1]`` times the old length. The parabola has the slope and
        the loss of the accepted position at length 0, and the loss of the rejected step at the old
        length.
        """
        self._rejections += 1
        rise = loss - accepted_loss - self._slope * self._length
        minimum = -self._slope * self._length**2 / (2 * rise) if rise > 0 else 0.0
        low, high = (factor * self._length for factor in SHRINK)
        self._length = min(max(minimum, low), high)
        self._parameter.copy_((position + self._length * self._direction).view_as(self._parameter))

    def _update_history(
        self, moved: Tensor, gradient: Tensor, preconditioned: Tensor
    ) -> tuple[float, float] | None:
        """Store the pair of the last step; replace the oldest pair if the history is full.

        Args:
            moved: ``s``, difference of the last two accepted positions, ``[n]``.
            gradient: the present gradient, ``[n]``.
            preconditioned: the present gradient multiplied by the preconditioner, ``[n]``.

        Returns:
            ``s . y`` and ``y . P y`` for the change ``y`` of the gradient. None if no pair was
            stored because the curvature along the step is too small, see ``MIN_CURVATURE``.
        """
        change = gradient - self._gradient
        preconditioned_change = preconditioned - self._basis[0]
        products = [sum_per_image((change * it)[None]) for it in (moved, preconditioned_change)]
        squares = [squares_per_image(it[None]) for it in (moved, change)]
        # One request for four numbers, because the host waits for each request.
        curvature, own, *lengths = torch.cat([*products, *squares]).tolist()
        if not curvature > math.prod(map(math.sqrt, lengths), start=MIN_CURVATURE):
            return None
        full = len(self._slots) == self._capacity
        slot = self._slots.pop(0) if full else len(self._slots)
        self._slots.append(slot)
        self._basis[1 + 2 * slot].copy_(moved)
        self._basis[2 + 2 * slot].copy_(preconditioned_change)
        return curvature, own

    def _set_direction(self, pair: tuple[float, float] | None) -> None:
        """Compute direction, slope and length of the next step.

        The history is read once for the dot products with the gradient ``g``. Those with its
        newest change ``y`` are their differences to the dot products with the gradient before.

        Args:
            pair: ``s . y`` and ``y . P y`` of the newest pair; None if ``_update_history`` stored
                no pair.
        """
        used = 1 + 2 * len(self._slots)
        basis, products = self._basis[:used], self._products[:used, :used]
        computed = dot_products(self._gradient, basis)
        if pair is not None:
            step = 1 + 2 * self._slots[-1]
            change = computed - products[0]
            # ``P`` is symmetric, so ``y . P g`` is ``g . P y``.
            change[0], change[step], change[step + 1] = computed[step + 1], *pair
            products[step + 1], products[:, step + 1] = change, change
        products[0], products[:, 0] = computed, computed
        coefficients = _two_loop_coefficients(products, self._slots)
        slope = float(coefficients @ products[:, 0])
        if not slope < 0:
            self._slots.clear()
            coefficients = torch.zeros_like(coefficients)
            coefficients[0] = -1.0
            slope = -float(products[0, 0])
        torch.mv(basis.T, like(coefficients, basis), out=self._direction)
        size = float(norm(self._direction)) / len(self._direction) ** 0.5
        rate = self.param_groups[0]["lr"]
        bound = MAX_STEP if self._slots else FIRST_STEP
        longest = bound / max(size, torch.finfo(torch.float32).tiny)
        self._length = rate * (min(1.0, longest) if self._slots else longest)
        self._slope = slope


def dot_products(vector: Tensor, basis: Tensor) -> Tensor:
    """Return the dot products of a vector ``[n]`` with a basis ``[m, n]``: ``[m]``.

    They are float64, on the CPU. They are added up block by block, so that rounding errors do not
    depend on the number of threads (see ``core.fixed_order``).
    """
    whole = len(vector) // DOT_BLOCK * DOT_BLOCK
    left, right = (
        it[:, :whole].view(len(it), whole // DOT_BLOCK, DOT_BLOCK).transpose(0, 1)
        for it in (vector[None], basis)
    )
    partial = torch.cat(
        [torch.bmm(left, right.mT)[:, 0], (basis[:, whole:] @ vector[whole:])[None]]
    )
    return exact(partial.cpu()).sum(0)


def _two_loop_coefficients(products: Tensor, slots: list[int]) -> Tensor:
    """Compute the direction by the two-loop recursion of L-BFGS, on dot products only.

    Write ``g`` for the gradient, ``s_k`` and ``y_k`` for the step and the change of the gradient in
    slot k, and ``P`` for the preconditioner. Rows and columns are in the order
    ``g, s_0, y_0, s_1, y_1, ...``.

    Args:
        products: ``[2 m + 1, 2 m + 1]``, dot products ``s . g`` and ``s . y``, and ``g . P g``,
            ``g . P y`` and ``y . P y``. Two kinds of entries are not read: products of two steps,
            and products of a step with the ``y`` of an older pair.
        slots: the m slots, the oldest first.

    Returns:
        ``[2 m + 1]``, coefficients of ``P g``, ``s_k`` and ``P y_k`` in the direction.
    """
    # Numbers of Python, because each of several hundred operations of torch takes microseconds.
    rows: list[list[float]] = products.tolist()
    coefficients = [-1.0, *[0.0] * (len(rows) - 1)]

    def along(row: int) -> float:
        total: float = sum(map(operator.mul, coefficients, rows[row]))
        return total

    weights: dict[int, float] = {}
    for step in (1 + 2 * slot for slot in reversed(slots)):
        weights[step] = along(step) / rows[step][step + 1]
        coefficients[step + 1] -= weights[step]
    if slots:
        last = 1 + 2 * slots[-1]
        scale = rows[last][last + 1] / rows[last + 1][last + 1]
        coefficients = [scale * it for it in coefficients]
    for step in (1 + 2 * slot for slot in slots):
        coefficients[step] += weights[step] - along(step + 1) / rows[step][step + 1]
    return torch.tensor(coefficients, dtype=torch.float64)
