"""The table of families of networks in the documentation is what the code gives."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from core.networks import layers, torchvision_models
from core.networks.known_networks import known_networks
from core.style.defaults import default_settings
from tests.conftest import ROOT

HEAD = "| family | example | number | which | style | content | why |"


def rows() -> dict[str, tuple[int, tuple[str, ...], tuple[str, ...]]]:
    """Return by name of a network the number of layers, and the layers for style and content."""
    text = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    found = {}
    for line in text.partition(HEAD)[2].partition("\n\n")[0].splitlines()[2:]:
        _, _, name, count, _, style, content, _, _ = line.split("|")
        codes = [tuple(re.findall("`(.+?)`", it)) for it in (name, style, content)]
        found[codes[0][0]] = (int(count), codes[1], codes[2])
    return found


def test_every_family_of_torchvision_has_a_row() -> None:
    def family(name: str) -> str:
        return re.sub(r"[\d_].*", "", name.removeprefix("wide_"))

    named = {family(name) for name in rows()} | {"resnext"}
    names = [it for it in known_networks() if not it.startswith(("timm.", "sketchnet"))]
    assert {family(name) for name in names} == named


@pytest.mark.parametrize("name", rows())
def test_a_row_of_the_table(name: str) -> None:
    module = torchvision_models.build(name).eval()
    listed = layers.list_layers(module, known_networks()[name].input_size)
    shown = tuple(it for it in listed if it.shown)
    network: Any = SimpleNamespace(architecture=name, shown=shown, layers=listed)
    settings = default_settings(network)
    count, style, content = rows()[name]
    assert len(shown) == count
    assert settings["style_layers"] == style
    assert settings["content_layers"] == content
