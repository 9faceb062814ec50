"""HTML of the badge of a unit: whether it tells classes apart, and whether any image excites it."""

from html import escape

from core.analysis.class_selectivity import LIKE_RANDOM, SELECTIVE, class_selectivity
from core.datasets.sources import SKETCHWORLD
from core.errors import ExplorerError
from core.index.reader import Index
from core.networks import Layer
from explorer.library import indexes
from explorer.text.formatting import percent

UNKNOWN = "Not measured"
# For SketchWorld's drawings: the share that the badge needs, its CSS class, title and explanation.
LEVELS = (
    (SELECTIVE, "good", "Tells classes apart", "No neuron with random weights comes near that."),
    (
        LIKE_RANDOM,
        "fair",
        "Tells classes apart in part",
        "That is more than neurons with random weights reach, but most neurons with a clear label "
        "reach "
        f"{percent(SELECTIVE)}.",
    ),
    (
        -1.0,
        "poor",
        "Does not tell classes apart",
        "Neurons with random weights reach as much. It may respond to something simple, such as an "
        "edge or a colour.",
    ),
)
NO_VERDICT = "How much neurons with random weights reach is not known here, so this is no verdict."


def badge_html(index: Index, layer: Layer, unit: int) -> str:
    """Return HTML of the badge of a unit, or of the reason why it has none.

    Args:
        index: index of the images on which the unit is measured.
        layer, unit: the unit.
    """
    kind, title, words = _badge(index, layer, unit)
    return (
        f'<div class="badge {kind}"><div class="badge-words"><b>{escape(title)}</b>'
        f"<p>{escape(words)}</p></div></div>"
    )


def _badge(index: Index, layer: Layer, unit: int) -> tuple[str, str, str]:
    """Return the CSS class of the badge, its title, and its explanation."""
    if layer.name not in [it.name for it in index.plan.layers]:
        return "unknown", UNKNOWN, f"The index of pictures does not have {layer.name}."
    collection, noun = indexes.describe_index(index), indexes.image_noun(index, 1)
    if index.dead(layer.name, unit):
        return "poor", "Dead", f"None of {collection} excites this neuron."
    try:
        measured = class_selectivity(index, layer.name)
    except ExplorerError as error:
        return "unknown", UNKNOWN, f"{error}."
    share = max(0.0, float(measured.shares[unit]))
    words = (
        f"What a {noun} shows (one of {measured.classes} classes) explains {percent(share)} of how "
        "strongly the neuron responds."
    )
    if not index.plan.collection.startswith(SKETCHWORLD):
        return "unknown", f"Classes explain {percent(share)}", f"{words} {NO_VERDICT}"
    return next(
        (kind, title, f"{words} {meaning}")
        for least, kind, title, meaning in LEVELS
        if share >= least
    )
