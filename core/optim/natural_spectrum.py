"""How much natural pictures hold of each frequency, to which ``canvas.MagnitudeConstrained`` keeps.

A ``Spectrum`` is the mean over pictures of the magnitude of each wave, in decorrelated colours, at
one reference size. Natural pictures look alike at every scale, so the spectrum for another size
holds, for the same number of waves across the picture, the same amplitude.
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
from core.optim.canvases import spectrum_of

# Height and width, in pixels, at which pictures are measured.
REFERENCE = 256
# Squares taken from along a picture's longer side, so that a panorama counts with all it shows.
SQUARES = 3
# Of a collection, so many pictures say what there is to say.
PICTURES_AT_MOST = 1000
# The photographs in colour that scikit-image bundles, by the names of their functions.
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "stereo_motorcycle")
KEY = "magnitude"


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The mean magnitudes of natural pictures.

    Attributes:
        magnitude: ``[3, REFERENCE, REFERENCE // 2 + 1]``, of an orthonormal transform.
    """

    magnitude: Tensor

    def at(self, size: tuple[int, int]) -> Tensor:
        """Give the magnitudes for a picture of another size, ``[3, H, W // 2 + 1]``.

        Beyond the finest wave that was measured, magnitudes fall as 1 / frequency, as those of
        natural pictures do (Field 1987).
        """
        height, width = size
        longer = max(height, width)
        rows = torch.fft.fftfreq(height, 1 / height)[:, None] * (longer / height)  # waves across
        cols = torch.fft.rfftfreq(width, 1 / width)[None] * (longer / width)
        finest = REFERENCE / 2 - 1
        beyond = (torch.maximum(rows.abs(), cols.abs()) / finest).clamp(min=1)
        rows, cols = (rows / beyond).expand(beyond.shape), (cols / beyond).expand(beyond.shape)
        # From -REFERENCE / 2 up, so that neighbours in frequency are neighbours in the tensor.
        centred = self.magnitude.roll(REFERENCE // 2, dims=1)
        places = torch.stack(
            [
                2 * cols / (centred.shape[2] - 1) - 1,
                2 * (rows + REFERENCE // 2) / (REFERENCE - 1) - 1,
            ],
            dim=-1,
        )
        found = F.grid_sample(centred[None], places[None], align_corners=True)[0]
        # An orthonormal transform of s pixels a side weighs a wave of one amplitude by s.
        magnitude: Tensor = found / beyond * (height * width) ** 0.5 / REFERENCE
        return magnitude

    def to_bytes(self) -> bytes:
        """Write it as safetensors."""
        return save({KEY: self.magnitude.contiguous()})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Spectrum":
        """Read what ``to_bytes`` wrote.

        Raises:
            ExplorerError: it is something else.
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
        """Name it by its content: 32 hexadecimal digits."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:32]


def measure(pictures: Iterable[Image.Image]) -> Spectrum:
    """Find the mean magnitudes of pictures and of their mirror images.

    Args:
        pictures: of which at most ``PICTURES_AT_MOST`` are taken.

    Raises:
        ExplorerError: there are no pictures.
    """
    total, count = torch.zeros(3, REFERENCE, REFERENCE // 2 + 1, dtype=torch.float64), 0
    for number, picture in enumerate(pictures):
        if number == PICTURES_AT_MOST:
            break
        squares = _squares(picture)
        both = torch.cat([squares, squares.flip(3)])
        total += spectrum_of(both).abs().double().sum(0)
        count += len(both)
    if not count:
        raise ExplorerError("there are no pictures to take a spectrum of")
    return Spectrum((total / count).float())


def _squares(picture: Image.Image) -> Tensor:
    """Take squares along a picture's longer side, ``[SQUARES, 3, REFERENCE, REFERENCE]``."""
    side = min(picture.size)
    left, top = (long - side for long in picture.size)
    taken = []
    for number in range(SQUARES):
        right, down = (round(room * number / (SQUARES - 1)) for room in (left, top))
        square = picture.crop((right, down, right + side, down + side))
        taken.append(square.resize((REFERENCE, REFERENCE), Image.Resampling.LANCZOS))
    return torch.cat([image_io.to_tensor(square) for square in taken])


@functools.cache
def photographs() -> Spectrum:
    """Give the spectrum of the photographs that scikit-image bundles."""
    import skimage.data

    taken = (getattr(skimage.data, name)() for name in PHOTOGRAPHS)
    arrays = (it[0] if isinstance(it, tuple) else it for it in taken)
    return measure(Image.fromarray(array) for array in arrays)
