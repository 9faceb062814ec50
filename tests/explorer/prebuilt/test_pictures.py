"""Tests of the shipped pictures: they are complete, and equal what their recipes render."""

from pathlib import Path

import pytest
import torch

from core.images import image_io
from core.networks import registry
from core.networks.network import Network
from core.neurons import render_neurons
from explorer.prebuilt import pictures as prebuilt_pictures
from explorer.store.database import NEURONS, STYLES
from explorer.store.results import Store

# A lossy file differs from a new rendering, and so does rounding on another processor, which many
# steps amplify in deep layers. The difference must be below this fraction of that to the pictures
# of other units (0.05 to 0.34 measured).
NEARER = 0.5


@pytest.fixture(scope="module")
def network() -> Network:
    return registry.load("sketchnet", device="cpu")


def test_every_neuron_ships(network: Network, tmp_path: Path) -> None:
    store = Store(tmp_path / "own.sqlite3")
    shipped = [store.get(recipe.key) for recipe in prebuilt_pictures.recipes(network)]
    assert None not in shipped, (
        "run python -m explorer.prebuilt.pictures: the weights or recipes changed"
    )
    units = sum(len(result.pictures) for result in shipped if result)
    assert units == sum(layer.channels for layer in network.shown)
    assert NEURONS.stat().st_size < 12_000_000


@pytest.mark.parametrize("place", [1, 4, -1])
def test_some_of_them_drawn_anew_are_the_same(network: Network, tmp_path: Path, place: int) -> None:
    layer = network.shown[place]
    recipe = next(it for it in prebuilt_pictures.recipes(network) if it.layer == layer.name)
    result = Store(tmp_path / "own.sqlite3").get(recipe.key)
    assert result is not None
    *_, last = render_neurons.render(network, recipe)
    drawn = [picture for picture in last.pictures if not picture.silent]
    shipped = []
    for picture in last.pictures:
        stored = result.pictures[picture.part]
        assert stored.silent == picture.silent
        if not picture.silent:
            assert picture.activation == pytest.approx(stored.facts["activation"], rel=0.1)
            shipped.append(image_io.to_tensor(image_io.open_picture(stored.image))[0])
    differences = torch.stack([it.image for it in drawn])[:, None] - torch.stack(shipped)
    apart = differences.abs().mean((2, 3, 4))  # [drawn, shipped]
    own = torch.eye(len(drawn), dtype=torch.bool)
    assert apart.argmin(1).tolist() == list(range(len(drawn)))
    assert apart[own].median() < NEARER * apart[~own].median()


def test_what_the_style_pages_show_first_ships(network: Network, tmp_path: Path) -> None:
    store = Store(tmp_path / "own.sqlite3")
    recipes = prebuilt_pictures.first_styles(network)
    missing = [it for it in recipes if store.get(it.key) is None]
    assert not missing, (
        "run python -m explorer.prebuilt.pictures styles: weights or recipes changed"
    )
    assert STYLES.stat().st_size < 1_000_000
