"""A network as an HTML table for notebooks: a row for each layer, from the image to the output."""

from collections.abc import Sequence
from html import escape

from core.html_parts import ACCENT, html_bar, html_table, pale
from core.networks.field_words import field_words, times
from core.networks.layers import Layer

# More layers than this are not listed.
ROWS_AT_MOST = 64
# Longest bar of a number of units, and side of the square that stands for the image, in CSS pixels;
# shorter bars and sides have at least the last number.
BAR, SQUARE, LEAST = 96, 24, 2
KINDS = {1: "grey", 3: "colour"}
HEADS = ("layer", "neurons", "places", "one neuron sees")
NAME = "background: none; color: inherit; padding: 0"
FRAME = (
    "display: inline-flex; align-items: center; justify-content: center; vertical-align: middle; "
    "margin-right: 8px; outline: 1px solid"
)


def ladder_html(
    name: str, layers: Sequence[Layer], channels: int, parameters: int, classes: int
) -> str:
    """Return the shown layers of a network as an HTML table.

    Each row has a layer's number of units, its rows and columns, and its local receptive field,
    also as a box in a square that stands for the image.

    Args:
        name: name of the network.
        layers: all its layers.
        channels: number of channels of its images.
        parameters: number of its parameters.
        classes: number of its classes; 0 if it tells none apart.
    """
    listed = [it for it in layers if it.shown][:ROWS_AT_MOST] or layers[:ROWS_AT_MOST]
    most = max(layer.channels for layer in listed)
    kind = KINDS.get(channels, f"{channels}-channel")
    facts = [
        f"{_short(parameters)} parameters",
        f"{kind} pictures of {times(listed[0].input_size)} px",
        *([f"{classes} classes"] if classes else []),
    ]
    rest = len(layers) - len(listed)
    more = pale(f"{rest} more in <code>layers</code>") if rest else ""
    table = html_table([_row(layer, most) for layer in listed], HEADS)
    return f"<div><strong>{escape(name)}</strong> {pale(', '.join(facts))}{table}{more}</div>"


def _short(number: int) -> str:
    """Return a number in a short form, such as ``1.3 million``."""
    return f"{number / 1e6:.1f} million" if number >= 1e6 else f"{number:,}"


def _row(layer: Layer, most: int) -> tuple[str, ...]:
    return (
        f'<code style="{NAME}">{escape(layer.name)}</code>',
        html_bar(max(LEAST, BAR * layer.channels / most), str(layer.channels)),
        "\N{EN DASH}" if layer.size is None else times(layer.size),
        f"{_square(layer)}{field_words(layer)}",
    )


def _square(layer: Layer) -> str:
    """Draw the image as an outline, and the local receptive field as a filled box in its middle."""
    scale = SQUARE / max(layer.input_size)
    outer = [side * scale for side in layer.input_size]
    seen = [side * scale for side in layer.local_field or layer.input_size]
    inner = [max(LEAST, min(sides)) for sides in zip(seen, outer, strict=True)]
    return (
        f'<span aria-hidden="true" style="{FRAME}; {_box(outer)}">'
        f'<span style="background: {ACCENT}; {_box(inner)}"></span></span>'
    )


def _box(sides: Sequence[float]) -> str:
    return f"height: {sides[0]:.1f}px; width: {sides[1]:.1f}px"
