"""The Style page with a film in a real browser, painted by SketchNet."""

import re
from pathlib import Path

import pytest

from core.datasets import samples
from core.images import image_io
from explorer import video_io

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

PAINTED = 90_000  # milliseconds; a worker imports PyTorch first
SMALL = "size=64&steps=3&frame_steps=2&style=dots"


def film(count: int) -> bytes:
    cat = samples.picture("cat").crop((0, 0, 320, 240))
    frames = [cat.crop((8 * at, 0, 8 * at + 256, 192)).resize((128, 96)) for at in range(count)]
    return video_io.encode_video([image_io.encode_png(it) for it in frames], ".mp4", 12)


def upload(page: Page, name: str, content: bytes) -> None:
    page.get_by_role("button", name="Your own picture").first.click(timeout=PAINTED)
    page.locator('[data-testid="stPopoverBody"] input[type="file"]').first.set_input_files(
        {"name": name, "mimeType": "video/mp4", "buffer": content}
    )


def test_a_film_is_uploaded_painted_played_and_saved(page: Page, tmp_path: Path) -> None:
    page.goto(f"/style?{SMALL}")
    upload(page, "my clip.mp4", film(4))
    expect(page.get_by_text("A film of 4 pictures, 12 a second.")).to_be_visible(timeout=PAINTED)
    expect(page).to_have_url(re.compile("picture=[0-9a-f]{32}"))
    video = page.locator(".st-key-film video")
    expect(video).to_be_visible(timeout=PAINTED)
    # It is read by the browser, to the end of its four pictures.
    page.wait_for_function(
        "document.querySelector('.st-key-film video').readyState >= 2", timeout=PAINTED
    )
    assert video.evaluate("it => [it.videoWidth, it.videoHeight]") == [64, 48]
    for kind in ("GIF", "MP4"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Save as {kind}").click()
        path = tmp_path / f"painted.{kind.lower()}"
        download.value.save_as(path)
        frames, _ = video_io.read_frames(path, 10)
        assert [it.size for it in frames] == [(64, 48)] * 4
    page.reload()
    expect(video).to_be_visible(timeout=PAINTED)


def test_a_film_is_shown_while_it_is_painted_and_stops(page: Page) -> None:
    page.goto("/style?size=512&steps=80&frame_steps=80&style=dots")
    upload(page, "long.mp4", film(6))
    after = page.locator(".compare .after")
    expect(after).to_be_visible(timeout=PAINTED)
    expect(after).to_have_attribute("alt", re.compile("picture 1, unfinished"))
    status = page.locator(".st-key-style-film-status")
    expect(status).to_contain_text("0 of 6 pictures painted")
    status.get_by_role("button", name="Stop").click()
    expect(status).to_contain_text("Stopped (", timeout=PAINTED)
    expect(status.get_by_role("button", name="Go on")).to_be_visible()


def test_a_file_that_is_no_film_gets_one_sentence(page: Page) -> None:
    page.goto(f"/style?{SMALL}")
    upload(page, "no.mp4", b"no film")
    expect(page.get_by_text("This picture cannot be used")).to_be_visible(timeout=PAINTED)
