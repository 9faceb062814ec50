"""The style sheets of the components and pages."""

import re
from pathlib import Path

import pytest

from explorer.ui.components import html_snippets
from explorer.ui.components.mount import FOLDER

# What a browser can change without painting anything anew.
CHEAP = {"opacity", "transform"}
SHEETS = sorted([*FOLDER.glob("*.css"), *html_snippets.PAGE_ASSETS.glob("*.css")])
ENDLESS = re.compile(r"animation:[^;]*\binfinite\b[^;]*;")
KEYFRAMES = re.compile(r"@keyframes\s+([\w-]+)\s*\{((?:[^{}]*\{[^{}]*\})*)\s*\}")


def endless(text: str) -> dict[str, set[str]]:
    """Return the properties that each animation without an end changes, by its name."""
    found = {}
    for name, body in KEYFRAMES.findall(text):
        if any(re.search(rf"\b{name}\b", it) for it in ENDLESS.findall(text)):
            found[name] = set(re.findall(r"([\w-]+)\s*:", body))
    return found


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda it: it.name)
def test_animations_without_an_end_paint_nothing_anew(sheet: Path) -> None:
    for name, properties in endless(sheet.read_text("utf-8")).items():
        assert properties <= CHEAP, name


def test_they_are_found() -> None:
    frames = "@keyframes slide { from { left: 0; } to { top: 1px } }"
    text = f".a {{ animation: slide 2s linear infinite; }} {frames}"
    assert endless(text) == {"slide": {"left", "top"}}
    assert endless(text.replace(" infinite", "")) == {}
    assert "wait" in endless((FOLDER / "placeholder.css").read_text("utf-8"))
