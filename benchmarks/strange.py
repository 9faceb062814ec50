"""Augmentation of the drawings on which the judge (``benchmarks.judge``) is trained.

The judge must recognise images that maximise a unit. Such images have vivid, iridescent colours,
rippled edges and no plain background. The judge is trained without any of them. Its training
drawings get random colours, are warped, blurred or sharpened, and smooth random patterns ("clouds")
are added. So the judge learns to recognise shapes rather than colours and edges.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

# Shares of the images to which each change is applied.
TILED = 0.2
RECOLOURED, CLOUDED, WARPED, SOFTENED, HARSH = 0.85, 0.6, 0.5, 0.3, 0.4
# Largest changes in both directions: zoom as a share of the size, shift as a share of the side,
# rotation in radians.
ZOOM, SHIFT, LEAN = 0.25, 0.12, 0.12
# Numbers of random values along the side of an image, between which clouds are interpolated.
CLOUDS = (4, 8, 16)
# Largest strengths: of clouds and noise in pixel values from 0 to 1, of warps in units of half of
# the side.
CLOUD, NOISE, WARP = 0.18, 0.07, 0.06
GREY = (0.299, 0.587, 0.114)


def distort(images: Tensor, generator: torch.Generator) -> Tensor:
    """Apply random changes that keep the class recognisable to images [N, 3, H, W] in [0, 1]."""
    images = _tile(images, generator)
    images = _move(images, generator)
    images = _recolour(images, generator)
    images = _sharpen(images, generator)
    clouds = sum(
        _field(len(images), 3, cells, images.shape[-1], generator) for cells in CLOUDS
    ) * _some(images, CLOUDED, CLOUD, generator)
    noise = torch.randn(images.shape, generator=generator) * _some(images, 0.7, NOISE, generator)
    return (images + clouds + noise).clamp(0.0, 1.0).contiguous(memory_format=torch.channels_last)


def _between(low: float, high: float, count: int, generator: torch.Generator) -> Tensor:
    """Draw a uniform random number for each image, [N, 1, 1, 1]."""
    return torch.rand((count, 1, 1, 1), generator=generator) * (high - low) + low


def _some(images: Tensor, share: float, most: float, generator: torch.Generator) -> Tensor:
    """Draw a random strength for each image, [N, 1, 1, 1].

    It is between 0 and `most` for about a share `share` of the images, and 0 for the others.
    """
    strength = _between(0.0, most, len(images), generator)
    return strength * (_between(0.0, 1.0, len(images), generator) < share)


def _field(count: int, channels: int, cells: int, side: int, generator: torch.Generator) -> Tensor:
    """Draw smooth random fields [N, channels, side, side].

    `cells` x `cells` normal random numbers are interpolated to `side` x `side` pixels.
    """
    coarse = torch.randn((count, channels, cells, cells), generator=generator)
    return F.interpolate(coarse, (side, side), mode="bicubic", align_corners=False)


def _tile(images: Tensor, generator: torch.Generator) -> Tensor:
    """Replace some images by 2 x 2 copies of the same image at half the size."""
    small = F.interpolate(images, scale_factor=0.5, mode="bilinear", antialias=True)
    tiled = small.repeat(1, 1, 2, 2)
    return torch.where(_between(0.0, 1.0, len(images), generator) < TILED, tiled, images)


def _move(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift, zoom, slightly rotate and warp images, with reflection padding."""
    count, side = len(images), images.shape[-1]
    angle = _between(-LEAN, LEAN, count, generator).flatten()
    zoom = _between(1 - ZOOM, 1 + ZOOM, count, generator).flatten()
    shift = (torch.rand((count, 2), generator=generator) * 2 - 1) * 2 * SHIFT
    turn = torch.stack(
        [
            torch.stack([zoom * angle.cos(), -zoom * angle.sin(), shift[:, 0]], dim=1),
            torch.stack([zoom * angle.sin(), zoom * angle.cos(), shift[:, 1]], dim=1),
        ],
        dim=1,
    )  # [N, 2, 3]
    grid = F.affine_grid(turn, list(images.shape), align_corners=False)
    bent = _field(count, 2, 6, side, generator) * _some(images, WARPED, WARP, generator)
    return F.grid_sample(
        images, grid + bent.permute(0, 2, 3, 1), padding_mode="reflection", align_corners=False
    )


def _recolour(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mix channels, rotate hues, change saturation and contrast, and invert some images."""
    count = len(images)
    hue = _between(-math.pi, math.pi, count, generator).flatten()
    grey = torch.tensor(GREY)
    # Maps RGB to grey: each channel becomes the brightness.
    onto_grey = grey.expand(3, 3)
    axis = torch.full((3,), 1 / math.sqrt(3))
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    c, s = hue.cos()[:, None, None], hue.sin()[:, None, None]
    turned = c * torch.eye(3) + s * cross + (1 - c) * torch.outer(axis, axis)
    saturation = _between(0.0, 2.2, count, generator).view(count, 1, 1)
    mixed = turned @ (onto_grey + saturation * (torch.eye(3) - onto_grey))
    mixed = mixed + 0.15 * torch.randn((count, 3, 3), generator=generator)
    sign = torch.where(_between(0.0, 1.0, count, generator) < 0.25, -1.0, 1.0)
    contrast = _between(0.5, 1.6, count, generator) * sign
    changed = torch.einsum("nij,njhw->nihw", mixed, images - 0.5) * contrast + 0.5
    chosen = _between(0.0, 1.0, count, generator) < RECOLOURED
    return torch.where(chosen, changed, images)


def _sharpen(images: Tensor, generator: torch.Generator) -> Tensor:
    """Blur some images, and sharpen some so much that edges get bright and dark seams."""
    weights = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    kernel = torch.outer(weights, weights).expand(3, 1, 5, 5).contiguous()
    soft = F.conv2d(F.pad(images, (2, 2, 2, 2), mode="reflect"), kernel, groups=3)
    detail = images - soft
    blur = _some(images, SOFTENED, 1.0, generator)
    ring = _some(images, HARSH, 3.5, generator)
    return images + (ring - blur) * detail
