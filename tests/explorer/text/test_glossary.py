"""The glossary: unique words, and texts in which they are found."""

from collections import Counter

import pytest

from core.errors import UnknownName
from explorer.recipe_fields import DREAM_FIELDS, FIELDS
from explorer.recipe_fields.style_fields import STYLE_FIELDS
from explorer.text import glossary


def test_every_word_belongs_to_one_term() -> None:
    words = Counter(word.lower() for term in glossary.TERMS for word in (term.name, *term.also))
    assert [word for word, count in words.items() if count > 1] == []


def test_meanings_are_one_or_two_sentences() -> None:
    for term in glossary.TERMS:
        sentences = [it for it in term.meaning.split(". ") if it]
        assert term.meaning.endswith(".") and 1 <= len(sentences) <= 3, term.name
        assert len(term.meaning) <= 240, term.name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The receptive fields of neurons", ["receptive field", "neuron"]),
        ("Gram matrices and losses", ["Gram matrices", "loss"]),
        ("A LAYER", ["LAYER"]),
        ("relentless layering of plans", []),
    ],
)
def test_words_are_found_also_in_the_plural(text: str, words: list[str]) -> None:
    assert [it[1] for it in glossary.words_pattern().finditer(text)] == words


def test_an_unknown_word_is_refused() -> None:
    assert glossary.find_term("gram matrices").name == "Gram matrix"
    with pytest.raises(UnknownName, match="no term 'magic'"):
        glossary.find_term("magic")


def test_controls_have_the_meaning_of_their_term_as_help() -> None:
    octaves = glossary.help_text(DREAM_FIELDS["octaves"].title)
    assert octaves is not None and octaves.startswith("**Octave**: ")
    balance = glossary.help_text(STYLE_FIELDS["balance"].title)
    assert balance is not None and balance.startswith("**Balance**: ")
    seeds = [it["seed"] for it in FIELDS.values() if "seed" in it]
    assert all(glossary.help_text(it.title) for it in seeds)
    assert glossary.help_text("Keep the picture's hue") is None
