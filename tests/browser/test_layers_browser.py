"""The Layers page in a real browser, drawn by SketchNet."""

import io
import itertools
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from core.networks import registry

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

DRAWN = 60_000  # milliseconds
TABS_AT_MOST = 30
IN_TILE = "document.activeElement?.shadowRoot?.activeElement?.classList.contains('tile')"


@pytest.fixture(scope="module")
def layers() -> tuple[str, ...]:
    """The names of SketchNet's layers; the first ones are drawn quickly where none are shipped."""
    return tuple(layer.name for layer in registry.load(registry.SKETCHNET).shown)


def show(page: Page, link: str) -> None:
    """Open a link, and wait for the first pictures."""
    page.goto(link)
    expect(page.locator(".tile img").first).to_be_visible(timeout=DRAWN)


def test_from_the_list_of_layers_to_a_saved_picture(
    page: Page, layers: tuple[str, ...], tmp_path: Path
) -> None:
    first, second = layers[:2]
    show(page, f"/?layer={first}")
    page.locator(f'.layer-row[data-name="{second}"]').click()
    expect(page).to_have_url(re.compile(rf"layer={second}\b"))
    expect(page.get_by_role("heading", name=second, exact=True)).to_be_visible()

    tile = page.locator(".tile:enabled").nth(2)
    expect(tile).to_be_visible(timeout=DRAWN)
    named = re.compile(r"neuron \d+( \(.+\))?, (activation|dead)")
    expect(tile).to_have_attribute("aria-label", named)
    unit = tile.get_attribute("data-id")
    tile.click()
    large = page.locator(".large-picture")
    expect(large).to_be_visible(timeout=DRAWN)
    expect(page).to_have_url(re.compile(f"/neuron.*unit={unit}"))
    assert large.bounding_box()["width"] >= 480
    usual = large.get_attribute("src")

    page.get_by_role("button", name="Draw it differently").click()
    page.get_by_role("spinbutton", name="Seed").fill("5")
    page.get_by_role("spinbutton", name="Seed").press("Enter")
    page.get_by_role("button", name="Draw with these settings").click()
    facts = page.locator("dl.facts")
    expect(facts).to_contain_text("seed 5", timeout=DRAWN)
    expect(facts).not_to_contain_text("measured when it is finished", timeout=DRAWN)
    assert large.get_attribute("src") != usual

    with page.expect_download() as download:
        page.get_by_role("button", name="Save as PNG").click()
    download.value.save_as(tmp_path / "neuron.png")
    picture = Image.open(io.BytesIO((tmp_path / "neuron.png").read_bytes()))
    recipe = json.loads(picture.info["recipe"])
    assert (recipe["layer"], recipe["units"], recipe["seed"]) == (second, [int(unit)], 5)

    page.get_by_role("link", name=second).click()
    expect(page.get_by_role("heading", name=second, exact=True)).to_be_visible(timeout=DRAWN)
    expect(page).not_to_have_url(re.compile("unit="))


def test_the_keyboard_opens_a_neuron_and_comes_back(page: Page, layers: tuple[str, ...]) -> None:
    show(page, f"/?layer={layers[0]}")
    for _ in range(TABS_AT_MOST):
        page.keyboard.press("Tab")
        if page.evaluate(IN_TILE):
            break
    assert page.evaluate(IN_TILE)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".large-picture")).to_be_visible(timeout=DRAWN)
    expect(page).to_have_url(re.compile("unit=1"))
    page.go_back()
    expect(page.locator(".tile img").first).to_be_visible(timeout=DRAWN)
    expect(page).to_have_url(re.compile(f"layer={layers[0]}"))


def test_a_phone_has_the_list_of_layers_above_the_grid(page: Page, layers: tuple[str, ...]) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    show(page, f"/?layer={layers[0]}")
    layer_list = page.locator(".layer-list").bounding_box()
    grid = page.locator(".tiles").bounding_box()
    assert layer_list["y"] + layer_list["height"] <= grid["y"]
    assert grid["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


IN_NODE = IN_TILE.replace("tile", "node")


def boxes(page: Page) -> list[dict[str, float]]:
    """Return the places of the diagram's nodes on the page, all at the same moment."""
    nodes = page.locator(".graph .node")
    return nodes.evaluate_all("all => all.map(it => it.getBoundingClientRect().toJSON())")


def test_the_diagram_leads_to_a_layer_by_click_and_by_keyboard(
    page: Page, layers: tuple[str, ...]
) -> None:
    show(page, f"/?layer={layers[0]}")
    page.get_by_role("button", name="See the whole network").click()
    expect(page.locator(".graph .node img")).to_have_count(len(layers) + 1, timeout=DRAWN)
    expect(page.locator(".graph path.edge")).to_have_count(len(layers))
    page.locator('.tile[data-id="sea"]').click()
    expect(page).to_have_url(re.compile("picture=sea"))
    page.locator(f'.graph .node[data-id="{layers[3]}"]').click()
    expect(page).to_have_url(re.compile(f"layer={layers[3]}"))
    expect(page.get_by_role("heading", name=layers[3], exact=True)).to_be_visible()

    page.goto("/layers?diagram=open")
    first = page.locator(f'.graph .node[data-id="{layers[0]}"]')
    expect(first.locator("img")).to_be_visible(timeout=DRAWN)
    first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(IN_NODE)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"layer={layers[1]}"))


@pytest.mark.parametrize("width", [1280, 390])
def test_the_diagram_fits_the_page_and_its_nodes_do_not_overlap(
    page: Page, layers: tuple[str, ...], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/layers?diagram=open")
    expect(page.locator(".graph .node img")).to_have_count(len(layers) + 1, timeout=DRAWN)
    found = boxes(page)
    assert all(it["x"] >= 0 and it["x"] + it["width"] <= width for it in found)
    for one, other in itertools.combinations(found, 2):
        beside = abs(one["x"] - other["x"]) >= one["width"]
        beneath = abs(one["y"] - other["y"]) >= min(one["height"], other["height"])
        assert beside or beneath
    assert len({round(it["y"]) for it in found}) > 1  # it continues on a second line
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_search_by_keyboard_opens_what_it_finds(page: Page) -> None:
    show(page, "/layers?layer=relu3b")
    box = page.get_by_role("textbox", name="Find neurons")
    box.fill("eyes")
    box.press("Enter")
    expect(page).to_have_url(re.compile("layer=relu3b.*find=eyes"))
    first = page.locator(".tile").first
    expect(first).to_have_attribute("aria-label", re.compile("^neuron 35, eye, .*called|has"))
    expect(page.get_by_text('The name has "eye"', exact=True)).to_be_visible()
    box.press("Enter")
    expect(page).to_have_url(re.compile("/neuron.*layer=logits.*unit=35"))
    expect(page.locator(".large-picture")).to_be_visible(timeout=DRAWN)
    # The way back leads out of the page: Streamlit keeps an entry with the query of the neuron.
    page.go_back()
    expect(page).to_have_url(re.compile("/layers"))
    page.go_back()
    expect(page).to_have_url(re.compile("/layers.*find=eyes"))
    show(page, "/layers?layer=relu3b&find=eyes")
    expect(box).to_have_value("eyes")
    box.fill("relu4b:121")
    box.press("Enter")
    expect(page).to_have_url(re.compile("/neuron.*layer=relu4b.*unit=121"))
    expect(page.locator(".large-picture")).to_be_visible(timeout=DRAWN)
