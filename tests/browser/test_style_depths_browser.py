"""The page Styles by layer in a real browser, painted by SketchNet."""

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
    expect(page.get_by_text("Do neurons of eyes respond more")).to_be_visible(timeout=PAINTED)
    page.get_by_role("button", name="Style by relu3a, content by relu1b").click()
    expect(page).to_have_url(re.compile("cell=matrix-2-1"))
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("img.whole-picture")).to_be_visible()
    dialog.get_by_role("link", name="Paint it large").click()
    expect(page).to_have_url(re.compile("style\\?.*style_layers=relu3a"))


def test_numbers_in_a_table_are_read_in_the_dark(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(f"/style_depths?{QUICK}")
    cells = page.locator(".heat :is(td, th)")
    expect(cells.first).to_be_visible(timeout=PAINTED)
    colours = cells.evaluate_all("all => [...new Set(all.map(it => getComputedStyle(it).color))]")
    assert [min(map(int, re.findall(r"\d+", it))) > 180 for it in colours] == [True], colours


def test_a_click_in_the_square_shows_two_neurons(page: Page) -> None:
    page.goto("/style_depths?view=together&picture=coffee&style=dots&layer=relu1b")
    pair = page.locator(".st-key-pair")
    expect(pair.locator(".tile img")).to_have_count(6, timeout=PAINTED)
    square = page.locator(".pairs").first
    box = square.bounding_box()
    assert box is not None
    square.click(position={"x": box["width"] * 0.31, "y": box["height"] * 0.82})
    expect(page).to_have_url(re.compile("pair=\\d+(,|%2C)\\d+"), timeout=PAINTED)
    one, other = re.findall(r"\d+", page.url.split("pair=")[1].replace("%2C", ","))[:2]
    heading = re.compile(f"^Neuron {one}\\b.* and neuron {other}\\b")
    expect(pair.get_by_role("heading")).to_contain_text(heading)
    # The pairs below are links to the same view.
    page.get_by_role("group", name=re.compile("More together in the picture")).get_by_role(
        "button"
    ).first.click()
    expect(page).not_to_have_url(re.compile(f"pair={one}(,|%2C){other}(&|$)"), timeout=PAINTED)


def test_a_pair_is_chosen_in_the_square_with_the_keyboard(page: Page) -> None:
    page.goto("/style_depths?view=together&picture=coffee&style=dots&layer=relu1b")
    square = page.get_by_role("application", name=re.compile("respond together")).last
    expect(square).to_be_visible(timeout=PAINTED)
    told = page.locator(".words[aria-live]").last
    expect(told).not_to_be_empty(timeout=PAINTED)
    square.focus()
    # From the cell of the pair, or from the first one, to one that is not on the diagonal.
    square.press("ArrowDown")
    square.press("ArrowDown")
    expect(told).to_contain_text(" and ")
    names = re.findall(r"neuron (\d+)", told.inner_text())
    square.press("Enter")
    expect(page).to_have_url(re.compile(f"pair={names[0]}(,|%2C){names[1]}"), timeout=PAINTED)


def test_a_bad_link_gets_one_sentence(page: Page) -> None:
    page.goto("/style_depths?view=together&picture=coffee&style=dots&layer=nowhere")
    expect(page.get_by_text("A problem with this link: no layer")).to_be_visible(timeout=PAINTED)
    expect(page.locator(".st-key-pair")).to_be_visible(timeout=PAINTED)


def test_a_phone_sees_the_whole_matrix(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/style_depths?{QUICK}")
    expect(page.locator(".matrix .cell").first).to_be_visible(timeout=PAINTED)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_phone_shows_two_pictures_of_a_row_at_once_each_below_its_head(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/style_depths?{QUICK}&view=rows")
    row = page.locator(".matrix.alone").first
    expect(row.locator(".cell")).to_have_count(5, timeout=PAINTED)
    heads, cells = (
        [it.bounding_box() for it in row.locator(kind).all()] for kind in (".head", ".cell")
    )
    for head, cell in zip(heads, cells, strict=True):
        assert head is not None and cell is not None
        assert cell["width"] > 160
        assert head["x"] == cell["x"] and 0 < cell["y"] - head["y"] < 60
    assert len({it["y"] for it in cells if it is not None}) == 3


def test_a_phone_scrolls_to_what_is_chosen(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/style_depths?picture=galaxies&style=gravel&size=48&steps=1")
    for group in ("Content: samples", "Style: samples"):
        chosen = page.get_by_role("group", name=group).locator(".tile.open")
        expect(chosen).to_be_in_viewport(ratio=0.99, timeout=PAINTED)
