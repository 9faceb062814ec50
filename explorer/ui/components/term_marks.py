"""Marks for terms of the glossary: where a term appears first on a page, it has a hover text.

The text is shown on hover, on keyboard focus and, on a phone, on a tap (``page.css``).
"""

from html import escape

import streamlit as st

from explorer.text import glossary

# The session's entry with the text in which each term has appeared first on the page.
EXPLAINED = "explained"
PATTERN = glossary.words_pattern()


def start_page() -> None:
    """Forget which terms have appeared; called before a page is drawn."""
    st.session_state[EXPLAINED] = {}


def mark_terms(text: str, hidden: bool = False) -> str:
    """Return a text as HTML, with a mark around each term that appears first on the page in it.

    A part of a page that is drawn again gets the same marks again.

    Args:
        text: plain text, not escaped.
        hidden: whether a click must open the text first. Then a term that appears in it is marked
            again where it is visible.
    """
    explained: dict[str, str] = st.session_state.setdefault(EXPLAINED, {})
    parts, end = [], 0
    here: set[str] = set()
    for found in PATTERN.finditer(text):
        term = glossary.find_term(found[1])
        if term.name in here or explained.get(term.name, text) != text:
            continue
        if not hidden:
            explained[term.name] = text
        here.add(term.name)
        parts += [escape(text[end : found.start()], quote=False), mark(found[0], term)]
        end = found.end()
    return "".join([*parts, escape(text[end:], quote=False)])


def mark(word: str, term: glossary.Term) -> str:
    """Return HTML of a word with the meaning of a term as its hover text."""
    return (
        f'<dfn class="term" tabindex="0" aria-description="{escape(term.meaning)}">'
        f"{escape(word)}</dfn>"
    )
