"""Feature visualization: recipes, and the images rendered from them."""

import dataclasses
import itertools

import pytest
import torch
from torch import nn

from core.errors import ExplorerError
from core.networks.network import Network
from core.neurons import render_neurons
from core.neurons.render_neurons import NeuronPicture, plan, render
from core.optim.canvases import Pixels
from core.recipes import neuron
from tests.conftest import as_network, tiny_module


def pictures(
    network: Network, layer: str, units: list[int], **settings: int
) -> list[NeuronPicture]:
    steps = render(network, plan(network, layer, units, **settings))
    return [picture for step in steps for picture in step.pictures]


def test_plan_takes_the_units_asked_for_or_all(tiny: Network) -> None:
    assert plan(tiny, "3").units == (0, 1, 2, 3, 4, 5, 6)
    assert plan(tiny, "3", [5, 1]).units == (5, 1)


@pytest.mark.parametrize(
    ("layer", "units", "settings", "message"),
    [
        ("33", [], {}, "no layer '33' in tiny"),
        ("3", [7], {}, "there is no unit 7 in 3 of tiny; its units are 0 to 6"),
        ("3", [-1], {}, "there is no unit -1"),
        ("3", [0], {"size": 0}, "size is 0"),
        ("3", [0], {"size": 100_000}, "size is 100000"),
        ("3", [0], {"steps": 0}, "steps is 0"),
        ("3", [0], {"seed": -1}, "seed is -1"),
    ],
)
def test_what_is_refused(
    tiny: Network, layer: str, units: list[int], settings: dict[str, int], message: str
) -> None:
    with pytest.raises(ExplorerError, match=message):
        plan(tiny, layer, units, **settings)


def test_a_recipe_of_other_weights_is_refused(tiny: Network) -> None:
    recipe = plan(tiny, "3", [0], steps=2)
    with pytest.raises(ExplorerError, match="weights ffff of tiny"):
        next(render(tiny, dataclasses.replace(recipe, weights="ffff")))


@pytest.mark.parametrize(("layer", "units"), [("3", (0, 7)), ("33", (0,))])
def test_a_recipe_that_names_what_is_not_there_is_refused(
    tiny: Network, layer: str, units: tuple[int, ...]
) -> None:
    recipe = dataclasses.replace(plan(tiny, "3", [0], steps=2), layer=layer, units=units)
    with pytest.raises(ExplorerError, match=r"there is no unit 7|no layer '33'"):
        next(render(tiny, recipe))


def test_progress_counts_steps_of_units_and_brings_each_batch_when_it_is_done(
    tiny: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neuron, "BATCH", 2)
    recipe = plan(tiny, "3", [4, 2, 0], size=24, steps=3)
    records = list(render(tiny, recipe))
    assert [it.done for it in records] == [2, 4, 6, 6, 7, 8, 9, 9]
    assert {it.total for it in records} == {9}
    assert [[it.part for it in record.pictures] for record in records] == [
        *[[]] * 3,
        [4, 2],
        *[[]] * 3,
        [0],
    ]
    assert [sorted(it.previews) for it in records] == [*[[2, 4]] * 3, [], *[[0]] * 3, []]
    assert records[-1].pictures[0].image.shape == records[0].previews[4].shape == (3, 24, 24)


def test_parts_give_what_the_whole_gives(tiny: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neuron, "BATCH", 2)
    recipe = plan(tiny, "3", size=24, steps=5)
    whole = [it for record in render(tiny, recipe) for it in record.pictures]
    parts = [
        it for part in recipe.parts() for record in render(tiny, part) for it in record.pictures
    ]
    assert len(recipe.parts()) == 4
    assert [it.part for it in whole] == [it.part for it in parts] == list(range(7))
    assert all(torch.equal(a.image, b.image) for a, b in zip(whole, parts, strict=True))


def test_same_recipe_same_picture_bit_for_bit(tiny: Network) -> None:
    first, second = (pictures(tiny, "3", [0, 6], size=32, steps=20, seed=5) for _ in range(2))
    other = pictures(tiny, "3", [0, 6], size=32, steps=20, seed=6)
    for one, two, three in zip(first, second, other, strict=True):
        assert torch.equal(one.image, two.image) and one.activation == two.activation
        assert not torch.equal(one.image, three.image)


def test_a_batch_finds_what_single_units_find(tiny: Network) -> None:
    together = pictures(tiny, "3", [0, 3, 6], size=32, steps=30)
    for picture in together:
        (alone,) = pictures(tiny, "3", [picture.part], size=32, steps=30)
        assert alone.activation == pytest.approx(picture.activation, rel=0.05)


def test_clean_activation_is_the_mean_of_the_still_picture(tiny: Network) -> None:
    (picture,) = pictures(tiny, "3", [2], size=32, steps=20)
    mean, std = (torch.tensor(getattr(tiny, name)).view(1, 3, 1, 1) for name in ("mean", "std"))
    seen = tiny.module[:4]((picture.image[None] - mean) / std)  # type: ignore[index]
    assert picture.activation == pytest.approx(float(seen[0, 2].mean()), rel=1e-5)


def test_logits_climb_too(tiny: Network) -> None:
    name = tiny.shown[-1].name
    (before,), (after,) = (pictures(tiny, name, [1], size=32, steps=n) for n in (1, 60))
    assert after.activation > before.activation and not after.silent


def test_dead_units_are_reported() -> None:
    module = tiny_module()
    with torch.no_grad():
        module[2].bias[3] = -1e6  # type: ignore[index,operator,union-attr]
    assert [it.silent for it in pictures(as_network(module), "3", [2, 3], size=32, steps=40)] == [
        False,
        True,
    ]


def gabor(
    angle: float, side: int = 11, wavelength: float = 5.0, shift: float = 0.0
) -> torch.Tensor:
    """Return a grey Gabor filter ``[3, side, side]`` whose wave vector is at ``angle`` to rows."""
    reach = torch.arange(side) - side // 2
    rows, cols = torch.meshgrid(reach, reach, indexing="ij")
    along = cols * torch.cos(torch.tensor(angle)) + rows * torch.sin(torch.tensor(angle))
    waves = torch.cos(2 * torch.pi * along / wavelength + shift)
    envelope = torch.exp(-(rows**2 + cols**2) / (2 * (side / 5) ** 2))
    filtered = waves * envelope
    return (filtered - filtered.mean()).expand(3, side, side)


def test_known_answer_a_gabor_unit_gets_its_stripes() -> None:
    angles = [0.0, torch.pi / 4, torch.pi / 2]
    convolution = nn.Conv2d(3, 3, 11, bias=False)
    with torch.no_grad():
        convolution.weight.copy_(torch.stack([gabor(angle) for angle in angles]))
    network = as_network(nn.Sequential(convolution, nn.ReLU()), (48, 48))
    for angle, picture in zip(angles, pictures(network, "1", [0, 1, 2], size=48), strict=True):
        inner = picture.image.mean(0)[9:39, 9:39]  # at the border no filter position is complete
        spectrum = torch.fft.fft2(inner - inner.mean()).abs().square()
        spectrum[15:] = 0  # the spectrum of a real image is symmetric
        rows = torch.arange(30.0)[:, None]
        cols = torch.fft.fftfreq(30, 1 / 30)[None]
        waves = torch.sqrt(rows**2 + cols**2)
        assert float((waves * spectrum).sum() / spectrum.sum()) == pytest.approx(30 / 5, rel=0.25)
        # The mean direction. Angles that differ by half a turn are equivalent, so they are doubled.
        doubled = 2 * torch.atan2(rows, cols.expand(30, 30))
        down, right = ((it * spectrum).sum() for it in (torch.sin(doubled), torch.cos(doubled)))
        apart = abs(float(torch.atan2(down, right) / 2) - angle) % torch.pi
        assert min(apart, torch.pi - apart) < 0.2


@pytest.mark.parametrize("shift", [0.0, torch.pi / 2, torch.pi])
def test_known_answer_a_gabor_at_one_place_gets_its_phase(shift: float) -> None:
    convolution = nn.Conv2d(3, 1, 15, bias=False)
    filtered = gabor(0.7, side=15, wavelength=9.0, shift=shift)
    with torch.no_grad():
        convolution.weight[0] = filtered
    network = as_network(nn.Sequential(convolution, nn.ReLU()), (15, 15))
    recipe = plan(network, "1", [0], size=24, objective="neuron")
    (picture,) = (it for step in render(network, recipe) for it in step.pictures)
    # The unit is at position (5, 5) of 10 x 10, so the filter's corner is at pixel (5, 5).
    seen = picture.image[:, 5:20, 5:20].flatten()
    both = torch.corrcoef(torch.stack([seen, filtered.flatten()]))
    assert float(both[0, 1]) > 0.55


def test_known_answer_a_colour_unit_gets_its_colour() -> None:
    convolution = nn.Conv2d(3, 3, 1, bias=False)
    with torch.no_grad():
        convolution.weight.copy_(1.5 * torch.eye(3).view(3, 3, 1, 1) - 0.5)
    network = as_network(nn.Sequential(convolution, nn.ReLU()), (32, 32))
    for unit, picture in enumerate(pictures(network, "1", [0, 1, 2], size=32, steps=500)):
        red_green_blue = picture.image.mean((1, 2))
        assert int(red_green_blue.argmax()) == unit
        assert (red_green_blue[torch.arange(3) != unit] < red_green_blue[unit] - 0.3).all()


def test_suggested_sizes_follow_the_receptive_field(tiny: Network) -> None:
    sizes = {layer.name: render_neurons.suggested_size(tiny, layer) for layer in tiny.shown}
    assert sizes["1"] == 32  # its receptive field is 3 pixels
    assert list(itertools.islice(sizes.values(), 1)) == [32]
    assert (
        sizes[tiny.shown[-1].name] == 24
    )  # its receptive field is the whole image: the input size


@pytest.mark.parametrize(
    ("field", "input_side", "size"),
    [
        *((14, 224, 48), (40, 224, 128), (92, 224, 128), (128, 224, 128)),
        # features.12 of SqueezeNet, features.25 and features.29 of VGG-16, EfficientNet-Lite0.
        *((155, 224, 160), (132, 224, 144), (196, 224, 192), (787, 224, 192), (None, 224, 128)),
        # relu5b and the logits of SketchNet.
        *((140, 64, 96), (None, 64, 64)),
    ],
)
def test_an_image_is_as_large_as_a_large_field(
    tiny: Network, field: int | None, input_side: int, size: int
) -> None:
    network = dataclasses.replace(tiny, input_size=(input_side, input_side))
    layer = dataclasses.replace(
        network.layer("3"), local_field=None if field is None else (field, field)
    )
    assert render_neurons.suggested_size(network, layer) == size


@pytest.mark.parametrize(
    ("field", "input_side", "steps"),
    [
        *((3, 224, 32), (107, 224, 32), (155, 224, 40), (None, 224, 40), (787, 224, 64)),
        *((140, 64, 32), (None, 64, 32)),
    ],
)
def test_units_that_see_more_than_their_picture_shows_take_more_steps(
    tiny: Network, field: int | None, input_side: int, steps: int
) -> None:
    # The last two are relu5b and the logits of SketchNet, whose pictures show the whole input.
    network = dataclasses.replace(tiny, input_size=(input_side, input_side))
    sees = None if field is None else (field, field)
    layer = dataclasses.replace(network.layer("3"), receptive_field=sees, local_field=sees)
    assert render_neurons.suggested_steps(network, layer) == steps
    assert render_neurons.suggested_steps(network, layer, "neuron") == 64


def test_steps_that_are_not_named_suit_layer_and_objective(tiny: Network) -> None:
    assert plan(tiny, "3", [1]).steps == neuron.STEPS
    assert plan(tiny, "3", [1], objective="neuron").steps == render_neurons.POSITION_STEPS
    assert plan(tiny, "3", [1], steps=9, objective="neuron").steps == 9


def test_more_steps_are_smaller_steps(tiny: Network) -> None:
    canvas = Pixels((5, 7), [0], torch.device("cpu"))
    rates = [render_neurons.learning_rate(canvas, steps) for steps in (1, 32, 50, 128, 500)]
    assert rates == pytest.approx([0.5, 0.5, 0.4, 0.25, 0.25])
