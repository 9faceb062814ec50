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
class Wobble:
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
        size = [image.shape[0], image.shape[1], height, width]
        grid = F.affine_grid(theta.expand(size[0], 2, 3), size, align_corners=False)
        return F.grid_sample(image, grid.to(image), padding_mode="reflection", align_corners=False)
