"""The ground truth of a drawing: which pixels show which concept.

Parts, things, textures and shapes come from the marks as they are painted; colours and edges from
the finished picture. All masks are bool [size, size].
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from core.sketchworld.concepts import ALSO, COLOURS, CONCEPTS, DETAILS, EDGES
from core.sketchworld.palette import LUMA

Mask = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.uint8]

WHOLE = ""  # stands for a figure itself, beside the names of its marks
COVERED = 0.5  # a mark has the pixels of which it covers at least this share
LASTING = ("texture", "shape")  # stay what they are when their own figure paints on them

# Of a colour with hue, saturation and value between 0 and 1.
DARK, PALE, BRIGHT = 0.2, 0.13, 0.85  # black below; grey or white below; white from here on
BROWN_VALUE = 0.62  # orange and yellow darker than this are brown
PINK_SATURATION = 0.55  # red paler than this is pink
HUES = (  # the hue where each colour ends
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
DARK_YELLOW = 0.15  # hues beyond this are olive when dark, not brown

OPPOSITE = 4  # eighths of a turn
STEP = 0.12  # least change of brightness across an edge, three pixels wide


class Annotation:
    """Collects what each mark of a drawing covers, and what later marks leave of it.

    Marks belong to figures, and figures may hold further figures: a house stands in a village. A
    mark hides what is under it, except that it belongs to its own figures and to what it is a
    detail of, and that textures and shapes stay under what their own figure paints on them.
    """

    def __init__(self, size: int) -> None:
        """Start with an empty picture of `size` x `size` pixels."""
        self.size = size
        self._seen: dict[tuple[int, str], Mask] = {}  # by figure and mark
        self._figures: list[str] = []  # the name of each
        self._open: list[int] = []  # those that are being painted, the outermost first

    def enter(self, name: str, everywhere: bool = False) -> None:
        """Begin a figure; with `everywhere` it has all pixels, whatever its marks cover."""
        self._open.append(len(self._figures))
        self._figures.append(name)
        if everywhere:
            every = slice(0, self.size)
            self.lay((), every, every, np.ones((self.size, self.size), dtype=np.bool_))

    def leave(self) -> None:
        """End the figure that was begun last."""
        self._open.pop()

    def lay(self, names: tuple[str, ...], rows: slice, cols: slice, covered: Mask) -> None:
        """Lay a mark with some names over a window of the picture, where `covered` is true."""
        own = self._open[-1] if self._open else -1
        for (figure, name), seen in self._seen.items():
            if not self._stays(figure, name, own, names):
                seen[rows, cols] &= ~covered
        belongs = [(own, name) for name in names] + [(figure, WHOLE) for figure in self._open]
        for key in belongs:
            if key not in self._seen:
                self._seen[key] = np.zeros((self.size, self.size), dtype=np.bool_)
            self._seen[key][rows, cols] |= covered

    def _stays(self, figure: int, name: str, own: int, names: tuple[str, ...]) -> bool:
        """Return whether a mark leaves an earlier one of that figure and name as it is."""
        if name == WHOLE:
            return figure in self._open
        if figure != own:
            return False
        detail = bool(names) and names[0] in DETAILS.get(name, ())
        return detail or CONCEPTS.get(name) in LASTING

    def masks(self) -> dict[str, Mask]:
        """Return the pixels of every concept of which some are left."""
        found: dict[str, Mask] = {}
        for (figure, mark), seen in self._seen.items():
            name = self._figures[figure] if mark == WHOLE else mark
            for concept in (name, *ALSO.get(name, ())):
                if concept in CONCEPTS and seen.any():
                    found[concept] = found[concept] | seen if concept in found else seen.copy()
        return found


def colours(image: Pixels) -> dict[str, Mask]:
    """Return the pixels of every named colour in a picture, uint8 [size, size, 3].

    Each pixel has one colour; bounds of hue, saturation and value are those of the constants above.
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
    """Return the hue of each pixel between 0 and 1, as `colorsys.rgb_to_hsv` does; 0 for greys."""
    red, green, blue = np.moveaxis(pixels, 2, 0)
    room = np.maximum(spread, 1e-6)
    turns = np.select(
        [value == red, value == green],
        [(green - blue) / room, 2.0 + (blue - red) / room],
        4.0 + (red - green) / room,
    )
    found: npt.NDArray[np.float32] = np.where(spread > 0, turns / 6.0 % 1.0, 0.0).astype(np.float32)
    return found


def edges(image: Pixels) -> dict[str, Mask]:
    """Return the pixels of edges in a picture, by their direction and by their lighter side.

    An edge is where brightness changes by at least `STEP` over three pixels (Sobel's filter). The
    way to its lighter side is rounded to eighths of a turn, clockwise from the right.
    """
    light = (image.astype(np.float32) @ np.array(LUMA, dtype=np.float32)) / np.float32(255.0)
    padded = np.pad(light, 1, mode="edge")
    smooth_down = (padded[:-2] + 2.0 * padded[1:-1] + padded[2:]) / 4.0
    smooth_across = (padded[:, :-2] + 2.0 * padded[:, 1:-1] + padded[:, 2:]) / 4.0
    across = smooth_down[:, 2:] - smooth_down[:, :-2]
    down = smooth_across[2:] - smooth_across[:-2]
    strong = np.hypot(across, down) >= STEP
    eighth = np.rint(np.arctan2(down, across) / (math.pi / 4)).astype(np.int64) % 8
    found: dict[str, Mask] = {}
    for way, (line, sides) in enumerate(EDGES.items()):  # the way to the first lighter side
        both = [strong & (eighth == way), strong & (eighth == way + OPPOSITE)]
        for name, mask in ((line, both[0] | both[1]), *zip(sides, both, strict=True)):
            if mask.any():
                found[name] = mask
    return found
