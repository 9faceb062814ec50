"""The Gallery page in a real browser, with pictures that SketchNet drew just now."""

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from core.networks import registry
from tests.browser.dropping import close_and_send, drop, hold_uploads

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

DRAWN = 60_000  # milliseconds
TABS_AT_MOST = 40
IN_CARD = "document.activeElement?.shadowRoot?.activeElement?.className === 'open'"


@pytest.fixture(scope="module")
def layer() -> str:
    """Return a layer of which no other test draws units."""
    return registry.load(registry.SKETCHNET).shown[2].name


def make(page: Page, layer: str, unit: int, seed: int, folder: Path | None = None) -> bytes:
    """Draw a unit, small and quickly, and return the PNG that a visitor saves."""
    page.goto(f"/neuron?layer={layer}&unit={unit}&size=32&steps=4&seed={seed}")
    save = page.get_by_role("button", name="Save as PNG")
    expect(save).to_be_visible(timeout=DRAWN)
    if folder is None:
        return b""
    with page.expect_download() as download:
        save.click()
    download.value.save_as(folder / "saved.png")
    return (folder / "saved.png").read_bytes()


def show(page: Page, layer: str) -> None:
    """Open the gallery of one layer."""
    page.goto(f"/gallery?layer={layer}")
    expect(page.locator(".card img").first).to_be_visible(timeout=DRAWN)


def test_choose_compare_rename_star_delete_and_save(page: Page, layer: str, tmp_path: Path) -> None:
    for seed in (1, 2):
        make(page, layer, 3, seed)
    show(page, layer)
    cards = page.locator(".card")
    expect(cards).to_have_count(2)
    for place in (0, 1):
        cards.nth(place).hover()
        cards.nth(place).get_by_role("checkbox").check()
        expect(page.get_by_text(f"{place + 1} chosen")).to_be_visible()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".mosaic img")).to_have_count(2)
    expect(page.locator("dd.differs")).to_have_text(["2", "1"])
    expect(page).to_have_url(re.compile("compare="))
    page.reload()
    expect(page.locator(".mosaic img")).to_have_count(2, timeout=DRAWN)

    page.get_by_role("button", name="Gallery").click()
    cards.first.get_by_role("button", name="Star").click()
    expect(cards.first.locator(".star")).to_have_attribute("aria-pressed", "true")
    cards.first.locator(".open").click()
    page.get_by_label("Name").fill("Red eyes <3")
    page.get_by_label("Name").press("Enter")
    expect(page.get_by_role("heading", name="Red eyes <3")).to_be_visible()
    expect(page.get_by_role("button", name="Starred")).to_be_visible()

    with page.expect_download() as download:
        page.get_by_role("button", name="Save as zip").click()
    download.value.save_as(tmp_path / "one.zip")
    with zipfile.ZipFile(tmp_path / "one.zip") as zipped:
        assert zipped.testzip() is None
        (entry,) = json.loads(zipped.read("manifest.json"))["entries"]
        picture = Image.open(io.BytesIO(zipped.read(entry["pictures"][0]["file"])))
    assert (entry["title"], entry["starred"]) == ("Red eyes <3", True)
    recipe = json.loads(picture.info["recipe"])
    assert (recipe["seed"], recipe["layer"], picture.info["part"]) == (2, layer, "3")

    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Red eyes <3 deleted.")).to_be_visible()
    expect(cards).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(cards).to_have_count(2)


def test_a_picture_that_is_dropped_opens_with_its_settings(
    page: Page, layer: str, tmp_path: Path
) -> None:
    png = make(page, layer, 5, 9, tmp_path)
    show(page, layer)
    drop(page, {"saved.png": png})
    expect(page).to_have_url(re.compile(r"/neuron\?.*unit=5.*seed=9"), timeout=DRAWN)
    expect(page.locator("dl.facts")).to_contain_text("seed 9", timeout=DRAWN)
    # Once more, where it is open already.
    drop(page, {"saved.png": png})
    expect(page.locator(".large-picture")).to_be_visible(timeout=DRAWN)


def test_other_files_get_one_sentence(page: Page) -> None:
    page.goto("/gallery")
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    plain = buffer.getvalue()
    alert = page.get_by_role("alert")
    for content, words in ((b"hello", "cannot be used"), (plain[:40], "damaged")):
        drop(page, {"picture.png": content})
        expect(alert).to_contain_text(words, timeout=DRAWN)
        expect(alert).to_have_count(1)
    expect(page).to_have_url(re.compile("/gallery$"))


def test_a_compressed_recipe_is_read_and_a_bomb_is_not(page: Page) -> None:
    page.goto("/gallery")
    alert = page.get_by_role("alert")
    for text, words in (("{}", "does not say of which kind"), ("x" * 10**7, "too long")):
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt("recipe", text, zip=True)
        buffer = io.BytesIO()
        Image.new("RGB", (4, 4)).save(buffer, "PNG", pnginfo=chunks)
        drop(page, {"picture.png": buffer.getvalue()})
        expect(alert).to_contain_text(words, timeout=DRAWN)


def test_long_work_is_followed_and_stopped(page: Page, layer: str) -> None:
    page.goto(f"/neuron?layer={layer}&unit=1&size=512&steps=10000&seed=3")
    large = page.locator(".st-key-large-picture")
    expect(large.get_by_role("progressbar")).to_be_visible(timeout=DRAWN)
    page.get_by_role("button", name="Yours").click()
    page.get_by_role("menuitem", name="Gallery").click()
    # Other visitors' work may wait there too.
    row = page.locator("[class*=st-key-row-]").filter(has_text=layer)
    expect(row.get_by_role("progressbar")).to_be_visible(timeout=DRAWN)
    # Its preview grows in the row.
    expect(row.locator("img")).to_be_visible(timeout=DRAWN)
    row.get_by_role("button", name="Stop").click()
    expect(row).to_have_count(0, timeout=DRAWN)
    expect(page.locator(".card .note").first).to_contain_text("stopped")


def test_a_chosen_file_is_not_lost_if_its_popover_closes_before_it_is_sent(
    page: Page, layer: str, tmp_path: Path
) -> None:
    made = make(page, layer, 4, 1, tmp_path)
    held = hold_uploads(page)
    page.goto("/gallery")
    page.get_by_role("button", name="Open a picture made here").click(timeout=DRAWN)
    field = page.locator('[data-testid="stPopoverBody"] input[type="file"]')
    field.set_input_files({"name": "made.png", "mimeType": "image/png", "buffer": made})
    close_and_send(page, held)
    expect(page).to_have_url(re.compile("/neuron.*unit=4"), timeout=DRAWN)


def test_the_keyboard_opens_an_entry(page: Page, layer: str) -> None:
    make(page, layer, 3, 1)
    show(page, layer)
    for _ in range(TABS_AT_MOST):
        page.keyboard.press("Tab")
        if page.evaluate(IN_CARD):
            break
    assert page.evaluate(IN_CARD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("open="))
    expect(page.locator(".large-picture")).to_be_visible(timeout=DRAWN)


def test_a_phone_shows_two_cards_in_a_row(page: Page, layer: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    make(page, layer, 3, 1)
    show(page, layer)
    assert page.locator(".card").first.bounding_box()["width"] < 200
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
