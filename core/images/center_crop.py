"""The centre crop of photographs for a network, and which image pixels an input pixel depends on.

The centre crop is the largest window in the centre of an image with the proportions of the
network's input. It is scaled to the input size. So nothing is distorted, and as little as possible
is cropped. Boxes are half open, (top, left, bottom, right).
"""

import math
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.errors import BadPicture

Box = tuple[int, int, int, int]

# Included in fingerprints. This text must be changed whenever the code is changed so that the same
# image gives a different network input.
METHOD = "middle window, bilinear 1"
BILINEAR, BICUBIC = "bilinear", "bicubic"
# By filter: its name in Pillow, and half its width in output pixels (Pillow's `support`).
FILTERS = {BILINEAR: (Image.Resampling.BILINEAR, 1.0), BICUBIC: (Image.Resampling.BICUBIC, 2.0)}
# How ``Framing.method`` names what is not the default.
OTHER_METHOD = re.compile(r"middle (0\.\d{1,4}|1\.0) of the window, (bilinear|bicubic) 1")
# A JPEG decoder can reduce an image by these factors. Sides are rounded up.
REDUCTIONS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Framing:
    """How photographs are prepared for a network.

    Attributes:
        share: share of the largest window that a network sees, from 0 (exclusive) to 1. timm's
            networks are tested on the inner 7/8 or so, where photographs show their subject.
        filter: the filter with which the window is scaled, one of ``FILTERS``.
    """

    share: float = 1.0
    filter: str = BILINEAR

    @property
    def method(self) -> str:
        """The text that names this preparation in fingerprints and in indexes."""
        if self == LARGEST:
            return METHOD
        return f"middle {self.share} of the window, {self.filter} 1"

    @classmethod
    def of_method(cls, method: str) -> "Framing":
        """Return what ``method`` names; the default for any other text."""
        found = OTHER_METHOD.fullmatch(method)
        return cls() if found is None else cls(float(found[1]), found[2])


# The largest window, of which nothing is left out.
LARGEST = Framing()


@dataclass(frozen=True)
class CenterCrop:
    """The centre crop of an image for a network.

    Attributes:
        picture: (height, width) of the image at full size, before a reduction in decoding.
        size: (height, width) of the network's input.
        framing: which share of the largest window is used, and how it is scaled.
    """

    picture: tuple[int, int]
    size: tuple[int, int]
    framing: Framing = LARGEST

    @property
    def scale(self) -> float:
        """Number of full-size image pixels per input pixel, along each axis."""
        whole = min(self.picture[0] / self.size[0], self.picture[1] / self.size[1])
        return whole * self.framing.share

    @property
    def window(self) -> tuple[float, float, float, float]:
        """The cropped window, (top, left, bottom, right) in full-size image pixels."""
        top, left, bottom, right = self._largest_window
        if self.framing.share == 1.0:
            return top, left, bottom, right
        down, across = ((1 - self.framing.share) / 2 * it for it in (bottom - top, right - left))
        return top + down, left + across, bottom - down, right - across

    @property
    def _largest_window(self) -> tuple[float, float, float, float]:
        """The largest window with the proportions of the input.

        It is never outside the image, not even by a rounding error: each edge is the quotient of
        two integers, and the rounded quotient of a smaller dividend is never larger.
        """
        (height, width), (rows, cols) = self.picture, self.size
        if height * cols <= width * rows:  # The window is as high as the image.
            excess, whole = width * rows - height * cols, width * rows + height * cols
            return 0.0, excess / (2 * rows), float(height), whole / (2 * rows)
        excess, whole = height * cols - width * rows, height * cols + width * rows
        return excess / (2 * cols), 0.0, whole / (2 * cols), float(width)

    @property
    def pixel_window(self) -> Box:
        """The window rounded to whole pixels: at least one pixel, and inside the image."""
        top, left, bottom, right = map(round, self.window)
        top, left = min(top, self.picture[0] - 1), min(left, self.picture[1] - 1)
        return top, left, max(bottom, top + 1), max(right, left + 1)

    def network_input(self, picture: Image.Image) -> npt.NDArray[np.uint8]:
        """Return the network input, uint8 ``[H, W, 3]``.

        Args:
            picture: the image, RGB, at full size or as ``open_reduced`` decodes it at a smaller
                size.

        Raises:
            BadPicture: the image has another size, because its file was replaced.
        """
        reduction = self._reduction(picture)
        top, left, bottom, right = (edge / reduction for edge in self.window)
        height, width = self.size
        if reduction == 1 and self.picture == self.size and self.framing.share == 1.0:
            return np.asarray(picture)
        box = (left, top, right, bottom)
        return np.asarray(picture.resize((width, height), FILTERS[self.framing.filter][0], box))

    def _reduction(self, picture: Image.Image) -> int:
        """Return the factor by which the decoder reduced an image."""
        for reduction in REDUCTIONS:
            # The last row and column of a reduced image may cover fewer full-size pixels.
            if picture.size[::-1] == tuple(-(-side // reduction) for side in self.picture):
                return reduction
        raise self._other_size(picture)

    def require_full_size(self, picture: Image.Image) -> None:
        """Check that an image has the size that this crop was made for.

        Raises:
            BadPicture: it has another size, because its file was replaced.
        """
        if picture.size != self.picture[::-1]:
            raise self._other_size(picture)

    def _other_size(self, picture: Image.Image) -> BadPicture:
        return BadPicture(
            f"an image has {picture.height} x {picture.width} pixels now, and had "
            f"{self.picture[0]} x {self.picture[1]} when it was indexed; index the collection again"
        )

    def box_in_image(self, box: Box) -> Box:
        """Return the box of full-size image pixels that a box of input pixels depends on.

        The returned box contains every image pixel that contributes to the input pixels, even with
        a very small weight.
        """
        reach = self._support * max(self.scale, 1.0)
        top, left, bottom, right = box
        first_row, first_col, _, _ = self.window
        rows = _source_interval(first_row, top, bottom, self.scale, reach, self.picture[0])
        cols = _source_interval(first_col, left, right, self.scale, reach, self.picture[1])
        return rows[0], cols[0], rows[1], cols[1]

    def extent_in_image(self, pixels: int) -> int:
        """Return how many image pixels a row of ``pixels`` input pixels depends on.

        A column depends on as many. The result is for the inside of an image; near its borders,
        fewer pixels exist.
        """
        return math.ceil((pixels - 1) * self.scale + 2 * self._support * max(self.scale, 1.0))

    @property
    def _support(self) -> float:
        """Half the width of the filter, in output pixels."""
        return FILTERS[self.framing.filter][1]


def _source_interval(
    first: float, start: int, stop: int, scale: float, reach: float, extent: int
) -> tuple[int, int]:
    """Return the interval of image pixels that input pixels depend on, along one axis.

    Args:
        first: first image pixel of the cropped window.
        start, stop: the input pixels, half open.
        scale: image pixels per input pixel.
        reach: half the width of the resizing filter in image pixels.
        extent: number of image pixels.
    """
    # Input pixel i has its centre at i + 1/2. The filter weights an image pixel by the distance
    # between the two centres.
    low = first + (start + 0.5) * scale - reach
    high = first + (stop - 0.5) * scale + reach
    return max(0, math.floor(low)), min(extent, math.ceil(high))
