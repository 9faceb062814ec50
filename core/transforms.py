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

# Grey stands beyond the picture's edge: it excites edge detectors less than black does.
GREY = 0.5


@dataclass(frozen=True)
class Wobble:
    """Move a whole batch by one random affine map: jitter, then scale, then rotation.

    One resampling does all three, and what comes in from outside the picture is grey. The sizes
    follow Lucid's: jitter 8 pixels, scale 0.9 to 1.1, rotation 10 degrees.

    Attributes:
        jitter: largest shift along each axis, in pixels.
        scale: largest relative change of size, ``0.1`` for 0.9 to 1.1.
        rotate: largest turn to either side, in degrees.
    """

    jitter: float = 8.0
    scale: float = 0.1
    rotate: float = 10.0

    def __call__(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Move images ``[N, 3, H, W]`` by a fresh random map, the same for the whole batch."""
        height, width = image.shape[2:]
        turn, grow, down, right = (2 * torch.rand(4, generator=generator) - 1).tolist()
        angle = math.radians(self.rotate * turn)
        zoom = 1 / (1 + self.scale * grow)
        # affine_grid's coordinates run from -1 to 1 along both axes, so a turn on pixels has to
        # be stretched by the picture's proportions.
        theta = torch.tensor(
            [
                [
                    zoom * math.cos(angle),
                    -zoom * math.sin(angle) * height / width,
                    2 * self.jitter * right / width,
                ],
                [
                    zoom * math.sin(angle) * width / height,
                    zoom * math.cos(angle),
                    2 * self.jitter * down / height,
                ],
            ]
        )
        size = [image.shape[0], image.shape[1], height, width]
        grid = F.affine_grid(theta.expand(size[0], 2, 3), size, align_corners=False)
        # grid_sample pads with zeros; around a shifted image those are grey.
        moved = F.grid_sample(image - GREY, grid.to(image), align_corners=False)
        return moved + GREY
