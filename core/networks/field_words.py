"""Receptive fields in words."""

from operator import sub
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.networks.layers import Layer


def field_words(layer: "Layer") -> str:
    """Return the receptive field of a layer in words, such as ``43 x 43 px``.

    If global gates make the exact field larger than the local one, both are named.
    """
    if layer.local_field is None:
        return "the whole picture"
    words = f"{times(layer.local_field)} px"
    if layer.receptive_field == layer.local_field:
        return words
    if layer.receptive_field is None:
        if min(map(sub, layer.local_field, layer.input_size)) >= 0:
            return "the whole picture"
        return f"{words}, and the whole picture in summary"
    return f"{words}, and {times(layer.receptive_field)} px in summary"


def times(pair: tuple[int, int]) -> str:
    """Return a height and a width as text, such as ``3 x 5``."""
    return f"{pair[0]} \N{MULTIPLICATION SIGN} {pair[1]}"
