"""Comparison of words that somebody typed with words in names: beginnings, plurals, typing errors.

It needs no PyTorch, so a command can search before anything is loaded.
"""

import functools
import re
import unicodedata
from collections.abc import Collection
from difflib import get_close_matches
from enum import IntEnum

WORD = re.compile(r"[^\W_]+")
GENITIVE = re.compile(r"['\u2019]s\b")
# Shortest words that are compared with the ends of other words ("fish" with "goldfish"), and in
# which typing errors are looked for.
END_LETTERS, TYPO_LETTERS = 3, 4
# Least similarity (``difflib``, 0 to 1) of a word and the word that was probably meant, and how
# many of these words are used at most.
TYPO_SIMILARITY, TYPOS_AT_MOST = 0.75, 3
CACHED_AT_MOST = 65536


class Fit(IntEnum):
    """How a word fits the word that somebody typed, the closest first."""

    WORD = 0
    START = 1
    END = 2


@functools.lru_cache(CACHED_AT_MOST)
def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text in lower case, without accents, punctuation and the genitive's s.

    For example, ``potter's wheel`` has the words ``potter`` and ``wheel``.
    """
    letters = unicodedata.normalize("NFKD", GENITIVE.sub("", text.casefold()))
    return tuple(WORD.findall("".join(it for it in letters if not unicodedata.combining(it))))


@functools.lru_cache(CACHED_AT_MOST)
def singulars(word: str) -> frozenset[str]:
    """Return a word, and what it may be the plural of: ``leaf`` and others for ``leaves``."""
    forms = {word}
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        forms.add(word[:-1])
        if word.endswith("es"):
            forms.add(word[:-2])
        if word.endswith("ies"):
            forms.add(f"{word[:-3]}y")
        if word.endswith("ves"):
            forms |= {f"{word[:-3]}f", f"{word[:-3]}fe"}
    return frozenset(forms)


def fit(typed: str, word: str) -> Fit | None:
    """Return how a word fits a typed word; None if it does not.

    Args:
        typed: the word that somebody typed, as ``words_of`` returns it.
        word: a word of a name, as ``words_of`` returns it.
    """
    if not singulars(typed).isdisjoint(singulars(word)):
        return Fit.WORD
    if typed.isdecimal():
        return None  # the number 12 is not the beginning of 120
    if word.startswith(typed):
        return Fit.START
    ends = tuple(it for it in singulars(typed) if len(it) >= END_LETTERS)
    return Fit.END if word.endswith(ends) else None


def probably_meant(typed: str, words: Collection[str]) -> tuple[str, ...]:
    """Return the words that are most similar to a mistyped word, the most similar first."""
    if len(typed) < TYPO_LETTERS:
        return ()
    return tuple(get_close_matches(typed, words, TYPOS_AT_MOST, TYPO_SIMILARITY))
