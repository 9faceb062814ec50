"""Pictures that are dropped or pasted on a page become the picture that it works on."""

import io
import re

import pytest
from PIL import Image

from tests.browser.dropping import close_and_send, drag, drop, hold_uploads, paste

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

SHOWN = 90_000  # milliseconds; a worker imports PyTorch first
OWN = "[0-9a-f]{32}"


def png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_dropped_pictures_are_dreamt_over_and_a_pasted_one_too(page: Page) -> None:
    page.goto("/dream?size=64&steps=1&picture=coffee")
    after = page.locator(".compare .after")
    expect(after).to_be_visible(timeout=SHOWN)
    drop(page, {"red wall.png": png("red"), "sea.png": png("blue")})
    expect(after).to_have_attribute("alt", "Red wall, dreamt by relu3a", timeout=SHOWN)
    expect(page).to_have_url(re.compile(f"picture={OWN}"))
    page.get_by_role("button", name="sea", exact=True).last.click()
    expect(after).to_have_attribute("alt", "Sea, dreamt by relu3a", timeout=SHOWN)
    paste(page, {"image.png": png("green")})
    expect(after).to_have_attribute("alt", "Pasted picture, dreamt by relu3a", timeout=SHOWN)
    expect(page.locator(".drop")).to_be_hidden()
    # What the invisible field would refuse without a word is told.
    drop(page, {"notes.txt": b"words"})
    expect(page.get_by_role("alert")).to_contain_text("it is no picture", timeout=SHOWN)


def test_what_is_dropped_while_the_page_takes_another_is_not_lost(page: Page) -> None:
    page.goto("/dream?size=64&steps=1&picture=coffee")
    expect(page.locator(".compare .after")).to_be_visible(timeout=SHOWN)
    # Equal pictures of other tests would keep their titles.
    drop(page, {"first.png": png("orange")})
    drop(page, {"second.png": png("teal")})
    tiles = page.get_by_label("Picture: samples")
    expect(tiles.locator('.open[aria-label="second"]')).to_be_visible(timeout=SHOWN)
    expect(tiles.locator('[aria-label="first"]')).to_be_visible()


def test_a_chosen_picture_is_not_lost_if_its_popover_closes_before_it_is_sent(page: Page) -> None:
    held = hold_uploads(page)
    page.goto("/dream?size=64&steps=1&picture=coffee")
    page.get_by_role("button", name="Your own picture").first.click(timeout=SHOWN)
    popover = page.locator('[data-testid="stPopoverBody"]')
    popover.locator('input[type="file"]').first.set_input_files(
        {"name": "brick.png", "mimeType": "image/png", "buffer": png("brown")}
    )
    close_and_send(page, held)
    shown = page.locator(".compare .after")
    expect(shown).to_have_attribute("alt", "Brick, dreamt by relu3a", timeout=SHOWN)
    expect(page).to_have_url(re.compile(f"picture={OWN}"))


@pytest.mark.parametrize("way", ["drop", "camera"])
def test_other_pictures_of_a_popover_are_not_lost_either(page: Page, way: str) -> None:
    held = hold_uploads(page)
    page.goto("/dream?size=64&steps=1&picture=coffee")
    page.get_by_role("button", name="Your own picture").first.click(timeout=SHOWN)
    popover = page.locator('[data-testid="stPopoverBody"]')
    title = "Wood" if way == "drop" else "Photo"
    if way == "drop":
        zone = popover.get_by_test_id("stFileUploaderDropzone")
        expect(zone).to_be_visible(timeout=SHOWN)
        drop(page, {"wood.png": png("olive")}, onto='[data-testid="stFileUploaderDropzone"]')
    else:
        popover.get_by_text("Use the camera").click()
        # Until the camera shows something.
        page.wait_for_function("() => document.querySelector('video')?.videoWidth", timeout=SHOWN)
        popover.get_by_test_id("stCameraInputButton").click()
    close_and_send(page, held)
    shown = page.locator(".compare .after")
    expect(shown).to_have_attribute("alt", f"{title}, dreamt by relu3a", timeout=SHOWN)


def test_a_chosen_guide_is_not_lost_if_its_popover_closes(page: Page) -> None:
    held = hold_uploads(page)
    page.goto("/dream?size=64&steps=1&picture=coffee")
    page.get_by_text("Guide the dream with a second picture").click(timeout=SHOWN)
    own = page.locator(".st-key-guided").get_by_role("button", name="Your own picture")
    own.click(timeout=SHOWN)
    popover = page.locator('[data-testid="stPopoverBody"]')
    popover.locator('input[type="file"]').first.set_input_files(
        {"name": "moss.png", "mimeType": "image/png", "buffer": png("darkgreen")}
    )
    close_and_send(page, held)
    expect(page).to_have_url(re.compile(f"guide={OWN}"), timeout=SHOWN)
    # What is dropped on the page is dreamt over, and does not become the guide.
    page.unroute("**/upload_file/**")
    drop(page, {"slate.png": png("slategray")}, 0.9)
    expect(page).to_have_url(re.compile(f"picture={OWN}"), timeout=SHOWN)


def test_a_painting_is_dropped_on_the_half_for_styles(page: Page) -> None:
    page.goto("/style?size=64&steps=1&picture=coffee&style=dots")
    expect(page.locator(".compare .after")).to_be_visible(timeout=SHOWN)
    drag(page, {"wall.png": png("red")}, 0.8)
    expect(page.locator(".drop .zone")).to_contain_text(["Content", "Style"])
    expect(page.locator(".drop .over")).to_contain_text("Style")
    expect(page.locator(".drop .over")).to_be_visible()
    drop(page, {"wall.png": png("purple")}, 0.8)
    expect(page).to_have_url(re.compile(f"picture=coffee.*style={OWN}"), timeout=SHOWN)
    heading = page.get_by_role("heading", name="Coffee in the style of wall")
    expect(heading).to_be_visible(timeout=SHOWN)


def test_on_a_page_without_a_choice_it_is_dreamt_over(page: Page) -> None:
    page.goto("/glossary")
    expect(page.get_by_role("heading").first).to_be_visible(timeout=SHOWN)
    drop(page, {"garden.png": png("green")})
    expect(page).to_have_url(re.compile(rf"/dream\?picture={OWN}"), timeout=SHOWN)
