"""The answers of a network for one image, also with some units turned off."""

from collections.abc import Iterable
from html import escape

from core.analysis.probe import CLASSES, ProbeResult, class_logits, top_classes
from explorer.text import formatting

# The space beside the bar of a probability of 1, which its number needs on every screen.
NUMBER_WIDTH = "5rem"
# The share of an activation that a change must have to be shown.
LEAST_CHANGE = 0.01


def classes_html(result: ProbeResult) -> str:
    """Return HTML of bars with the probabilities of the most probable classes."""
    return _list(_bar(name, share) for name, share in result.classes)


def changed_html(before: ProbeResult, after: ProbeResult) -> str:
    """Return HTML of bars with the probabilities of classes before and after a change.

    Args:
        before, after: the results for the same image. The classes are the most probable ones of
            both, in the order of ``before``; those that are new come last.
    """
    every = {
        id(it): dict(top_classes(it.network, it.activations, len(it.network.labels)))
        for it in (before, after)
    }
    names = dict.fromkeys(name for it in (before, after) for name, _ in it.classes[:CLASSES])
    bars = []
    for name in names:
        shares = every[id(before)][name], every[id(after)][name]
        bars.append(_changed_bar(name, shares, _changed_text(name, shares, before, after)))
    return _list(bars)


def _changed_text(
    name: str, shares: tuple[float, float], before: ProbeResult, after: ProbeResult
) -> str:
    """Return the probabilities of a class before and after; its logits if both read the same."""
    first, second = map(formatting.probability, shares)
    if first != second:
        return f"{first} \N{RIGHTWARDS ARROW} {second}"
    texts = []
    for it in (before, after):
        logits = class_logits(it.network, it.activations)
        assert logits is not None, "a network with classes has logits"
        texts.append(f"{float(logits[it.network.labels.index(name)]):.2f}")
    return f"logit {texts[0]} \N{RIGHTWARDS ARROW} {texts[1]}"


def _list(bars: Iterable[str]) -> str:
    return f'<dl class="counts">{"".join(bars)}</dl>'


def _bar(name: str, share: float) -> str:
    """Return a class with the bar of its probability."""
    return (
        f'<dt>{escape(name)}</dt><dd><i style="width:calc({share:.3f} * '
        f'(100% - {NUMBER_WIDTH}))"></i>{formatting.probability(share)}</dd>'
    )


def _changed_bar(name: str, shares: tuple[float, float], words: str) -> str:
    """Return a class with thin bars of its probability before and after a change."""
    before, after = shares
    return (
        f'<dt>{escape(name)}</dt><dd class="changed">'
        f'<i class="before" style="width:{100 * before:.1f}%"></i>'
        f'<i style="width:{100 * after:.1f}%"></i>'
        f"<span>{escape(words)}</span></dd>"
    )


def moved(before: float, after: float) -> str:
    """Return how an activation changes, such as ``3.1 → 2.4``; "" if it hardly does."""
    if abs(after - before) <= LEAST_CHANGE * max(abs(before), abs(after)):
        return ""
    return f"{formatting.number(before)} \N{RIGHTWARDS ARROW} {formatting.number(after)}"
