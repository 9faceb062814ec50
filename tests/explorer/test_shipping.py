"""The pictures that ship: all there, and what their recipes give."""

from pathlib import Path

import pytest

from core import images, networks, neurons
from core.networks import Network
from explorer import shipping
from explorer.store import SHIPPED, Store

# A lossy file and another processor's rounding change a picture so much; another picture, far more.
LIKE = 0.06
UNLIKE = 0.15


@pytest.fixture(scope="module")
def network() -> Network:
    return networks.load("sketchnet", device="cpu")


def test_every_neuron_ships(network: Network, tmp_path: Path) -> None:
    store = Store(tmp_path / "own.sqlite3")
    shipped = [store.get(recipe.key) for recipe in shipping.recipes(network)]
    assert None not in shipped, "run python -m explorer.shipping: the weights or recipes changed"
    units = sum(len(result.pictures) for result in shipped if result)
    assert units == sum(layer.channels for layer in network.shown)
    assert SHIPPED.stat().st_size < 12_000_000


@pytest.mark.parametrize("place", [1, 4, -1])
def test_some_of_them_drawn_anew_are_the_same(network: Network, tmp_path: Path, place: int) -> None:
    layer = network.shown[place]
    recipe = next(it for it in shipping.recipes(network) if it.layer == layer.name)
    result = Store(tmp_path / "own.sqlite3").get(recipe.key)
    assert result is not None
    *_, last = neurons.render(network, recipe)
    apart, strangers = [], []
    for index, picture in enumerate(last.pictures):
        stored = result.pictures[picture.part]
        shipped = images.to_tensor(images.open_picture(stored.image))[0]
        stranger = last.pictures[index - 1].image
        assert stored.facts["dead"] == picture.dead
        if not picture.dead:
            assert picture.activation == pytest.approx(stored.facts["activation"], rel=0.1)
            apart.append(float((shipped - picture.image).abs().mean()))
            strangers.append(float((shipped - stranger).abs().mean()))
    assert sorted(apart)[len(apart) // 2] < LIKE
    assert sorted(strangers)[len(strangers) // 2] > UNLIKE  # the comparison can tell them apart
