"""The Library page in a real browser: weights are uploaded, and collections indexed."""

import re

import pytest
from safetensors.torch import save

from tests.explorer.library.test_catalogue import SMALL, checkpoint

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

LOADED = 60_000  # milliseconds


def test_weights_are_added_and_what_is_none_gets_one_sentence(page: Page) -> None:
    page.goto("/library")
    expect(page.get_by_role("link", name="sketchnet")).to_be_visible(timeout=LOADED)
    # The page has two other lists of networks.
    form = page.get_by_test_id("stForm")
    box = form.get_by_role("combobox", name="Network")
    box.click()
    box.fill(SMALL)
    page.get_by_role("option", name=SMALL, exact=True).click()
    page.get_by_label("Title").fill("birds")
    files = form.locator('input[type="file"]')
    bad = {"name": "cat.safetensors", "mimeType": "application/octet-stream", "buffer": b"no"}
    files.set_input_files(bad)
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("This cannot be added: cat.safetensors is not")).to_be_visible()
    # Larger than images may be: this file has padding of 22 MB, like a large network.
    large = {**checkpoint(), "padding": checkpoint()["features.0.weight"].new_zeros(5_500_000)}
    files.set_input_files({**bad, "name": "large.safetensors", "buffer": save(large)})
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("unexpected: padding")).to_be_visible(timeout=LOADED)
    files.set_input_files({**bad, "name": "birds.safetensors", "buffer": save(checkpoint())})
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text(f"{SMALL}:birds is here.")).to_be_visible(timeout=LOADED)
    page.get_by_role("link", name="See its neurons").click()
    expect(page).to_have_url(re.compile(f"/layers\\?network={SMALL}"), timeout=LOADED)


def test_a_download_that_is_impossible_says_so(page: Page) -> None:
    page.goto("/library")
    button = page.get_by_role("button", name="Download")
    button.click(timeout=LOADED)
    # Without internet access, or with a download that is stopped: one sentence in either case.
    stop = page.get_by_role("button", name="Stop")
    said = page.get_by_text(re.compile("could not be downloaded|Stopped"))
    expect(stop.or_(said).first).to_be_visible(timeout=LOADED)
    if stop.is_visible():
        stop.click()
    expect(said.first).to_be_visible(timeout=LOADED)
    expect(button).to_be_visible()
