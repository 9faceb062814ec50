"""The centre crop of an image for a network, and the pixels that it depends on."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import BadPicture
from core.images.center_crop import CenterCrop

SIDES = range(1, 6001)
INPUT_SIDES = (64, 224, 227, 240, 256, 299, 384)


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


@pytest.mark.parametrize("side", INPUT_SIDES)
def test_the_window_of_every_size_is_inside_the_image(side: int) -> None:
    for short in SIDES:
        for size in ((short, 6000), (6000, short), (short, short), (short, short + 1)):
            crop = CenterCrop(size, (side, side))
            top, left, bottom, right = crop.window
            assert 0 <= top < bottom <= size[0] and 0 <= left < right <= size[1], size
            assert top == 0 or left == 0
            assert abs(min(bottom - top, right - left) - min(size)) < 1e-9


@settings(max_examples=100, deadline=None)
@given(*[st.integers(1, 6000)] * 2, *[st.integers(1, 512)] * 2)
def test_the_window_in_whole_pixels_is_inside_the_image(
    height: int, width: int, rows: int, cols: int
) -> None:
    for size in ((height, width), (1, width), (height, 1)):
        crop = CenterCrop(size, (rows, cols))
        top, left, bottom, right = crop.pixel_window
        assert 0 <= top < bottom <= size[0] and 0 <= left < right <= size[1]
        assert np.abs(np.subtract(crop.pixel_window, crop.window)).max() <= 1


@settings(max_examples=100, deadline=None)
@given(*[st.integers(1, 6000)] * 2, *[st.integers(1, 512)] * 2)
def test_the_window_is_the_largest_in_the_middle(
    height: int, width: int, rows: int, cols: int
) -> None:
    scale = min(Fraction(height, rows), Fraction(width, cols))
    top, left = (height - scale * rows) / 2, (width - scale * cols) / 2
    exact = (top, left, top + scale * rows, left + scale * cols)
    assert CenterCrop((height, width), (rows, cols)).window == tuple(map(float, exact))


@settings(max_examples=60, deadline=None)
@given(
    *[st.integers(1, 1200)] * 2,
    st.sampled_from([(it, it) for it in INPUT_SIDES] + [(224, 160)]),
    st.sampled_from((1, 2, 4, 8)),
)
def test_every_size_becomes_input(
    height: int, width: int, size: tuple[int, int], reduction: int
) -> None:
    crop = CenterCrop((height, width), size)
    reduced = (-(-width // reduction), -(-height // reduction))
    assert crop.network_input(Image.new("RGB", reduced, "red")).shape == (*size, 3)


@pytest.mark.parametrize("short", [225, 232, 239, 450, 457])
def test_sizes_whose_scale_is_rounded_up_become_input(short: int) -> None:
    for size in ((short, 4000), (4000, short), (short, short)):
        picture = Image.new("RGB", size[::-1])
        assert CenterCrop(size, (224, 224)).network_input(picture).shape == (224, 224, 3)


def test_an_image_of_another_size_is_refused() -> None:
    crop = CenterCrop((40, 100), (20, 20))
    for other in (Image.new("RGB", (90, 40)), Image.new("RGB", (40, 100))):
        with pytest.raises(BadPicture, match="and had 40 x 100 when it was indexed"):
            crop.network_input(other)
        with pytest.raises(BadPicture, match="index the collection again"):
            crop.require_full_size(other)
    with pytest.raises(BadPicture, match="20 x 50 pixels now"):
        crop.require_full_size(Image.new("RGB", (50, 20)))
