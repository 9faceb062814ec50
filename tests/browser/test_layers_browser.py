"""The Layers page in a real browser, drawn by SketchNet."""

import io
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
TABS_AT_MOST = 20
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
    named = re.compile(r"neuron \d+, (.+, )?(activation|dead)")
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
