"""The Style page in a real browser, painted by SketchNet."""

import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

PAINTED = 90_000  # milliseconds; a worker imports PyTorch first
STOPPED = 20_000
SMALL = "size=128&steps=5"
# Size and steps of a job that does not end during the test.
LONG = "/style?picture=coffee&style=dots&size=1024&steps=80&seed=5"


def test_choose_paint_compare_and_save(page: Page, tmp_path: Path) -> None:
    page.goto(f"/style?picture=coffee&style=dots&{SMALL}")
    after = page.locator(".compare .after")
    save = page.get_by_role("button", name="Save as PNG")
    expect(save).to_be_visible(timeout=PAINTED)
    expect(after).to_have_attribute("alt", "Coffee in the style of a pointillist's dots")

    page.get_by_role("button", name="a woodcut").click()
    expect(page).to_have_url(re.compile("style=woodcut"))
    expect(after).to_have_attribute("alt", "Coffee in the style of a woodcut", timeout=PAINTED)

    # The sliders of layers, by keyboard: fewer style layers, a shallower content layer.
    page.get_by_role("slider", name="Style to", exact=True).press("ArrowLeft")
    expect(page).to_have_url(re.compile("style_layers=relu1a.*relu3a(&|$)"))
    page.get_by_role("slider", name="Content at", exact=True).press("ArrowLeft")
    expect(page).to_have_url(re.compile("content_layers=relu3a"))
    expect(after).to_have_attribute("alt", "Coffee in the style of a woodcut", timeout=PAINTED)
    expect(save).to_be_visible(timeout=PAINTED)
    expect(page.locator(".st-key-losses .legendtext").first).to_have_text("content relu3a")

    with page.expect_download() as download:
        save.click()
    download.value.save_as(tmp_path / "painted.png")
    picture = Image.open(io.BytesIO((tmp_path / "painted.png").read_bytes()))
    recipe = json.loads(picture.info["recipe"])
    assert (recipe["kind"], recipe["content_layers"]) == ("style", ["relu3a"])
    assert recipe["style_layers"] == ["relu1a", "relu1b", "relu2a", "relu2b", "relu3a"]
    assert max(picture.size) == 128


def test_a_painting_that_is_too_weak_has_a_button_for_more(page: Page) -> None:
    page.goto(f"/style?picture=coffee&style=dots&balance=100&{SMALL}")
    expect(page.locator(".advice")).to_contain_text("It is hardly painted", timeout=PAINTED)
    page.locator(".st-key-advice").get_by_role("button", name="Balance").click()
    expect(page).to_have_url(re.compile(r"balance=0\.4"))


def test_the_preset_that_keeps_shapes_opens_it(page: Page) -> None:
    page.goto(f"/style?picture=coffee&style=dots&{SMALL}")
    page.get_by_role("button", name="keeps shapes").click(timeout=PAINTED)
    expect(page).to_have_url(re.compile("loss=nearest"))
    expect(page.get_by_role("button", name="Save as PNG")).to_be_visible(timeout=PAINTED)


def test_a_painting_grows_stops_and_keeps_what_is_there(page: Page) -> None:
    page.goto(LONG)
    after = page.locator(".compare .after")
    expect(after).to_be_visible(timeout=PAINTED)
    first = after.get_attribute("src") or ""
    expect(after).not_to_have_attribute("src", first, timeout=PAINTED)
    status = page.locator(".st-key-style-status")
    expect(status.get_by_role("progressbar")).to_be_visible()
    # The loss curves grow with it.
    curve = page.locator(".st-key-losses .scatterlayer .js-line").first
    expect(curve).to_be_visible(timeout=PAINTED)
    drawn = curve.get_attribute("d") or ""
    expect(curve).not_to_have_attribute("d", drawn, timeout=PAINTED)
    status.get_by_role("button", name="Stop").click()
    expect(status).to_contain_text("Stopped (", timeout=STOPPED)
    expect(status.get_by_role("button", name="Save it as it is")).to_be_visible()
    page.reload()
    expect(after).to_be_visible(timeout=PAINTED)
    expect(status).to_contain_text("Stopped (", timeout=STOPPED)


def test_a_file_that_is_no_painting_gets_one_sentence(page: Page) -> None:
    page.goto(f"/style?picture=coffee&style=dots&{SMALL}")
    page.get_by_role("button", name="Your own picture").last.click(timeout=PAINTED)
    page.locator('[data-testid="stPopoverBody"] input[type="file"]').first.set_input_files(
        {"name": "art.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    expect(page.get_by_text("This picture cannot be used")).to_be_visible(timeout=PAINTED)
    expect(page).to_have_url(re.compile("style=dots"))


def test_a_phone_sees_the_whole_picture(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/style?picture=coffee&style=dots&{SMALL}")
    expect(page.locator(".compare .after")).to_be_visible(timeout=PAINTED)
    box = page.locator(".compare").bounding_box()
    assert box is not None and 300 < box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    last = page.locator(".st-key-curves .xtick text", has_text="100%")
    expect(last).to_be_visible(timeout=PAINTED)
    label, chart = (
        last.bounding_box(),
        page.locator(".st-key-curves .main-svg").first.bounding_box(),
    )
    assert label is not None and chart is not None
    assert label["x"] + label["width"] <= chart["x"] + chart["width"], "the last label is cut off"
