"""Conversion between image files, tensors and pictures."""

import hashlib
import io
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import BadPicture
from core.images import image_io


def encoded(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def test_there_and_back_is_exact() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (13, 17, 3), dtype=np.uint8)
    tensor = image_io.to_tensor(Image.fromarray(pixels))
    assert tensor.shape == (1, 3, 13, 17) and tensor.dtype == torch.float32
    assert torch.equal(tensor[0, :, 4, 9] * 255, torch.from_numpy(pixels[4, 9]).float())
    assert np.array_equal(np.asarray(image_io.to_picture(tensor)), pixels)


def test_out_of_range_values_are_clipped_not_wrapped() -> None:
    image = torch.tensor([-0.5, 0.5, 1.5]).view(3, 1, 1)
    assert image_io.to_bytes(image[None]).flatten().tolist() == [0, 128, 255]


def test_several_images_are_no_picture() -> None:
    with pytest.raises(ValueError, match="montage"):
        image_io.to_picture(torch.zeros(2, 3, 4, 4))


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    values = np.linspace(0, 65535, 12, dtype=np.uint16).reshape(3, 4)
    opened = image_io.open_picture(encoded(Image.fromarray(values)))
    expected = np.rint(values / 65535 * 255)
    assert np.abs(np.asarray(opened)[..., 0].astype(float) - expected).max() <= 1


def test_transparency_lies_on_white() -> None:
    picture = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    picture.putpixel((1, 0), (255, 0, 0, 255))
    opened = image_io.open_picture(encoded(picture))
    assert [opened.getpixel((0, 0)), opened.getpixel((1, 0))] == [(255, 255, 255), (255, 0, 0)]


def test_transparent_palette_and_cmyk_become_rgb() -> None:
    palette = Image.new("RGB", (4, 4), "lime").quantize(4)
    assert image_io.open_picture(encoded(palette)).getpixel((1, 1)) == (0, 255, 0)
    cmyk = encoded(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "JPEG")
    red, green, blue = image_io.open_picture(cmyk).getpixel((1, 1))
    assert red > 200 and green < 60 and blue < 60


def test_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees to the right
    upright = image_io.open_picture(encoded(Image.new("RGB", (30, 20)), "JPEG", exif=exif))
    assert upright.size == (20, 30)


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (5, 5), colour) for colour in ("red", "blue")]
    gif = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert image_io.open_picture(gif).getpixel((2, 2)) == (255, 0, 0)


@pytest.mark.parametrize(
    "content", [b"", b"no picture", encoded(Image.effect_noise((64, 64), 50))[:900]]
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(BadPicture, match="the upload cannot be opened"):
        image_io.open_picture(content)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadPicture, match=r"there is no file .*gone\.png"):
        image_io.open_picture(tmp_path / "gone.png")


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    # 9,000 x 9,000 black pixels take 12 kB as a PNG with one bit per pixel, and 240 MB decoded.
    with pytest.raises(BadPicture, match="64 megapixels"):
        image_io.open_picture(encoded(Image.new("1", (9_000, 9_000))))
    # Pillow itself refuses images beyond this size.
    with pytest.raises(BadPicture, match="pixels"):
        image_io.open_picture(encoded(Image.new("1", (20_000, 20_000))))


def test_png_carries_text() -> None:
    text = '{"name":"Tübingen"}'
    png = image_io.encode_png(Image.new("RGB", (3, 3)), {"recipe": text})
    assert Image.open(io.BytesIO(png)).text["recipe"] == text  # type: ignore[attr-defined]


def test_montage_places_each_tile() -> None:
    tiles = torch.rand(5, 3, 6, 4)
    sheet = image_io.montage(tiles, columns=3, gap=2)
    assert sheet.shape == (1, 3, 2 * 8 + 2, 3 * 6 + 2)
    for place in range(5):
        row, col = divmod(place, 3)
        top, left = 2 + row * 8, 2 + col * 6
        assert torch.equal(sheet[0, :, top : top + 6, left : left + 4], tiles[place])
    assert (sheet[0, :, 10:, 14:] == image_io.BACKGROUND).all()  # the sixth tile is empty


def test_a_fingerprint_names_the_pixels_and_their_shape(tmp_path: Path) -> None:
    pixels = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)
    picture = Image.fromarray(pixels)
    name = image_io.fingerprint(picture)
    # The hash of width and height as four big-endian bytes, then RGB row by row.
    by_hand = hashlib.sha256(struct.pack(">II", 4, 6) + bytes(range(72))).hexdigest()
    assert name == by_hand[:32]
    for ending in ("png", "bmp", "tiff"):
        file = tmp_path / f"a.{ending}"
        picture.save(file)
        assert image_io.fingerprint(image_io.open_picture(file)) == name
    assert image_io.fingerprint(Image.fromarray(pixels.reshape(4, 6, 3))) != name
    pixels[0, 0, 0] += 1
    assert image_io.fingerprint(Image.fromarray(pixels)) != name
