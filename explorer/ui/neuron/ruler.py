"""HTML of a ruler: a horizontal line on which an activation is marked, and others to compare."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

import torch

from explorer.text import formatting

# Words beneath the ruler overlap if they are closer than this, in percent of the ruler's width.
APART = 22.0


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
    own, least, most, middle = map(formatting.number, (value, low, high, median))
    words = f"{own} on a ruler from {least} to {most}; the median is {middle}"
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
        written.append(
            f'<span class="{side}" style="{style}">{name} {formatting.number(value)}</span>'
        )
    return "".join(written)


def rank_text(value: float, others: Sequence[float]) -> str:
    """Return a sentence that compares a unit's activation with those of a layer's other units.

    Args:
        value: activation of the unit for its feature visualization.
        others: activations of the other units for their feature visualizations.
    """
    below = sum(it < value for it in others)
    return (
        f"This neuron: {formatting.number(value)}. {below} of the {len(others)} other neurons that "
        "are drawn, the thin lines, reach less."
    )
