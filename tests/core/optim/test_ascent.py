"""The ascent: it maximises, activates dead units, can be stopped, and is reproducible."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.images.tiles import Tiles
from core.networks import registry
from core.networks.network import Network
from core.optim import objectives, regularisers
from core.optim.activations import IMAGE, Activations
from core.optim.ascent import AscentSettings, Step, _Schedule, ascend
from core.optim.canvases import Fourier, Pixels
from core.optim.image_pass import ImagePass
from core.optim.objectives import Objective, channels
from core.optim.transforms import RandomAffine, RandomShift
from tests.conftest import as_network, tiny_module

CPU = torch.device("cpu")


def still(image: Tensor, generator: torch.Generator) -> Tensor:
    return image


def climb(network: Network, layer: str, units: list[int], **settings: float) -> list[Step]:
    canvas = Fourier((24, 20), list(range(len(units))), CPU)
    generator = torch.Generator().manual_seed(0)
    ascent_settings = AscentSettings(**settings)  # type: ignore[arg-type]
    return list(
        ascend(network, channels(layer, units), canvas, ascent_settings, RandomAffine(), generator)
    )


def test_every_image_climbs(tiny: Network) -> None:
    steps = climb(tiny, "3", [0, 3, 6], steps=60)
    assert [step.index for step in steps] == list(range(1, 61))
    assert all(step.total == 60 for step in steps)
    assert (steps[-1].value > steps[0].value + 0.05).all()
    assert all(step.image.min() >= 0 and step.image.max() <= 1 for step in steps)


def test_the_first_step_is_adam_by_the_book(tiny: Network) -> None:
    # x - rate * g / (|g| + damping), with g from the whole network instead of the truncated one.
    canvas = Pixels((9, 11), [4], CPU)
    start = canvas.values.detach().clone()
    (step,) = ascend(
        tiny,
        channels("1", [2]),
        canvas,
        AscentSettings(steps=1, learning_rate=0.05, damping=0.5),
        still,
        torch.Generator(),
    )
    values = start.clone().requires_grad_()
    mean, std = (torch.tensor(getattr(tiny, name)).view(1, 3, 1, 1) for name in ("mean", "std"))
    convolution = tiny.module[0]  # type: ignore[index]
    with torch.autocast("cpu", torch.bfloat16):
        seen = torch.relu(convolution((torch.sigmoid(values) - mean) / std))
    (gradient,) = torch.autograd.grad(-seen[0, 2].float().mean(), values)
    gradient = gradient / gradient.square().mean().sqrt()
    expected = start - 0.05 * gradient / (gradient.abs() + 0.5)
    assert torch.equal(step.image, torch.sigmoid(start))
    assert torch.allclose(canvas.values, expected, atol=1e-3)


def test_leaving_the_loop_stops_it(tiny: Network) -> None:
    canvas = Pixels((24, 20), [0], CPU)
    settings = AscentSettings(steps=1000)
    steps = ascend(tiny, channels("1", [0]), canvas, settings, still, torch.Generator())
    taken = list(itertools.islice(steps, 3))
    kept = canvas.values.detach().clone()
    steps.close()  # type: ignore[attr-defined]
    assert len(taken) == 3 and torch.equal(canvas.values, kept)


def test_same_seed_same_images_other_seed_others(tiny: Network) -> None:
    first, second = (climb(tiny, "3", [1, 2], steps=12)[-1].image for _ in range(2))
    assert torch.equal(first, second)


def sleepy(bias: float) -> nn.Sequential:
    """Return a network whose channel 0 of layer 1 is zero for grey images, but not for bright."""
    module = tiny_module()
    with torch.no_grad():
        module[0].weight[0] = 0.4  # type: ignore[index,operator,union-attr]
        module[0].bias[0] = bias  # type: ignore[index,operator,union-attr]
    return module


def test_a_sleeping_unit_wakes() -> None:
    network = as_network(sleepy(bias=-4.0))
    steps = climb(network, "1", [0, 1], steps=80)
    assert float(steps[0].value[0]) == 0
    assert float(steps[-1].value[0]) > 0.5


def test_without_waking_it_sleeps_on() -> None:
    steps = climb(as_network(sleepy(bias=-4.0)), "1", [0, 1], steps=80, redirect_relu_steps=0)
    assert float(steps[-1].value[0]) == 0


def numb(bias: float) -> nn.Sequential:
    """Return a network whose ReLUs of layer 1 are all inactive for grey images."""
    module = tiny_module()
    with torch.no_grad():
        module[0].bias.fill_(bias)  # type: ignore[operator,union-attr]
    return module


@pytest.mark.parametrize("weight", [0.0, 0.5], ids=["alone", "with a penalty"])
def test_a_logit_behind_inactive_relus_wakes(weight: float) -> None:
    network = as_network(numb(bias=-4.0))
    logit = network.activations(torch.full((1, 3, 24, 20), 0.5), ["6"])["6"][0]
    objective = channels("6", [1, 1])
    if weight:
        penalty = objectives.proportional_sum(regularisers.contrast(), objective)
        objective = objective - weight * penalty
    # Not 0: what the biases behind the inactive ReLUs give.
    assert float(logit[1].abs()) > 0.05
    gains = []
    for redirected in (0, 16):
        steps = list(
            ascend(
                network,
                objective,
                Fourier((24, 20), [0, 1], CPU),
                AscentSettings(steps=60, redirect_relu_steps=redirected),
                RandomAffine(),
                torch.Generator().manual_seed(0),
            )
        )
        torch.testing.assert_close(steps[0].value, logit[[1, 1]], rtol=0.02, atol=0.01)
        gains.append(steps[-1].value - steps[0].value)
    assert float(gains[0].abs().max()) < 1e-3 and float(gains[1].min()) > 0.1


def test_a_living_unit_is_never_redirected(tiny: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a value of 0 nor one that stays the same makes a unit dead."""
    asked: list[bool] = []
    extractor = Network.extractor

    def record(self: Network, names: list[str], redirect: bool = False, **options: Any) -> Any:
        asked.append(redirect)
        return extractor(self, names, redirect, **options)

    def value(activations: Activations) -> Tensor:
        plain = channels("3", [0, 1])(activations)
        return plain - plain.detach()

    monkeypatch.setattr(Network, "extractor", record)
    canvas = Fourier((24, 20), [0, 1], CPU)
    start = canvas().detach()
    steps = list(
        ascend(
            tiny,
            Objective(frozenset({"3"}), value),
            canvas,
            AscentSettings(steps=3),
            still,
            torch.Generator(),
        )
    )
    assert all(bool((step.value == 0).all()) for step in steps)
    assert not torch.equal(canvas().detach(), start)
    assert asked == [False]


def test_a_dead_unit_disturbs_nobody() -> None:
    network = as_network(sleepy(bias=-1e4))
    both = climb(network, "1", [0, 1], steps=40)
    canvas = Fourier((24, 20), [1], CPU)
    generator = torch.Generator().manual_seed(0)
    ascent_settings = AscentSettings(steps=40)
    alone = list(
        ascend(network, channels("1", [1]), canvas, ascent_settings, RandomAffine(), generator)
    )
    assert float(both[-1].value[0]) == 0
    assert float(both[-1].value[1]) == pytest.approx(float(alone[-1].value[0]), rel=0.05)


def test_nothing_is_left_on_the_network(tiny: Network) -> None:
    before = {name: value.clone() for name, value in tiny.module.state_dict().items()}
    steps = ascend(
        tiny,
        channels("3", [0]),
        Pixels((24, 20), [0], CPU),
        AscentSettings(),
        still,
        torch.Generator(),
    )
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert all(torch.equal(value, before[name]) for name, value in tiny.module.state_dict().items())
    assert all(part.grad is None for part in tiny.module.parameters())
    assert not any(part._forward_hooks or part._backward_hooks for part in tiny.module.modules())


def test_large_steps_first_and_then_ever_smaller_ones() -> None:
    schedule = _Schedule(AscentSettings(steps=10, cooldown=0.4))
    rates = []
    while not schedule.over:
        rates.append(schedule.rate)
        schedule.step(torch.zeros(2))
    assert len(rates) == 10 and rates[:7] == [1.0] * 7
    expected = [(1 - math.cos(math.pi * left / 4)) / 2 for left in (3, 2, 1)]
    assert rates[7:] == pytest.approx(expected)


def values_of(image: int, steps: int) -> float:
    """Return values that grow for 20 steps for image 0, and for 60 steps for image 1."""
    return float(min(steps, (20, 60)[image]))


@pytest.mark.parametrize(("images", "taken"), [([0], 40), ([1], 80), ([0, 1], 80)])
def test_who_gains_nothing_more_settles_early(images: list[int], taken: int) -> None:
    # With periods of 10 steps, image 0 is constant from the third on, which the fourth shows. Then
    # 10 steps of cooldown follow. Image 1 reaches 60 in its sixth period.
    schedule = _Schedule(AscentSettings(steps=1000, cooldown=0.01, patience=10))
    while not schedule.over:
        schedule.step(torch.tensor([values_of(image, schedule.index) for image in images]))
    assert schedule.index == schedule.total == taken + 10


def test_without_patience_all_steps_are_taken() -> None:
    schedule = _Schedule(AscentSettings(steps=50, patience=0))
    while not schedule.over:
        schedule.step(torch.zeros(1))
    assert schedule.index == 50


def test_a_penalty_reads_the_image_before_it_is_moved(tiny: Network) -> None:
    canvas = Pixels((24, 20), [0], CPU)
    seen: list[Tensor] = []

    def value(activations: Activations) -> Tensor:
        # Its value for a grey image shows whether the unit is dead.
        if activations[IMAGE].requires_grad:
            seen.append(activations[IMAGE].detach())
        return activations[IMAGE].flatten(1).mean(1)

    lighter = Objective(frozenset({IMAGE}), value)
    settings = AscentSettings(steps=30)
    steps = list(
        ascend(
            tiny,
            0.0 * channels("1", [0]) + lighter,
            canvas,
            settings,
            RandomAffine(),
            torch.Generator().manual_seed(0),
        )
    )
    assert all(torch.equal(step.image, it) for step, it in zip(steps, seen, strict=True))
    assert float(canvas().detach().mean()) > 0.65


@pytest.mark.parametrize("layer", ["relu2b", "relu4b"])
def test_tiles_give_the_gradient_of_the_whole(layer: str) -> None:
    network = registry.load("sketchnet", device="cpu")
    extractor = network.extractor([layer])  # in full precision
    rows, cols = torch.linspace(0, 40, 288)[:, None], torch.linspace(0, 60, 448)[None]
    image = torch.stack([rows.sin() * cols.cos(), (rows + cols).sin(), (rows * cols / 30).cos()])
    image = image[None] * 0.4 + 0.5
    found = []
    for tiles in (None, Tiles(256, 96)):
        free = image.clone().requires_grad_()
        generator, borders = (torch.Generator().manual_seed(seed) for seed in (4, 5))
        run = ImagePass(network, extractor, free, RandomShift(), generator, tiles, borders)
        fractions = [done for _, done in objectives.energy(layer).backward(run)]
        assert fractions == sorted(fractions) and fractions[-1] == 1
        assert (len(fractions) == 1) == (tiles is None)
        assert free.grad is not None
        found.append(free.grad / free.grad.square().mean().sqrt())
    whole, pieces = found
    # Sides are multiples of the grid, so strides of tiles and of the whole image align.
    assert float((whole - pieces).square().mean().sqrt()) < 1e-4
