"""The canvas of style transfer: carried-over Adam, averaged steps, and L-BFGS."""

import pytest
import torch
from torch import Tensor

from core.networks.network import Network
from core.optim.activations import IMAGE
from core.optim.ascent import AscentSettings, ascend
from core.optim.objectives import Objective
from core.optim.transforms import SymmetricPad
from core.style.style_canvas import (
    AVERAGE_DECAY,
    PRECONDITIONER_POWER,
    FrequencyPreconditioner,
    StyleCanvas,
)


def towards(target: Tensor) -> Objective:
    """Return minus a weighted squared error, summed over pixels, as an objective."""
    weights = torch.linspace(0.2, 3, target.numel()).view_as(target)
    return Objective(
        frozenset({IMAGE}),
        lambda seen: -(weights * (seen[IMAGE] - target) ** 2).flatten(1).sum(1),
    )


def climb(network: Network, canvas: StyleCanvas, target: Tensor, steps: int) -> list[float]:
    settings = AscentSettings(steps, cooldown=0, patience=0, redirect_relu_steps=0)
    return [
        float(step.value)
        for step in ascend(
            network, towards(target), canvas, settings, SymmetricPad(1), torch.Generator()
        )
    ]


@pytest.fixture
def target() -> Tensor:
    return torch.rand(1, 3, 9, 14, generator=torch.Generator().manual_seed(1))


def test_momentum_carried_over_is_as_if_never_stopped(tiny: Network, target: Tensor) -> None:
    start = torch.full_like(target, 0.5)
    through = StyleCanvas(start, 1.0, "adam")
    climb(tiny, through, target, 12)
    first = StyleCanvas(start, 1.0, "adam")
    climb(tiny, first, target, 5)
    second = StyleCanvas(first.values.detach(), 1.0, "adam", adam_state=first.adam_state)
    climb(tiny, second, target, 7)
    torch.testing.assert_close(second.values, through.values, rtol=1e-5, atol=1e-6)


def test_momentum_fits_another_size(tiny: Network, target: Tensor) -> None:
    canvas = StyleCanvas(torch.full_like(target, 0.5), 1.0, "adam")
    assert canvas.adam_state is None
    climb(tiny, canvas, target, 3)
    assert canvas.adam_state is not None
    larger = canvas.adam_state.resized((13, 20))
    assert larger.first.shape == larger.second.shape == (1, 3, 13, 20)
    assert bool((larger.second >= 0).all()) and float(larger.steps) == 3
    again = StyleCanvas(torch.full((1, 3, 13, 20), 0.5), 1.0, "adam", adam_state=larger)
    climb(tiny, again, torch.zeros(1, 3, 13, 20), 2)
    assert float(canvas.adam_state.steps) == 3


def test_the_picture_is_the_average_over_steps(tiny: Network, target: Tensor) -> None:
    canvas = StyleCanvas(torch.full_like(target, 0.5), 2.5, "adam")
    torch.testing.assert_close(canvas.result, canvas.values.detach())
    settings = AscentSettings(6, cooldown=0, patience=0, redirect_relu_steps=0)
    after = []
    for _ in ascend(tiny, towards(target), canvas, settings, SymmetricPad(1), torch.Generator()):
        after.append(canvas.values.detach().clone())
    weights = torch.tensor([AVERAGE_DECAY ** (6 - at) for at in range(1, 7)])
    wanted = (torch.cat(after) * (weights / weights.sum()).view(-1, 1, 1, 1)).sum(0, keepdim=True)
    torch.testing.assert_close(canvas.result, wanted)


def test_lbfgs_shows_the_best_picture_that_it_saw(tiny: Network, target: Tensor) -> None:
    canvas = StyleCanvas(torch.full_like(target, 0.5))
    values = climb(tiny, canvas, target, 15)
    found = float(towards(target)({IMAGE: canvas.result}))
    assert found == pytest.approx(max(values)) and found > 0.001 * values[0]


@pytest.mark.parametrize("size", [(9, 14), (8, 1), (1, 7), (15, 15)])
def test_the_first_guess_is_symmetric_and_positive(size: tuple[int, int]) -> None:
    soft = FrequencyPreconditioner(size)
    generator = torch.Generator().manual_seed(3)
    one, other = (torch.randn(1, 3, *size, generator=generator) for _ in range(2))
    torch.testing.assert_close((soft(one) * other).sum(), (one * soft(other)).sum())
    assert float((soft(one) * one).sum()) > 0


# Sizes whose transforms are fast, so that nothing is padded.
@pytest.mark.parametrize("size", [(12, 20), (20, 1), (1, 25), (15, 15)])
def test_the_first_guess_damps_waves_by_their_frequency(size: tuple[int, int]) -> None:
    longer = max(size)
    along = torch.arange(longer) / longer
    laid = along[None] if size[1] == longer else along[:, None]

    def kept(times: int) -> float:
        wave = torch.cos(2 * torch.pi * times * laid).expand(1, 3, *size)
        share = float((FrequencyPreconditioner(size)(wave) * wave).sum() / wave.square().sum())
        torch.testing.assert_close(
            FrequencyPreconditioner(size)(wave), share * wave, rtol=1e-4, atol=1e-4
        )
        return share

    assert kept(1) / kept(2) == pytest.approx(2**PRECONDITIONER_POWER, rel=1e-3)
    assert kept(1) / kept(5) == pytest.approx(5**PRECONDITIONER_POWER, rel=1e-3)


def test_nothing_changes_where_the_mask_is_black(tiny: Network, target: Tensor) -> None:
    base = torch.rand(target.shape, generator=torch.Generator().manual_seed(2))
    mask = torch.zeros(1, 1, 9, 14)
    mask[..., 4:, 3:9] = 1
    canvas = StyleCanvas(base, 2.5, "adam", base=base, mask=mask)
    climb(tiny, canvas, target, 20)
    apart = (canvas.result - base).abs().amax(1, keepdim=True)
    assert bool((apart[mask == 0] == 0).all()) and bool((apart[mask == 1] > 0.05).any())


@pytest.mark.parametrize("method", ["adam", "lbfgs"])
def test_fits_a_photograph(method: str, tiny: Network, photograph: Tensor) -> None:
    canvas = StyleCanvas(torch.full_like(photograph, 0.5), 1.0, method)
    climb(tiny, canvas, photograph.clamp(0, 1), 150)
    assert float((canvas.result - photograph.clamp(0, 1)).square().mean()) < 1e-3


def test_what_is_seen_through_a_mask_pixel_by_pixel_and_its_gradient(target: Tensor) -> None:
    values, base = target.double(), target.flip(3).double()
    mask = torch.rand(1, 1, 9, 14, generator=torch.Generator().manual_seed(2)).double()
    canvas = StyleCanvas(values, 1.0, "adam", base=base, mask=mask)
    drawn = canvas().detach()
    for row in range(9):
        for col in range(14):
            own = float(mask[0, 0, row, col])
            for colour in range(3):
                place = (0, colour, row, col)
                expected = (1 - own) * float(base[place]) + own * float(values[place])
                assert float(drawn[place]) == pytest.approx(expected)

    def draw(free: Tensor) -> Tensor:
        image: Tensor = torch.func.functional_call(canvas, {"values": free}, ())
        return image

    assert torch.autograd.gradcheck(draw, (values.clone().requires_grad_(),))
