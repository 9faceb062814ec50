"""The Style depths page in a real browser, painted by SketchNet."""

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

PAINTED = 120_000  # milliseconds; a worker imports PyTorch first
QUICK = "picture=coffee&style=dots&size=48&steps=1"


def test_cells_fill_in_and_open_large(page: Page) -> None:
    page.goto(f"/style_depths?{QUICK}")
    cells = page.locator(".matrix .cell img")
    expect(cells).to_have_count(16, timeout=PAINTED)
    expect(page.get_by_text("Do eyes grow when the deepest layer is asked")).to_be_visible(
        timeout=PAINTED
    )
    page.get_by_role("button", name="Style by relu3a, content by relu1b").click()
    expect(page).to_have_url(re.compile("cell=matrix-2-1"))
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("img.whole-picture")).to_be_visible()
    dialog.get_by_role("link", name="Paint it large").click()
    expect(page).to_have_url(re.compile("style\\?.*style_layers=relu3a"))


def test_a_click_in_the_square_shows_two_neurons(page: Page) -> None:
    page.goto("/style_depths?view=together&picture=coffee&style=dots&layer=relu1b")
    pair = page.locator(".st-key-pair")
    expect(pair.locator(".tile img")).to_have_count(6, timeout=PAINTED)
    square = page.locator(".js-plotly-plot .nsewdrag").first
    box = square.bounding_box()
    assert box is not None
    square.click(position={"x": box["width"] * 0.31, "y": box["height"] * 0.82})
    expect(page).to_have_url(re.compile("pair=\\d+(,|%2C)\\d+"), timeout=PAINTED)
    one, other = re.findall(r"\d+", page.url.split("pair=")[1].replace("%2C", ","))[:2]
    heading = re.compile(f"^Neurons {one}\\b.* and {other}\\b")
    expect(pair.get_by_role("heading")).to_contain_text(heading)
    # The pairs below lead there too.
    page.get_by_role("group", name=re.compile("More together in the picture")).get_by_role(
        "button"
    ).first.click()
    expect(page).not_to_have_url(re.compile(f"pair={one}(,|%2C){other}(&|$)"), timeout=PAINTED)


def test_a_bad_link_gets_one_sentence(page: Page) -> None:
    page.goto("/style_depths?view=together&picture=coffee&style=dots&layer=nowhere")
    expect(page.get_by_text("This link does not fit: no layer")).to_be_visible(timeout=PAINTED)
    expect(page.locator(".st-key-pair")).to_be_visible(timeout=PAINTED)


def test_a_phone_sees_the_whole_matrix(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/style_depths?{QUICK}")
    expect(page.locator(".matrix .cell").first).to_be_visible(timeout=PAINTED)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
