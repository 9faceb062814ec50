"""Resizing of image tensors."""

import torch.nn.functional as F
from torch import Tensor


def resize_image(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize images ``[N, C, H, W]`` to (height, width), bicubic and without aliasing."""
    if tuple(image.shape[2:]) == size:
        return image
    return F.interpolate(image, list(size), mode="bicubic", antialias=True, align_corners=False)


def reduced_size(size: tuple[int, int], longer: int) -> tuple[int, int]:
    """Return (height, width) scaled down so that the longer side is at most ``longer``."""
    scale = min(1.0, longer / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
