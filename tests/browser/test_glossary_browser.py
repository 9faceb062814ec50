"""The hover texts of terms, and the Glossary page, in a real browser."""

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

LOADED = 90_000
# The text that a term shows beside it, and whether all of it is inside the window.
SHOWN = """term => {
    const style = getComputedStyle(term, "::after");
    return style.content === "none" ? "" : style.content.slice(1, -1);
}"""


def test_a_term_is_explained_on_hover_and_on_focus(page: Page) -> None:
    page.goto("/")
    term = page.locator(".front .term", has_text="neuron").first
    expect(term).to_be_visible(timeout=LOADED)
    page.mouse.move(0, 0)
    assert term.evaluate(SHOWN) == ""
    term.hover()
    assert term.evaluate(SHOWN).startswith("It responds to a pattern")
    page.mouse.move(0, 0)
    assert term.evaluate(SHOWN) == ""
    term.focus()
    assert term.evaluate(SHOWN).startswith("It responds to a pattern")
    # The next term is reached with the keyboard alone.
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.textContent")
    assert focused == "convolutional network"
    assert term.evaluate(SHOWN) == ""


def test_a_tap_explains_it_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/lessons?lesson=4")
    term = page.locator(".lesson .term", has_text="Gram matrix")
    expect(term).to_be_visible(timeout=LOADED)
    term.click()
    assert term.evaluate(SHOWN).startswith("A table with one number for each two neurons")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_glossary_lists_the_terms(page: Page) -> None:
    page.goto("/glossary")
    expect(page.get_by_text("Intersection over union")).to_be_visible(timeout=LOADED)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
