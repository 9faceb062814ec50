"""The ground truth of a drawing: masks of the pixels that show each concept.

Masks of parts, objects, textures and shapes are collected while their marks are drawn. Masks of
colours and edges are computed from the finished image. All masks are bool [size, size].
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from core.sketchworld.concepts import ALSO, COLOURS, CONCEPTS, DETAILS, EDGES
from core.sketchworld.palette import LUMA

Mask = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.uint8]

FIGURE = ""  # key of a figure itself, where its marks have their names as keys
COVERED = 0.5  # share of a pixel that a mark must cover for the pixel to be in its mask
LASTING = ("texture", "shape")  # kinds that later marks of the same figure do not hide

# Bounds between named colours, for hue, saturation and value from 0 to 1.
DARK = 0.2  # value below which a colour is black
PALE = 0.13  # saturation below which a colour is grey or white
BRIGHT = 0.85  # value from which on a pale colour is white
BROWN_VALUE = 0.62  # value below which orange and yellow are brown
PINK_SATURATION = 0.55  # saturation below which red is pink
HUES = (  # the hue at which each colour ends
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
DARK_YELLOW = 0.15  # hue from which on dark colours are olive, not brown

OPPOSITE = 4  # an opposite direction, in eighths of a turn
STEP = 0.12  # least change of brightness across an edge, over three pixels


class Annotation:
    """Collects the visible pixels of each mark while a drawing is made.

    Marks belong to figures, and figures may contain other figures, as a village contains houses. A
    mark hides what is under it, with three exceptions: the figures to which it belongs; marks of
    which it is a detail; and textures and shapes of the same figure.
    """

    def __init__(self, size: int) -> None:
        """Start with an empty image of `size` x `size` pixels."""
        self.size = size
        self._masks: dict[tuple[int, str], Mask] = {}  # by figure and name of the mark
        self._figures: list[str] = []  # names of all figures
        self._open: list[int] = []  # figures that are not finished, the outermost first

    def begin_figure(self, name: str, everywhere: bool = False) -> None:
        """Begin a figure; with `everywhere` its mask has all pixels, whatever its marks cover."""
        self._open.append(len(self._figures))
        self._figures.append(name)
        if everywhere:
            every = slice(0, self.size)
            self.add_mark((), every, every, np.ones((self.size, self.size), dtype=np.bool_))

    def end_figure(self) -> None:
        """End the figure that was begun last."""
        self._open.pop()

    def add_mark(self, names: tuple[str, ...], rows: slice, cols: slice, covered: Mask) -> None:
        """Add a mark with some names where `covered`, a window of the image, is true."""
        innermost = self._open[-1] if self._open else -1
        for (figure, name), mask in self._masks.items():
            if not self._stays_visible(figure, name, innermost, names):
                mask[rows, cols] &= ~covered
        keys = [(innermost, name) for name in names] + [(figure, FIGURE) for figure in self._open]
        for key in keys:
            if key not in self._masks:
                self._masks[key] = np.zeros((self.size, self.size), dtype=np.bool_)
            self._masks[key][rows, cols] |= covered

    def _stays_visible(
        self, figure: int, name: str, innermost: int, names: tuple[str, ...]
    ) -> bool:
        """Return whether an earlier mark, of `figure` and `name`, is not hidden by a new one.

        The new mark has the names `names` and belongs to the figure `innermost`.
        """
        if name == FIGURE:
            return figure in self._open
        if figure != innermost:
            return False
        detail = bool(names) and names[0] in DETAILS.get(name, ())
        return detail or CONCEPTS.get(name) in LASTING

    def masks(self) -> dict[str, Mask]:
        """Return the mask of every concept with at least one visible pixel."""
        masks: dict[str, Mask] = {}
        for (figure, mark), mask in self._masks.items():
            name = self._figures[figure] if mark == FIGURE else mark
            for concept in (name, *ALSO.get(name, ())):
                if concept in CONCEPTS and mask.any():
                    masks[concept] = masks[concept] | mask if concept in masks else mask.copy()
        return masks


def colours(image: Pixels) -> dict[str, Mask]:
    """Return the mask of every named colour in an image, uint8 [size, size, 3].

    Each pixel has one colour. The constants above are the bounds of hue, saturation and value.
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
    """Compute the hue of each pixel from 0 to 1, as `colorsys.rgb_to_hsv` does; 0 for greys."""
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
    """Return masks of the edges in an image, by their direction and by their lighter side.

    An edge is where the brightness changes by at least `STEP` over three pixels (Sobel filter). The
    direction to the lighter side is rounded to eighths of a turn, clockwise from the right.
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
    # The order of EDGES is that of the directions to the first lighter side of each.
    for direction, (line, sides) in enumerate(EDGES.items()):
        both = [strong & (eighth == direction), strong & (eighth == direction + OPPOSITE)]
        for name, mask in ((line, both[0] | both[1]), *zip(sides, both, strict=True)):
            if mask.any():
                masks[name] = mask
    return masks
