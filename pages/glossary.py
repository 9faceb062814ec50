"""Glossary: every term of the pages, explained in one or two sentences."""

from html import escape

import streamlit as st

from explorer.text import glossary
from explorer.ui import glossary_pictures
from explorer.ui.components import html_snippets


def main() -> None:
    """Show the terms in their groups."""
    html_snippets.page_css("glossary")
    html_snippets.heading(
        "Glossary", "On the pages, a dotted line marks a term: hover over it, or tap it."
    )
    for title, terms in glossary.GROUPS.items():
        html_snippets.section(title)
        st.html(terms_html(terms))


def terms_html(terms: tuple[glossary.Term, ...]) -> str:
    """Return HTML of a list of terms, each with its other names, its meaning, and pictures."""
    rows = []
    for term in terms:
        also = f"<small>{escape(', '.join(term.also))}</small>" if term.also else ""
        name = term.name[:1].upper() + term.name[1:]
        pictures = "".join(f'<img src="{it}" alt="">' for it in glossary_pictures.find(term.name))
        shown = f"<span>{pictures}</span>" if pictures else ""
        rows.append(f"<dt>{escape(name)}{also}</dt><dd>{shown}{escape(term.meaning)}</dd>")
    return f'<dl class="glossary">{"".join(rows)}</dl>'


main()
