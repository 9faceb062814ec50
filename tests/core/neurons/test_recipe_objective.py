"""Images of each objective of a recipe, on networks with known answers."""

import dataclasses
import itertools

import pytest
import torch
from torch import Tensor, nn

from core.errors import ExplorerError
from core.images import image_io
from core.networks.network import Network
from core.neurons import render_neurons
from core.neurons.recipe_objective import build_objective, negative_note
from core.neurons.render_neurons import NeuronPicture, plan, render
from core.optim import natural_spectrum
from tests.conftest import as_network


def draw(
    network: Network,
    layer: str,
    units: list[int],
    inputs: dict[str, bytes] | None = None,
    **how: object,
) -> list[NeuronPicture]:
    recipe = plan(network, layer, units, **how)  # type: ignore[arg-type]
    return [it for step in render(network, recipe, inputs) for it in step.pictures]


@pytest.fixture
def colours() -> Network:
    """Return a layer of three units: red, green and blue, each minus half of the others."""
    convolution = nn.Conv2d(3, 3, 1, bias=False)
    with torch.no_grad():
        convolution.weight.copy_(1.5 * torch.eye(3).view(3, 3, 1, 1) - 0.5)
    return as_network(nn.Sequential(convolution, nn.ReLU()), (32, 32))


@pytest.fixture
def lights() -> Network:
    """Return a layer of three units: red minus green, green minus red, blue minus green."""
    convolution = nn.Conv2d(3, 3, 1, bias=False)
    weights = torch.tensor([[1.0, -0.6, 0.0], [-0.6, 1.0, 0.0], [0.0, -0.6, 1.0]])
    with torch.no_grad():
        convolution.weight.copy_(weights.view(3, 3, 1, 1))
    return as_network(nn.Sequential(convolution, nn.ReLU()), (32, 32))


def middle(picture: NeuronPicture) -> list[float]:
    values: list[float] = picture.image.mean((1, 2)).tolist()
    return values


def test_the_negative_of_a_colour_is_the_others(colours: Network) -> None:
    for unit, picture in enumerate(draw(colours, "1", [], size=32, steps=200, negative=True)):
        own, *others = middle(picture)[unit : unit + 1] + [
            value for place, value in enumerate(middle(picture)) if place != unit
        ]
        assert all(other > own + 0.2 for other in others)
        assert picture.activation < -0.1  # before the ReLU, whose output cannot be negative


def test_a_joint_picture_has_both_colours(lights: Network) -> None:
    (picture,) = draw(lights, "1", [0, 2], size=32, steps=200, objective="joint")
    red, green, blue = middle(picture)
    assert picture.part == 0 and green < red - 0.1 and green < blue - 0.1


def test_an_interpolation_leads_from_one_colour_to_the_other(lights: Network) -> None:
    way = draw(lights, "1", [0, 1], size=32, steps=200, objective="interpolation", count=5)
    redness = [red - green for red, green, _ in map(middle, way)]
    assert [it.part for it in way] == [0, 1, 2, 3, 4]
    assert redness[0] > 0.3 and redness[-1] < -0.3
    assert all(after < before + 0.01 for before, after in itertools.pairwise(redness))


def test_a_direction_is_what_its_channels_want_together(lights: Network) -> None:
    (picture,) = draw(lights, "1", [0, 2], size=32, steps=200, objective="direction")
    red, green, blue = middle(picture)
    assert green < red - 0.1 and green < blue - 0.1


def test_a_position_unit_gets_its_place() -> None:
    convolution = nn.Conv2d(3, 2, 3, padding=1)
    with torch.no_grad():
        convolution.weight.fill_(0.2)
    network = as_network(nn.Sequential(convolution, nn.ReLU()), (33, 33))
    (picture,) = draw(network, "1", [0], size=33, steps=100, objective="neuron")
    light = picture.image.mean(0)
    centre = light[13:20, 13:20].mean()
    around = torch.cat([light[:6].flatten(), light[-6:].flatten()]).mean()
    assert float(centre) > float(around) + 0.15


def test_energy_excites_the_whole_layer(tiny: Network) -> None:
    (picture,) = draw(tiny, "3", [], size=32, steps=60, objective="energy")
    grey = tiny.activations(torch.full((1, 3, 32, 32), 0.5), ["3"])["3"]
    seen = tiny.activations(picture.image[None], ["3"])["3"]
    assert float(seen.square().mean()) > 2 * float(grey.square().mean())
    assert picture.activation == pytest.approx(float(seen.square().mean()), rel=1e-4)


def test_diverse_pictures_differ_more() -> None:
    # Two kinds of stripes excite the unit equally; without diversity most images have both.
    network = as_network(striped(), (32, 32))
    apart = draw(network, "3", [0], size=32, steps=80, count=2)
    (one, other) = (network.activations(it.image[None], ["1"])["1"][0].mean((1, 2)) for it in apart)
    assert [it.part for it in apart] == [0, 1]
    assert float((one[0] - one[1]) * (other[0] - other[1])) < 0
    assert cosine(one, other) < 0.9


def cosine(one: Tensor, other: Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), 0))


def striped() -> nn.Sequential:
    """Return a network: layer 1 has units for two kinds of stripes, layer 3 responds to both."""
    first, second = nn.Conv2d(3, 2, 5, bias=False), nn.Conv2d(2, 2, 1, bias=False)
    wave = torch.tensor([1.0, -1.0, 0.0, 1.0, -1.0]) / 15
    with torch.no_grad():
        first.weight[0] = wave[:, None].expand(3, 5, 5)
        first.weight[1] = wave[None].expand(3, 5, 5)
        second.weight.copy_(torch.eye(2).view(2, 2, 1, 1))
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


def test_an_inversion_brings_back_what_the_layer_knows(tiny: Network, photograph: Tensor) -> None:
    data = image_io.encode_png(image_io.to_picture(photograph))
    name = image_io.fingerprint(image_io.open_picture(data))
    for objective in ("inversion", "caricature"):
        (picture,) = draw(
            tiny, "1", [], {name: data}, size=52, steps=150, objective=objective, image=name
        )
        assert picture.image.shape == photograph.shape[1:]
        seen, known, grey = (
            tiny.activations(it, ["1"])["1"].flatten()
            for it in (picture.image[None], photograph, torch.full_like(photograph, 0.5))
        )
        assert cosine(seen, known) > cosine(grey, known) + 0.1


def test_an_ascent_can_start_from_a_picture(tiny: Network, photograph: Tensor) -> None:
    data = image_io.encode_png(image_io.to_picture(photograph))
    name = image_io.fingerprint(image_io.open_picture(data))
    for canvas in ("pixels", "fourier", "maco"):
        (first,) = draw(tiny, "3", [1], {name: data}, size=52, steps=1, image=name, canvas=canvas)
        assert float((first.image - photograph[0]).abs().mean()) < 0.1
        (later,) = draw(tiny, "3", [1], {name: data}, size=52, steps=60, image=name, canvas=canvas)
        assert later.activation > first.activation


def test_a_spectrum_of_ones_own(tiny: Network) -> None:
    flat = natural_spectrum.Spectrum(torch.full((3, 256, 129), 2.0))
    inputs = {flat.fingerprint: flat.to_bytes()}
    (own,) = draw(
        tiny, "3", [1], inputs, size=32, steps=5, canvas="maco", spectrum=flat.fingerprint
    )
    (usual,) = draw(tiny, "3", [1], size=32, steps=5, canvas="maco")
    assert own.fineness > 0.5 > usual.fineness


def test_what_a_recipe_starts_from_must_be_there(tiny: Network) -> None:
    with pytest.raises(ExplorerError, match="the picture abab"):
        draw(tiny, "3", [1], image="ab" * 16)
    with pytest.raises(ExplorerError, match="the spectrum abab"):
        draw(tiny, "3", [1], canvas="maco", spectrum="ab" * 16)


@pytest.mark.parametrize("penalty", ["total_variation", "l2", "blur"])
def test_penalties_make_pictures_calmer(tiny: Network, penalty: str) -> None:
    (plain,) = draw(tiny, "3", [1], size=32, steps=80)
    (calm,) = draw(tiny, "3", [1], size=32, steps=80, **{penalty: 10.0})
    steps = {name: it.image for name, it in (("plain", plain), ("calm", calm))}
    down, right = ({name: it.diff(dim=axis) for name, it in steps.items()} for axis in (1, 2))
    found = {
        name: {
            "total_variation": float(down[name].abs().mean() + right[name].abs().mean()),
            "l2": float((it - 0.5).square().mean()),
            "blur": float(down[name].square().mean() + right[name].square().mean()),
        }[penalty]
        for name, it in steps.items()
    }
    assert found["calm"] < 0.8 * found["plain"]


def test_logits_differ_by_what_is_below_them(tiny: Network) -> None:
    recipe = plan(tiny, tiny.shown[-1].name, [1], count=2, size=24)
    assert build_objective(tiny, recipe, None).optimised.layers == {tiny.shown[-1].name, "4"}


def test_negatives_of_a_batch_keep_their_own_units(tiny: Network) -> None:
    together = draw(tiny, "3", [4, 2], size=24, steps=30, negative=True)
    (alone,) = draw(tiny, "3", [2], size=24, steps=30, negative=True)
    assert together[1].activation == pytest.approx(alone.activation, rel=0.05)
    recipe = plan(tiny, "3", [2], size=24, steps=30)
    assert not dataclasses.replace(recipe, negative=True).plain
    assert render_neurons.plan(tiny, "3", [], objective="energy").units == ()


def test_a_minimised_unit_is_not_silent_although_its_relu_is_zero() -> None:
    convolution = nn.Conv2d(3, 2, 1)
    with torch.no_grad():
        convolution.weight.fill_(0.1)
        convolution.bias.fill_(-20.0)  # type: ignore[union-attr]
    network = as_network(nn.Sequential(convolution, nn.ReLU()), (16, 16))
    for negative in (True, False):
        for picture in draw(network, "1", [], size=16, steps=5, negative=negative):
            assert not network.activations(picture.image[None], ["1"])["1"].any()
            assert picture.silent == (not negative)


def test_it_is_told_which_layer_is_minimised(colours: Network) -> None:
    recipe = plan(colours, "1", [0, 2], negative=True)
    assert negative_note(colours, recipe) == (
        "1 does not show what its units want least, so 0 before it is minimised; "
        "the activations are those of 0"
    )
    joint = dataclasses.replace(recipe, objective="joint")
    assert negative_note(colours, joint).endswith("name 0, the layer before it")
    assert negative_note(colours, plan(colours, "0", [0], negative=True)) == ""
    assert negative_note(colours, dataclasses.replace(recipe, negative=False)) == ""


class Untraceable(nn.Module):
    """A network with a branch on values, which ``torch.fx`` cannot trace."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu = nn.Conv2d(3, 4, 3), nn.ReLU()
        self.last = nn.Linear(4, 4)

    def forward(self, image: Tensor) -> Tensor:
        seen = self.relu(self.first(image))
        logits: Tensor = self.last(seen.mean((2, 3)) if float(seen.sum()) >= 0 else seen)
        return logits


def test_a_relu_with_nothing_known_before_it_is_not_minimised() -> None:
    network = as_network(Untraceable())
    with pytest.raises(ExplorerError, match=r"relu is never below zero.*name the layer before it"):
        draw(network, "relu", [0], size=16, steps=2, negative=True)
    (picture,) = draw(network, "first", [0], size=16, steps=2, negative=True)
    assert not picture.silent
