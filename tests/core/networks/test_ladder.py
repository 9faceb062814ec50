"""A network as HTML for notebooks."""

import pytest
from torch import nn

from core import networks
from core.networks.field_words import times
from tests.core.images.test_html_pictures import tags
from tests.core.own_modules import OWN_MODULES, SIZE
from tests.core.own_modules import build as build_module


def test_each_shown_layer_is_a_row() -> None:
    network = networks.load("sketchnet", device="cpu")
    html = network._repr_html_()
    assert tags(html).count("tr") == len(network.shown) + 1
    for layer in network.shown:
        assert f">{layer.name}<" in html and f">{layer.channels}<" in html
    assert f"1.3 million parameters, colour pictures of {times((64, 64))} px, 72 classes" in html
    relu1b = html.split("relu1b")[1].split("</tr>")[0]
    assert times((64, 64)) in relu1b and f"{times((5, 5))} px" in relu1b
    # A square of 24 pixels is the image of 64, and 5 of these would be 1.9 pixels.
    assert "height: 24.0px; width: 24.0px" in relu1b and "height: 2.0px; width: 2.0px" in relu1b
    logits = html.split("logits")[1]
    assert logits.count("height: 24.0px; width: 24.0px") == 2 and "the whole picture" in logits


@pytest.mark.parametrize("name", OWN_MODULES)
def test_any_module_has_a_ladder(name: str) -> None:
    channels = OWN_MODULES[name].channels
    module = build_module(name)
    network = networks.wrap(module, SIZE, 0.45, 0.25, channels=channels, device="cpu")
    html = network._repr_html_()
    assert tags(html).count("tr") == len(network.shown) + 1
    kind = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
    assert f"{kind} pictures of {times(SIZE)} px" in html
    # The image keeps its shape: the longer side of its square is 24 pixels.
    sides = [24 * side / max(SIZE) for side in SIZE]
    assert f"height: {sides[0]:.1f}px; width: {sides[1]:.1f}px" in html


def test_names_are_escaped() -> None:
    module = nn.Sequential()
    module.add_module("<img src=x>", nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    network = networks.wrap(module, (16, 16), 0.5, 0.5, device="cpu")
    assert any("<img" in layer.name for layer in network.shown)
    html = network._repr_html_()
    assert "<img" not in html and "&lt;img src=x&gt;" in html


def test_a_long_network_is_cut() -> None:
    module = nn.Sequential(*(nn.ReLU() for _ in range(90)))
    html = networks.wrap(module, (8, 8), 0.5, 0.5, device="cpu")._repr_html_()
    assert tags(html).count("tr") <= 65 and "more in <code>layers</code>" in html
