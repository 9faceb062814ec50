"""What a measured answer tells somebody who guessed something else: what was measured of the guess.

Each function returns a function from a guess, one of the options of a question, to a sentence.
"""

from collections.abc import Callable, Mapping

from core.networks import Layer, Network
from explorer.text import layer_summary
from explorer.text.formatting import percent

Feedback = Callable[[str], str]


def by_option(sentences: Mapping[str, str]) -> Feedback:
    """Return the feedback for a question with few options, each with a sentence of its own."""
    return lambda guess: sentences.get(guess, "")


def first_layer(
    right: str,
    values: Mapping[str, float],
    reaches: Callable[[float], bool],
    what: str,
    short: str,
) -> Feedback:
    """Return the feedback for the question which layer is the first one that reaches something.

    Args:
        right: name of the first layer that reaches it; another text if none does.
        values: the measured number of each layer, from shallow to deep.
        reaches: whether a number reaches it.
        what: what was measured, with a field for the number: ``keeps {} of the edges``.
        short: what it means if a number does not reach it: ``less than half``.
    """

    def tell(guess: str) -> str:
        if guess not in values:
            return f"But {right} {what.format(percent(values[right]))}."
        told = f"{guess} {what.format(percent(values[guess]))}"
        if not reaches(values[guess]):
            return f"{told}, {short}."
        return f"{told}, but {right} comes before it and {what.format(percent(values[right]))}."

    return tell


def highest(right: str, values: Mapping[str, str], what: str) -> Feedback:
    """Return the feedback for the question which of several things has the highest number.

    Args:
        right: name of the thing with the highest number.
        values: the measured number of each thing as text.
        what: what was measured, with fields for the thing and its number.
    """

    def tell(guess: str) -> str:
        both = (what.format(name, values[name]) for name in (guess, right))
        return "{}; {}.".format(*both)

    return tell


def counted(
    series: Mapping[str, Mapping[str, float]], range_of: Callable[[float], str]
) -> Feedback:
    """Return the feedback for the question in which of some ranges a mean number lies.

    Args:
        series: for each kind of weights, the measured number of each layer from shallow to deep.
        range_of: returns the range, one of the options, of a number.
    """

    def tell(guess: str) -> str:
        for weights, values in series.items():
            for name, value in reversed(list(values.items())):
                if range_of(value) == guess:
                    return f"{guess} is what {name} reaches{weights} ({value:.1f})."
        return f"No layer that was measured reaches {guess}."

    return tell


def field_against(layer: Layer | None, side: int) -> str:
    """Return why a layer notices that squares are shuffled, as a sentence; "" if unknown.

    Args:
        layer: the first layer that notices it; None for none.
        side: side of a square in pixels.
    """
    if layer is None or (layer.receptive_field and min(layer.receptive_field) <= side):
        return ""
    square = layer_summary.times((side, side))
    return (
        f"The reason: each neuron of {layer.name} {layer_summary.describe_field(layer)}, and a "
        f"square has only {square}. So it matters to it which squares are neighbours."
    )


def places_apart(layer: Layer | None) -> str:
    """Return why a layer loses edges, as a sentence; "" for a layer that keeps every place."""
    if layer is None or layer.stride is None or max(layer.stride) < 2:
        return ""
    return (
        f"The reason: {layer.name} looks at places {max(layer.stride)} pixels apart, so it records "
        "that an edge is there, but no longer exactly where."
    )


def find_layer(network: Network, name: str) -> Layer | None:
    """Return the shown layer with a name; None if there is none."""
    return next((it for it in network.shown if it.name == name), None)
