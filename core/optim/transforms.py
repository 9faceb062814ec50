"""Transforms of images between canvas and network: padding, and small random movements.

Images that excite a unit only as long as they do not move at all are mostly noise. Images that
excite the unit also after a small shift, scaling and rotation are easier for people to interpret
(Olah, Mordvintsev and Schubert, Distill 2017).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.devices import falls_back, like
from core.images.resize import pad_symmetrically


@dataclass(frozen=True)
class SymmetricPad:
    """Padding by the mirror image, without any movement.

    It is for style transfer, where the image is compared with another image and must not move.
    Without padding, pixels at the border would influence fewer activations than other pixels. If a
    convolution has no padding, they might influence no activation. The pixels of the border are
    repeated, too, so that all pixels have the same influence (``core.style.border``).

    Attributes:
        width: padding in pixels on each side.
    """

    width: int = 8

    def __call__(self, image: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return images ``[N, C, H, W]`` as ``[N, C, H + 2 width, W + 2 width]``."""
        return pad_symmetrically(image, self.width)


@dataclass(frozen=True)
class RandomAffine:
    """Random affine map of a whole batch: jitter, scale and rotation in one resampling.

    The default ranges are Lucid's: 8 pixels of jitter at 128 pixels, scale 0.9 to 1.1, 10 degrees.
    Lucid pads the image with grey, which creates an edge that units respond to. Here the image is
    padded by reflection, so that there is no such edge, and the border is optimised like the
    centre.

    Attributes:
        jitter: largest shift along each axis, as a fraction of the image's shorter side.
        scale: largest relative change of size, ``0.1`` for 0.9 to 1.1.
        rotate: largest rotation to either side, in degrees.
    """

    jitter: float = 1 / 16
    scale: float = 0.1
    rotate: float = 10.0

    def __call__(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Return images ``[N, 3, H, W]``, all of them moved by the same random map."""
        height, width = image.shape[2:]
        rotation, growth, down, right = (2 * torch.rand(4, generator=generator) - 1).tolist()
        angle = math.radians(self.rotate * rotation)
        zoom = 1 / (1 + self.scale * growth)
        jitter = self.jitter * min(height, width)
        # Coordinates of affine_grid run from -1 to 1 along both axes, so a rotation in pixels has
        # to be scaled by the image's aspect ratio.
        theta = torch.tensor(
            [
                [
                    zoom * math.cos(angle),
                    -zoom * math.sin(angle) * height / width,
                    2 * jitter * right / width,
                ],
                [
                    zoom * math.sin(angle) * width / height,
                    zoom * math.cos(angle),
                    2 * jitter * down / height,
                ],
            ]
        )
        return _resample(image, theta)


@dataclass(frozen=True)
class RandomShift:
    """Random shift of a whole batch by whole pixels, which keeps all details sharp.

    The positions of a layer with a stride of 2, 4 or 16 pixels form a grid. If the image did not
    move, the pattern of this grid would become visible in it. The original DeepDream shifts images
    cyclically. This joins opposite borders of the image, and the network would amplify the seam.
    Here images are padded by reflection, so that there is no seam.

    Attributes:
        reach: largest shift along each axis, in pixels.
    """

    reach: int = 16

    def __call__(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Return images ``[N, 3, H, W]`` shifted by one random vector, in the same shape."""
        height, width = image.shape[2:]
        reach = min(self.reach, height - 1, width - 1)
        down, right = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
        padding = (max(right, 0), max(-right, 0), max(down, 0), max(-down, 0))
        padded = F.pad(image, padding, mode="reflect")
        top, left = max(-down, 0), max(-right, 0)
        return padded[..., top : top + height, left : left + width]


@dataclass(frozen=True)
class RandomCrop:
    """Random crop of a whole batch, enlarged to full size, with added noise.

    It is for images whose magnitudes are fixed (``canvases.MagnitudeConstrained``): an ascent
    cannot remove high frequencies from them. With crops, every part of the image has to excite the
    unit without the rest, which makes the image clearer. After Fel et al., "Unlocking Feature
    Visualization for Deeper Networks with MAgnitude Constrained Optimization" (NeurIPS 2023). They
    use 16 crops per step, with 20% to 25% of the side of an image of 1280 pixels. Images here are
    hardly larger than the network's input, so there is one larger crop per step, padded by
    reflection.

    Attributes:
        smallest, largest: side of a crop, as a fraction of the image's side.
        centre: standard deviation of the offset between the centres of the crop and of the image
            along each axis, as a fraction of the image's side.
        noise: standard deviation of the added normal noise, and width of the added uniform noise,
            as a fraction of the full range of pixel values.
    """

    smallest: float = 0.4
    largest: float = 0.9
    centre: float = 0.15
    noise: float = 0.03

    def __call__(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Return the same random crop of each image, ``[N, 3, H, W]`` as the images."""
        fraction = torch.rand((), generator=generator).item()
        side = self.smallest + (self.largest - self.smallest) * fraction
        down, right = (self.centre * 2 * torch.randn(2, generator=generator)).tolist()
        theta = torch.tensor([[side, 0.0, right], [0.0, side, down]])
        crop = _resample(image, theta)
        # Noise is drawn on the CPU, so that a seed gives the same noise on every device.
        normal = torch.randn(image.shape, generator=generator)
        uniform = torch.rand(image.shape, generator=generator) - 0.5
        return crop + like(self.noise * (normal + uniform), image)


@falls_back
def _resample(image: Tensor, theta: Tensor) -> Tensor:
    """Resample images ``[N, 3, H, W]`` by an affine map ``[2, 3]``, with reflection padding.

    The map is from coordinates of the result to coordinates of the image, both from -1 to 1.
    """
    count, _, height, width = image.shape
    # Stack images as channels of fewer images, so that interpolation weights are computed once per
    # stack. The threads process stacks in parallel, so their number divides that of threads.
    groups = math.gcd(count, torch.get_num_threads())
    # The six numbers of the map are sent to the device, not the positions of all pixels.
    theta = theta.to(image.device, non_blocking=image.device.type == "cuda")
    grid = F.affine_grid(theta[None], [1, 1, height, width], False).expand(groups, -1, -1, -1)
    stacked = image.reshape(groups, -1, height, width)
    resampled = F.grid_sample(
        stacked, grid.to(image), padding_mode="reflection", align_corners=False
    )
    return resampled.view_as(image)
