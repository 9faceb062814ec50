"""Tests of style grids: their recipes, and the measures of their images."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from core.errors import ExplorerError, UnknownName
from core.experiments import concept_growth, style_grid_measures
from core.experiments.concept_growth import ConceptGrowth
from core.experiments.style_grid_measures import GridEvaluator, GridMeasures
from core.figures import style_grid_sheet
from core.images import colours, image_io
from core.networks.network import Network
from core.recipes import kinds
from core.recipes.style_grid import CONTENT, MATRIX, NESTED, SHOWS, SINGLE, TEXTURE
from core.sketchnet.labels import Label
from core.style import grid, transfer
from tests.conftest import as_network, tiny_module


@pytest.fixture
def inputs() -> dict[str, bytes]:
    """Return a photograph of waves and a painting of stripes, by their fingerprints."""
    rows, cols = torch.linspace(0, 9, 48)[:, None], torch.linspace(0, 13, 70)[None]
    planes = [torch.sin(rows + cols), torch.cos(rows * cols / 4), torch.sin(rows * 2 - cols)]
    waves = torch.stack(planes) * 0.4 + 0.5
    stripes = ((torch.arange(60)[:, None] + torch.arange(52)[None]) % 9 < 4).float()
    painting = torch.stack([stripes, stripes * 0.6 + 0.2, 0.7 - stripes * 0.5])
    pictures = [image_io.to_picture(it) for it in (waves.clamp(0, 1), painting)]
    return {image_io.fingerprint(it): image_io.encode_png(it) for it in pictures}


def planned(network: Network, inputs: dict[str, bytes], **settings: object):  # type: ignore[no-untyped-def]
    photograph, painting = inputs
    layers = {"style_depths": ("1", "3"), "content_depths": ("3", "1"), "stages": ("1", "3")}
    small = {"size": 64, "smallest": 64, "steps": 3, "content_layer": "3"}
    return grid.plan_grid(network, photograph, painting, **{**layers, **small, **settings})


def test_the_matrix_has_every_style_depth_by_every_content_depth(
    tiny: Network, inputs: dict[str, bytes]
) -> None:
    recipe = planned(tiny, inputs)
    assert recipe.content_depths == (
        "1",
        "3",
    )  # Layers are in order from shallow to deep, whatever their order in the arguments.
    found = {(it.row, it.column): it.recipe for it in recipe.cells()}
    assert {place: (it.style_layers, it.content_layers) for place, it in found.items()} == {
        (0, 0): (("1",), ("1",)),
        (0, 1): (("1",), ("3",)),
        (1, 0): (("3",), ("1",)),
        (1, 1): (("3",), ("3",)),
    }
    same = {(it.seed, it.steps, it.size, it.balance, it.init) for it in recipe.parts()}
    assert len(same) == 1
    assert kinds.read(recipe.to_json()) == recipe


def test_other_parts_nest_layers_or_take_one(tiny: Network, inputs: dict[str, bytes]) -> None:
    recipe = planned(tiny, inputs, shows=SHOWS[1:])
    found = {
        show: [(it.recipe.style_layers, it.recipe.content_layers) for it in recipe.cells()
               if it.show == show]
        for show in recipe.shows
    }  # fmt: skip
    assert found == {
        NESTED: [(("1",), ("3",)), (("1", "3"), ("3",))],
        SINGLE: [(("1",), ("3",)), (("3",), ("3",))],
        TEXTURE: [(("1",), ()), (("1", "3"), ())],
        CONTENT: [((), ("1",)), ((), ("3",))],
    }
    # The first layer alone is in two parts of the sheet, but is rendered once.
    assert len(recipe.cells()) == 8 and len(recipe.parts()) == 7
    assert recipe.pictures == tuple(range(7)) and recipe.picture_number(5, 0) == 5
    assert {it.init for it in recipe.parts() if it.subject != "style"} == {"noise"}


def test_content_alone_is_what_a_reconstruction_of_each_stage_is(
    tiny: Network, inputs: dict[str, bytes]
) -> None:
    recipe = planned(tiny, inputs, shows=SHOWS)
    usual, rows = recipe.variation, {it: [] for it in SHOWS}  # type: ignore[var-annotated]
    for cell in recipe.cells():
        rows[cell.show].append(cell.recipe)
    alone = [
        transfer.plan(
            tiny, content=recipe.content, content_layers=(it,), init="noise", size=64, steps=3
        )
        for it in recipe.stages
    ]
    assert rows[CONTENT] == alone
    assert [it.variation for it in alone] == [usual, 2 * usual]
    others = {it.variation for show in SHOWS[:-1] for it in rows[show]}
    assert others == {usual}, "style and textures stay as they are"
    assert kinds.read(recipe.to_json()) == recipe
    named = planned(tiny, inputs, shows=(CONTENT,), variation=0.5)
    assert [it.variation for it in named.parts()] == [0.5, 0.5]
    assert planned(tiny, inputs).content_variations == (), "nothing without content alone"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"shows": ("rows",)}, "no part 'rows'"),
        ({"shows": ()}, "say what to show"),
        ({"style_depths": ()}, "name 1 to 8"),
        ({"style_depths": ("1", "9")}, "no layer '9'"),
        ({"stages": ("6",), "shows": (SINGLE,)}, "no places"),
        ({"steps": 0}, "steps"),
        ({"loss": "cubic"}, "no loss"),
        ({"content_variations": (0.1,)}, "one for each of 2 stages"),
        ({"content_variations": (0.1, -1.0), "shows": (CONTENT,)}, "variation"),
    ],
)
def test_refusals_are_one_sentence(
    tiny: Network, inputs: dict[str, bytes], given: dict[str, object], words: str
) -> None:
    with pytest.raises((ExplorerError, UnknownName)) as caught:
        planned(tiny, inputs, **given)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_layers_are_spread_to_the_deepest() -> None:
    network = as_network(tiny_module())
    assert grid.spread(network, 1) == ("3",)
    assert grid.spread(network, 5) == ("1", "3")


def test_edges_are_kept_where_they_stay_and_not_by_chance() -> None:
    chance = np.random.default_rng(0)
    scene = np.zeros((1, 3, 60, 80), np.float32)
    scene[..., 20:40, 30:60] = 1
    noise = chance.random(scene.shape, np.float32)
    photograph = torch.from_numpy(scene)
    fainter = 0.5 + 0.1 * photograph
    assert style_grid_measures.edges_kept(photograph, photograph) == pytest.approx(1)
    assert style_grid_measures.edges_kept(photograph, fainter) == pytest.approx(1)
    moved = style_grid_measures.edges_kept(photograph, photograph.roll((12, 9), (2, 3)))
    assert moved < 0.3
    assert abs(style_grid_measures.edges_kept(photograph, torch.from_numpy(noise))) < 0.15
    plain = torch.full_like(photograph, 0.5)
    assert style_grid_measures.edges_kept(photograph, plain) == 0
    assert style_grid_measures.edges_kept(plain, photograph) == 1


def test_the_distance_of_colours_is_that_of_their_normal_distributions() -> None:
    """Compare with moments of lightness computed in loops, for grey images."""

    def lightness(values: Tensor) -> list[float]:
        found = []
        for value in values.flatten().tolist():
            linear = ((value + 0.055) / 1.055) ** 2.4 if value > 0.04045 else value / 12.92
            found.append(116 * linear ** (1 / 3) - 16)
        return found

    one, other = torch.rand(1, 1, 9, 7) * 0.4 + 0.1, torch.rand(1, 1, 5, 11) * 0.3 + 0.5
    means, spreads = zip(
        *((float(np.mean(it)), float(np.std(it))) for it in map(lightness, (one, other))),
        strict=True,
    )
    expected = math.hypot(means[0] - means[1], spreads[0] - spreads[1])
    greys = [it.expand(1, 3, *it.shape[2:]) for it in (one, other)]
    assert colours.colour_distance(*greys) == pytest.approx(expected, abs=0.05)
    assert colours.colour_distance(greys[0], greys[0]) == pytest.approx(0, abs=1e-3)


def test_pictures_are_judged_beside_photograph_and_painting(
    tiny: Network, inputs: dict[str, bytes]
) -> None:
    recipe = planned(tiny, inputs, shows=(MATRIX, SINGLE))
    labels = [Label("1", 0, "eye", "part", 0.3), Label("3", 1, "iris", "part", 0.3)]
    labels += [Label("3", 2, "star", "shape", 0.3), Label("3", 4, "star", "shape", 0.3)]
    judge = GridEvaluator(tiny, recipe, inputs, labels)
    photograph = image_io.resize_longer_side(image_io.open_picture(inputs[recipe.content]), 64)
    untouched = judge.measure(image_io.encode_png(photograph))
    assert set(untouched.gram) == set(untouched.content) == {"1", "3"}
    assert max(untouched.content.values()) < 1e-3 < min(untouched.gram.values())
    assert untouched.edges == pytest.approx(1) and untouched.to_photograph < 0.1
    assert [it.concept for it in untouched.grown] == ["star"]
    assert untouched.eyes == pytest.approx(0, abs=1e-4)
    # Style layers are ignored. Only one unit of eyes is left, which is too few.
    assert judge.measure(image_io.encode_png(photograph), ["3"]).grown == ()
    assert judge.measure(image_io.encode_png(photograph), ["3"]).eyes is None
    *_, last = transfer.render(tiny, dataclasses.replace(recipe.parts()[3], steps=25), inputs)
    painted = judge.measure(image_io.encode_png(image_io.to_picture(last.pictures[0].image)))
    assert painted.gram["3"] < untouched.gram["3"]
    assert painted.to_painting < untouched.to_painting and painted.edges < 1


def test_eyes_are_measured_as_one_label(tiny: Network) -> None:
    before = concept_growth.respond(tiny, torch.rand(1, 3, 24, 24), ["3"])
    after = concept_growth.respond(tiny, torch.rand(1, 3, 24, 24).sqrt(), ["3"])
    one = [Label("3", 1, "iris", "part", 0.3), Label("3", 4, "eye", "object", 0.3)]
    same = [dataclasses.replace(it, concept="star", kind="shape") for it in one]
    grown = concept_growth.concept_growth(before, after, same)
    assert style_grid_measures.eye_growth(before, after, one) == pytest.approx(grown[0].value)
    assert style_grid_measures.eye_growth(before, after, same) is None


def test_averages_are_of_what_all_have() -> None:
    one = GridMeasures(
        {"a": 1.0}, {"a": 0.0}, 0.5, 1, 2, (ConceptGrowth("eye", "part", 2, 1.0),), 1.0
    )
    rows = (ConceptGrowth("eye", "part", 2, 3.0), ConceptGrowth("star", "shape", 2, 9.0))
    other = GridMeasures({"a": 3.0}, {"a": 1.0}, 0.7, 3, 4, rows, None)
    found = style_grid_measures.average_measures([one, other])
    assert found.gram == {"a": 2.0} and found.content == {"a": 0.5} and found.edges == 0.6
    assert (found.to_painting, found.to_photograph, found.eyes) == (2, 3, 1.0)
    assert found.grown == (ConceptGrowth("eye", "part", 2, 2.0),)


def test_the_sheet_has_each_picture_in_its_place(tiny: Network, inputs: dict[str, bytes]) -> None:
    recipe = planned(tiny, inputs, shows=(MATRIX, TEXTURE))
    shades = [(10 + 30 * number, 0, 200) for number in range(len(recipe.parts()))]
    sizes = [(64, 44)] * 4 + [(64, 64)] * 2
    pictures = {
        number: image_io.encode_png(Image.new("RGB", size, shade))
        for number, (shade, size) in enumerate(zip(shades, sizes, strict=True))
        if number != 1
    }
    drawn = style_grid_sheet.draw_grid_sheet(tiny, recipe, inputs, pictures)
    pixels = np.asarray(drawn)
    places = {}
    for number, shade in enumerate(shades):
        rows, cols = np.nonzero((pixels == shade).all(2))
        assert len(rows) == (0 if number == 1 else sizes[number][0] * sizes[number][1])
        if number != 1:
            places[number] = (rows.min(), cols.min())
    assert places[0][0] < places[2][0] == places[3][0] < places[4][0] == places[5][0]
    assert places[0][1] == places[2][1] == places[4][1] < places[3][1] == places[5][1]
    empty = pixels[places[0][0] :, places[3][1] :][:44, :64]
    assert (empty == style_grid_sheet.EMPTY).all()
