"""How a photograph meets a network: which window of it is seen, and how pixels correspond.

The largest window in the middle of a picture that has the network's proportions is scaled to its
input size, so nothing is distorted and as much as possible is seen. Boxes are half open, (top,
left, bottom, right).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Box = tuple[int, int, int, int]

# Names the preprocessing in fingerprints; rises when the same picture gives another input.
METHOD = "middle window, bilinear 1"
# Output pixels that a bilinear filter reaches to either side of its centre (Pillow's `support`).
SUPPORT = 1.0


@dataclass(frozen=True)
class CenterCrop:
    """The window of a picture that a network sees.

    Attributes:
        picture: (height, width) of the picture at full size.
        size: (height, width) of the network's input.
    """

    picture: tuple[int, int]
    size: tuple[int, int]

    @property
    def scale(self) -> float:
        """Pixels of the picture to one of the input."""
        return min(self.picture[0] / self.size[0], self.picture[1] / self.size[1])

    @property
    def window(self) -> tuple[float, float, float, float]:
        """What is seen of the picture, in its pixels."""
        height, width = self.scale * self.size[0], self.scale * self.size[1]
        top, left = (self.picture[0] - height) / 2, (self.picture[1] - width) / 2
        return top, left, top + height, left + width

    def see(self, picture: Image.Image) -> npt.NDArray[np.uint8]:
        """Turn the picture, RGB at full size or reduced, into input ``[H, W, 3]``."""
        # A JPEG is reduced by a whole number; its last row and column may stand for less.
        smaller = max(1, round(max(self.picture) / max(picture.size)))
        top, left, bottom, right = (edge / smaller for edge in self.window)
        box = (left, top, min(right, picture.width), min(bottom, picture.height))
        height, width = self.size
        if box == (0, 0, width, height) and picture.size == (width, height):
            return np.asarray(picture)
        return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box))

    def to_picture(self, box: Box) -> Box:
        """Tell which pixels of the picture, at full size, a box of the input's pixels depends on.

        It is exact: every pixel with a part in the box, however small, is inside.
        """
        reach = SUPPORT * max(self.scale, 1.0)
        top, left, bottom, right = box
        first_row, first_col, _, _ = self.window
        rows = _interval(first_row, top, bottom, self.scale, reach, self.picture[0])
        cols = _interval(first_col, left, right, self.scale, reach, self.picture[1])
        return rows[0], cols[0], rows[1], cols[1]

    def reach(self, pixels: int) -> int:
        """Tell how many of an endless picture's pixels so many of the input's depend on, a side."""
        return math.ceil((pixels - 1) * self.scale + 2 * SUPPORT * max(self.scale, 1.0))


def _interval(
    first: float, start: int, stop: int, scale: float, reach: float, extent: int
) -> tuple[int, int]:
    """Tell which of ``extent`` pixels the outputs from ``start`` to ``stop`` depend on."""
    # Output i is centred at i + 1/2, and weighs pixels by the distance of their own centres.
    low = first + (start + 0.5) * scale - reach
    high = first + (stop - 0.5) * scale + reach
    return max(0, math.floor(low)), min(extent, math.ceil(high))
