"""The centre crop of an image for a network, and the pixels that it depends on."""

import numpy as np
import pytest
from PIL import Image

from core.images.center_crop import CenterCrop


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_picture_of_the_right_size_is_left_as_it_is() -> None:
    pixels = noise(24, 20)
    assert np.array_equal(
        CenterCrop((24, 20), (24, 20)).network_input(Image.fromarray(pixels)), pixels
    )


def test_the_middle_is_seen_undistorted() -> None:
    crop = CenterCrop((40, 100), (20, 20))
    assert crop.scale == 2 and crop.window == (0, 30, 40, 70)
    pixels = np.zeros((40, 100, 3), np.uint8)
    pixels[:, 30:70] = 200
    seen = crop.network_input(Image.fromarray(pixels))
    assert seen.shape == (20, 20, 3) and seen[:, 1:-1].min() == 200


@pytest.mark.parametrize("size", [(53, 71), (30, 95), (17, 16)])
@pytest.mark.parametrize("box", [(0, 0, 5, 7), (3, 4, 9, 9), (20, 15, 24, 20), (7, 0, 8, 1)])
def test_a_box_depends_on_its_pixels_and_on_no_others(
    size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    crop = CenterCrop(size, (24, 20))
    pixels = noise(*size)
    top, left, bottom, right = crop.box_in_image(box)
    grey = np.full_like(pixels, 128)
    grey[top:bottom, left:right] = pixels[top:bottom, left:right]

    def inside(values: np.ndarray) -> np.ndarray:
        seen = crop.network_input(Image.fromarray(values))
        return seen[box[0] : box[2], box[1] : box[3]]

    assert np.array_equal(inside(pixels), inside(grey))
    # No side of the box is more than one pixel too far out; that pixel's weight may round to 0.
    for side, (row, col) in enumerate(((1, 0), (0, 1), (-1, 0), (0, -1))):
        edges = [top, left, bottom, right]
        if edges[side] in (0, size[side % 2]):
            continue
        edges[side] += 3 * (row + col)
        less = np.full_like(pixels, 0)
        less[edges[0] : edges[2], edges[1] : edges[3]] = 255
        bright = np.full_like(pixels, 255)
        assert not np.array_equal(inside(less), inside(bright))


def test_a_reduced_jpeg_shows_the_same(tmp_path: object) -> None:
    from core.images import image_io

    rows, cols = np.mgrid[0:403, 0:610]
    smooth = np.stack([rows / 2, cols / 3, 120 + 60 * np.sin(rows / 40 + cols / 50)], axis=2)
    picture = Image.fromarray(smooth.clip(0, 255).astype(np.uint8))
    path = tmp_path / "smooth.jpg"  # type: ignore[operator]
    picture.save(path, quality=95)
    whole, size = image_io.open_reduced(path)
    reduced, same = image_io.open_reduced(path, (50, 70))
    assert size == same == (403, 610) and reduced.size == (77, 51)
    crop = CenterCrop(size, (50, 70))
    assert np.abs(crop.network_input(whole).astype(int) - crop.network_input(reduced)).max() <= 6
