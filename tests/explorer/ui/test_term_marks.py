"""Marks of terms: where a term appears first on a page, and only there."""

import re

import pytest
import streamlit as st

from explorer.text import glossary
from explorer.ui.components import term_marks


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "session_state", {})


def marked(html: str) -> list[str]:
    return re.findall(r"<dfn[^>]*>([^<]*)</dfn>", html)


def test_a_term_is_marked_where_it_appears_first() -> None:
    assert marked(term_marks.mark_terms("A neuron and another neuron")) == ["neuron"]
    assert marked(term_marks.mark_terms("Neurons of a layer")) == ["layer"]
    # The same text, drawn again, keeps its marks; a new page begins anew.
    assert marked(term_marks.mark_terms("A neuron and another neuron")) == ["neuron"]
    term_marks.start_page()
    assert marked(term_marks.mark_terms("Neurons of a layer")) == ["Neurons", "layer"]


def test_a_term_in_a_closed_text_is_marked_again_where_it_is_visible() -> None:
    assert marked(term_marks.mark_terms("An answer on neurons", hidden=True)) == ["neurons"]
    assert marked(term_marks.mark_terms("A neuron")) == ["neuron"]
    assert marked(term_marks.mark_terms("An answer on neurons and layers", hidden=True)) == [
        "layers"
    ]


def test_marks_have_the_meaning_and_take_the_focus() -> None:
    html = term_marks.mark_terms("Another word for it: a unit")
    meaning = glossary.find_term("neuron").meaning.replace("'", "&#x27;")
    assert f'tabindex="0" aria-description="{meaning}"' in html


def test_texts_are_escaped() -> None:
    assert term_marks.mark_terms('<b>seed</b> & "more"').count("&lt;") == 2
    assert term_marks.mark_terms("a & b") == "a &amp; b"
    assert marked(term_marks.mark_terms("<img layer>")) == ["layer"]
    assert "<img" not in term_marks.mark_terms("<img layer>")
