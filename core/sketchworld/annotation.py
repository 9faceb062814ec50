"""The ground truth of a drawing: masks of the pixels that show each concept.

A mark is one filled shape of a drawing, such as a pupil. Masks of parts, objects, textures and
shapes are collected while marks are drawn. Masks of colours and edges are computed from the
finished image. All masks are bool [size, size].
"""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from core.sketchworld.concepts import ALSO, COLOURS, CONCEPTS, DETAILS, EDGES
from core.sketchworld.palette import LUMA

Mask = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.uint8]

FIGURE = ""  # name in the keys of `Annotation._masks` for the mask of a whole figure
COVERED = 0.5  # smallest share of a pixel that a mark must cover to have it in the mask
LASTING = ("texture", "shape")  # kinds of concepts that later marks of the same figure do not hide

# Bounds between named colours, in hue, saturation and value (HSV) from 0 to 1.
DARK = 0.2  # value below which a colour is black
PALE = 0.13  # saturation below which a colour is grey or white
BRIGHT = 0.85  # value from which on a pale colour is white
BROWN_VALUE = 0.62  # value below which orange, and yellow of a hue below DARK_YELLOW, are brown
PINK_SATURATION = 0.55  # saturation below which red is pink
HUES = (  # upper end of the hues of each colour
    (0.035, "red"),
    (0.11, "orange"),
    (0.19, "yellow"),
    (0.43, "green"),
    (0.53, "turquoise"),
    (0.69, "blue"),
    (0.80, "violet"),
    (0.95, "pink"),
    (1.01, "red"),
)
BROWN_OF, PINK_OF = ("orange", "yellow"), "red"
DARK_YELLOW = 0.15  # hue from which on dark colours are not called brown, because they are olive

OPPOSITE = 4  # angle between opposite directions, in eighths of a turn
STEP = 0.12  # least change of brightness across an edge, over three pixels


class Annotation:
    """Collects the visible pixels of each mark while a drawing is made.

    A figure is a subject of the drawing with all its marks, such as a house. Figures may contain
    other figures, as a village contains houses. A new mark removes the pixels that it covers from
    the masks of earlier marks and figures, with three exceptions: the figures that contain the new
    mark; marks of which the new mark is a detail (`concepts.DETAILS`), as a pupil is of an eye; and
    textures and shapes of the same figure.
    """

    def __init__(self, size: int) -> None:
        """Start with an empty image of `size` x `size` pixels."""
        self.size = size
        self._masks: dict[tuple[int, str], Mask] = {}  # by index of the figure, name of the mark
        self._figures: list[str] = []  # names of all figures
        self._open: list[int] = []  # indices of unfinished figures, the outermost first

    def begin_figure(self, name: str, everywhere: bool = False) -> None:
        """Begin a figure.

        With `everywhere`, the mask of the figure has all pixels of the image. Otherwise it has the
        pixels that its marks cover.
        """
        self._open.append(len(self._figures))
        self._figures.append(name)
        if everywhere:
            every = slice(0, self.size)
            self.add_mark((), every, every, np.ones((self.size, self.size), dtype=np.bool_))

    def end_figure(self) -> None:
        """End the innermost unfinished figure."""
        self._open.pop()

    def add_mark(self, names: tuple[str, ...], rows: slice, cols: slice, covered: Mask) -> None:
        """Add a mark to the innermost unfinished figure.

        Args:
            names: names of the mark, the concept first.
            rows, cols: window of the image.
            covered: whether the mark covers each pixel of the window, bool [rows, cols].
        """
        innermost = self._open[-1] if self._open else -1
        for (figure, name), mask in self._masks.items():
            if not self._stays_visible(figure, name, innermost, names):
                mask[rows, cols] &= ~covered
        keys = [(innermost, name) for name in names] + [(figure, FIGURE) for figure in self._open]
        for key in keys:
            if key not in self._masks:
                self._masks[key] = np.zeros((self.size, self.size), dtype=np.bool_)
            self._masks[key][rows, cols] |= covered

    def add_part(
        self,
        names: tuple[str, ...],
        rows: slice,
        cols: slice,
        covered: Mask,
        details: Mapping[str, Mask],
    ) -> None:
        """Add a mark, and its details as further marks.

        Args:
            names, rows, cols, covered: as for ``add_mark``.
            details: where in the window each detail is, such as the outline, by its name.
        """
        self.add_mark(names, rows, cols, covered)
        for name, where in details.items():
            self.add_mark((*names, name), rows, cols, covered & where)

    def _stays_visible(
        self, figure: int, name: str, innermost: int, names: tuple[str, ...]
    ) -> bool:
        """Return whether an earlier mark stays visible under a new mark.

        The earlier mark has the name `name` and belongs to the figure `figure`. The new mark has
        the names `names` and belongs to the figure `innermost`.
        """
        if name == FIGURE:
            return figure in self._open
        if figure != innermost:
            return False
        detail = bool(names) and names[0] in DETAILS.get(name, ())
        return detail or CONCEPTS.get(name) in LASTING

    def masks(self) -> dict[str, Mask]:
        """Return masks by concept, for all concepts with at least one visible pixel."""
        masks: dict[str, Mask] = {}
        for (figure, mark), mask in self._masks.items():
            name = self._figures[figure] if mark == FIGURE else mark
            for concept in (name, *ALSO.get(name, ())):
                if concept in CONCEPTS and mask.any():
                    masks[concept] = masks[concept] | mask if concept in masks else mask.copy()
        return masks


def colours(image: Pixels) -> dict[str, Mask]:
    """Return masks by name of the colour, for all colours in an image uint8 [size, size, 3].

    Each pixel is in exactly one mask. The bounds between colours are constants of this module.
    """
    pixels = image.astype(np.float32) / np.float32(255.0)
    value, low = pixels.max(axis=2), pixels.min(axis=2)
    spread = value - low
    saturation = spread / np.maximum(value, 1e-6)
    hue = _hue(pixels, value, spread)
    names = np.full(hue.shape, "black", dtype=f"<U{max(map(len, COLOURS))}")
    coloured = value >= DARK
    pale = coloured & (saturation < PALE)
    names[pale] = np.where(value[pale] >= BRIGHT, "white", "grey")
    vivid = coloured & ~pale
    ends = np.array([end for end, _ in HUES], dtype=np.float32)
    names[vivid] = np.array([name for _, name in HUES])[
        np.searchsorted(ends, hue[vivid], side="right")
    ]
    dark = vivid & (value < BROWN_VALUE) & (hue < DARK_YELLOW)
    names[dark & np.isin(names, BROWN_OF)] = "brown"
    rosy = vivid & (value >= BROWN_VALUE) & (saturation < PINK_SATURATION)
    names[rosy & (names == PINK_OF)] = "pink"
    return {name: names == name for name in COLOURS if (names == name).any()}


def _hue(pixels: npt.NDArray[np.float32], value: Mask, spread: Mask) -> npt.NDArray[np.float32]:
    """Return the hue of each pixel, from 0 to 1, as `colorsys.rgb_to_hsv` defines it; 0 for greys.

    `value` is the largest channel of each pixel. `spread` is the difference between the largest and
    the smallest channel.
    """
    red, green, blue = np.moveaxis(pixels, 2, 0)
    divisor = np.maximum(spread, 1e-6)
    sixths = np.select(
        [value == red, value == green],
        [(green - blue) / divisor, 2.0 + (blue - red) / divisor],
        4.0 + (red - green) / divisor,
    )
    hue: npt.NDArray[np.float32] = np.where(spread > 0, sixths / 6.0 % 1.0, 0.0).astype(np.float32)
    return hue


def edges(image: Pixels) -> dict[str, Mask]:
    """Return masks of the edges in an image uint8 [size, size, 3], by name.

    The names are those in `concepts.EDGES`, such as "rising edge" and "rising edge, lighter below".
    A pixel is on an edge if the brightness changes by at least `STEP` over three pixels (Sobel
    filter). The direction to the lighter side is rounded to eighths of a turn, clockwise from the
    right.
    """
    light = (image.astype(np.float32) @ np.array(LUMA, dtype=np.float32)) / np.float32(255.0)
    padded = np.pad(light, 1, mode="edge")
    smooth_down = (padded[:-2] + 2.0 * padded[1:-1] + padded[2:]) / 4.0
    smooth_across = (padded[:, :-2] + 2.0 * padded[:, 1:-1] + padded[:, 2:]) / 4.0
    across = smooth_down[:, 2:] - smooth_down[:, :-2]
    down = smooth_across[2:] - smooth_across[:-2]
    strong = np.hypot(across, down) >= STEP
    eighth = np.rint(np.arctan2(down, across) / (math.pi / 4)).astype(np.int64) % 8
    masks: dict[str, Mask] = {}
    # EDGES is ordered by the direction to the first of the two lighter sides, in eighths of a turn:
    # right (0), below right (1), below (2), below left (3).
    for direction, (line, sides) in enumerate(EDGES.items()):
        both = [strong & (eighth == direction), strong & (eighth == direction + OPPOSITE)]
        for name, mask in ((line, both[0] | both[1]), *zip(sides, both, strict=True)):
            if mask.any():
                masks[name] = mask
    return masks
