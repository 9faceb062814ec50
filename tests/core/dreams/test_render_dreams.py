"""Dreams: each setting of a recipe, on a tiny network whose layers all differ in shape."""

import copy
import dataclasses
import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.datasets import samples
from core.dreams import render_dreams
from core.errors import ExplorerError
from core.images import image_io, motion
from core.networks import registry
from core.networks.network import Network
from core.recipes.dream import DreamRecipe
from tests.conftest import Pictures


@pytest.fixture
def scene() -> Tensor:
    """Return an image of waves and edges, ``[3, 90, 130]``."""
    rows = torch.linspace(0, 9, 90)[:, None]
    cols = torch.linspace(0, 13, 130)[None]
    planes = [torch.sin(rows * 2 + cols), torch.cos(rows * cols / 4), (rows + cols).frac() - 0.5]
    return (torch.stack(planes) * 0.35 + 0.5).clamp(0, 1)


def dreamt(network: Network, recipe: DreamRecipe, pictures: Pictures) -> list[Tensor]:
    found = []
    for progress in render_dreams.render(network, recipe, pictures.inputs):
        assert 0 <= progress.done <= progress.total
        found += [picture.image for picture in progress.pictures]
    assert progress.done == progress.total
    return found


def small(network: Network, image: str, layers: tuple[str, ...] = ("3",), **other: Any) -> Any:
    settings: dict[str, Any] = {"size": 130, "octaves": 2, "steps": 4}
    return render_dreams.plan(network, layers, image, **{**settings, **other})


def test_a_dream_sees_more(tiny: Network, pictures: Pictures, scene: Tensor) -> None:
    recipe = small(tiny, pictures.keep(scene))
    *_, last = render_dreams.render(tiny, recipe, pictures.inputs)
    (picture,) = last.pictures
    assert picture.image.shape == scene.shape
    assert float(picture.image.min()) >= 0 and float(picture.image.max()) <= 1
    before, after = (
        float(tiny.activations(it[None], ["3"])["3"].square().mean())
        for it in (scene, picture.image)
    )
    assert float(picture.facts["activation"]) == pytest.approx(after / before, rel=0.02)
    assert after > 1.5 * before


def test_same_seed_same_dream(tiny: Network, pictures: Pictures, scene: Tensor) -> None:
    recipe = small(tiny, pictures.keep(scene))
    (one,), (again,) = (dreamt(tiny, recipe, pictures) for _ in range(2))
    (other,) = dreamt(tiny, dataclasses.replace(recipe, seed=1), pictures)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("layer", ["1", "3", "logits"])
@pytest.mark.parametrize("loudness", [0.5, 1.0])
def test_strength_is_the_same_at_every_depth(
    tiny: Network, pictures: Pictures, scene: Tensor, layer: str, loudness: float
) -> None:
    name = tiny.shown[-1].name if layer == "logits" else layer
    # No pixel may be clamped.
    recipe = small(tiny, pictures.keep(scene * 0.3 + 0.35), (name,), strength=loudness)
    *_, last = render_dreams.render(tiny, recipe, pictures.inputs)
    wanted = loudness * render_dreams.UNIT_STRENGTH
    assert float(last.pictures[0].facts["change"]) == pytest.approx(wanted, rel=0.05)


def test_without_strength_nothing_is_changed(
    tiny: Network, pictures: Pictures, scene: Tensor
) -> None:
    recipe = small(tiny, pictures.keep(scene), strength=0.0)
    (image,) = dreamt(tiny, recipe, pictures)
    assert float((image - scene).abs().max()) < 1 / 255


def test_units_grow_more_than_others(tiny: Network, pictures: Pictures, scene: Tensor) -> None:
    name = pictures.keep(scene)
    gains = []
    for unit in (1, 4):
        (image,) = dreamt(tiny, small(tiny, name, units=(unit,)), pictures)
        seen = tiny.activations(torch.stack([scene, image]), ["3"])["3"].mean((2, 3))
        gains.append(seen[1] - seen[0])
    assert float(gains[0][1]) > float(gains[1][1])
    assert float(gains[1][4]) > float(gains[0][4])


def test_a_class_can_be_dreamt(tiny: Network, pictures: Pictures, scene: Tensor) -> None:
    name, logits = pictures.keep(scene), tiny.shown[-1].name
    scores = []
    for unit in (0, 2):
        (image,) = dreamt(tiny, small(tiny, name, (logits,), units=(unit,)), pictures)
        scores.append(tiny.activations(image[None], [logits])[logits][0])
    assert float(scores[0][0]) > float(scores[1][0])
    assert float(scores[1][2]) > float(scores[0][2])


def test_shares_say_which_layer_dreams(tiny: Network, pictures: Pictures, scene: Tensor) -> None:
    name = pictures.keep(scene)
    both = small(tiny, name, ("1", "3"), shares=(1.0, 0.0))
    alone = small(tiny, name, ("1",))
    (one,), (other,) = dreamt(tiny, both, pictures), dreamt(tiny, alone, pictures)
    assert float((one - other).abs().mean()) < 0.01
    (even,) = dreamt(tiny, small(tiny, name, ("1", "3")), pictures)
    assert float((even - other).abs().mean()) > 0.01


def test_a_guide_is_resembled(tiny: Network, pictures: Pictures, scene: Tensor) -> None:
    name = pictures.keep(scene)
    stripes = ((torch.arange(130) // 3) % 2).float().expand(3, 90, 130).contiguous()
    guide = pictures.keep(stripes)
    (guided,) = dreamt(tiny, small(tiny, name, guide=guide), pictures)
    (free,) = dreamt(tiny, small(tiny, name), pictures)
    assert not torch.equal(guided, free)
    features = tiny.activations(stripes[None], ["3"])["3"].flatten(2)[0].T

    def resemblance(image: Tensor) -> float:
        seen = tiny.activations(image[None], ["3"])["3"].flatten(2)[0]
        return float((features @ seen).amax(0).mean())

    assert resemblance(guided) > resemblance(scene)


def test_outside_the_mask_nothing_changes(tiny: Network, pictures: Pictures, scene: Tensor) -> None:
    mask = torch.zeros(3, 90, 130)
    mask[..., 65:] = 1
    recipe = small(tiny, pictures.keep(scene), mask=pictures.keep(mask))
    (image,) = dreamt(tiny, recipe, pictures)
    change = (image - scene).abs().mean(0)
    assert float(change[:, :50].max()) < 2 / 255
    assert float(change[:, 75:].mean()) > 0.03


def test_a_black_mask_is_refused(tiny: Network, pictures: Pictures, scene: Tensor) -> None:
    recipe = small(tiny, pictures.keep(scene), mask=pictures.keep(torch.zeros(3, 20, 20)))
    with pytest.raises(ExplorerError, match="black everywhere"):
        dreamt(tiny, recipe, pictures)


def test_colours_stay_where_asked(tiny: Network, pictures: Pictures, scene: Tensor) -> None:
    recipe = small(tiny, pictures.keep(scene * 0.4 + 0.3), keep_colours=True, strength=0.3)
    (image,) = dreamt(tiny, recipe, pictures)
    change = image - (scene * 0.4 + 0.3)
    assert float((change[0] - change[2]).abs().max()) < 3 / 255


@pytest.mark.parametrize("layer", ["relu2b", "relu4b"])
def test_tiles_change_nothing_that_is_seen(pictures: Pictures, layer: str) -> None:
    network = registry.load("sketchnet", device="cpu")
    photograph = image_io.to_tensor(samples.picture("astronaut"))[0][:, :400]
    settings = {"size": 512, "octave_scale": 1.2, "steps": 6, "tile": 1024}
    whole = render_dreams.plan(network, [layer], pictures.keep(photograph), **settings)
    tiled = dataclasses.replace(whole, tile=384)
    (one,), (pieces,) = dreamt(network, whole, pictures), dreamt(network, tiled, pictures)
    (other,) = dreamt(network, dataclasses.replace(whole, seed=1), pictures)
    # Only rounding errors differ, which every step amplifies; another seed differs more.
    apart = float((one - pieces).abs().mean())
    assert 0 < apart < min(0.02, float((one - other).abs().mean()) / 2)
    # Differences across the borders of tiles are no larger than without tiles.
    for axis in (1, 2):
        steps, usual = (
            it.diff(dim=axis).abs().mean([each for each in range(3) if each != axis])
            for it in (pieces, one)
        )
        assert float((steps / usual.clamp(min=0.01)).max()) < 1.2


@pytest.mark.parametrize("layer", ["relu1b", "relu2b", "relu3b", "relu4b", "relu5b", "logits"])
def test_strength_means_the_same_at_every_depth(pictures: Pictures, layer: str) -> None:
    network = registry.load("sketchnet", device="cpu")
    photograph = image_io.to_tensor(image_io.resize_longer_side(samples.picture("cat"), 128))[0]
    recipe = render_dreams.plan(
        network, [layer], pictures.keep(photograph), size=128, octaves=2, steps=4
    )
    (image,) = dreamt(network, recipe, pictures)
    change = float((image - photograph).square().mean().sqrt())
    assert change == pytest.approx(render_dreams.UNIT_STRENGTH, rel=0.05)


def test_a_direction_is_climbed_and_its_opposite_sinks(
    tiny: Network, pictures: Pictures, scene: Tensor
) -> None:
    name = pictures.keep(scene)

    def lean(towards: tuple[float, float]) -> float:
        recipe = small(tiny, name, units=(1, 4), towards=towards)
        (image,) = dreamt(tiny, recipe, pictures)
        means = tiny.activations(image[None], ["3"])["3"][0].mean((1, 2))
        return float(means[1] - means[4])

    untouched = tiny.activations(scene[None], ["3"])["3"][0].mean((1, 2))
    assert lean((1.0, -1.0)) > float(untouched[1] - untouched[4]) > lean((-1.0, 1.0))


def test_a_step_over_tiles_can_be_left_between_them(
    tiny: Network, pictures: Pictures, scene: Tensor
) -> None:
    recipe = small(tiny, pictures.keep(scene), size=900, octaves=1, steps=2, tile=384)
    done = [it.done / it.total for it in render_dreams.render(tiny, recipe, pictures.inputs)]
    assert done == sorted(done) and len(done) > 2 * 6
    assert max(later - before for before, later in itertools.pairwise(done)) < 0.3


def test_octaves_grow_to_the_full_size() -> None:
    recipe = DreamRecipe(
        "tiny", "0" * 16, layers=("3",), image="0" * 32, octaves=4, octave_scale=2.0
    )
    assert render_dreams.octave_sizes(torch.zeros(1, 3, 400, 600), recipe) == [
        (50, 75),
        (100, 150),
        (200, 300),
        (400, 600),
    ]
    # Octaves with a side below the minimum are left out.
    assert render_dreams.octave_sizes(torch.zeros(1, 3, 60, 300), recipe) == [(60, 300)]


def test_zooming_enlarges_the_middle(photograph: Tensor) -> None:
    height, width = photograph.shape[2:]
    zoomed = motion.zoom_and_rotate(photograph, 1.25, 0.0)
    for row, col in ((5, 7), (18, 26), (30, 44)):
        at_row = (row + 0.5 - height / 2) / 1.25 + height / 2 - 0.5
        at_col = (col + 0.5 - width / 2) / 1.25 + width / 2 - 0.5
        near = photograph[..., round(at_row), round(at_col)]
        assert torch.allclose(zoomed[..., row, col], near, atol=0.15)


def test_turning_is_counter_clockwise_and_keeps_proportions() -> None:
    image = torch.zeros(1, 3, 41, 81)
    image[..., 20, 60:75] = 1  # a bar right of the centre
    turned = motion.zoom_and_rotate(image, 1.0, 45.0)[0, 0]
    rows, cols = torch.nonzero(turned > 0.3, as_tuple=True)
    angles = [
        math.degrees(math.atan2(20 - row, col - 40))
        for row, col in zip(rows.tolist(), cols.tolist(), strict=True)
    ]
    assert angles and all(angle == pytest.approx(45, abs=5) for angle in angles)


def test_a_film_carries_its_dream_on(tiny: Network, pictures: Pictures, scene: Tensor) -> None:
    recipe = small(tiny, pictures.keep(scene), frames=3, zoom=1.1, turn=2.0, strength=0.5)
    frames = dreamt(tiny, recipe, pictures)
    assert len(frames) == 3 and recipe.pictures == (0, 1, 2)
    for before, after in itertools.pairwise(frames):
        moved = motion.zoom_and_rotate(before[None], 1.1, 2.0)[0]
        assert float((after - moved).square().mean().sqrt()) < 0.08
        assert float((after - before).square().mean().sqrt()) > 0.08


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strength": 9.0}, "strength"),
        ({"octaves": 0}, "octaves"),
        ({"steps": 0}, "steps"),
        ({"size": 9}, "size"),
        ({"units": (99,)}, "no unit 99"),
        ({"shares": (1.0, 2.0)}, "shares"),
        ({"tile": 4}, "tile"),
        ({"guide": "nonsense"}, "fingerprint"),
        ({"units": (1,), "towards": (1.0, 2.0)}, "give a number for each unit"),
        ({"units": (1,), "towards": (0.0,)}, "nothing to dream"),
        ({"shares": (0.0,)}, "nothing to dream"),
        ({"strength": math.nan}, "strength is nan"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    tiny: Network, pictures: Pictures, scene: Tensor, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ExplorerError, match=words):
        small(tiny, pictures.keep(scene), **settings)


def test_other_weights_and_missing_pictures_are_refused(
    tiny: Network, pictures: Pictures, scene: Tensor
) -> None:
    recipe = small(tiny, pictures.keep(scene))
    with pytest.raises(ExplorerError, match="recipe is for weights"):
        list(
            render_dreams.render(
                tiny, dataclasses.replace(recipe, weights="f" * 16), pictures.inputs
            )
        )
    with pytest.raises(ExplorerError, match="is not here"):
        list(render_dreams.render(tiny, recipe, {}))


def test_recipes_go_to_json_and_back() -> None:
    recipe = DreamRecipe(
        "tiny", "0" * 16, layers=("1", "3"), shares=(1.0, -0.5), image="a" * 32, guide="b" * 32
    )
    assert DreamRecipe.from_json(recipe.to_json()) == recipe
    assert recipe.inputs == ("a" * 32, "b" * 32)
    assert recipe.layer == "1 + 3"


def test_a_dream_without_a_neuron_is_that_of_a_network_without_it(
    tiny: Network, pictures: Pictures, scene: Tensor
) -> None:
    image = pictures.keep(scene)
    plain = small(tiny, image)
    recipe = small(tiny, image, switched=("1:2", "1:4:0.5"))
    assert recipe.switched == ("1:2", "1:4:0.5")
    module = copy.deepcopy(tiny.module)
    assert isinstance(module, nn.Sequential) and isinstance(module[0], nn.Conv2d)
    for unit, factor in ((2, 0.0), (4, 0.5)):
        module[0].weight[unit] *= factor
        module[0].bias[unit] *= factor  # type: ignore[index]
    edited = dataclasses.replace(tiny, module=module)
    (found,), (wanted,), (whole,) = (
        dreamt(network, it, pictures)
        for network, it in ((tiny, recipe), (edited, plain), (tiny, plain))
    )
    assert float((found - wanted).abs().mean()) < 0.001
    assert float((found - whole).abs().mean()) > 0.005


def test_a_neuron_that_is_not_there_cannot_be_turned_off(
    tiny: Network, pictures: Pictures, scene: Tensor
) -> None:
    image = pictures.keep(scene)
    for switched in (("9:1",), ("1:5",), ("1:2", "1:2:0.5")):
        with pytest.raises(ExplorerError):
            small(tiny, image, switched=switched)
    recipe = dataclasses.replace(small(tiny, image), switched=("1:5",))
    with pytest.raises(ExplorerError, match="there is no unit 5"):
        dreamt(tiny, recipe, pictures)
