"""Preprocessing of photographs for a network: the centre crop, and how its pixels correspond.

The largest window in the centre of an image that has the proportions of the network's input is
scaled to the input size. So nothing is distorted, and as little as possible is cropped. Boxes are
half open, (top, left, bottom, right).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Box = tuple[int, int, int, int]

# Part of fingerprints. It must change when the same image gives another network input.
METHOD = "middle window, bilinear 1"
# Half the width of the bilinear filter, in output pixels (Pillow's `support`).
FILTER_SUPPORT = 1.0


@dataclass(frozen=True)
class CenterCrop:
    """The centre crop of an image for a network.

    Attributes:
        picture: (height, width) of the image at full size.
        size: (height, width) of the network's input.
    """

    picture: tuple[int, int]
    size: tuple[int, int]

    @property
    def scale(self) -> float:
        """Image pixels per input pixel."""
        return min(self.picture[0] / self.size[0], self.picture[1] / self.size[1])

    @property
    def window(self) -> tuple[float, float, float, float]:
        """The cropped window, (top, left, bottom, right) in image pixels."""
        height, width = self.scale * self.size[0], self.scale * self.size[1]
        top, left = (self.picture[0] - height) / 2, (self.picture[1] - width) / 2
        return top, left, top + height, left + width

    def network_input(self, picture: Image.Image) -> npt.NDArray[np.uint8]:
        """Return the network input, uint8 ``[H, W, 3]``, of an RGB image, full-size or reduced."""
        # A JPEG is reduced by a whole number; its last row and column may cover fewer pixels.
        reduction = max(1, round(max(self.picture) / max(picture.size)))
        top, left, bottom, right = (edge / reduction for edge in self.window)
        box = (left, top, min(right, picture.width), min(bottom, picture.height))
        height, width = self.size
        if box == (0, 0, width, height) and picture.size == (width, height):
            return np.asarray(picture)
        return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box))

    def box_in_image(self, box: Box) -> Box:
        """Return the box of full-size image pixels that a box of input pixels depends on.

        It is exact: it contains every pixel that contributes to the box, however little.
        """
        reach = FILTER_SUPPORT * max(self.scale, 1.0)
        top, left, bottom, right = box
        first_row, first_col, _, _ = self.window
        rows = _source_interval(first_row, top, bottom, self.scale, reach, self.picture[0])
        cols = _source_interval(first_col, left, right, self.scale, reach, self.picture[1])
        return rows[0], cols[0], rows[1], cols[1]

    def extent_in_image(self, pixels: int) -> int:
        """Return how many image pixels a run of ``pixels`` input pixels depends on, along one axis.

        The borders of the image are ignored.
        """
        return math.ceil((pixels - 1) * self.scale + 2 * FILTER_SUPPORT * max(self.scale, 1.0))


def _source_interval(
    first: float, start: int, stop: int, scale: float, reach: float, extent: int
) -> tuple[int, int]:
    """Return which of ``extent`` pixels the outputs from ``start`` to ``stop`` depend on."""
    # Output i is centred at i + 1/2, and weights pixels by the distance to their own centres.
    low = first + (start + 0.5) * scale - reach
    high = first + (stop - 0.5) * scale + reach
    return max(0, math.floor(low)), min(extent, math.ceil(high))
