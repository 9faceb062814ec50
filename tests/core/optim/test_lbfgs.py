"""L-BFGS with one evaluation per step, compared with the two-loop recursion of the paper."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.optim import lbfgs
from core.optim.lbfgs import LBFGS

Function = Callable[[Tensor], Tensor]


def descend(
    function: Function, start: Tensor, steps: int, guess: Function = torch.clone
) -> tuple[list[float], list[Tensor], LBFGS]:
    """Return the losses and positions of all evaluations, and the optimiser."""
    place = nn.Parameter(start.clone())
    descent = LBFGS(place, preconditioner=guess)
    losses, places = [], []
    for _ in range(steps):
        place.grad = None
        loss = function(place)
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(float(loss.detach()))
        places.append(place.detach().clone())
        descent.step(lambda loss=loss: loss)  # type: ignore[misc]
    return losses, places, descent


def bowl(size: int = 30, condition: float = 300.0) -> Function:
    """Return a quadratic function with very different curvatures."""
    generator = torch.Generator().manual_seed(1)
    turn, _ = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))
    curvature = torch.logspace(0, np.log10(condition), size, dtype=torch.float64)
    matrix = turn * curvature @ turn.T
    return lambda x: 0.5 * (x @ matrix @ x)


def rosenbrock(x: Tensor) -> Tensor:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def two_loops(
    gradient: Tensor, steps: list[Tensor], changes: list[Tensor], guess: Tensor
) -> Tensor:
    """Compute the direction by algorithm 7.4 of Nocedal and Wright.

    The initial matrix is a multiple of the preconditioner.
    """
    q, weights = gradient.clone(), []
    for s, y in zip(reversed(steps), reversed(changes), strict=True):
        weights.append((s @ q) / (y @ s))
        q = q - weights[-1] * y
    q = guess @ q * (steps[-1] @ changes[-1]) / (changes[-1] @ guess @ changes[-1])
    for s, y, weight in zip(steps, changes, reversed(weights), strict=True):
        q = q + s * (weight - (y @ q) / (y @ s))
    return -q.detach()


@pytest.mark.parametrize("turned", [False, True], ids=["no guess", "a guess"])
def test_directions_are_those_of_the_paper(turned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lbfgs, "HISTORY", 4)
    function = bowl()
    start = torch.linspace(-1, 1, 30, dtype=torch.float64)
    guess = torch.eye(30, dtype=torch.float64)
    if turned:
        guess = guess + torch.cov(
            torch.randn(30, 90, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        )
    _, places, _ = descend(function, start, 12, lambda gradient: guess @ gradient)
    gradients = [torch.func.grad(function)(it) for it in places]
    values = [float(function(it).detach()) for it in places]
    # On a quadratic function no step is rejected, so each evaluation is a step.
    assert values == sorted(values, reverse=True)
    for at in range(6, 11):
        steps = [places[it + 1] - places[it] for it in range(at - 4, at)]
        changes = [gradients[it + 1] - gradients[it] for it in range(at - 4, at)]
        wanted = two_loops(gradients[at], steps, changes, guess)
        size = float(wanted.norm()) / 30**0.5
        taken = places[at + 1] - places[at]
        torch.testing.assert_close(
            taken, wanted * min(1.0, lbfgs.MAX_STEP / size), rtol=1e-5, atol=1e-9
        )


@pytest.mark.parametrize("function", [bowl(), rosenbrock])
def test_it_finds_the_valley(function: Function) -> None:
    start = torch.linspace(-1.2, 1.0, 30, dtype=torch.float64)
    losses, _, descent = descend(function, start, 250)
    assert min(losses) < 1e-6 * losses[0]
    assert float(function(descent.best)) == pytest.approx(min(losses))


def test_a_good_guess_saves_steps() -> None:
    curvature = torch.logspace(0, 4, 30, dtype=torch.float64)
    start = torch.linspace(-1.2, 1.0, 30, dtype=torch.float64)

    def bowl_along_axes(x: Tensor) -> Tensor:
        return 0.5 * (curvature * x**2).sum()

    plain, _, _ = descend(bowl_along_axes, start, 12)
    told, _, _ = descend(bowl_along_axes, start, 12, lambda gradient: gradient / curvature)
    assert min(told) < 1e-12 * told[0] < 1e-6 * min(plain)


def test_a_step_that_leads_upwards_is_taken_back() -> None:
    def cliff(x: Tensor) -> Tensor:
        return ((x - 1) ** 2).sum() + 1e4 * ((x - 0.2).clamp(min=0) ** 2).sum()

    losses, places, _ = descend(cliff, torch.full((10,), -0.5, dtype=torch.float64), 80)
    least, place, taken_back = losses[0], places[0], 0
    for number in range(1, len(losses) - 1):
        if losses[number] <= least * (1 + lbfgs.LOSS_TOLERANCE):
            least, place = losses[number], places[number]
            continue
        taken_back += 1
        # The next evaluation is in the same direction, at a smaller distance.
        far, near = places[number] - place, places[number + 1] - place
        share = float(near.norm() / far.norm())
        assert lbfgs.SHRINK[0] - 1e-9 <= share <= lbfgs.SHRINK[1] + 1e-9
        torch.testing.assert_close(near, far * share)
    assert taken_back > 0 and least == pytest.approx(10 * 0.64, rel=1e-2)


def test_large_pictures_remember_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lbfgs, "HISTORY_BYTES", 8 * 30 * 3)
    losses, _, descent = descend(bowl(), torch.linspace(-1, 1, 30, dtype=torch.float64), 120)
    assert len(descent._basis) == 2 * 3 + 1 and min(losses) < 1e-3 * losses[0]


def test_it_keeps_going_where_others_clamp() -> None:
    target = torch.tensor([-0.5, 0.2, 1.4, 0.9], dtype=torch.float64)
    place = nn.Parameter(torch.full((4,), 0.5, dtype=torch.float64))
    descent = LBFGS(place)
    for _ in range(40):
        place.grad = None
        loss = ((place - target) ** 2 * torch.tensor([1.0, 30, 5, 1])).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        descent.step(lambda loss=loss: loss)  # type: ignore[misc]
        with torch.no_grad():
            place.clamp_(0, 1)
    torch.testing.assert_close(descent.best, target.clamp(0, 1), atol=1e-4, rtol=0)
