"""The names of a network's units and layers, in the form in which they are searched.

It needs no PyTorch: for SketchNet, everything is known without loading the network.
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from core.analysis import word_match
from core.sketchnet import labels
from core.sketchnet.labels import Labels

CLASS = "class"  # kind of the units of the last layer, which are named by the classes
LAST_LAYER = "logits"  # SketchNet's last layer
# The letters with which the name of a layer begins, such as "features" of "features.7".
LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class NamedUnit:
    """A unit and what it detects.

    Attributes:
        layer, unit: name of the layer, and number of the unit.
        name: what the unit detects, such as ``eye``, or the name of its class; "" if unknown.
        kind: kind of the name: ``class``, or one of ``core.sketchworld.concepts.KINDS``; or "".
        iou: overlap of the unit with the concept, 0 to 1; None for classes and units without name.
    """

    layer: str
    unit: int
    name: str = ""
    kind: str = ""
    iou: float | None = None


@dataclass(frozen=True)
class UnitNames:
    """The layers of a network, and its units that have a name.

    Attributes:
        layers: number of units by the name of the layer, from the image to the logits.
        named: the units that have a name.
        hidden: further layers, which are found by their full name only.
    """

    layers: Mapping[str, int]
    named: tuple[NamedUnit, ...]
    hidden: Mapping[str, int] = field(default_factory=dict)

    @functools.cached_property
    def by_layer(self) -> dict[str, dict[int, NamedUnit]]:
        """The named units by layer and number."""
        rows: dict[str, dict[int, NamedUnit]] = {}
        for it in self.named:
            rows.setdefault(it.layer, {})[it.unit] = it
        return rows

    @functools.cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the names, in the order in which they first occur."""
        return tuple(dict.fromkeys(it.kind for it in self.named))

    @functools.cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """All words of the names and kinds, each once."""
        texts = dict.fromkeys(text for it in self.named for text in (it.name, it.kind))
        return tuple(dict.fromkeys(word for text in texts for word in word_match.words_of(text)))

    def layers_called(self, word: str) -> frozenset[str]:
        """Return the layers that a word names; upper and lower case are the same.

        These are the layers of this name. If there are none, they are the layers whose name begins
        with the word, if the word has a digit or is all letters at the beginning of the name. So
        ``relu4`` names relu4a and relu4b, and ``features`` all from features.0 on, but ``re`` names
        no layer, and ``features.1`` is not the beginning of features.12.
        """
        word = word.casefold()
        exact = {it for it in (*self.layers, *self.hidden) if it.casefold() == word}
        if exact or not word or word.isdecimal():
            return frozenset(exact)
        return frozenset(it for it in self.layers if _begins(it.casefold(), word))


def _begins(layer: str, word: str) -> bool:
    """Whether a word is the beginning of a layer's name, as ``layers_called`` describes."""
    letters = LETTERS.match(layer)
    if letters is not None and letters[0] == word:
        return True
    rest = layer[len(word) :]
    splits_number = word[-1].isdecimal() and rest[:1].isdecimal()
    return layer.startswith(word) and any(it.isdecimal() for it in word) and not splits_number


def shipped_names(known: Labels | None = None, least: float = labels.CLEAR) -> UnitNames:
    """Return the layers and names of SketchNet with the shipped weights.

    Args:
        known: the labels of its units; by default those that are shipped.
        least: labels with an IoU below this are left out.
    """
    known = labels.load() if known is None else known
    layers = {layer: len(row) for layer, row in known.layers.items()}
    classes = labels.read_classes()
    named = (*labelled_units(known, least), *class_units(LAST_LAYER, classes))
    return UnitNames({**layers, LAST_LAYER: len(classes)}, named)


def labelled_units(known: Labels, least: float) -> Iterator[NamedUnit]:
    """Yield the units whose label has an IoU of at least ``least``."""
    for row in known.layers.values():
        for it in row:
            if it.iou >= least:
                yield NamedUnit(it.layer, it.unit, it.concept, it.kind, it.iou)


def class_units(layer: str, classes: Sequence[str]) -> Iterator[NamedUnit]:
    """Yield the units of the last layer, with the names of the classes."""
    for unit, name in enumerate(classes):
        yield NamedUnit(layer, unit, name, CLASS)
