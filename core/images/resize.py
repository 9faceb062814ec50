"""Resizing and padding of image tensors."""

import torch
import torch.nn.functional as F
from torch import Tensor

from core.devices import falls_back, indices_on


def resize_image(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize images ``[N, C, H, W]`` to (height, width), bicubic and without aliasing."""
    return image if tuple(image.shape[2:]) == size else _resampled(image, size, "bicubic")


def resize_linearly(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize images or activations ``[N, C, H, W]``, bilinear and without aliasing."""
    return _resampled(image, size, "bilinear")


@falls_back
def _resampled(image: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    return F.interpolate(image, list(size), mode=mode, antialias=True, align_corners=False)


@falls_back
def halve(image: Tensor) -> Tensor:
    """Return the means of two by two pixels of ``[N, C, H, W]``; fewer pixels at an odd border."""
    halved: Tensor = F.avg_pool2d(image, 2, ceil_mode=True, count_include_pad=False)
    return halved


def enlarge_twice(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Enlarge images ``[N, C, h, w]`` to twice their size, bilinear, and crop to (height, width).

    The result has the same bits with any number of threads, unlike that of ``F.interpolate``.
    """
    for axis, length in ((3, size[1]), (2, size[0])):
        image = _double(image, axis).narrow(axis, 0, length)
    return image


def _double(image: Tensor, axis: int) -> Tensor:
    """Double the length of an axis: 3/4 of the nearest value plus 1/4 of the next, per value."""
    side, far = image.shape[axis], image * 0.25
    doubled = torch.stack([image * 0.75] * 2, axis + 1)
    first, second = doubled.unbind(axis + 1)
    first.narrow(axis, 1, side - 1).add_(far.narrow(axis, 0, side - 1))
    second.narrow(axis, 0, side - 1).add_(far.narrow(axis, 1, side - 1))
    # Beyond the border, the outermost value is repeated.
    first.select(axis, 0).add_(far.select(axis, 0))
    second.select(axis, -1).add_(far.select(axis, -1))
    return doubled.flatten(axis, axis + 1)


def reduced_size(size: tuple[int, int], longer: int) -> tuple[int, int]:
    """Return (height, width) scaled down so that the longer side is at most ``longer``."""
    scale = min(1.0, longer / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def pad_by_reflection(image: Tensor, rows: tuple[int, int], cols: tuple[int, int]) -> Tensor:
    """Pad images ``[N, C, H, W]`` by reflection at their borders, also by more than their size.

    Args:
        image: the images.
        rows: numbers of rows that are added at the top and at the bottom.
        cols: numbers of columns that are added at the left and at the right.
    """
    height, width = image.shape[2:]
    if max(rows) < height and max(cols) < width:
        return F.pad(image, (*cols, *rows), mode="reflect")
    # F.pad cannot reflect an image that is not larger than the padding.
    for axis, padding in ((2, rows), (3, cols)):
        indices = indices_on(image.device, _reflected_indices(image.shape[axis], padding))
        image = image.index_select(axis, indices)
    return image


def pad_symmetrically(image: Tensor, width: int) -> Tensor:
    """Pad images ``[N, C, H, W]`` by their mirror image, which begins with the pixel at the border.

    A row of pixels 1, 2, 3 with a ``width`` of 2 becomes 2, 1, 1, 2, 3, 3, 2.
    """
    for axis in (2, 3):
        left = width
        while left:
            # A mirror image is not longer than the image.
            step = min(left, image.shape[axis])
            ends = (image.narrow(axis, at, step) for at in (0, image.shape[axis] - step))
            first, last = (it.flip(axis) for it in ends)
            image = torch.cat([first, image, last], axis)
            left -= step
    return image


def pad_to_size(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Pad images ``[N, C, H, W]`` by reflection to at least (height, width), alike on both sides.

    Images that are large enough are returned themselves.
    """
    missing = [max(0, least - side) for least, side in zip(size, image.shape[2:], strict=True)]
    if not any(missing):
        return image
    rows, cols = ((it // 2, it - it // 2) for it in missing)
    return pad_by_reflection(image, rows, cols)


def _reflected_indices(side: int, padding: tuple[int, int]) -> list[int]:
    """Return, for each pixel of a row padded by reflection, the index of the pixel that it repeats.

    A row of 3 pixels with a padding of (2, 2) gives ``[2, 1, 0, 1, 2, 1, 0]``.
    """
    before, after = padding
    period = max(1, 2 * (side - 1))
    within = (at % period for at in range(-before, side + after))
    return [min(at, period - at) for at in within]
