"""Long jobs in a real browser: they go on while no page is open, and can be stopped."""

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

BEGUN = 90_000  # milliseconds; a worker imports PyTorch first
STOPPED = 20_000  # a second to stop, and what a busy machine takes to show it
# Size and steps of a job that does not end during the test.
LONG = "/neuron?layer=relu2b&unit=7&size=512&steps=1024&seed=11"
LARGE = ".st-key-large-picture"
PREVIEW = ".large-picture.preview"


def percent(page: Page) -> int:
    """Return the progress of the unit that is open."""
    words = page.locator(LARGE).get_by_test_id("stProgress").inner_text()
    found = re.search(r"(\d+)%", words)
    assert found is not None, words
    return int(found[1])


def test_a_long_render_outlives_its_page_and_keeps_what_is_there(page: Page) -> None:
    page.goto(LONG)
    expect(page.locator(PREVIEW)).to_be_visible(timeout=BEGUN)
    first = page.locator(PREVIEW).get_attribute("src")
    begun = percent(page)

    page.goto("/gallery")
    row = page.locator('[class*="st-key-row-"]')
    expect(row).to_contain_text("neuron 7", timeout=BEGUN)
    expect(row.get_by_test_id("stProgress")).to_be_visible()
    page.reload()
    expect(row).to_contain_text("neuron 7", timeout=BEGUN)

    page.goto(LONG)
    expect(page.locator(PREVIEW)).to_be_visible(timeout=BEGUN)
    assert percent(page) >= begun
    page.wait_for_function(
        "before => document.querySelector('.large-picture.preview')?.src !== before", arg=first
    )

    large = page.locator(LARGE)
    large.get_by_role("button", name="Stop").click()
    expect(large).to_contain_text("Stopped (", timeout=STOPPED)
    expect(large.get_by_role("button", name="Go on")).to_be_visible()
    expect(page.locator(PREVIEW)).to_be_visible()
    # The worker's last preview may come after the page's last look.
    page.reload()
    expect(page.locator(PREVIEW)).to_be_visible(timeout=BEGUN)
    kept = page.locator(PREVIEW).get_attribute("src")
    page.reload()
    expect(page.locator(PREVIEW)).to_have_attribute("src", kept or "", timeout=BEGUN)
    expect(page.locator(LARGE)).to_contain_text("Stopped (")
