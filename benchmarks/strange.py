"""Augmentation of the judge's drawings, so that it has to recognise forms.

Images that maximise a unit have loud, iridescent colours, rippled edges and no plain background.
The judge never sees such an image while it is trained. It sees drawings with any colours, warped,
blurred or sharpened, with clouds of other colours over them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

# Share of the images that each change is applied to.
TILED = 0.2
RECOLOURED, CLOUDED, WARPED, SOFTENED, HARSH = 0.85, 0.6, 0.5, 0.3, 0.4
# Largest changes in both directions: share of the size, share of the side, radians.
ZOOM, SHIFT, LEAN = 0.25, 0.12, 0.12
# Cells along the side of an image.
CLOUDS = (4, 8, 16)
# Largest strengths: in values of [0, 1] for clouds and noise, in shares of the side for warps.
CLOUD, NOISE, WARP = 0.18, 0.07, 0.06
GREY = (0.299, 0.587, 0.114)


def distort(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return images [N, 3, H, W] in [0, 1] with random changes that keep their class."""
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
    """Draw a strength up to `most` for a `share` of the images, zero for others, [N, 1, 1, 1]."""
    strength = _between(0.0, most, len(images), generator)
    return strength * (_between(0.0, 1.0, len(images), generator) < share)


def _field(count: int, channels: int, cells: int, side: int, generator: torch.Generator) -> Tensor:
    """Draw smooth random fields, [N, channels, side, side], roughly normal at each pixel."""
    coarse = torch.randn((count, channels, cells, cells), generator=generator)
    return F.interpolate(coarse, (side, side), mode="bicubic", align_corners=False)


def _tile(images: Tensor, generator: torch.Generator) -> Tensor:
    """Replace some images by four small copies of themselves."""
    small = F.interpolate(images, scale_factor=0.5, mode="bilinear", antialias=True)
    tiled = small.repeat(1, 1, 2, 2)
    return torch.where(_between(0.0, 1.0, len(images), generator) < TILED, tiled, images)


def _move(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift, zoom, rotate a little and warp, with reflection padding."""
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
    # Each channel becomes the brightness.
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
    """Blur some images, and sharpen others until their edges ring."""
    weights = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    kernel = torch.outer(weights, weights).expand(3, 1, 5, 5).contiguous()
    soft = F.conv2d(F.pad(images, (2, 2, 2, 2), mode="reflect"), kernel, groups=3)
    detail = images - soft
    blur = _some(images, SOFTENED, 1.0, generator)
    ring = _some(images, HARSH, 3.5, generator)
    return images + (ring - blur) * detail
