"""The lessons in a real browser."""

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Page = playwright.expect, playwright.Page

pytestmark = pytest.mark.browser

MADE = 90_000  # milliseconds; a worker imports PyTorch first


def test_try_guess_and_be_told(page: Page) -> None:
    page.goto("/lessons")
    says = page.get_by_role("heading", name="Unusually active in relu1a, whole picture")
    expect(says).to_be_visible(timeout=MADE)
    page.get_by_role("slider", name="Depth", exact=True).press("ArrowRight")
    expect(page).to_have_url(re.compile("layer=relu1b"))
    page.get_by_role("radio", name="8", exact=True).click()
    expect(page).to_have_url(re.compile("squares=8"))
    # A visitor waits for the page before the next click.
    still = page.locator("[data-test-script-state=notRunning]")
    expect(still.first).to_be_visible(timeout=MADE)
    page.get_by_role("radio", name="4", exact=True).click()
    expect(page).to_have_url(re.compile("squares=4"))
    page.locator(".st-key-lesson-asking").get_by_text("relu4a", exact=True).click()
    page.get_by_role("button", name="Show what was measured").click()
    expect(page.get_by_text("Right: relu4a.")).to_be_visible(timeout=MADE)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert download.value.suggested_filename == "lesson-1-sketchnet.csv"
    page.get_by_role("button", name="Next: Ask a neuron").click()
    expect(page).to_have_url(re.compile("lesson=2"))
    nine = page.get_by_role("img", name=re.compile("Nine crops"))
    expect(nine).to_be_visible(timeout=MADE)


def test_a_picture_is_made_while_one_looks(page: Page) -> None:
    page.goto("/lessons?lesson=3&picture=rocket")
    expect(page.get_by_text("of the edges kept")).to_be_visible(timeout=MADE)
    expect(page.get_by_role("img", name="what relu1b records of it")).to_be_visible()


def test_a_lesson_that_does_not_exist_gets_one_sentence(page: Page) -> None:
    page.goto("/lessons?lesson=12")
    expect(page.get_by_text("A problem with this link: lesson is 12")).to_be_visible(timeout=MADE)
    expect(page.get_by_text("Lines, then things").first).to_be_visible()


def test_a_phone_sees_it_all(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/lessons?lesson=5")
    expect(page.get_by_text("content loss 0%")).to_be_visible(timeout=MADE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # The experiment is between the text and the question.
    expect(page.get_by_role("button", name="Show what was measured")).to_be_visible(timeout=MADE)
    parts = (".lesson blockquote", ".st-key-lesson-stage", ".st-key-lesson-asking")
    # All at the same moment, as they move down while pictures are loaded.
    words, stage, question = page.evaluate(
        "parts => parts.map(it => document.querySelector(it).getBoundingClientRect().toJSON())",
        parts,
    )
    assert words["bottom"] < stage["top"] and stage["bottom"] < question["top"]
