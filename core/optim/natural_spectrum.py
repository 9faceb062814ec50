"""Mean magnitudes of the frequencies of natural images, for ``canvases.MagnitudeConstrained``.

A ``Spectrum`` is the mean over images of the magnitude of each frequency, in decorrelated colours,
at one reference size. The statistics of natural images do not depend on the scale. Therefore waves
with the same number of cycles across the image have the same amplitude at all image sizes, and
``Spectrum.at`` computes the magnitudes for other sizes.
"""

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from core.errors import ExplorerError
from core.images import image_io
from core.images.channels import COLOUR
from core.optim.canvases import spectrum_of

# Height and width, in pixels, of the squares that are measured.
REFERENCE = 256
# Number of square crops along an image's longer side, so that all of a wide image is measured.
SQUARES = 3
# Use at most this many images; more hardly change the mean spectrum.
IMAGES_AT_MOST = 1000
# The photographs in colour that scikit-image bundles, by the names of their functions.
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "stereo_motorcycle")
KEY = "magnitude"


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Mean magnitudes of natural images.

    Attributes:
        magnitude: ``[3, REFERENCE, REFERENCE // 2 + 1]``, of an orthonormal transform.
    """

    magnitude: Tensor

    def at(self, size: tuple[int, int], channels: int = COLOUR) -> Tensor:
        """Return the magnitudes for images of (height, width), ``[C, H, W // 2 + 1]``.

        For other than three channels, they are those of light for each channel.

        Above the highest frequency that was measured, magnitudes fall as 1 / frequency, as in
        natural images (Field 1987).
        """
        height, width = size
        longer = max(height, width)
        rows = torch.fft.fftfreq(height, 1 / height)[:, None] * (longer / height)  # cycles across
        cols = torch.fft.rfftfreq(width, 1 / width)[None] * (longer / width)
        finest = REFERENCE / 2 - 1
        beyond = (torch.maximum(rows.abs(), cols.abs()) / finest).clamp(min=1)
        rows, cols = (rows / beyond).expand(beyond.shape), (cols / beyond).expand(beyond.shape)
        # Sort the rows by frequency, so that the interpolation is between adjacent frequencies.
        centred = self.magnitude.roll(REFERENCE // 2, dims=1)
        grid = torch.stack(
            [
                2 * cols / (centred.shape[2] - 1) - 1,
                2 * (rows + REFERENCE // 2) / (REFERENCE - 1) - 1,
            ],
            dim=-1,
        )
        resampled = F.grid_sample(centred[None], grid[None], align_corners=True)[0]
        # In an orthonormal transform, a wave's magnitude is its amplitude times the side in pixels.
        magnitude: Tensor = resampled / beyond * (height * width) ** 0.5 / REFERENCE
        return magnitude if channels == COLOUR else magnitude[:1].repeat(channels, 1, 1)

    def to_bytes(self) -> bytes:
        """Return the spectrum in the safetensors format."""
        return save({KEY: self.magnitude.contiguous()})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Spectrum":
        """Read a spectrum that ``to_bytes`` wrote.

        Raises:
            ExplorerError: the data is not a spectrum of this format.
        """
        shape = (3, REFERENCE, REFERENCE // 2 + 1)
        try:
            magnitude = load(data)[KEY]
        except (SafetensorError, KeyError) as error:
            raise ExplorerError(f"this is no spectrum of pictures: {error}") from error
        if tuple(magnitude.shape) != shape or not bool(magnitude.isfinite().all()):
            raise ExplorerError(f"this is no spectrum of pictures: its shape is not {shape}")
        return cls(magnitude.float())

    @property
    def fingerprint(self) -> str:
        """Hash of the content: 32 hexadecimal digits."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:32]


def measure(pictures: Iterable[Image.Image]) -> Spectrum:
    """Compute the mean magnitudes of images and of their mirror images.

    Args:
        pictures: the images, of which at most ``IMAGES_AT_MOST`` are used.

    Raises:
        ExplorerError: there are no images.
    """
    total, count = torch.zeros(3, REFERENCE, REFERENCE // 2 + 1, dtype=torch.float64), 0
    for number, picture in enumerate(pictures):
        if number == IMAGES_AT_MOST:
            break
        squares = _squares(picture)
        both = torch.cat([squares, squares.flip(3)])
        total += spectrum_of(both).abs().double().sum(0)
        count += len(both)
    if not count:
        raise ExplorerError("there are no pictures to take a spectrum of")
    return Spectrum((total / count).float())


def _squares(picture: Image.Image) -> Tensor:
    """Crop squares along an image's longer side, ``[SQUARES, 3, REFERENCE, REFERENCE]``."""
    side = min(picture.size)
    free = tuple(length - side for length in picture.size)
    squares = []
    for number in range(SQUARES):
        left, top = (round(pixels * number / (SQUARES - 1)) for pixels in free)
        square = picture.crop((left, top, left + side, top + side))
        squares.append(square.resize((REFERENCE, REFERENCE), Image.Resampling.LANCZOS))
    return torch.cat([image_io.to_tensor(square) for square in squares])


@functools.cache
def photographs() -> Spectrum:
    """Return the spectrum of the photographs that scikit-image bundles."""
    import skimage.data

    loaded = (getattr(skimage.data, name)() for name in PHOTOGRAPHS)
    # A stereo photograph is a tuple with two views of the same scene.
    arrays = (it[0] if isinstance(it, tuple) else it for it in loaded)
    return measure(Image.fromarray(array) for array in arrays)
