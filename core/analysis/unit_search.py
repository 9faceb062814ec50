"""Search for units by what they detect, by kind, layer and number.

    names = unit_labels.unit_names(network)      # or unit_names.shipped_names(), for SketchNet
    for it in search(names, "eyes").found:
        it.named.layer, it.named.unit, it.named.name, it.why

A text has several words. A unit is found if each word fits its name, its kind, its layer or its
number: ``eye``, ``eyes relu5b``, ``part``, ``relu4b 121``, ``relu4b:121``, ``#121``. If no unit
fits all words, those that fit some are found. A word that fits nothing is replaced by the words
that are spelled most like it. Like ``unit_names``, this needs no PyTorch.
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.analysis import word_match
from core.analysis.unit_names import NamedUnit, UnitNames
from core.analysis.word_match import Fit
from core.errors import quoted

# Words that are left out if there are others, as in "neuron 12 of layer relu3b".
FILLERS = frozenset({"neuron", "neurons", "unit", "units", "channel", "channels", "layer", "of"})
# A layer and a number in one word, such as "relu4b:121"; or a number alone, such as "#121".
PLACE = re.compile(r"(.*?)[:#/](\d{1,9})")
NUMBER = re.compile(r"\d{1,9}")
KIND_LETTERS = 3  # so many letters of a kind are enough: "tex" finds textures
# What comes first among the results: the whole name, then the ways in which a word fits a word of
# the name (``Fit``, 0 to 2), then a number, a kind, and a word that was replaced.
WHOLE_NAME, IN_LAYER, NUMBERED, OF_KIND, RESPELLED = -1, 0, 3, 4, 5
CACHED_AT_MOST = 65536

# Why a unit fits a word: the place in the order of the results, and the reason in words.
Reason = tuple[int, str]


@dataclass(frozen=True)
class FoundUnit:
    """A unit that was found.

    Attributes:
        named: the unit, and its name if it has one.
        why: why it was found, such as ``the name has "eye"``; "" if the text was empty.
    """

    named: NamedUnit
    why: str = ""


@dataclass(frozen=True)
class UnitSearch:
    """The result of a search.

    Attributes:
        found: the units, the best first.
        layers: the layers that the text names, if it names nothing else.
        place: whether the text says the layer and the number of one unit.
        respelled: by a word that fits nothing, the words that were searched instead.
        complete: whether the units fit all words; otherwise they fit some.
        problem: a sentence that says why nothing was found; "" if something was.
    """

    found: tuple[FoundUnit, ...]
    layers: tuple[str, ...] = ()
    place: bool = False
    respelled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    complete: bool = True
    problem: str = ""


@dataclass(frozen=True)
class TypedWord:
    """One word of a text.

    Attributes:
        word: the word as it is compared with names; "" if it is not compared, as for ``#121``.
        layers: the layers that it names.
        number: the number of a unit that it is; None if it is none.
        meant: the words that are compared instead of a misspelled one.
    """

    word: str = ""
    layers: frozenset[str] = frozenset()
    number: int | None = None
    meant: tuple[str, ...] = ()

    @property
    def is_place(self) -> bool:
        """Whether it names layers, or is a number."""
        return bool(self.layers) or self.number is not None


def search(names: UnitNames, text: str, here: str = "", kind: str = "") -> UnitSearch:
    """Find the units that fit a text; an empty text fits all units.

    Args:
        names: the layers and names of the network.
        text: what somebody typed.
        here: a layer whose units come first if the text has a number and no layer.
        kind: only units whose name is of this kind are found; "" for all units.

    Returns:
        The units in this order: those that fit more words, those that fit better, those with the
        higher IoU (1 for classes) if the text or ``kind`` is about names, then in the order of
        layers and numbers.
    """
    terms, respelled = _respell(names, _read(names, text))
    wholes = {word_match.words_of(part) for part in (text, *text.split(","))} - {()}
    by_name = bool(kind) or any(not it.is_place for it in terms)
    somewhere = any(it.layers for it in terms) or all(it.number is None for it in terms)
    ordered = []
    for unit, reasons in _matches(names, terms, kind):
        fitting = [it for it in reasons if it is not None]
        rank = max((place for place, _ in fitting), default=0)
        why = "; ".join(dict.fromkeys(words for _, words in fitting))
        if unit.name and not wholes.isdisjoint(_synonyms(unit.name)):
            rank, why = WHOLE_NAME, f'called "{unit.name}"'
        away = not somewhere and unit.layer != here
        overlap = 0.0 if not by_name else 1.0 if unit.iou is None else unit.iou
        ordered.append(((-len(fitting), rank, away, -overlap), FoundUnit(unit, why)))
    ordered.sort(key=lambda pair: pair[0])
    complete = not ordered or ordered[0][0][0] == -len(terms)
    if complete:
        ordered = [it for it in ordered if it[0][0] == -len(terms)]
    called = _layers_of(names, terms)
    places = bool(terms) and all(it.is_place for it in terms)
    return UnitSearch(
        found=tuple(it for _, it in ordered),
        layers=called if places and all(it.number is None for it in terms) else (),
        place=places and any(it.layers for it in terms) and len(ordered) == 1,
        respelled=respelled,
        complete=complete,
        problem="" if ordered else _problem(names, terms, text, kind),
    )


def _read(names: UnitNames, text: str) -> list[TypedWord]:
    """Return the words of a text, each once."""
    terms = [term for part in text.replace(",", " ").split() for term in _read_part(names, part)]
    return list(dict.fromkeys([it for it in terms if it.word not in FILLERS] or terms))


def _read_part(names: UnitNames, part: str) -> Iterator[TypedWord]:
    """Yield the words of a part of a text that has no blanks."""
    called, words = names.layers_called(part), word_match.words_of(part)
    place = PLACE.fullmatch(part)
    if called:
        yield TypedWord(words[0] if len(words) == 1 else "", called)
    elif place is not None:
        yield from _read_part(names, place[1])
        yield TypedWord(number=int(place[2]))
    elif NUMBER.fullmatch(part):
        yield TypedWord(part, number=int(part))
    else:
        yield from (TypedWord(it) for it in words)


def _respell(
    names: UnitNames, terms: Sequence[TypedWord]
) -> tuple[list[TypedWord], dict[str, tuple[str, ...]]]:
    """Return the terms with what was meant, and what was meant by the word that fits nothing."""
    layers = {it.casefold(): it for it in names.layers}
    result, respelled = [], {}
    for term in terms:
        if not term.is_place and not _is_known(names, term.word):
            meant = word_match.probably_meant(term.word, {*names.vocabulary, *layers})
            called = frozenset(layers[it] for it in meant if it in layers)
            words = tuple(it for it in meant if it in names.vocabulary)
            term = replace(term, layers=called, meant=words)
            if meant:
                respelled[term.word] = meant
        result.append(term)
    return result, respelled


def _is_known(names: UnitNames, word: str) -> bool:
    """Whether a word fits any name or kind."""
    return any(word_match.fit(word, it) is not None for it in names.vocabulary)


def _matches(
    names: UnitNames, terms: Sequence[TypedWord], kind: str
) -> Iterator[tuple[NamedUnit, list[Reason | None]]]:
    """Yield the units that may be results, with the reason why each of the terms fits, or None.

    Terms that name a place have to fit, and one of the others if there are any.
    """
    hidden = {it: n for it, n in names.hidden.items() if any(it in term.layers for term in terms)}
    free = [number for number, term in enumerate(terms) if not term.is_place]
    for layer, channels in {**names.layers, **hidden}.items():
        row = names.by_layer.get(layer, {})
        elsewhere = [it for it in terms if layer not in it.layers]
        if any(it.layers and not it.word for it in elsewhere):
            continue
        numbers = {it.number for it in elsewhere if it.number is not None and it.number < channels}
        for number in range(channels) if not elsewhere else sorted({*row, *numbers}):
            unit = row.get(number) or NamedUnit(layer, number)
            if kind and unit.kind != kind:
                continue
            reasons = [_reason(term, unit) for term in terms]
            if all(reasons[at] is not None or at in free for at in range(len(terms))) and (
                not free or any(reasons[at] is not None for at in free)
            ):
                yield unit, reasons


def _reason(term: TypedWord, unit: NamedUnit) -> Reason | None:
    """Return why a unit fits a word, by the best of several reasons; None if it does not."""
    if unit.layer in term.layers:
        return IN_LAYER, f"in {unit.layer}"
    by_name = _reason_of_name(term.word, term.meant, unit.name, unit.kind)
    if term.number == unit.unit and by_name is None:
        return NUMBERED, f"number {unit.unit}"
    return by_name


@functools.lru_cache(CACHED_AT_MOST)
def _reason_of_name(word: str, meant: tuple[str, ...], name: str, kind: str) -> Reason | None:
    """Return why the name or the kind of a unit fits a word; None if neither does."""
    words = word_match.words_of(name)
    for place, other in enumerate(meant):
        if other in (*words, kind):
            return RESPELLED + place, f'"{other}" is spelled like "{word}"'
    fits = [(fit, it) for it in words if (fit := word_match.fit(word, it)) is not None]
    if word and fits:
        best, found = min(fits, key=lambda pair: pair[0])
        how = {
            Fit.WORD: f'the name has "{found}"',
            Fit.START: f'a word of the name begins with "{word}"',
            Fit.END: f'a word of the name ends with "{word}"',
        }
        return int(best), how[best]
    of_kind = word and word_match.fit(word, kind)
    if of_kind == Fit.WORD or (of_kind == Fit.START and len(word) >= KIND_LETTERS):
        return OF_KIND, f"its kind is {kind}"
    return None


@functools.lru_cache(CACHED_AT_MOST)
def _synonyms(name: str) -> frozenset[tuple[str, ...]]:
    """Return the words of a name, and of each of its parts between commas: "tabby, tabby cat"."""
    return frozenset(word_match.words_of(part) for part in (name, *name.split(",")))


def _layers_of(names: UnitNames, terms: Sequence[TypedWord]) -> tuple[str, ...]:
    """Return the layers that all terms with layers name; all layers if no term has any."""
    naming = [it.layers for it in terms if it.layers]
    return tuple(
        it
        for it in (*names.layers, *names.hidden)
        if all(it in layers for layers in naming) and (naming or it in names.layers)
    )


def _problem(names: UnitNames, terms: Sequence[TypedWord], text: str, kind: str) -> str:
    """Return a sentence that says why nothing was found."""
    counts = {**names.layers, **names.hidden}
    widest = max(_layers_of(names, terms), key=counts.__getitem__, default=None)
    numbers = [it.number for it in terms if it.number is not None]
    if widest is not None and numbers and max(numbers) >= counts[widest]:
        return (
            f"there is no neuron {max(numbers)}: {widest} has {counts[widest]}, "
            f"from 0 to {counts[widest] - 1}"
        )
    return (
        f"no neuron of the kind {kind} fits {quoted(text)}"
        if kind
        else f"no neuron fits {quoted(text)}"
    )
