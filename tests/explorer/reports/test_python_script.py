"""Tests of Python scripts from recipes: when executed, they render exactly the same picture."""

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import paintings
from core.datasets import samples
from core.dreams import render_dreams
from core.errors import ExplorerError
from core.images import image_io
from core.networks import registry
from core.networks.network import Network
from core.neurons import render_neurons
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from core.style import grid, transfer
from explorer.rendering import render_recipe
from explorer.reports import python_script


@pytest.fixture(scope="module")
def sketchnet() -> Network:
    return registry.load(registry.SKETCHNET, device="cpu")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield


def made(recipe: Recipe, *inputs: Image.Image) -> dict[int, bytes]:
    known = {image_io.fingerprint(it): image_io.encode_png(it) for it in inputs}
    return {
        picture.part: picture.image
        for update in render_recipe.render_updates(recipe, None, known, "cpu")
        for picture in update.pictures
    }


def same(recipe: Recipe, part: int | None, *inputs: Image.Image) -> str:
    """Execute the script of a recipe, and compare what it saves with what the app renders."""
    program = python_script.python_script(recipe, part)
    exec(compile(program, "script", "exec"), {})
    wanted = made(recipe, *inputs)
    for number in [part] if part is not None else recipe.pictures:
        own = np.asarray(Image.open(f"{number}.png"))
        other = np.asarray(Image.open(io.BytesIO(wanted[number])))
        assert np.array_equal(own, other)
    return program


def test_neurons(sketchnet: Network) -> None:
    plain = render_neurons.plan(sketchnet, "relu2b", [3, 5], size=24, steps=4)
    program = same(plain, None)
    assert 'neurons.plan(network, "relu2b", units=[3, 5], size=24, steps=4)' in program
    assert len(program.splitlines()) <= 8
    same(render_neurons.plan(sketchnet, "relu2b", [7], size=24, steps=4, count=2, seed=5), 15)
    same(render_neurons.plan(sketchnet, "relu3a", [7], size=24, steps=4, negative=True, l2=0.5), 7)


def test_many_neurons_are_saved_batch_by_batch(sketchnet: Network) -> None:
    recipe = render_neurons.plan(sketchnet, "relu1a", size=16, steps=1)
    assert len(recipe.parts()) > 1
    same(recipe, None)


def test_a_picture_that_is_at_hand_is_named(sketchnet: Network) -> None:
    cat = samples.picture("cat")
    recipe = render_dreams.plan(
        sketchnet,
        ["relu2b"],
        image_io.fingerprint(cat),
        7,
        size=64,
        octaves=2,
        steps=2,
        strength=1.5,
        units=(2, 4),
        keep_colours=True,
    )
    program = same(recipe, 0, cat)
    assert 'image = samples.picture("cat")' in program
    assert "open_picture" not in program


def test_a_picture_of_one_s_own_is_a_file(sketchnet: Network) -> None:
    own = image_io.resize_longer_side(samples.picture("coffee"), 70)
    own.save("image.png")
    recipe = render_dreams.plan(sketchnet, ["relu2b"], image_io.fingerprint(own), size=64, steps=2)
    assert 'image = images.open_picture("image.png")' in same(recipe, 0, own)


def test_styles(sketchnet: Network) -> None:
    rocket, swirls = samples.picture("rocket"), paintings.picture("swirls")
    glass = paintings.picture("glass")
    recipe = transfer.plan(
        sketchnet,
        content=image_io.fingerprint(rocket),
        styles=(image_io.fingerprint(swirls), image_io.fingerprint(glass)),
        style_shares=(2.0, 1.0),
        style_layers=("relu1b",),
        size=64,
        steps=2,
        colours="light",
    )
    program = same(recipe, 0, rocket, swirls, glass)
    assert 'painting_2 = paintings.picture("glass")' in program
    texture = transfer.plan(
        sketchnet, styles=(image_io.fingerprint(swirls),), init="noise", size=64, steps=2
    )
    same(texture, 0, swirls)
    for variation in (None, transfer.StyleRecipe.variation):
        reconstruction = transfer.plan(
            sketchnet,
            content=image_io.fingerprint(rocket),
            content_layers=("relu3a",),
            variation=variation,
            init="noise",
            size=64,
            steps=2,
        )
        same(reconstruction, 0, rocket)


def test_style_at_several_depths(sketchnet: Network) -> None:
    rocket, swirls = samples.picture("rocket"), paintings.picture("swirls")
    recipe = grid.plan_grid(
        sketchnet,
        image_io.fingerprint(rocket),
        image_io.fingerprint(swirls),
        style_depths=("relu1b", "relu2b"),
        content_depths=("relu1b", "relu2a"),
        size=64,
        steps=1,
    )
    program = same(recipe, None, rocket, swirls)
    assert 'painting = paintings.picture("swirls")' in program
    with Image.open("sheet.png") as sheet:
        assert sheet.width > 2 * 64
    Path("3.png").unlink()
    assert "parts()[3]" in same(recipe, 3, rocket, swirls)
    rows = grid.plan_grid(
        sketchnet, *recipe.inputs, shows=("content",), stages=("relu2b",), size=64, steps=1
    )
    for other in (rows, dataclasses.replace(rows, content_variations=())):
        same(other, 0, rocket, swirls)


def test_weights_of_one_s_own_are_named_as_a_file() -> None:
    recipe = NeuronRecipe("resnet18:birds", "0" * 16, layer="layer1", units=(1,), size=32)
    program = python_script.python_script(recipe)
    assert 'networks.load("resnet18:birds", Path("weights.safetensors"))' in program
    compile(program, "script", "exec")


def test_other_kinds_are_refused() -> None:
    class Other(Recipe):
        kind = "other"

    with pytest.raises(ExplorerError, match="no program"):
        python_script.python_script(Other("a", "b"))
