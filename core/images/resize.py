"""Resizing of image tensors."""

import torch.nn.functional as F
from torch import Tensor


def resize_image(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize images ``[N, C, H, W]`` to (height, width), bicubic and without aliasing."""
    if tuple(image.shape[2:]) == size:
        return image
    return F.interpolate(image, list(size), mode="bicubic", antialias=True, align_corners=False)
