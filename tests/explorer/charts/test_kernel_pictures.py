"""Kernels as pictures."""

import numpy as np

from explorer.charts.kernel_pictures import (
    EXCITES,
    INHIBITS,
    image_kernel_picture,
    kernel_picture,
)


def test_signs_are_colours_and_sizes_are_opacities() -> None:
    picture = kernel_picture([[0.0, 2.0, 1.0], [-2.0, -1.0, 0.5]])
    assert picture.width * 2 == picture.height * 3 and picture.width >= 120
    side = picture.width // 3
    pixels = np.asarray(picture)[side // 2 :: side, side // 2 :: side]
    assert pixels[0, 0, 3] == 0
    assert tuple(pixels[0, 1]) == (*EXCITES, 255) and tuple(pixels[1, 0]) == (*INHIBITS, 255)
    assert 255 > pixels[0, 2, 3] > pixels[1, 2, 3] > 0
    assert pixels[0, 2, 3] == pixels[1, 1, 3] and tuple(pixels[1, 1, :3]) == INHIBITS
    # With a largest weight of a neighbour, the same kernel is paler.
    paler = np.asarray(kernel_picture([[0.0, 2.0, 1.0], [-2.0, -1.0, 0.5]], most=8.0))
    assert int(paler[..., 3].max()) < 128


def test_an_empty_kernel_is_transparent() -> None:
    assert not np.asarray(kernel_picture([[0.0]]))[..., 3].any()


def test_kernels_over_images_have_their_colours() -> None:
    red = image_kernel_picture([[[1.0, 0.0]], [[-1.0, 0.0]], [[0.0, 0.0]]])
    assert red.getpixel((0, 0)) == (255, 0, 128) and red.getpixel((red.width - 1, 0)) == (128,) * 3
    grey = image_kernel_picture([[[1.0, -1.0]]])
    assert grey.getpixel((0, 0)) == (255,) * 3 and grey.getpixel((grey.width - 1, 0)) == (0,) * 3
