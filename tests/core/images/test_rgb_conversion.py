"""Conversion of images of all modes, orientations and colour spaces to upright 8-bit RGB."""

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, features
from skimage.color import lab2rgb

from core.images import image_io
from core.images.center_crop import CenterCrop

HEIGHT, WIDTH = 96, 128
# Where the first row and the first column of the stored image are shown, by EXIF orientation.
STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}
FORMATS = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "TIFF deflate": {"compression": "tiff_adobe_deflate"},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}


def encoded(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def coloured() -> np.ndarray:
    """Return smooth colours with a marked corner, uint8 ``[HEIGHT, WIDTH, 3]``."""
    rows, cols = np.mgrid[0:HEIGHT, 0:WIDTH]
    pixels = np.stack([rows * 2, cols * 1.5, 200 - rows], axis=2)
    pixels[:24, :32] = (250, 20, 20)
    return pixels.clip(0, 255).astype(np.uint8)


def stored(orientation: int, form: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(np.ascontiguousarray(STORED[orientation](coloured())))
    return encoded(picture, form.split()[0], exif=exif, **FORMATS[form])


def opened(picture: Image.Image, form: str = "PNG", **options: object) -> np.ndarray:
    """Return an image as ``open_picture`` opens it, int ``[H, W, 3]``."""
    content = encoded(picture, form, **options)
    return np.asarray(image_io.open_picture(content)).astype(int)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_of_every_format_is_turned(form: str, orientation: int) -> None:
    if form == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    content, expected = stored(orientation, form), coloured().astype(int)
    whole, size = image_io.open_reduced(content)
    assert size == (HEIGHT, WIDTH) and whole.size == (WIDTH, HEIGHT)
    assert np.abs(np.asarray(whole) - expected).max() <= 12
    reduced, same = image_io.open_reduced(content, (20, 30))
    assert same == size and (reduced.size == (WIDTH // 4, HEIGHT // 4)) == (form == "JPEG")
    crop = CenterCrop(size, (20, 20))
    inputs = [crop.network_input(it).astype(int) for it in (whole, reduced)]
    reference = crop.network_input(Image.fromarray(coloured())).astype(int)
    assert all(np.abs(it - reference).mean() <= 4 for it in inputs)


def test_conversion_in_bands_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.images import rgb_conversion

    picture = Image.fromarray(coloured()).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    white = Image.new("RGBA", picture.size, "white")
    expected = Image.alpha_composite(white, picture).convert("RGB")
    for orientation, turn in {1: None, **rgb_conversion.TURNS}.items():
        picture.getexif()[0x0112] = orientation
        upright = expected if turn is None else expected.transpose(turn)
        for pixels in (1, 7 * WIDTH, 2**20):
            monkeypatch.setattr(rgb_conversion, "BAND_PIXELS", pixels)
            assert rgb_conversion.upright_rgb(picture).tobytes() == upright.tobytes()
            half = rgb_conversion.upright_rgb(picture, 2)
            difference = np.subtract(half, upright.reduce(2), dtype=int)
            assert half.size == upright.reduce(2).size and np.abs(difference).max() <= 1


grey_bits = st.sampled_from([8, 10, 12, 14, 16])


@settings(max_examples=40, deadline=None)
@given(grey_bits, st.integers(0, 2**31), st.sampled_from(["PNG", "TIFF", "int32", "float"]))
def test_integers_of_every_depth_have_their_brightness(bits: int, seed: int, form: str) -> None:
    values = np.random.default_rng(seed).integers(0, 2**bits, (9, 7))
    values[0, 0] = 2**bits - 1
    if form == "PNG":
        picture = Image.fromarray(values.astype(np.uint16))
    elif form == "float":
        picture = Image.fromarray(values.astype(np.float32))
    else:
        picture = Image.fromarray(values.astype(np.int32 if form == "int32" else np.uint16))
    found = opened(picture, "PNG" if form == "PNG" else "TIFF")
    expected = values / (2**bits - 1) * 255
    assert np.abs(found - expected[..., None]).max() <= 0.51


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-(2.0**99), 2.0**99, width=32),
    st.floats(2.0**-9, 2.0**99, width=32),
    st.sampled_from([np.nan, np.inf, -np.inf, 0.0]),
)
def test_floats_of_any_range_keep_their_order(low: float, extent: float, odd: float) -> None:
    values = (low + np.linspace(0, 1, 48, dtype=np.float64).reshape(6, 8) * extent).astype("f4")
    regular = np.delete(values.ravel(), 3 * 8 + 3)
    values[3, 3] = odd
    found = opened(Image.fromarray(values), "TIFF")[..., 0].ravel()
    found = np.delete(found, 3 * 8 + 3)
    assert (np.diff(found) >= 0).all()
    if low < 0 and regular[-1] > max(regular[0], 0 if odd == 0 else -np.inf):
        assert found[0] == 0 and found[-1] == 255


def test_floats_from_0_to_1_go_from_black_to_white() -> None:
    values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    assert np.abs(opened(Image.fromarray(values), "TIFF")[..., 0] - values * 255).max() <= 0.51
    # A dark image stays dark.
    assert opened(Image.fromarray(values / 4), "TIFF").max() == 64


def test_one_value_of_a_wide_range_is_transparent() -> None:
    values = np.full((4, 4), 30_000, np.uint16)
    values[1, 2] = 20_000
    found = opened(Image.fromarray(values), transparency=20_000)
    assert found[1, 2].tolist() == [255] * 3 and found[0, 0].tolist() == [117] * 3


def modes() -> dict[str, tuple[Image.Image, str, tuple[int, int, int], int]]:
    """Return an image of one colour by mode, its format, the expected RGB and the tolerance."""
    grey, alpha = Image.new("L", (8, 8), 100), Image.new("L", (8, 8), 51)
    half = Image.merge("LA", (grey, alpha))
    palette = Image.new("RGB", (8, 8), (10, 200, 30)).quantize(4)
    lab = Image.merge("LAB", [Image.new("L", (8, 8), it) for it in (128, 128 + 30, 128 - 10)])
    from_lab = lab2rgb([[[128 / 255 * 100, 30, -10]]])[0, 0] * 255
    cmyk = Image.new("CMYK", (8, 8), (0, 128, 255, 51))
    return {
        "1": (Image.new("1", (8, 8), 1), "PNG", (255, 255, 255), 0),
        "L": (grey, "PNG", (100, 100, 100), 0),
        "LA": (half, "PNG", (224, 224, 224), 0),  # 0.2 * 100 + 0.8 * 255
        "P": (palette, "PNG", (10, 200, 30), 0),
        "PA": (palette.convert("PA"), "TIFF", (10, 200, 30), 0),
        "CMYK": (cmyk, "TIFF", (204, 102, 0), 2),
        "YCbCr": (Image.new("RGB", (8, 8), (200, 40, 90)), "JPEG", (200, 40, 90), 3),
        "LAB": (lab, "TIFF", tuple(from_lab), 3),  # type: ignore[dict-item]
    }


@pytest.mark.parametrize("mode", modes())
def test_every_mode_has_its_colours(mode: str) -> None:
    picture, form, expected, tolerance = modes()[mode]
    assert np.abs(opened(picture, form) - np.array(expected)).max() <= tolerance


def test_transparent_colours_of_a_palette_are_white() -> None:
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([250, 0, 0, 0, 0, 250])
    picture.putpixel((2, 1), 1)
    found = opened(picture, transparency=bytes([0, 255]))
    assert found[0, 0].tolist() == [255] * 3 and found[1, 2].tolist() == [0, 0, 250]


def profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Return an ICC profile of version 2 (ICC.1:2001-04) of a display."""
    named = {b"wtpt": xyz(0.9642, 1.0, 0.8249), b"cprt": b"text\0\0\0\0none\0", **tags}
    table, data = struct.pack(">I", len(named)), b""
    start = 128 + 4 + 12 * len(named)
    for name, content in named.items():
        content += bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, start + len(data), len(content))
        data += content
    header = struct.pack(
        ">I4sI4s4s4s", start + len(data), b"lcms", 0x02100000, b"mntr", space, b"XYZ "
    )
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + table + data


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(it * 65536) for it in values))


def gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


# The primaries of Adobe RGB (1998), adapted to D50, from its specification.
ADOBE = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
ADOBE_RGB = profile(
    b"RGB ",
    {
        **{
            name: xyz(*column)
            for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), ADOBE.T, strict=True)
        },
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma(2.19921875)),
    },
)
DARK_GREY = profile(b"GRAY", {b"kTRC": gamma(3.0)})
# IEC 61966-2-1, adapted to D50.
SRGB = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.7141]]
)


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """Encode linear values as sRGB, 0 to 255."""
    linear = linear.clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "RGBA"])
def test_colours_are_converted_by_the_profile(form: str) -> None:
    pixels = coloured()
    expected = to_srgb((pixels / 255) ** 2.19921875 @ ADOBE.T @ np.linalg.inv(SRGB).T)
    assert np.abs(expected - pixels).max() > 40
    options = FORMATS.get(form, {})
    picture = Image.fromarray(pixels).convert("RGBA" if form == "RGBA" else "RGB")
    found = opened(picture, "PNG" if form == "RGBA" else form, icc_profile=ADOBE_RGB, **options)
    assert np.abs(found - expected).mean() < 1
    assert np.abs(found - expected).max() <= (60 if form == "JPEG" else 3)


def test_grey_is_converted_by_the_profile() -> None:
    levels = np.arange(256, dtype=np.uint8)[None]
    found = opened(Image.fromarray(levels), icc_profile=DARK_GREY)
    assert np.abs(found[..., 0] - to_srgb((levels / 255) ** 3)).max() <= 4
    both = Image.merge("LA", (Image.fromarray(levels), Image.new("L", (256, 1), 255)))
    assert np.array_equal(opened(both, icc_profile=DARK_GREY), found)


SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(ADOBE_RGB)), st.binary(max_size=40), st.booleans())
def test_a_broken_profile_never_prevents_opening(at: int, content: bytes, cut: bool) -> None:
    broken = ADOBE_RGB[:at] + content + (b"" if cut else ADOBE_RGB[at + len(content) :])
    assert opened(Image.fromarray(coloured()[:8, :8]), icc_profile=broken).shape == (8, 8, 3)


@pytest.mark.parametrize("content", [SRGB_PROFILE, DARK_GREY, b"", b"nothing", ADOBE_RGB[:200]])
def test_srgb_and_profiles_that_do_not_fit_change_nothing(content: bytes) -> None:
    found = opened(Image.fromarray(coloured()), icc_profile=content)
    assert np.array_equal(found, coloured())


def test_a_profile_that_makes_white_dark_is_ignored() -> None:
    columns = (xyz(*column * 0.1) for column in ADOBE.T)
    tags = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True))
    dark = profile(b"RGB ", {**tags, **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma(2.2))})
    picture = coloured()
    assert np.array_equal(opened(Image.fromarray(picture), icc_profile=dark), picture)


def test_what_was_opened_carries_no_profile_on() -> None:
    for content in (SRGB_PROFILE, ADOBE_RGB):
        png = encoded(Image.fromarray(coloured()), icc_profile=content)
        again = image_io.encode_png(image_io.open_picture(png))
        assert "icc_profile" not in Image.open(io.BytesIO(again)).info
        assert np.array_equal(image_io.open_picture(again), image_io.open_picture(png))
