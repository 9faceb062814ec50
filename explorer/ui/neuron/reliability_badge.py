"""HTML that shows how reliable a feature visualization is, and an activation on a ruler.

The ruler is a horizontal line on which other activations are marked for comparison.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape

import torch

from core.neurons import reliability
from explorer import thumbnails
from explorer.store.results import StoredPicture
from explorer.ui.neuron import similarity
from explorer.ui.neuron.pictures import NeuronView

# For each verdict of ``core.neurons.reliability``: its CSS class, its title, and its explanation.
VERDICTS = {
    "alike": (
        "good",
        "Reliable",
        "From other noise the ascent finds much the same: this is what the neuron looks for.",
    ),
    "related": (
        "fair",
        "Roughly so",
        "From other noise the pictures are related but not the same: trust what they share.",
    ),
    "unlike": (
        "poor",
        "Uncertain",
        "From other noise the pictures differ as those of different neurons do: do not read "
        "much into one.",
    ),
    "grainy": (
        "poor",
        "Fine grain",
        "Much of the picture is grain too fine to see, more than photographs have: the neuron "
        "answers to something that people do not see.",
    ),
    "dead": (
        "poor",
        "Dead",
        "Nothing that was tried excites this neuron: it stays at zero, and its picture is little "
        "but noise.",
    ),
}
CHECKING = ("wait", "Checking", "The neuron is drawn twice more, from other noise, to compare.")
OTHERS_PIXELS = 96
# Words beneath the ruler overlap if they are closer than this, in percent of the ruler's width.
APART = 22.0


def badge_html(
    neuron: NeuronView,
    best: StoredPicture | None,
    others: Sequence[StoredPicture],
    drawn: similarity.RenderedUnits | None,
) -> str:
    """Return HTML that shows how reliable the feature visualization of a unit is.

    Args:
        neuron: the unit.
        best: the unit's picture of the default size; None if it is not drawn.
        others: the pictures with other seeds that are already drawn.
        drawn: measures of the pictures of the unit's layer; None if too few are drawn.
    """
    kind, title, words = CHECKING
    figures = ""
    if best is not None and bool(best.facts["dead"]):
        kind, title, words = VERDICTS["dead"]
    elif best is not None and len(others) == len(neuron.others()) and drawn is not None:
        seen = similarity.mean_activations(neuron.network, neuron.layer, [best, *others])
        alike, grain = drawn.agreement(seen), float(best.facts["fineness"])
        kind, title, words = VERDICTS[reliability.verdict(False, grain, alike)]
        figures = f"{len(seen)} seeds agree to {alike:.2f}; {grain:.0%} fine grain"
    return (
        f'<div class="badge {kind}"><div class="badge-words"><b>{escape(title)}</b>'
        f"<p>{escape(words)}</p><small>{escape(figures)}</small></div>"
        f"{_others(neuron, others)}</div>"
    )


def _others(neuron: NeuronView, others: Sequence[StoredPicture]) -> str:
    """Return HTML of the pictures with other seeds, with a frame for each that is missing."""
    cells = [
        f'<img src="{thumbnails.thumbnail(it.image, OTHERS_PIXELS)}" '
        f'alt="Neuron {neuron.unit} from other noise">'
        for it in others
    ]
    cells += ["<i></i>"] * (len(neuron.others()) - len(cells))
    return f'<div class="badge-others">{"".join(cells)}</div>'


def ruler_html(
    value: float | None,
    others: Sequence[float],
    colour: str,
    named: Mapping[str, float] | None = None,
) -> str:
    """Return HTML of a ruler on which a value and other values are marked.

    Args:
        value: the activation to show; None while it is not measured.
        others: the activations to compare with, such as those of the layer's other units for
            their feature visualizations.
        colour: CSS colour of the mark of ``value``.
        named: values that are written beneath the ruler, by their words; by default the minimum,
            the median and the maximum of all values.
    """
    if value is None or not others:
        return '<div class="ruler"><div class="ruler-track"></div></div>'
    every = [*others, *(named or {}).values(), value]
    low, high = min(every), max(every)

    def at(it: float) -> float:
        return 100 * (it - low) / (high - low) if high > low else 50.0

    ticks = "".join(f'<i style="left:{at(it):.1f}%"></i>' for it in others)
    median = float(torch.tensor(others).median())
    marks = _marks(named or {"least": low, "median": median, "most": high}, at)
    words = f"{value:.3g} on a ruler from {low:.3g} to {high:.3g}; the median is {median:.3g}"
    return (
        f'<div class="ruler" role="img" aria-label="{escape(words)}"><div class="ruler-track">'
        f'{ticks}<b style="left:{at(value):.1f}%;background:{colour}"></b></div>'
        f'<div class="ruler-marks">{marks}</div></div>'
    )


def _marks(marks: Mapping[str, float], at: Callable[[float], float]) -> str:
    """Return HTML of the words beneath a ruler; words that would overlap others are left out.

    Args:
        marks: values by their words, such as ``{"median": 1.5}``.
        at: returns the position of a value on the ruler, in percent.
    """
    written, taken = [], [-APART]
    for name, value in sorted(marks.items(), key=lambda row: row[0] == "median"):
        place = at(value)
        if min(abs(place - it) for it in taken) < APART:
            continue
        taken.append(place)
        side = "left" if place < APART / 2 else "right" if place > 100 - APART / 2 else "middle"
        style = f"left:{place:.1f}%"
        written.append(f'<span class="{side}" style="{style}">{name} {value:.3g}</span>')
    return "".join(written)


def rank_text(value: float, others: Sequence[float]) -> str:
    """Return a sentence that compares a unit's activation with those of a layer's other units.

    Args:
        value: activation of the unit for its feature visualization.
        others: activations of the other units for their feature visualizations.
    """
    below = sum(it < value for it in others)
    return (
        f"Its own picture excites it to {value:.3g}. Of the {len(others)} other neurons drawn in "
        f"this layer, {below} reach less with theirs."
    )
