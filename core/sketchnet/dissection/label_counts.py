"""Counts of the clear labels (IoU of at least `CLEAR`) of each layer, by kind and by concept."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.sketchnet.labels import CLEAR, Label
from core.sketchworld.concepts import KINDS

LAST_STAGES = ("relu4a", "relu4b", "relu5a", "relu5b")
WIDTH = 100  # characters in a line of text


@dataclass(frozen=True)
class Counted:
    """Counts of one layer.

    Attributes:
        units: number of units.
        clear: number of units with a clear label.
        mean_iou: mean IoU of the labels of all units, clear or not.
        kinds: number of clear labels by kind of concept, without zeros.
        concepts: number of clear labels by concept, the most frequent first.
    """

    units: int
    clear: int
    mean_iou: float
    kinds: dict[str, int]
    concepts: dict[str, int]


def summary(layers: Mapping[str, Sequence[Label]]) -> dict[str, Counted]:
    """Return the counts of each layer, by layer name."""
    counts = {}
    for layer, row in layers.items():
        clear = [label for label in row if label.iou >= CLEAR]
        kinds = Counter(label.kind for label in clear)
        concepts = Counter(label.concept for label in clear)
        counts[layer] = Counted(
            units=len(row),
            clear=len(clear),
            mean_iou=round(sum(label.iou for label in row) / len(row), 4),
            kinds={kind: kinds[kind] for kind in KINDS if kinds[kind]},
            concepts=dict(concepts.most_common()),
        )
    return counts


def share_of_last_stages(layers: Mapping[str, Sequence[Label]]) -> float:
    """Return the share, from 0 to 1, of units with a clear label in the layers `LAST_STAGES`."""
    last = [label for layer in LAST_STAGES for label in layers.get(layer, ())]
    return sum(label.iou >= CLEAR for label in last) / max(len(last), 1)


def describe_counts(layers: Mapping[str, Sequence[Label]]) -> str:
    """Return a text with a table of counts by layer and kind, then the concepts of each layer."""
    counts = summary(layers)
    lines = [f"{'layer':8}{'clear/units':>12}" + "".join(f"{kind:>9}" for kind in KINDS)]
    for layer, counted in counts.items():
        share = f"{counted.clear}/{counted.units}"
        kinds = "".join(f"{counted.kinds.get(kind, ''):>9}" for kind in KINDS)
        lines.append(f"{layer:8}{share:>12}{kinds}")
    for layer, counted in counts.items():
        often = "; ".join(f"{name} {count}" for name, count in counted.concepts.items()) or "none"
        lines += ["", *textwrap.wrap(f"{layer}: {often}", WIDTH, subsequent_indent="  ")]
    share = f"{share_of_last_stages(layers):.1%}"
    lines += ["", f"{share} of the neurons of the last two stages have IoU {CLEAR} or more"]
    return "\n".join(lines)
