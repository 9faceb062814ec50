"""Default layers of style transfer for families of networks."""

import dataclasses

import pytest
from torch import nn
from torchvision.models import vgg

from core.networks.network import Network
from core.style.defaults import default_settings, family_settings
from tests.conftest import as_network, tiny_module

# By torchvision's letter for a VGG: conv1_1 to conv5_1, and conv4_2, each after its ReLU, counted
# by hand. With normalisation, there is one more module before each ReLU.
COUNTED = {
    ("A", False): ((1, 4, 7, 12, 17), 14),
    ("D", False): ((1, 6, 11, 18, 25), 20),
    ("E", True): ((2, 9, 16, 29, 42), 32),
}


def slim_vgg(letter: str, normalised: bool, name: str = "vgg") -> Network:
    widths = [it if it == "M" else int(it) // 16 for it in vgg.cfgs[letter]]
    module = nn.Sequential()
    module.add_module("features", vgg.make_layers(widths, normalised))
    return dataclasses.replace(as_network(module, (64, 48)), name=name)


@pytest.mark.parametrize("kind", COUNTED)
def test_every_vgg_paints_as_gatys_did(kind: tuple[str, bool]) -> None:
    style, content = COUNTED[kind]
    assert default_settings(slim_vgg(*kind)) == {
        "style_layers": tuple(f"features.{it}" for it in style),
        "content_layers": (f"features.{content}",),
        "pooling": "average",
        "smallest": 128,
        "balance": 0.5,
    }


@pytest.mark.parametrize("name", ["timm.vgg16", "vgg16:birds", "VGG"])
def test_a_vgg_of_another_source_is_one(name: str) -> None:
    assert default_settings(slim_vgg("D", False, name))["pooling"] == "average"


def test_what_is_only_called_vgg_has_the_layers_of_any_network() -> None:
    tiny = as_network(tiny_module())
    named = default_settings(dataclasses.replace(tiny, name="vgg-like"))
    assert named == {**default_settings(tiny), **family_settings("vgg-like")}
    assert default_settings(tiny).keys() == {"style_layers", "content_layers"}


def test_the_nearest_loss_has_a_balance_of_its_own(tiny: Network) -> None:
    assert default_settings(tiny, "nearest") == {**default_settings(tiny), "balance": 0.5}
    assert family_settings("vgg16", "nearest") == {**family_settings("vgg16"), "balance": 1.0}
