"""The Circuits page in a real browser: walking through the graph by pointer and by keyboard."""

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

SHOWN = 60_000  # milliseconds
WHEEL = '.graph .node[data-id="logits 57"]'


def show(page: Page, link: str) -> None:
    """Open a link, and wait for the graph with its pictures."""
    page.goto(link)
    expect(page.locator(".graph .node[aria-current] img")).to_be_visible(timeout=SHOWN)


def nearest(page: Page) -> str:
    """Return the id of a neuron that the one in the middle reads."""
    edge = page.locator(".graph .hit").evaluate_all(
        "all => all.map(it => it.dataset.id).find(it => it.endsWith('>logits:57'))"
    )
    source: str = edge.partition(">")[0]
    return source.replace(":", " ")


def test_a_click_walks_to_a_neuron_and_the_browser_goes_back(page: Page) -> None:
    show(page, "/circuits")
    expect(
        page.get_by_role("heading", name="Circuit of neuron 57 (wheel)", exact=True)
    ).to_be_visible()
    expect(page.locator(WHEEL)).to_have_attribute("aria-current", "true")
    other = nearest(page)
    page.locator(f'.graph .node[data-id="{other}"]').click()
    layer, unit = other.split(" ")
    expect(page).to_have_url(re.compile(rf"layer={layer}&unit={unit}\b"))
    middle = page.locator(f'.graph .node[data-id="{other}"]')
    expect(middle).to_have_attribute("aria-current", "true", timeout=SHOWN)
    # It feeds the wheel, from which the walk came.
    expect(page.locator(WHEEL)).to_be_visible()
    page.go_back()
    expect(page.locator(WHEEL)).to_have_attribute("aria-current", "true", timeout=SHOWN)


def test_a_click_chooses_a_connection_and_the_link_keeps_it(page: Page) -> None:
    show(page, "/circuits?layer=relu4b&unit=34")
    chosen = page.locator(".graph .hit").first.get_attribute("data-id")
    assert chosen
    page.locator(f'.graph .hit[data-id="{chosen}"]').dispatch_event("click")
    expect(page).to_have_url(re.compile("edge="))
    target = chosen.partition(">")[2].rpartition(":")
    of_target = re.compile(rf"neuron {target[2]}( \(.+\))? of {target[0]}")
    words = page.locator(".connection")
    expect(words).to_contain_text(of_target, timeout=SHOWN)
    expect(words).to_contain_text("With this connection cut")
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    expect(words).to_contain_text(of_target, timeout=SHOWN)
    expect(page.locator(".graph path.halo")).to_have_count(1)


def test_the_keyboard_walks_and_chooses(page: Page) -> None:
    show(page, "/circuits")
    page.locator(WHEEL).focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"layer=relu5b&unit=\d+"))
    expect(page.locator('.graph .node[aria-current][data-id^="relu5b"]')).to_be_visible(
        timeout=SHOWN
    )
    kernel = page.get_by_role("group", name="What it reads").locator(".tile").nth(1)
    kernel.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("edge="))


def test_a_bad_unit_is_a_sentence(page: Page) -> None:
    page.goto("/circuits?layer=relu5b&unit=999")
    expect(page.get_by_test_id("stAlert")).to_contain_text("223", timeout=SHOWN)
    expect(page.locator(WHEEL)).to_be_visible(timeout=SHOWN)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_graph_fits_the_page(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    show(page, "/circuits?layer=relu4b&unit=34")
    boxes = page.locator(".graph .node").evaluate_all(
        "all => all.map(it => it.getBoundingClientRect().toJSON())"
    )
    assert len(boxes) > 10
    assert all(it["x"] >= 0 and it["x"] + it["width"] <= width for it in boxes)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
