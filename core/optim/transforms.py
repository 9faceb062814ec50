"""Small random movements of the image between canvas and network.

A picture that excites a neuron only where each pixel stands is noise; one that still does so when
it is shifted, scaled and turned a little is robust, and robust pictures are ones that people can
read (Olah, Mordvintsev and Schubert, Distill 2017).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class ReflectPad:
    """Mirror images beyond their border, always by as much, and move them no further.

    What is compared with another picture must not move. But networks see what lies at the border
    less than all else, or not at all where a convolution has no padding.

    Attributes:
        width: pixels on each side.
    """

    width: int = 8

    def __call__(self, image: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Turn images ``[N, C, H, W]`` into ``[N, C, H + 2 width, W + 2 width]``."""
        if min(image.shape[2:]) > self.width:
            return F.pad(image, (self.width,) * 4, mode="reflect")
        rows, cols = (_mirrored(side, self.width).to(image.device) for side in image.shape[2:])
        return image[..., rows[:, None], cols]


def _mirrored(side: int, beyond: int) -> Tensor:
    """List the places of a row between mirrors at its ends, and so many beyond on each side."""
    period = max(1, 2 * (side - 1))
    within = torch.arange(-beyond, side + beyond) % period
    return torch.minimum(within, period - within)


@dataclass(frozen=True)
class RandomAffine:
    """Move a whole batch by one random affine map: jitter, scale and rotation in one resampling.

    The strengths are Lucid's: 8 pixels of jitter at 128 pixels, scale 0.9 to 1.1, 10 degrees.
    Lucid surrounds the image with grey, which makes an edge that every neuron sees; here the image
    is mirrored beyond its border, so that all of it climbs alike.

    Attributes:
        jitter: largest shift along each axis, as a fraction of the picture's shorter side.
        scale: largest relative change of size, ``0.1`` for 0.9 to 1.1.
        rotate: largest turn to either side, in degrees.
    """

    jitter: float = 1 / 16
    scale: float = 0.1
    rotate: float = 10.0

    def __call__(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Move images ``[N, 3, H, W]`` by a fresh random map, the same for the whole batch."""
        height, width = image.shape[2:]
        turn, grow, down, right = (2 * torch.rand(4, generator=generator) - 1).tolist()
        angle = math.radians(self.rotate * turn)
        zoom = 1 / (1 + self.scale * grow)
        reach = self.jitter * min(height, width)
        # affine_grid's coordinates run from -1 to 1 along both axes, so a turn on pixels has to
        # be stretched by the picture's proportions.
        theta = torch.tensor(
            [
                [
                    zoom * math.cos(angle),
                    -zoom * math.sin(angle) * height / width,
                    2 * reach * right / width,
                ],
                [
                    zoom * math.sin(angle) * width / height,
                    zoom * math.cos(angle),
                    2 * reach * down / height,
                ],
            ]
        )
        return _move(image, theta)


@dataclass(frozen=True)
class RandomShift:
    """Move a whole batch by whole pixels, which keeps every detail as sharp as it is.

    Networks look at every second, fourth or sixteenth pixel; a picture that always lies the same
    under that grid takes on its pattern. The classic dream rolls the picture round its border;
    here it is mirrored there, so that nothing is dreamt into a seam that is none.

    Attributes:
        reach: largest shift along each axis, in pixels.
    """

    reach: int = 16

    def __call__(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Shift images ``[N, 3, H, W]``, all alike; the result has the same shape."""
        height, width = image.shape[2:]
        reach = min(self.reach, height - 1, width - 1)
        down, right = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
        edges = (max(right, 0), max(-right, 0), max(down, 0), max(-down, 0))
        wider = F.pad(image, edges, mode="reflect")
        top, left = max(-down, 0), max(-right, 0)
        return wider[..., top : top + height, left : left + width]


@dataclass(frozen=True)
class RandomCrop:
    """Show a random crop of a whole batch, enlarged to full size, under noise.

    A picture whose magnitudes are fixed cannot become clear by getting rid of noise; what it has
    to learn, every part of it has to show by itself. After Fel et al., "Unlocking Feature
    Visualization for Deeper Networks with MAgnitude Constrained Optimization" (NeurIPS 2023), who
    take 16 crops a step of 20% to 25% of a picture of 1280 pixels; pictures here are hardly larger
    than what the network sees, so crops are larger, one a step, and mirrored at the border.

    Attributes:
        smallest, largest: side of a crop, as fractions of the picture's.
        centre: standard deviation of the crop's centre from the picture's, as a fraction.
        noise: standard deviation of the normal noise that is added, and the width of the uniform
            noise, in units of the full range.
    """

    smallest: float = 0.4
    largest: float = 0.9
    centre: float = 0.15
    noise: float = 0.03

    def __call__(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Crop images ``[N, 3, H, W]``, all at the same place; the result has the same shape."""
        part = torch.rand((), generator=generator).item()
        side = self.smallest + (self.largest - self.smallest) * part
        down, right = (self.centre * 2 * torch.randn(2, generator=generator)).tolist()
        theta = torch.tensor([[side, 0.0, right], [0.0, side, down]])
        shown = _move(image, theta)
        # Drawn on the CPU, so that a seed means the same chance on every device.
        normal = torch.randn(image.shape, generator=generator)
        uniform = torch.rand(image.shape, generator=generator) - 0.5
        return shown + (self.noise * (normal + uniform)).to(image)


def _move(image: Tensor, theta: Tensor) -> Tensor:
    """Sample images ``[N, 3, H, W]`` where an affine map ``[2, 3]`` says, mirrored beyond borders.

    The map leads from places of the result to places of the image; both run from -1 to 1.
    """
    count, _, height, width = image.shape
    # Images move as channels of one, which saves computing the weights of the four neighbours
    # anew for each; or of as many as there are threads, each of which takes one.
    groups = math.gcd(count, torch.get_num_threads())
    grid = F.affine_grid(theta[None], [1, 1, height, width], False).expand(groups, -1, -1, -1)
    stacked = image.reshape(groups, -1, height, width)
    moved = F.grid_sample(stacked, grid.to(image), padding_mode="reflection", align_corners=False)
    return moved.view_as(image)
