"""Style transfer: each setting of a recipe, on a tiny network."""

import copy
import dataclasses
import itertools
import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core import devices
from core.datasets import samples
from core.errors import ExplorerError, UnknownName
from core.images import image_io
from core.networks import network as network_module
from core.networks import registry
from core.networks.network import Network
from core.progress import downsample_curve
from core.recipes import kinds
from core.recipes.style import StyleRecipe
from core.style import defaults, image_sizes, loss_builder, transfer
from tests.conftest import Pictures, as_network, tiny_module


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in float32 on every processor; in half precision the order of sums matters."""
    for module in (devices, network_module):
        monkeypatch.setattr(module, "has_fast_bfloat16", lambda device: False)


@pytest.fixture
def scene() -> Tensor:
    """Return an image of waves and edges, ``[3, 60, 86]``."""
    rows = torch.linspace(0, 9, 60)[:, None]
    cols = torch.linspace(0, 13, 86)[None]
    planes = [torch.sin(rows * 2 + cols), torch.cos(rows * cols / 4), (rows + cols).frac() - 0.5]
    return (torch.stack(planes) * 0.35 + 0.5).clamp(0, 1)


@pytest.fixture
def painting() -> Tensor:
    """Return diagonal stripes of two colours, ``[3, 70, 64]``."""
    rows = torch.arange(70.0)[:, None]
    cols = torch.arange(64.0)[None]
    stripe = ((rows + 2 * cols) % 12 < 6).float()
    one, other = torch.tensor([0.9, 0.7, 0.2]), torch.tensor([0.1, 0.2, 0.6])
    return one.view(3, 1, 1) * stripe + other.view(3, 1, 1) * (1 - stripe)


def small(network: Network, **given: Any) -> StyleRecipe:
    settings: dict[str, Any] = {
        "size": 80,
        "smallest": 40,
        "scale": 2**0.5,
        "steps": 15,
        "balance": 0.05,
        "loss": "gram",
        "content_layers": ("3",),
        "style_layers": ("1", "3"),
    }
    return transfer.plan(network, **{**settings, **given})


def painted(network: Network, recipe: StyleRecipe, pictures: Pictures) -> transfer.StylePicture:
    found = []
    for progress in transfer.render(network, recipe, pictures.inputs):
        assert 0 <= progress.done <= progress.total
        found += progress.pictures
    assert progress.done == progress.total and len(found) == 1
    assert isinstance(found[0], transfer.StylePicture)
    return found[0]


def losses(picture: transfer.StylePicture) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(str(picture.facts["losses"]))
    return told


def test_every_cost_of_style_falls_and_content_stays(
    tiny: Network, pictures: Pictures, scene: Tensor, painting: Tensor
) -> None:
    subjects = {"content": pictures.keep(scene), "styles": (pictures.keep(painting),)}
    found = painted(tiny, small(tiny, **subjects), pictures)
    freer = painted(tiny, small(tiny, **subjects, balance=0.005), pictures)
    assert found.image.shape == (3, 56, 80)
    assert float(found.image.min()) >= 0 and float(found.image.max()) <= 1
    told = losses(found)
    assert list(told) == ["content 3", "style 1", "style 3"]
    for name in ("style 1", "style 3"):
        assert told[name]["end"] < 0.5 * told[name]["start"]
    assert told["content 3"]["start"] == pytest.approx(0, abs=1e-3) and told["content 3"]["end"] < 1
    assert told["content 3"]["end"] < 0.8 * losses(freer)["content 3"]["end"]
    assert len(told["style 1"]["curve"]) == 45


def test_costs_are_told_from_the_first_step(
    tiny: Network, pictures: Pictures, scene: Tensor, painting: Tensor
) -> None:
    recipe = small(tiny, content=pictures.keep(scene), styles=(pictures.keep(painting),))
    shares, lengths = [], []
    for progress in transfer.render(tiny, recipe, pictures.inputs):
        if progress.history is not None:
            shares.append(progress.history.share)
            lengths.append({len(it) for it in progress.history.losses.values()})
            history = progress.history
    assert lengths == [{at + 1} for at in range(45)], "15 steps at each of 3 sizes"
    assert shares == pytest.approx([(at + 1) / 45 for at in range(45)])
    (picture,) = progress.pictures
    ended = json.loads(str(picture.facts["losses"]))
    assert {name: downsample_curve(it) for name, it in history.losses.items()} == {
        name: it["curve"] for name, it in ended.items()
    }


def test_a_long_curve_is_told_by_its_ends_and_what_lies_between() -> None:
    assert downsample_curve([3.0, 2.0, 1.0]) == [3.0, 2.0, 1.0]
    few = downsample_curve([float(it) for it in range(1000)])
    assert len(few) == 100 and (few[0], few[-1]) == (0.0, 999.0)
    assert max(b - a for a, b in itertools.pairwise(few)) <= 11


def test_the_same_recipe_gives_the_same_picture(
    tiny: Network, pictures: Pictures, scene: Tensor, painting: Tensor
) -> None:
    named = {"content": pictures.keep(scene), "styles": (pictures.keep(painting),)}
    recipe = small(tiny, init="noise", seed=3, **named)
    one, other = painted(tiny, recipe, pictures), painted(tiny, recipe, pictures)
    assert torch.equal(one.image, other.image)
    assert not torch.equal(
        one.image, painted(tiny, dataclasses.replace(recipe, seed=4), pictures).image
    )


@pytest.mark.parametrize("method", ["adam", "lbfgs"])
@pytest.mark.parametrize("loss", ["gram", "wasserstein"])
def test_a_texture_comes_from_noise(
    tiny: Network, pictures: Pictures, painting: Tensor, loss: str, method: str
) -> None:
    named = {"styles": (pictures.keep(painting),), "init": "noise", "loss": loss}
    recipe = small(tiny, **named, method=method, rate=1.5, steps=30)
    assert recipe.subject == "texture" and recipe.content_layers == ()
    found = painted(tiny, recipe, pictures)
    assert found.image.shape == (3, 80, 80)
    assert all(it["end"] < 0.3 * it["start"] for it in losses(found).values())


def test_content_is_reconstructed_from_noise(
    tiny: Network, pictures: Pictures, scene: Tensor
) -> None:
    recipe = small(
        tiny, content=pictures.keep(scene), content_layers=("1",), init="noise", steps=60
    )
    assert recipe.subject == "reconstruction" and recipe.style_layers == ()
    found = painted(tiny, recipe, pictures)
    assert losses(found)["content 1"]["end"] < 0.1 * losses(found)["content 1"]["start"]
    target = image_io.to_tensor(image_io.resize_longer_side(image_io.to_picture(scene), 80))[0]
    alike = torch.corrcoef(torch.stack([found.image.flatten(), target.flatten()]))[0, 1]
    assert float(alike) > 0.7


def test_a_reconstruction_pays_for_variation_as_far_apart_as_its_finest_layer_has_places(
    tiny: Network, pictures: Pictures, scene: Tensor, painting: Tensor
) -> None:
    usual, named = StyleRecipe.variation, {"content": pictures.keep(scene), "init": "noise"}

    def cost(*layers: str, **given: Any) -> float:
        return small(tiny, content_layers=layers, **{**named, **given}).variation

    assert cost("1") == usual and cost("3") == 2 * usual and cost("3", "1") == usual
    assert cost("3", variation=0.5) == 0.5, "what is named is kept"
    painted_in = (pictures.keep(painting),)
    assert cost("3", styles=painted_in) == usual
    texture = small(tiny, styles=painted_in, style_layers=("3",), init="noise")
    assert texture.variation == usual


def test_places_are_apart_as_the_stride_says_or_else_as_many_as_there_are(tiny: Network) -> None:
    layer = tiny.layer("3")
    assert defaults.position_spacing(layer) == 2
    assert defaults.position_spacing(dataclasses.replace(layer, stride=(4, 9))) == 6
    unknown = dataclasses.replace(layer, stride=None, input_size=(24, 20), size=(8, 5))
    assert defaults.position_spacing(unknown) == pytest.approx(math.sqrt(3 * 4))


def test_a_deep_layer_is_reconstructed_better_than_at_the_usual_variation(
    pictures: Pictures,
) -> None:
    network = registry.load(registry.SKETCHNET, device="cpu")
    photograph = image_io.to_tensor(image_io.resize_longer_side(samples.picture("cat"), 96))[0]
    recipe = transfer.plan(
        network,
        content=pictures.keep(photograph),
        content_layers=("relu4b",),
        init="noise",
        size=96,
        steps=40,
    )
    noisy = dataclasses.replace(recipe, variation=StyleRecipe.variation)
    ends = [
        losses(painted(network, it, pictures))["content relu4b"]["end"] for it in (recipe, noisy)
    ]
    assert ends[0] < 0.8 * ends[1], ends


def test_light_alone_keeps_colours(
    tiny: Network, pictures: Pictures, scene: Tensor, painting: Tensor
) -> None:
    named = {"content": pictures.keep(scene), "styles": (pictures.keep(painting),)}
    found = painted(tiny, small(tiny, colours="light", **named), pictures)
    target = image_io.to_tensor(image_io.resize_longer_side(image_io.to_picture(scene), 80))[0]
    apart = found.image - target
    inside = ((found.image > 0.004) & (found.image < 0.996)).all(0)
    assert float((apart[0] - apart[2]).abs()[inside].max()) < 1e-5
    assert float(apart.abs().mean()) > 0.01


def test_matched_colours_are_the_contents(
    tiny: Network, pictures: Pictures, scene: Tensor, painting: Tensor
) -> None:
    named = {"content": pictures.keep(scene), "styles": (pictures.keep(painting),)}
    recipe = small(tiny, colours="matched", **named)
    opened = transfer.open_inputs(recipe, pictures.inputs, torch.device("cpu"))
    means = [it[0].flatten(1).mean(1) for it in (opened.styles[0], scene[None])]
    torch.testing.assert_close(means[0], means[1], atol=0.03, rtol=0)


def test_outside_its_mask_nothing_is_painted(
    tiny: Network, pictures: Pictures, scene: Tensor, painting: Tensor
) -> None:
    mask = torch.zeros(3, 60, 86)
    mask[..., 43:] = 1
    named = {"content": pictures.keep(scene), "styles": (pictures.keep(painting),)}
    found = painted(tiny, small(tiny, masks=(pictures.keep(mask),), **named), pictures)
    target = image_io.to_tensor(image_io.resize_longer_side(image_io.to_picture(scene), 80))[0]
    apart = (found.image - target).abs().mean(0)
    assert float(apart[:, :37].max()) < 1e-4 and float(apart[:, 44:].mean()) > 0.03


def test_two_regions_take_two_styles(
    tiny: Network, pictures: Pictures, scene: Tensor, painting: Tensor
) -> None:
    left = torch.zeros(3, 60, 86)
    left[..., :43] = 1
    other = painting.flip(0) * 0.8
    recipe = small(
        tiny,
        content=pictures.keep(scene),
        styles=(pictures.keep(painting), pictures.keep(other)),
        masks=(pictures.keep(left), pictures.keep(1 - left)),
        steps=40,
        balance=0.01,
    )
    found = painted(tiny, recipe, pictures)
    assert list(losses(found))[1:3] == ["style 1 in region 1", "style 3 in region 1"]
    means = [half.flatten(1).mean(1) for half in (found.image[..., :36], found.image[..., 44:])]
    wanted = [it.flatten(1).mean(1) for it in (painting, other)]
    for at in range(2):
        own, others = ((means[at] - wanted[it]).norm() for it in (at, 1 - at))
        assert own < others


def test_shares_lean_towards_one_painting(
    tiny: Network, pictures: Pictures, scene: Tensor, painting: Tensor
) -> None:
    named = (pictures.keep(painting), pictures.keep(painting.flip(0) * 0.8))
    recipe = small(tiny, content=pictures.keep(scene), styles=named, style_shares=(1.0, 0.0))
    alone = small(tiny, content=pictures.keep(scene), styles=named[:1])
    found, wanted = (painted(tiny, it, pictures).image for it in (recipe, alone))
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


def test_large_pictures_come_out_the_same_in_tiles(
    pictures: Pictures, scene: Tensor, painting: Tensor
) -> None:
    network = as_network(tiny_module()[:4])  # type: ignore[arg-type]
    named = {"content": pictures.keep(scene), "styles": (pictures.keep(painting),)}
    settings = {"size": 700, "smallest": 700, "steps": 2, "style_scale": 0.5}
    recipe = small(network, **named, **settings)
    tiled = dataclasses.replace(recipe, tile=512)
    apart = painted(network, recipe, pictures).image - painted(network, tiled, pictures).image
    assert 0 < image_sizes.plan_scales(recipe, (494, 700))[0][1] == 700
    assert float(apart.abs().max()) < 1e-3


def test_sizes_grow_by_the_scale(tiny: Network, pictures: Pictures, scene: Tensor) -> None:
    recipe = small(tiny, content=pictures.keep(scene), init="noise", size=512, smallest=128)
    assert image_sizes.plan_scales(recipe, (256, 512)) == [
        (64, 128),
        (91, 181),
        (128, 256),
        (181, 362),
        (256, 512),
    ]
    assert image_sizes.plan_scales(dataclasses.replace(recipe, smallest=2000), (256, 512)) == [
        (256, 512)
    ]
    # The first size is always the smallest, and a little more growth adds no size.
    doubled = dataclasses.replace(recipe, scale=2.0, smallest=64)
    assert image_sizes.plan_scales(doubled, (128, 192)) == [(43, 64), (74, 111), (128, 192)]
    assert image_sizes.plan_scales(doubled, (96, 128)) == [(48, 64), (96, 128)]
    assert image_sizes.plan_scales(doubled, (68, 66)) == [(68, 66)]


def test_an_enlarged_picture_has_the_detail_of_its_start(
    tiny: Network, pictures: Pictures, scene: Tensor
) -> None:
    recipe = small(tiny, content=pictures.keep(scene))
    start = scene[None]
    before = transfer.resize_image(start, (30, 43))
    # An unchanged image becomes the larger initial image; a uniform change stays uniform.
    torch.testing.assert_close(transfer.upscale(before, start, recipe), start, atol=1e-5, rtol=0)
    darker = transfer.upscale((before - 0.1).clamp(0, 1), start, recipe)
    inside = ((start > 0.2) & (start < 0.9)).all(1, keepdim=True).expand_as(start)
    apart = (start - darker)[inside]
    assert float((apart - 0.1).abs().mean()) < 0.01
    noise = dataclasses.replace(recipe, init="noise")
    merely = transfer.resize_image(before, (60, 86)).clamp(0, 1)
    assert torch.equal(transfer.upscale(before, start, noise), merely)
    # An image that has the size already is returned unchanged.
    assert torch.equal(transfer.upscale(start * 0.5, start, recipe), start * 0.5)


def test_layers_pull_alike_at_every_size(
    tiny: Network, pictures: Pictures, scene: Tensor, painting: Tensor
) -> None:
    recipe = small(tiny, content=pictures.keep(scene), styles=(pictures.keep(painting),))
    opened = transfer.open_inputs(recipe, pictures.inputs, torch.device("cpu"))
    for size in ((28, 40), (56, 80)):
        terms = loss_builder.build_losses(tiny, recipe, opened, size).terms
        weights = {term.name: weight / (size[0] * size[1]) for weight, term in terms}
        assert weights == pytest.approx(
            {"content 3": recipe.balance, "style 1": 0.5, "style 3": 0.5}
        )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"style_layers": ("9",)}, "no layer '9'"),
        ({"style_layers": ("6",)}, "no places"),
        ({"loss": "cubic"}, "no loss 'cubic'"),
        ({"balance": -1.0}, "balance"),
        ({"styles": ()}, None),
        ({"style_shares": (1.0, 2.0)}, "1 paintings and 2 shares"),
        ({"style_weights": (0.0, 0.0)}, "let one of them speak"),
        ({"init": "picture"}, "to start from"),
        ({"size": 9}, "size"),
    ],
)
def test_refusals_are_one_sentence(
    tiny: Network,
    pictures: Pictures,
    scene: Tensor,
    painting: Tensor,
    given: dict[str, Any],
    words: str | None,
) -> None:
    named = {"content": pictures.keep(scene), "styles": (pictures.keep(painting),)}
    if words is None:
        assert small(tiny, **{**named, **given}).subject == "reconstruction"
        return
    with pytest.raises((ExplorerError, UnknownName)) as caught:
        small(tiny, **{**named, **given})
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_recipe_goes_to_json_and_back(tiny: Network, pictures: Pictures, scene: Tensor) -> None:
    recipe = small(tiny, content=pictures.keep(scene), styles=("0" * 32,), content_weights=(2.0,))
    assert kinds.read(recipe.to_json()) == recipe
    assert recipe.inputs == (recipe.content, "0" * 32)
    with pytest.raises(ExplorerError, match="that this one needs is not here"):
        painted(tiny, recipe, pictures)


def test_a_recipe_of_other_weights_is_refused(
    tiny: Network, pictures: Pictures, scene: Tensor
) -> None:
    recipe = small(tiny, content=pictures.keep(scene))
    with pytest.raises(ExplorerError, match="for weights"):
        painted(tiny, dataclasses.replace(recipe, weights="f" * 16), pictures)


def test_a_style_without_a_neuron_is_that_of_a_network_without_it(
    tiny: Network, pictures: Pictures, scene: Tensor, painting: Tensor
) -> None:
    inputs = {"content": pictures.keep(scene), "styles": (pictures.keep(painting),), "steps": 4}
    module = copy.deepcopy(tiny.module)
    assert isinstance(module, nn.Sequential) and isinstance(module[0], nn.Conv2d)
    module[0].weight[2] = 0.0
    module[0].bias[2] = 0.0  # type: ignore[index]
    edited = dataclasses.replace(tiny, module=module)
    found = losses(painted(tiny, small(tiny, **inputs, switched=("1:2",)), pictures))
    wanted = losses(painted(edited, small(edited, **inputs), pictures))
    whole = losses(painted(tiny, small(tiny, **inputs), pictures))
    for name in ("style 1", "style 3"):
        assert found[name]["start"] == pytest.approx(wanted[name]["start"], rel=1e-3)
        assert found[name]["start"] != pytest.approx(whole[name]["start"], rel=1e-2)
    with pytest.raises(ExplorerError, match="there is no unit 5"):
        small(tiny, **inputs, switched=("1:5",))
