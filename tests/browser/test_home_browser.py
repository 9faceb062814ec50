"""The home page in a real browser: it is shown at once, and has links to every page."""

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

LOADED = 60_000  # milliseconds; the server imports PyTorch first


def test_from_the_front_to_a_neuron_and_to_a_page(page: Page) -> None:
    page.goto("/")
    neuron = page.get_by_role("link", name="Neuron 56 of relu4b")
    expect(neuron).to_be_visible(timeout=LOADED)
    assert page.locator(".neuron img").count() == 33
    expect(page.get_by_text("1,176 neurons in 11 layers")).to_be_visible(timeout=LOADED)
    neuron.click()
    expect(page).to_have_url(re.compile(r"/neuron\?network=sketchnet&layer=relu4b&unit=56"))
    expect(page.get_by_role("heading", name="rocket")).to_be_visible(timeout=LOADED)

    page.goto("/")
    link = page.locator(".pages .page", has_text="Dream").first
    expect(link).to_have_attribute("href", "dream")
    link.press("Enter")
    expect(page).to_have_url(re.compile("/dream"), timeout=LOADED)


def test_a_link_to_what_is_not_there_gets_one_sentence(page: Page) -> None:
    page.goto("/?layer=nowhere")
    expect(page.get_by_text("A problem with this link")).to_be_visible(timeout=LOADED)
    expect(page).to_have_url(re.compile("/layers"))


def test_its_name_leads_home(page: Page) -> None:
    page.goto("/home")
    expect(page.get_by_role("link", name="Neuron 56 of relu4b")).to_be_visible(timeout=LOADED)
    expect(page).to_have_url(re.compile(r"^[a-z]+://[^/]+/$"))
    assert page.get_by_text("Page not found").count() == 0
    assert page.locator('[data-testid="stTopNavLink"]', has_text="Home").count() == 1


def test_a_phone_sees_it_all(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/")
    expect(page.locator(".pages .page").last).to_be_visible(timeout=LOADED)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
