"""Accessibility in a real browser: axe-core finds no serious fault, and the keyboard is enough.

``python -m benchmarks.accessibility`` checks every page in every theme and width, with finished
pictures.
"""

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
from benchmarks import accessibility  # noqa: E402

expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

LOADED = 60_000  # milliseconds; the server imports PyTorch first
# Queries that make the pictures of a page small and quick, by the page's name.
QUICK = {
    "dream": "size=64&steps=2",
    "style": "size=64&steps=2",
    "style_depths": "size=48&steps=1",
}
# The themes and widths in which each page is checked.
VIEWS = (("light", 1280), ("dark", 390))
# Script that returns whether the page has run, its style sheet is there, and its navigation is
# complete (the home page is in no menu, and presenter mode has no navigation).
READY = """() => document.querySelector('[data-test-script-state="notRunning"]')
  && document.querySelector('[data-testid="stMainBlockContainer"] *')
  && !document.querySelector('.skeleton')
  && getComputedStyle(document.body).getPropertyValue('--quiet')
  && (document.querySelector('[data-testid="stTopNavSection"][aria-current], .st-key-presenter')
    || ['/', '/home'].includes(location.pathname))"""
# Script that returns the element with the focus, also inside of shadow roots.
FOCUSED = """() => {
  let it = document.activeElement;
  while (it?.shadowRoot?.activeElement) it = it.shadowRoot.activeElement;
  return it;
}"""
# Script that waits until the page was drawn: nobody presses two keys between two pictures.
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
TABS_AT_MOST = 60
# How far the page is scrolled, in pixels.
SCROLLED = """document.querySelector('[data-testid="stMain"]').scrollTop"""


def open_quickly(page: Page, place: str) -> None:
    """Open a page with small pictures, and wait until it has run."""
    name, _, query = place.partition("?")
    page.goto(f"/{name}?{query}&{QUICK.get(name, '')}".rstrip("?&"))
    page.wait_for_function(READY, timeout=LOADED)


def tab_to(page: Page, selector: str) -> None:
    """Press the Tab key until an element that fits the selector has the focus."""
    fits = f"selector => ({FOCUSED})()?.matches(selector)"
    for _ in range(TABS_AT_MOST):
        page.keyboard.press("Tab")
        if page.evaluate(fits, selector):
            return
    pytest.fail(f"{TABS_AT_MOST} presses of the Tab key do not reach {selector}")


def press(page: Page, keys: str) -> None:
    """Press keys such as ``ArrowRight Enter``; the page is drawn between them."""
    for number, key in enumerate(keys.split()):
        if number:
            page.evaluate(DRAWN)
        page.keyboard.press(key)


def faults_of(page: Page) -> str:
    """Return the serious faults of the page that is open, one a line."""
    found = [*accessibility.find_faults(page), *accessibility.find_pale_words(page)]
    return "\n".join(f"{it.rule} {it.target} {it.html} {it.words}" for it in found)


@pytest.mark.parametrize("place", accessibility.PLACES)
def test_no_serious_fault(page: Page, place: str) -> None:
    open_quickly(page, place)
    for scheme, width in VIEWS:
        accessibility.show_as(page, scheme, width)
        assert not faults_of(page), f"{scheme} {width}"


def test_what_opens_on_a_click_has_no_serious_fault_in_the_dark(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    open_quickly(page, "neuron?layer=relu2a&unit=3")
    page.get_by_role("button", name="Draw it differently").click()
    seed = page.get_by_role("spinbutton", name="Seed")
    seed.fill("7")
    seed.press("Tab")
    draw = page.get_by_role("button", name="Draw with these settings")
    expect(draw).to_be_enabled(timeout=LOADED)
    assert not faults_of(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("menuitem", name="Dream", exact=True)).to_be_visible()
    assert not faults_of(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("link", name="Styles by layer")).to_be_visible()
    assert not faults_of(page)


def test_the_keyboard_opens_a_page_from_a_menu(page: Page) -> None:
    open_quickly(page, "")
    tab_to(page, '[data-testid="stTopNavSection"]')
    press(page, "Enter ArrowDown Enter")
    expect(page).to_have_url(re.compile("/glossary"), timeout=LOADED)
    open_now = page.locator('[data-testid="stTopNavSection"][aria-current]')
    expect(open_now).to_have_text(re.compile("Learn"))


@pytest.mark.parametrize(
    ("place", "selector", "keys", "url"),
    [
        ("", ".neuron", "Tab Enter", r"/neuron\?.*unit=\d"),
        ("", ".page", "Tab Enter", "/glossary"),
        ("", ".page", "Enter", "/lessons"),
        ("lessons", '[data-variant="segmented_control"]', "ArrowRight Enter", "lesson=2"),
        ("lessons", ".st-key-present button", "Enter", r"present=1\b"),
        ("lessons?lesson=3", 'input[type="range"]', "ArrowRight", "layer="),
        ("lessons?lesson=3", ".st-key-back-lesson button", "Enter", r"lesson=2\b"),
        ("lessons?lesson=8", '[data-testid="stSlider"] input', "ArrowRight", r"off=\d"),
        ("lessons?lesson=9", ".tile", "ArrowRight Enter", r"cut=\d"),
        ("layers?layer=relu2a", ".layer-row", "ArrowDown Enter", "layer="),
        ("layers?layer=relu2a", ".tile", "ArrowRight ArrowDown Enter", r"/neuron\?.*unit=9\b"),
        ("layers?diagram=open", ".node:enabled", "ArrowRight Enter", "layer=relu1b"),
        ("neuron?layer=relu2a&unit=3", ".st-key-next button", "Enter", r"unit=4\b"),
        ("probe", ".tile", "ArrowRight Enter", "picture="),
        ("probe", ".pick", "ArrowUp Enter", r"row=\d"),
        ("dream", ".tile", "ArrowRight Enter", "picture="),
        ("dream", 'input[type="range"]', "ArrowRight", "layer="),
        ("depths?size=64", ".tile", "ArrowRight Enter", "picture="),
        ("style", ".tile", "ArrowRight Enter", "picture="),
        ("style", "input.last", "ArrowRight", "style_layers="),
        ("style_depths?view=together", ".tile", "ArrowRight Enter", "picture="),
        ("style_depths?view=together", 'input[type="range"]', "ArrowRight", "layer="),
        ("library", 'table.library a[href*="sketchnet"]', "Enter", r"/layers\?network=sketchnet"),
    ],
)
def test_the_keyboard_is_enough(page: Page, place: str, selector: str, keys: str, url: str) -> None:
    open_quickly(page, place)
    tab_to(page, selector)
    press(page, keys)
    expect(page).to_have_url(re.compile(url), timeout=LOADED)


def test_the_keyboard_opens_a_cell_of_a_matrix(page: Page) -> None:
    open_quickly(page, "style_depths?picture=coffee&style=dots")
    ready = page.locator(".cell:enabled")
    expect(ready.nth(1)).to_be_visible(timeout=2 * LOADED)
    first = ready.first.get_attribute("data-id")
    tab_to(page, ".cell")
    # Images that are not painted yet are passed over.
    press(page, "ArrowRight Enter")
    expect(page).to_have_url(re.compile("cell=matrix-"))
    assert first is not None and not page.url.endswith(f"cell={first}")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_the_keyboard_guesses_and_asks_for_the_answer(page: Page) -> None:
    open_quickly(page, "lessons?lesson=1")
    tab_to(page, '[data-variant="pills"]')
    press(page, "Space")
    tab_to(page, '[data-testid="stBaseButton-primary"]')
    press(page, "Enter")
    expect(page.locator(".verdict")).to_be_visible(timeout=LOADED)


def test_the_keyboard_reads_the_glossary(page: Page) -> None:
    open_quickly(page, "glossary")
    press(page, "ArrowDown ArrowDown PageDown")
    scrolled = page.evaluate(f"() => {SCROLLED}")
    assert scrolled > 300
    press(page, "End")
    last = page.locator('[data-testid="stMainBlockContainer"] dt').last
    expect(last).to_be_in_viewport(timeout=LOADED)


def test_the_keyboard_adds_weights_to_the_library(page: Page) -> None:
    open_quickly(page, "library")
    tab_to(page, ".st-key-architecture input")
    page.keyboard.type("squeezenet1_1")
    press(page, "ArrowDown Enter")
    shows = """name => {
      const box = document.querySelector(".st-key-architecture");
      return (box.innerText + box.querySelector("input").value).includes(name);
    }"""
    page.wait_for_function(shows, arg="squeezenet1_1", timeout=LOADED)
    tab_to(page, ".st-key-title input")
    page.keyboard.type("birds")
    # The browser hands the chooser to the test only if it was told so some time before.
    with page.expect_file_chooser(timeout=LOADED) as chooser:
        tab_to(page, '[data-testid="stFileUploaderDropzone"] button')
        page.wait_for_function(READY, timeout=LOADED)
        press(page, "Enter")
    weights = {"name": "cat.safetensors", "mimeType": "text/plain", "buffer": b"no weights"}
    chooser.value.set_files(weights)
    expect(page.get_by_text("cat.safetensors")).to_be_visible(timeout=LOADED)
    tab_to(page, '[data-testid="stFormSubmitButton"] button')
    press(page, "Enter")
    expect(page.get_by_text("This cannot be added: cat.safetensors")).to_be_visible(timeout=LOADED)
