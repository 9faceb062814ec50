"""Captions of gallery entries."""

import json
from datetime import timedelta, timezone

import pytest

from core.recipes.style import StyleRecipe
from explorer.text import captions


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "just now"), (300, "5 min ago"), (7300, "2 h ago"), (200_000, "2 d ago")],
)
def test_how_long_ago(seconds: float, words: str) -> None:
    assert captions.time_ago(seconds) == words


def test_what_became_of_an_entry_in_the_readers_time_zone() -> None:
    zone = timezone(timedelta(hours=2))
    assert captions.state_caption("done", 0, zone) == "made 01 Jan 1970, 02:00"
    assert captions.state_caption("cancelled", 0, zone) == "stopped 01 Jan 1970, 02:00"


def test_settings_come_in_a_fixed_order_with_their_captions() -> None:
    settings = {"blur": 0.5, "gone": "x" * 99, "seed": 1, "size": 64, "units": [0, 1, 2, 9]}
    assert list(captions.setting_rows("neurons", settings).items()) == [
        ("Neurons", "0-2, 9"),
        ("Size", "64 px"),
        ("Seed", "1"),
        ("Blur", "0.5"),
        ("Gone", "x" * 59 + "…"),
    ]


def test_settings_of_a_style_are_in_words() -> None:
    recipe = StyleRecipe(
        network="sketchnet",
        weights="0" * 16,
        content="a" * 32,
        styles=("b" * 32,),
        content_layers=("relu3b",),
        style_layers=("relu1a", "relu2a"),
        balance=0.05,
    )
    settings = json.loads(recipe.to_json())
    rows = captions.setting_rows("style", settings, {"a" * 32: "cat", "b" * 32: "dots"})
    assert (rows["Network"], rows["Content"], rows["Styles"]) == ("SketchNet", "cat", "dots")
    assert rows["Style layers"] == "relu1a, relu2a" and rows["Start from"] == "the picture"
    # Nothing is written as Python writes it, and what nobody changed is left out.
    assert not any(set("[]_") & set(name + text) for name, text in rows.items())
    assert "Method" not in rows and "Start" not in rows
    assert "Method" in captions.setting_rows("style", {**settings, "method": "adam"})
    assert "Method" in captions.setting_rows("style", settings, everything=True)
    # A picture without a title has only its fingerprint, which tells nobody anything.
    assert "Content" not in captions.setting_rows("style", settings)
