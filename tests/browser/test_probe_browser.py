"""The Probe page in a real browser, while SketchNet's index is built."""

import io
import re

import pytest
from PIL import Image

from tests.browser.dropping import drop

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

DRAWN = 60_000  # milliseconds
INDEXED = 150_000


def send(page: Page, name: str, kind: str, content: bytes) -> None:
    """Upload an image, also while the page runs; the field that it replaces is retained then."""
    page.get_by_role("button", name="Your own picture").click()
    page.locator(
        '[data-testid="stPopoverBody"] .stElementContainer:not([data-retained]) input[type="file"]'
    ).set_input_files({"name": name, "mimeType": kind, "buffer": content})


def test_a_place_a_neuron_and_the_collection(page: Page) -> None:
    page.goto("/probe")
    picture = page.locator(".pick")
    expect(page.locator(".pick img")).to_be_visible(timeout=DRAWN)
    expect(page.locator(".tile:enabled img").first).to_be_visible(timeout=DRAWN)
    expect(page.get_by_text("answer (probability)")).to_be_visible()
    plain = page.locator(".pick img").get_attribute("src")

    box = picture.bounding_box()
    picture.click(position={"x": box["width"] * 0.25, "y": box["height"] * 0.75})
    expect(page).to_have_url(re.compile(r"row=48\b.*col=16\b"))
    expect(page.get_by_role("heading", name="Neurons that respond at the mark")).to_be_visible()
    expect(page.locator(".pick .place")).to_be_visible()

    tile = page.locator('.tile[data-id^="relu4b "]').first
    tile.click()
    expect(page).to_have_url(re.compile("layer=relu4b&unit="))
    expect(page.locator(".pick .field")).to_be_visible()
    assert page.locator(".pick img").get_attribute("src") != plain
    expect(page.locator(".answer")).to_contain_text("of relu4b")

    # The index is finished after some time, and the crops are beside the pictures.
    expect(page.locator(".answer")).to_contain_text("1,000 drawings", timeout=INDEXED)
    expect(page.locator(".tiles.pairs img.beside").first).to_be_visible(timeout=DRAWN)

    page.get_by_role("button", name="Whole picture").click()
    expect(page.get_by_role("heading", name="Neurons that respond to this picture")).to_be_visible()
    expect(page).not_to_have_url(re.compile("row="))
    page.go_back()
    expect(page).to_have_url(re.compile("layer=relu4b"))


def test_the_keyboard_chooses_a_place(page: Page) -> None:
    page.goto("/probe?picture=sea")
    picture = page.locator(".pick")
    expect(picture.locator("img")).to_be_visible(timeout=DRAWN)
    picture.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"row=28\b.*col=28\b"), timeout=DRAWN)


def test_a_file_of_ones_own_and_one_that_is_no_picture(page: Page) -> None:
    page.goto("/probe")
    expect(page.locator(".pick img")).to_be_visible(timeout=DRAWN)
    send(page, "cat.jpg", "image/jpeg", b"\xff\xd8\xff\xe0 and no more")
    expect(page.get_by_text("This picture cannot be used")).to_be_visible(timeout=DRAWN)
    expect(page).not_to_have_url(re.compile("picture="))
    expect(page.locator(".pick img")).to_be_visible()

    buffer = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(buffer, "JPEG")
    send(page, "mine.jpg", "image/jpeg", buffer.getvalue())
    expect(page).to_have_url(re.compile("picture=[0-9a-f]{32}"), timeout=DRAWN)
    expect(page.locator('.tile[aria-label="mine"]')).to_be_visible(timeout=DRAWN)
    expect(page.get_by_text("This picture cannot be used")).not_to_be_visible()
    # The page still runs, and has two fields: a new one, and that which it replaces.
    another = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(another, "PNG")
    drop(page, {"another.png": another.getvalue()}, 0.8)
    expect(page.locator('.tile.open[aria-label="another"]')).to_be_visible(timeout=DRAWN)


def test_a_neuron_is_turned_off_and_the_answers_move(page: Page) -> None:
    page.goto("/probe?picture=village")
    tile = page.locator('.tile[data-id^="relu5b "]:enabled').first
    tile.click(timeout=DRAWN)
    expect(page).to_have_url(re.compile("layer=relu5b&unit="))
    answers = page.locator(".counts")
    expect(answers).not_to_contain_text("\N{RIGHTWARDS ARROW}")
    page.get_by_text("Turn this neuron off").click()
    expect(page).to_have_url(re.compile(r"off=relu5b(%3A|:)\d+"))
    expect(answers).to_contain_text("\N{RIGHTWARDS ARROW}")
    chosen = page.locator('.tile.open[data-id^="relu5b "] .detail')
    expect(chosen).to_have_text(re.compile("\N{RIGHTWARDS ARROW} 0$"))
    # The logits are behind it, so some of them move too; what is before it stays.
    expect(page.locator('.tile[data-id^="logits "] .detail').first).not_to_be_empty()
    expect(page.locator('.tile[data-id^="relu5a "] .detail').first).to_be_empty()

    page.reload()
    expect(answers).to_contain_text("\N{RIGHTWARDS ARROW}", timeout=DRAWN)
    page.get_by_role("slider", name="Or make it weaker or stronger").press("ArrowRight")
    expect(page).to_have_url(re.compile(r"off=relu5b(%3A|:)\d+(%3A|:)0\.25"))
    page.locator(".st-key-switched button").first.click()
    expect(page).not_to_have_url(re.compile("off="))
    # While a page is drawn again, what was there before stays for a moment.
    moved = page.locator(".counts", has_text="\N{RIGHTWARDS ARROW}")
    expect(moved).to_have_count(0)
    expect(answers).to_have_count(1)


def test_a_bad_neuron_to_turn_off_says_so(page: Page) -> None:
    page.goto("/probe?off=relu5b:9999")
    expect(page.get_by_text("A problem with this link")).to_be_visible(timeout=DRAWN)
    expect(page.get_by_text("there is no unit 9999 in relu5b")).to_be_visible()


def test_why_this_answer_names_neurons_that_can_be_turned_off(page: Page) -> None:
    page.goto("/probe?picture=village")
    page.get_by_text("Why this answer").click(timeout=DRAWN)
    expect(page).to_have_url(re.compile("ask=why"))
    expect(page.get_by_role("heading", name="Why village?")).to_be_visible()
    tile = page.locator('.tile[data-id^="relu5b "]:enabled').first
    expect(tile.locator(".detail")).to_contain_text("without it", timeout=DRAWN)
    expect(tile.locator("img.beside")).to_be_visible(timeout=DRAWN)
    plain = page.locator(".pick img").get_attribute("src")
    tile.click()
    expect(page).to_have_url(re.compile("layer=relu5b&unit="))
    expect(page.locator(".pick img")).not_to_have_attribute("src", plain)
    page.get_by_text("Turn this neuron off").click()
    expect(page.locator(".counts")).to_contain_text("\N{RIGHTWARDS ARROW}")

    page.goto("/probe?picture=village&ask=why&class=house&against=castle")
    heading = page.get_by_role("heading", name="Why house rather than castle?")
    expect(heading).to_be_visible(timeout=DRAWN)
    expect(page.get_by_text("for castle").first).to_be_visible(timeout=DRAWN)
