"""The home page, run without a browser."""

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explorer.store.results import Store
from explorer.ui import page_list
from explorer.ui.home import front_page
from tests.pages.app import html, open_at, query


def front(app: AppTest) -> dict[str, Any]:
    found = [json.loads(it.proto.json) for it in app.get("bidi_component")]
    return dict(next(it for it in found if "rows" in it))


def test_it_shows_neurons_of_every_layer_and_a_link_to_every_page() -> None:
    app = open_at()
    shown = front(app)
    assert [it["name"] for it in shown["columns"]] == list(front_page.FEATURED_UNITS)
    assert all(it["pictures"] for it in shown["columns"])
    sections = [section for row in shown["rows"] for section in row]
    assert [it["title"] for it in sections] == list(page_list.SECTIONS)
    pages = [page for section in sections for page in section["pages"]]
    assert [it["title"] for it in pages] == [it.title for it in page_list.PAGES]
    assert all(it["url"].startswith("data:image/webp") for it in pages)
    assert "See inside an image network" in html(app)
    assert "1,176 neurons in 11 layers" in html(app)


@pytest.mark.parametrize(
    ("sizes", "rows"),
    [
        ((1, 3, 4, 2), ["ab", "c", "d"]),
        ((2, 3, 4, 2), ["ab", "c", "d"]),
        ((2, 4, 4, 2), ["a", "b", "c", "d"]),
        ((1, 1, 1, 1), ["abcd"]),
        ((7, 1), ["a", "b"]),
        ((), []),
    ],
)
def test_sections_stay_whole_and_in_order(sizes: tuple[int, ...], rows: list[str]) -> None:
    packed = front_page.pack_sections(dict(zip("abcd", sizes, strict=False)), most=5)
    assert ["".join(row) for row in packed] == rows


def test_all_neurons_of_the_exhibit_ship() -> None:
    store = Store()
    for layer, units in front_page.FEATURED_UNITS.items():
        assert len(store.shipped_units("sketchnet", layer, units)) == len(units), layer
    assert store.shipped_units("sketchnet", "relu1a", (14, 99_999)) == store.shipped_units(
        "sketchnet", "relu1a", (14,)
    )


@pytest.mark.parametrize(
    ("asked", "words"),
    [({"layer": "relu2a"}, "relu2a"), ({"layer": "relu2a", "unit": "3"}, "Neuron 3")],
)
def test_old_links_lead_on(asked: dict[str, str], words: str) -> None:
    app = open_at(**asked)
    assert words in html(app)
    assert query(app)["layer"] == "relu2a"


def test_every_page_has_a_file_and_a_picture() -> None:
    for page in page_list.PAGES:
        assert front_page.preview_url(page.name), page
        assert Path(page.page).is_file()
