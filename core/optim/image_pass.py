"""One pass of a batch of images through a network, forward and backward."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.images.tiles import Tiles
from core.networks.network import FeatureExtractor, Network

Transform = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class ImagePass:
    """What an objective needs to compute its gradient with respect to a batch of images.

    Attributes:
        network: the network.
        extractor: the network without everything after the deepest layer that the objective reads.
        image: the images, ``[N, 3, H, W]`` in ``[0, 1]``; the gradient is with respect to them.
        transform: function that shifts, scales, crops or pads the images before they enter the
            network.
        generator: random generator of the transform.
        tiles: how to split images that are too large for the network; None for no tiles.
        borders: random generator of the tiles' borders. It is not ``generator``, so that the
            transform moves the images in the same way with and without tiles.
    """

    network: Network
    extractor: FeatureExtractor
    image: Tensor
    transform: Transform
    generator: torch.Generator
    tiles: Tiles | None
    borders: torch.Generator
