"""A square that shows for each pair of neurons how often they respond together."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor

from explorer import thumbnails
from explorer.charts.cosine_matrix import COLOUR_SCALE
from explorer.ui.components.mount import mount_component

HINT = "Point at a cell to read its two neurons."


@dataclass(frozen=True)
class PairScale:
    """How the values of a matrix are coloured and written.

    Attributes:
        colours: at equal distances from the lowest to the highest value, as ``#rrggbb``.
        lowest, highest: the values at both ends.
        ends: texts at both ends of the bar of colours beneath the matrix.
        describe: returns a value in words, which stand behind the names of two neurons.
    """

    colours: Sequence[str]
    lowest: float
    highest: float
    ends: tuple[str, str]
    describe: Callable[[float], str]


TOGETHER = PairScale(COLOUR_SCALE, 0.0, 1.0, ("never", "always together"), "together {:.2f}".format)
# Colours for less and for more, and between them that for no difference.
LESS, EVEN, MORE = "#5aa9ff", "#15121c", "#ffb14a"


def difference_scale(values: npt.NDArray[np.float32], one: str, other: str) -> PairScale:
    """Return the scale for how much more often pairs are active together in one image than another.

    Args:
        values: the differences of cosine similarities, from -1 to 1.
        one: the image in which positive values are more, such as ``the painting``.
        other: the image in which negative values are more.
    """
    most = max(float(np.abs(values).max(initial=0.0)), 0.01)

    def describe(value: float) -> str:
        where = one if value > 0 else other
        return "alike" if abs(value) < 0.005 else f"{abs(value):.2f} more in {where}"

    return PairScale((LESS, EVEN, MORE), -most, most, (f"more in {other}", f"in {one}"), describe)


def pair_matrix(
    values: npt.NDArray[np.float32],
    names: Sequence[str],
    key: str,
    label: str,
    side: int,
    marked: tuple[int, int] | None = None,
    on_pick: Callable[[str], None] | None = None,
    scale: PairScale = TOGETHER,
) -> str | None:
    """Show a matrix with a value for each pair of neurons, and a bar with the scale of its colours.

    The neurons of the cell under the pointer are named.

    It is drawn in a tenth of the time of a Plotly heat map, and can be used with the keyboard.

    Args:
        values: ``[n, n]``, the value of each pair of neurons: by default the cosine similarity of
            their activations, from 0 to 1.
        names: names of the n neurons, in the order of the rows (from the top) and columns.
        key: the widget's key.
        label: description for screen readers.
        side: largest width and height in pixels.
        marked: row and column of a pair, whose two cells are outlined; None for none.
        on_pick: called with the returned text, if a cell was chosen, before the page runs again;
            None if cells cannot be chosen.
        scale: how values are coloured and written.

    Returns:
        Row and column of the cell that was chosen just now, such as ``3 17``; None if there was
        none.
    """
    html = (
        '<div class="pairs" tabindex="0" role="application"><img alt="" draggable="false">'
        '<span class="mark" hidden></span><span class="mark" hidden></span>'
        '<span class="here" hidden></span></div>'
        '<div class="scale"><span></span><i></i><span></span></div>'
        '<p class="words" aria-live="polite"></p>'
    )
    data = {
        "picture": picture_url(values, scale),
        "names": list(names),
        "values": [scale.describe(float(it)) for it in values.flat],
        "colours": list(scale.colours),
        "ends": list(scale.ends),
        "label": label,
        "side": side,
        "marked": marked,
        "hint": HINT,
        "chosen": on_pick is not None,
    }
    return mount_component("pair_matrix", html, key, data, "pick", on_pick)


def picture_url(values: npt.NDArray[np.float32], scale: PairScale = TOGETHER) -> str:
    """Return a matrix as the URL of a picture with one pixel for each cell."""
    colours = np.array([ImageColor.getrgb(it) for it in scale.colours], np.float64)
    places = np.linspace(scale.lowest, scale.highest, len(colours))
    channels = [np.interp(values, places, colours[:, it]) for it in range(3)]
    buffer = io.BytesIO()
    Image.fromarray(np.stack(channels, 2).round().astype(np.uint8)).save(buffer, "PNG")
    return thumbnails.data_url(buffer.getvalue(), "png")
