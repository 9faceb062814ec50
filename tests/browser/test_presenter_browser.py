"""Presenter mode in a real browser: keys, the bar, and pictures that fill the window."""

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

SHOWN = 90_000  # milliseconds; a server imports PyTorch first


def show(page: Page, link: str) -> None:
    """Open a link in presenter mode, and wait for the bar."""
    page.goto(link)
    expect(page.get_by_role("button", name="Leave")).to_be_visible(timeout=SHOWN)
    expect(page.locator('[data-testid="stHeader"]')).to_be_hidden()


def test_arrow_keys_lead_through_a_lesson_and_escape_leaves(page: Page) -> None:
    page.goto("/lessons?lesson=1")
    page.get_by_role("button", name="Present").click(timeout=SHOWN)
    expect(page.locator(".slide blockquote")).to_be_visible(timeout=SHOWN)
    expect(page.get_by_role("button", name="Leave")).to_be_visible(timeout=SHOWN)
    expect(page.locator('[data-testid="stHeader"]')).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"present=2\b"), timeout=SHOWN)
    expect(page.locator(".st-key-slide-experiment .depths img")).to_have_count(2, timeout=SHOWN)
    # On a slider, the arrow keys choose a layer; a remote control leads on everywhere.
    slider = page.get_by_role("slider", name="Depth", exact=True)
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("layer=relu1b"), timeout=SHOWN)
    slider.focus()
    page.keyboard.press("PageDown")
    expect(page).to_have_url(re.compile(r"present=3\b"), timeout=SHOWN)
    asked = page.locator(".st-key-slide-question").get_by_test_id("stButtonGroup")
    guess = asked.get_by_text("relu1b", exact=True)
    guess.click(timeout=SHOWN)
    # After a click, the arrow keys lead on.
    page.keyboard.press("ArrowRight")
    taken_up = page.get_by_text("You chose relu1b; it is relu4a.")
    expect(taken_up).to_be_visible(timeout=SHOWN)
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(r"present=3\b"), timeout=SHOWN)
    # Steps in a row are all made.
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".slide blockquote")).to_contain_text(
        "Each layer recognises", timeout=SHOWN
    )
    expect(page).to_have_url(re.compile(r"present=1\b"), timeout=SHOWN)
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("present="), timeout=SHOWN)
    expect(page.locator('[data-testid="stHeader"]')).to_be_visible(timeout=SHOWN)
    expect(page).to_have_url(re.compile("lesson=1"))


def test_a_picture_fills_the_window_and_comes_back(page: Page) -> None:
    show(page, "/lessons?lesson=3&present=2")
    pictures = page.locator(".st-key-slide-experiment .depths img")
    expect(pictures).to_have_count(2, timeout=SHOWN)
    page.keyboard.press("Enter")
    whole = page.locator("dialog.whole")
    expect(whole.locator("img")).to_be_visible()
    first = whole.locator("img").get_attribute("src")
    box = whole.bounding_box()
    assert box is not None and (box["width"], box["height"]) == (1280, 900)
    page.keyboard.press("ArrowRight")
    expect(whole.locator("img")).not_to_have_attribute("src", first or "")
    page.keyboard.press("Escape")
    expect(whole).to_be_hidden()
    expect(page).to_have_url(re.compile(r"present=2\b"))
    pictures.first.click()
    expect(whole.locator("img")).to_have_attribute("src", first or "")


def test_a_neuron_is_shown_alone_and_its_neighbours_follow(page: Page) -> None:
    show(page, "/neuron?layer=relu2b&unit=35&present=1")
    picture = page.locator(".presented img")
    expect(picture).to_be_visible(timeout=SHOWN)
    box = picture.bounding_box()
    assert box is not None and box["height"] > 700
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"unit=36\b.*present=1"), timeout=SHOWN)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="neuron 37", exact=True)).to_be_visible(timeout=SHOWN)
    expect(page).not_to_have_url(re.compile("present="))


@pytest.mark.parametrize("width", [390, 1280])
def test_every_slide_fits_the_width(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for slide in (1, 2, 3, 4):
        show(page, f"/lessons?lesson=5&present={slide}")
        expect(page.locator("[data-test-script-state=notRunning]").first).to_be_visible(
            timeout=SHOWN
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
