"""The Glossary page, run without a browser."""

from html import escape

from explorer.text import glossary
from explorer.ui import glossary_pictures
from tests.pages.app import html, open_at


def test_every_term_is_there() -> None:
    page = html(open_at("glossary"))
    missing = [it.name for it in glossary.TERMS if escape(it.meaning) not in page]
    assert missing == []
    assert all(title in page for title in glossary.GROUPS)


def test_some_terms_have_pictures() -> None:
    named = [*glossary_pictures.PREVIEWS, *glossary_pictures.UNITS]
    assert all(glossary.find_term(it).name == it and glossary_pictures.find(it) for it in named)
    pictures = sum(len(glossary_pictures.find(it)) for it in named)
    assert html(open_at("glossary")).count("<img") == pictures
