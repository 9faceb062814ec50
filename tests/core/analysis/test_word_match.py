"""Comparison of typed words with words of names."""

import pytest

from core.analysis.word_match import Fit, fit, probably_meant, words_of


@pytest.mark.parametrize(
    ("typed", "word", "expected"),
    [
        ("eye", "eye", Fit.WORD),
        ("eyes", "eye", Fit.WORD),
        ("eye", "eyes", Fit.WORD),
        ("leaves", "leaf", Fit.WORD),
        ("knife", "knives", Fit.WORD),
        ("cherries", "cherry", Fit.WORD),
        ("boxes", "box", Fit.WORD),
        ("gla", "glass", Fit.START),
        ("glas", "glass", Fit.START),
        ("fish", "goldfish", Fit.END),
        ("berries", "strawberry", Fit.END),
        ("sh", "goldfish", None),
        ("old", "goldfish", None),
        ("12", "120", None),
        ("12", "12", Fit.WORD),
        ("x", "", None),
    ],
)
def test_fit(typed: str, word: str, expected: Fit | None) -> None:
    assert fit(typed, word) is expected


def test_words_have_no_accents_capitals_and_punctuation() -> None:
    assert words_of("Potter's Wheel, n\N{LATIN SMALL LETTER E WITH ACUTE}e_2") == (
        *("potter", "wheel", "nee", "2"),
    )
    assert words_of("\N{CJK UNIFIED IDEOGRAPH-91D1} ...") == ("\N{CJK UNIFIED IDEOGRAPH-91D1}",)


def test_what_was_probably_meant() -> None:
    known = ("wheel", "whale", "stripes", "eye")
    assert probably_meant("wheal", known)[0] in ("wheel", "whale")
    assert probably_meant("strpies", known) == ("stripes",)
    assert probably_meant("dragon", known) == ()
    assert probably_meant("eey", known) == ()
