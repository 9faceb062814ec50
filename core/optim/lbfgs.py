"""L-BFGS that looks once a step, never leaps, and keeps within bounds that others set.

torch's own takes every step on trust, and now and then one leads out of all sense; its line search
looks several times a step. Here a step that turns out to lead upwards is taken back and tried
shorter at the next look, and a picture that was clamped in between is where it is: curvature comes
from where steps really led.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

# Pairs of a step and what it did to the gradient that are remembered, and bytes they may fill. All
# of them are read twice a step; with 8 pairs styles take a tenth more steps, each of which is a
# fiftieth shorter.
HISTORY, HISTORY_BYTES = 16, 2**30
# A step moves a pixel so far at most, root mean square: first, and when the way is known.
FIRST, FARTHEST = 0.01, 0.1
# So much of a loss may be rounding.
ROUNDING = 1e-3
# Steps taken back in a row, after which what is remembered of the curvature is thrown away.
PATIENCE = 5
# A step taken back is made shorter by between these factors.
SHORTER = (0.1, 0.5)
# A pair whose curvature is less than this, relative to its lengths, says nothing.
FLAT = 1e-6


class LBFGS(torch.optim.Optimizer):
    """Quasi-Newton descent of one tensor (Liu and Nocedal, 1989).

    The direction is a combination of remembered steps, and of gradient differences and the gradient
    as the first guess at the inverse curvature turns them; its coefficients are found from dot
    products alone, and so everything that is large is read only twice a step (Chen, Wang and Zhou,
    "Large-scale L-BFGS using MapReduce", 2014).

    Attributes:
        best: where the loss was least so far.
    """

    def __init__(
        self,
        parameter: nn.Parameter,
        learning_rate: float = 1.0,
        guess: Callable[[Tensor], Tensor] = torch.clone,
    ) -> None:
        """Begin.

        Args:
            parameter: what descends.
            learning_rate: 1 for steps as long as the curvature says.
            guess: the first guess at the inverse curvature, but for a factor: a symmetric, positive
                linear map of tensors that are shaped as the parameter is.
        """
        super().__init__([parameter], {"lr": learning_rate})
        self._at = parameter
        self._guess = guess
        size = parameter.numel()
        self._room = max(1, min(HISTORY, HISTORY_BYTES // (8 * size)))
        # The guess for the gradient; then each remembered step, and the guess for what that did to
        # the gradient.
        self._rows = parameter.new_zeros(2 * self._room + 1, size, requires_grad=False)
        self._gradient = torch.zeros_like(self._rows[0])
        self._dots = torch.zeros(2 * self._room + 1, 2 * self._room + 1, dtype=torch.float64)
        self._order: list[int] = []
        self.best = parameter.detach().clone()
        self._least = float("inf")
        self._before: tuple[Tensor, float] | None = None
        self._direction = torch.zeros_like(self._rows[0])
        self._length, self._slope, self._taken_back = 0.0, 0.0, 0

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Go on from a loss and its gradient, which stands at the parameter already.

        Args:
            closure: gives the loss.
        """
        if closure is None or self._at.grad is None:
            return
        loss = float(closure())
        if loss < self._least:
            self._least = loss
            self.best.copy_(self._at)
        if self._before is not None:
            place, least = self._before
            if not loss <= least + ROUNDING * abs(least) and self._taken_back < PATIENCE:
                self._take_back(place, least, loss)
                return
        gradient = self._at.grad.flatten().clone()
        guessed = self._guess(self._at.grad).flatten()
        changed = None
        if self._taken_back >= PATIENCE:
            self._order.clear()
        elif self._before is not None:
            changed = self._remember(self._at.flatten() - self._before[0], gradient, guessed)
        self._gradient, self._taken_back = gradient, 0
        self._rows[0].copy_(guessed)
        self._aim(changed)
        self._before = (self._at.flatten().clone(), loss)
        self._at.add_(self._direction.view_as(self._at), alpha=self._length)

    def _take_back(self, place: Tensor, least: float, loss: float) -> None:
        """Go back, and from there a shorter way: to the lowest point of a parabola."""
        self._taken_back += 1
        rise = loss - least - self._slope * self._length
        best = -self._slope * self._length**2 / (2 * rise) if rise > 0 else 0.0
        low, high = (factor * self._length for factor in SHORTER)
        self._length = min(max(best, low), high)
        self._at.copy_((place + self._length * self._direction).view_as(self._at))

    def _remember(self, moved: Tensor, gradient: Tensor, guessed: Tensor) -> Tensor | None:
        """Keep where the last step led, ``[n]``, and the guess for what it did to the gradient.

        Returns:
            What it did, ``[n]``; none if that says nothing.
        """
        changed = gradient - self._gradient
        curvature = float(moved @ changed)
        if not curvature > FLAT * float(moved.norm() * changed.norm()):
            return None
        full = len(self._order) == self._room
        at = self._order.pop(0) if full else len(self._order)
        self._order.append(at)
        self._rows[1 + 2 * at].copy_(moved)
        self._rows[2 + 2 * at].copy_(guessed - self._rows[0])
        return changed

    def _aim(self, changed: Tensor | None) -> None:
        """Choose where to go, and how far.

        Args:
            changed: what the newest step did to the gradient, ``[n]``; none if nothing is new.
        """
        used = 1 + 2 * len(self._order)
        rows, dots = self._rows[:used], self._dots[:used, :used]
        newest, vectors = [0], [self._gradient]
        if changed is not None:
            newest.append(2 + 2 * self._order[-1])
            vectors.append(changed)
        fresh = (torch.stack(vectors) @ rows.T).to("cpu", torch.float64)  # [1 or 2, used]
        dots[newest] = fresh
        dots[:, newest] = fresh.T
        parts = _combination(dots, self._order)
        slope = float(parts @ dots[:, 0])
        if not slope < 0:
            self._order.clear()
            parts = torch.zeros_like(parts)
            parts[0] = -1.0
            slope = -float(dots[0, 0])
        torch.mv(rows.T, parts.to(rows), out=self._direction)
        size = float(self._direction.norm()) / len(self._direction) ** 0.5
        rate = self.param_groups[0]["lr"]
        farthest = (FARTHEST if self._order else FIRST) / max(size, torch.finfo(torch.float32).tiny)
        self._length = rate * (min(1.0, farthest) if self._order else farthest)
        self._slope = slope


def _combination(dots: Tensor, order: list[int]) -> Tensor:
    """Find a direction by the two loops of L-BFGS.

    Args:
        dots: ``[2 m + 1, 2 m + 1]``, products of the gradient, and of each step and what it did to
            the gradient; of two gradients or what was done to them, with the first guess between.
            Products of a step with what older ones did are not read.
        order: of the m steps, the oldest first.

    Returns:
        ``[2 m + 1]``, how much of each the direction has; of gradients, as they are guessed.
    """
    parts = torch.zeros(len(dots), dtype=torch.float64)
    parts[0] = -1.0
    weights: dict[int, float] = {}
    for step in (1 + 2 * at for at in reversed(order)):
        weights[step] = float(parts @ dots[step]) / float(dots[step, step + 1])
        parts[step + 1] -= weights[step]
    if order:
        last = 1 + 2 * order[-1]
        parts *= float(dots[last, last + 1] / dots[last + 1, last + 1])
    for step in (1 + 2 * at for at in order):
        back = float(parts @ dots[step + 1]) / float(dots[step, step + 1])
        parts[step] += weights[step] - back
    return parts
