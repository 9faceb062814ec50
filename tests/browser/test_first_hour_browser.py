"""The benchmark of the first hour finds the own pictures of pages where they are."""

import pytest

from benchmarks import first_hour, first_view

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

PATIENCE = 90.0
# Views whose pictures ship and are in figures, in a component, and in one on top of another.
NAMES = ("Home", "Lesson 3", "Layers", "Dream", "Glossary")


def test_views_have_their_own_pictures(browser: "playwright.Browser", server: str) -> None:
    views = [it for it in first_hour.VIEWS if it.name in NAMES]
    looks = list(first_view.visit_together(browser, server, [views], PATIENCE))
    assert {it.view for it in looks} == set(NAMES)
    assert all(it.loaded is not None and it.first is not None for it in looks), looks
