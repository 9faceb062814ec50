"""The Dream page in a real browser, dreamt by SketchNet."""

import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

DREAMT = 90_000  # milliseconds; a worker imports PyTorch first
STOPPED = 20_000
# Size and steps of a job that does not end during the test.
LONG = "/dream?picture=coffee&layer=relu4b&size=2048&steps=40&seed=5"


def test_choose_dream_compare_save_and_dream_deeper(page: Page, tmp_path: Path) -> None:
    page.goto("/dream?picture=coffee&size=256")
    save = page.get_by_role("button", name="Save as PNG")
    expect(save).to_be_visible(timeout=DREAMT)
    page.get_by_role("button", name="rocket").click()
    expect(page).to_have_url(re.compile("picture=rocket"))
    after = page.locator(".compare .after")
    expect(after).to_have_attribute("alt", "Rocket, dreamt by relu3a", timeout=DREAMT)

    # The slider of depths, by keyboard.
    page.get_by_role("slider", name="Depth", exact=True).press("ArrowRight")
    expect(page).to_have_url(re.compile("layer=relu3b"))
    expect(after).to_have_attribute("alt", "Rocket, dreamt by relu3b", timeout=DREAMT)

    # The slider between both images, by keyboard: more of the original is uncovered.
    handle = page.get_by_role("slider", name="Before and after")
    place = "() => getComputedStyle(document.activeElement.shadowRoot.activeElement.parentElement)"
    handle.press("Home")
    assert page.evaluate(f"{place}.getPropertyValue('--at')") == "0%"
    handle.press("End")
    assert page.evaluate(f"{place}.getPropertyValue('--at')") == "100%"

    expect(save).to_be_visible(timeout=DREAMT)
    with page.expect_download() as download:
        save.click()
    download.value.save_as(tmp_path / "dream.png")
    picture = Image.open(io.BytesIO((tmp_path / "dream.png").read_bytes()))
    recipe = json.loads(picture.info["recipe"])
    assert (recipe["kind"], recipe["layers"], recipe["size"]) == ("dream", ["relu3b"], 256)
    assert max(picture.size) == 256

    page.get_by_role("button", name="Python").click()
    expect(page.locator("code")).to_contain_text("dreams.plan(network", timeout=DREAMT)
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Dream again from here").click()
    expect(page).to_have_url(re.compile("picture=[0-9a-f]{32}"), timeout=DREAMT)
    expect(after).to_have_attribute("alt", "Your picture, dreamt by relu3b", timeout=DREAMT)


def test_a_dream_grows_stops_and_keeps_what_is_there(page: Page) -> None:
    page.goto(LONG)
    after = page.locator(".compare .after")
    expect(after).to_be_visible(timeout=DREAMT)
    first = after.get_attribute("src") or ""
    expect(after).not_to_have_attribute("src", first, timeout=DREAMT)
    status = page.locator(".st-key-dream-status")
    expect(status.get_by_role("progressbar")).to_be_visible()
    status.get_by_role("button", name="Stop").click()
    expect(status).to_contain_text("Stopped (", timeout=STOPPED)
    expect(status.get_by_role("button", name="Save it as it is")).to_be_visible()
    expect(after).to_be_visible()
    page.reload()
    expect(after).to_be_visible(timeout=DREAMT)
    expect(status).to_contain_text("Stopped (", timeout=STOPPED)


def test_a_file_that_is_no_picture_gets_one_sentence(page: Page) -> None:
    page.goto("/dream?picture=coffee&size=256")
    page.get_by_role("button", name="Your own picture").first.click(timeout=DREAMT)
    page.locator('[data-testid="stPopoverBody"] input[type="file"]').first.set_input_files(
        {"name": "cat.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    expect(page.get_by_text("This picture cannot be used")).to_be_visible(timeout=DREAMT)
    expect(page).to_have_url(re.compile("picture=coffee"))


def test_a_phone_sees_the_whole_picture(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/dream?picture=coffee&size=256")
    expect(page.locator(".compare .after")).to_be_visible(timeout=DREAMT)
    box = page.locator(".compare").bounding_box()
    assert box is not None and 300 < box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
