"""Opening of image files: formats, limits, and files that are none."""

import functools
import io
import os
import socket
import struct
import sys
import threading
import time
import zlib
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import EpsImagePlugin, Image, ImageCms, ImageFile, PngImagePlugin

from core.errors import BadPicture
from core.images import image_io

MAX_SIDE = 32_768
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encoded(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def claimed_png(height: int, width: int, colour: int = 2) -> bytes:
    """Return a small PNG whose header tells a size, of 8 bits per value."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("height", "width", "told"),
    [
        (1, 64_000_000, "1 x 64000000 pixels; at most 32,768 along a side"),
        (MAX_SIDE + 1, 1, "at most 32,768 along a side"),
        (8001, 8000, "8001 x 8000 pixels; at most 64 megapixels can be opened: make it smaller"),
        (10_000, 20_000, "has more than 64 megapixels, which is the most that can be opened"),
    ],
)
def test_large_and_long_pictures_are_refused_by_their_header(
    height: int, width: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = Mock(side_effect=AssertionError("it was decoded"))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load_prepare", decoded)
    with pytest.raises(BadPicture, match=told):
        image_io.open_picture(claimed_png(height, width))
    assert not decoded.called


def jpeg_header(content: bytes, height: int, width: int) -> bytes:
    """Return a JPEG whose frame header tells another size."""
    at = next(content.index(it) for it in (b"\xff\xc0", b"\xff\xc2") if it in content)
    return content[: at + 5] + struct.pack(">HH", height, width) + content[at + 9 :]


@pytest.mark.parametrize(
    ("content", "accepted"),
    [
        (encoded(Image.new("RGB", (64, 64)), "JPEG"), True),
        (encoded(Image.new("L", (64, 64)), "JPEG", progressive=True), True),
        # The coefficients alone take 2 bytes per value: 3 values per pixel, or 1.5 with 4:2:0.
        (encoded(Image.new("RGB", (64, 64)), "JPEG", progressive=True, subsampling=0), False),
        (encoded(Image.new("RGB", (64, 64)), "JPEG", progressive=True, subsampling=2), True),
    ],
)
def test_a_large_jpeg_is_refused_if_it_takes_too_much_memory(
    content: bytes, accepted: bool
) -> None:
    from core.images import opening_limits

    large = jpeg_header(content, 8000, 8000)
    picture = Image.open(io.BytesIO(large))
    if accepted:
        opening_limits.check_size(picture, "x")
        return
    with pytest.raises(BadPicture, match=r"at most 43\.\d megapixels can be opened"):
        opening_limits.check_size(picture, "x")


def test_components_in_scans_of_their_own_count_as_progressive() -> None:
    from core.images import opening_limits

    # The header of the first scan names one of three components.
    content = encoded(Image.new("RGB", (64, 64)), "JPEG", subsampling=0)
    at = content.index(b"\xff\xda")
    apart = content[:at] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + content[at + 14 :]
    for each, reduction in ((content, 1), (apart, 2)):
        picture = Image.open(io.BytesIO(jpeg_header(each, 6000, 6000)))
        assert opening_limits.least_reduction(picture, converted=False) == reduction


def test_a_picture_that_takes_too_much_memory_is_opened_smaller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, cols = np.mgrid[0:303, 0:402]
    smooth = np.stack([rows / 2, cols / 2, 0 * rows + 90], axis=2).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {
        "jpeg": encoded(Image.fromarray(smooth), "JPEG", quality=95, exif=exif),
        "png": encoded(Image.fromarray(smooth), exif=exif),
    }
    for name, content in files.items():
        upright = image_io.open_picture(content)
        for reduction, memory in ((1, 8), (2, 5.01), (4, 4.251 if name == "png" else 0.51)):
            monkeypatch.setattr(
                image_io.picture_file,
                "free_memory",
                lambda _, memory=memory: int(memory * 303 * 402),
            )
            opened, size = image_io.open_reduced(content)
            assert size == (-(-402 // reduction), -(-303 // reduction)) == opened.size[::-1]
            small = upright.reduce(reduction)
            assert np.abs(np.subtract(opened, small, dtype=int)).max() <= 4
            least, same = image_io.open_reduced(content, (40, 30))
            assert same == size and min(least.size) >= 30
        monkeypatch.undo()


def test_the_bytes_of_the_file_count() -> None:
    from core.images import opening_limits

    picture = Image.open(io.BytesIO(claimed_png(8000, 7000)))
    opening_limits.check_size(picture, "x", opening_limits.MAX_MEMORY - 40_000_000)
    with pytest.raises(BadPicture, match=r"of this kind of PNG file at most 5\d\.\d megapixels"):
        opening_limits.check_size(picture, "x", opening_limits.MAX_MEMORY - 60_000_000)


def test_a_decoder_written_in_python_gets_less() -> None:
    from core.images import opening_limits

    fast, slow = (Image.open(io.BytesIO(b"P6 4000 4000 %d\n" % it)) for it in (255, 200))
    opening_limits.check_size(fast, "x")
    with pytest.raises(BadPicture, match=r"of this kind of PPM file at most 5\.\d megapixels"):
        opening_limits.check_size(slow, "x")


def tiff(strips: int, order: str = "<") -> bytes:
    """Return a TIFF of 100 x 100 grey pixels with some number of strips."""
    tags = [(256, 4, 1, 100), (257, 4, 1, 100), (258, 3, 1, 8), (262, 4, 1, 1), (277, 4, 1, 1)]
    tags += [(278, 4, 1, 100), (273, 4, strips, 8 + 2 + 12 * 7 + 4)]
    values = struct.pack(f"{order}HI", 42, 8) + struct.pack(f"{order}H", len(tags))
    for tag in sorted(tags):
        short = tag[1] == 3
        values += struct.pack(f"{order}HHI", *tag[:3])
        values += struct.pack(f"{order}H2x" if short else f"{order}I", tag[3])
    positions = struct.pack(f"{order}I", 8) * strips
    return (b"II" if order == "<" else b"MM") + values + bytes(4) + positions + bytes(10_000)


@pytest.mark.parametrize("order", "<>")
def test_a_tiff_of_many_strips_is_refused_before_they_are_listed(order: str) -> None:
    with pytest.raises(BadPicture, match="it has more than 150,000 strips or tiles"):
        image_io.open_picture(tiff(200_000, order))


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xd8" + b"\xff\xe1\0\2" * 200_000,
        encoded(Image.new("P", (8, 8)), "GIF")[:-1] + b"\x21\xfe\1x\0" * 200_000,
        b"\x89PNG\r\n\x1a\n" + claimed_png(8, 8)[8:33] + chunk(b"abCd", b"") * 200_000,
    ],
    ids=["JPEG", "GIF", "PNG"],
)
@pytest.mark.parametrize("from_file", [False, True])
def test_a_header_of_many_parts_is_refused(content: bytes, from_file: bool, tmp_path: Path) -> None:
    if content.startswith(b"GIF"):  # Put the comments before the first frame.
        at = content.index(b",", 13)
        content = content[:at] + b"\x21\xfe\1x\0" * 200_000 + content[at:]
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(BadPicture, match="it has too many parts"):
        image_io.open_picture(tmp_path / "x" if from_file else content)


def test_no_other_program_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("it was started"))
    with pytest.raises(BadPicture, match="its content is none that is known"):
        image_io.open_picture(encoded(Image.new("RGB", (8, 8)), "EPS"))
    # The header of an icon tells another size than that of the image in it.
    with pytest.raises(BadPicture, match="its content is none that is known"):
        image_io.open_picture(encoded(Image.new("RGB", (32, 32)), "ICO"))


FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "TGA", "JPEG2000", "AVIF")


@functools.lru_cache
def saved(form: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.effect_noise((60, 40), 80).convert("RGB")
    return encoded(picture, form, exif=exif, icc_profile=SRGB)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FORMATS), st.integers(0, 2**16), st.binary(min_size=1, max_size=9))
def test_damaged_files_open_or_raise_one_kind_of_error(form: str, at: int, damage: bytes) -> None:
    content = saved(form)
    at %= len(content) if at % 3 else min(len(content), 200)  # Often, damage the header.
    try:
        opened = image_io.open_picture(content[:at] + damage + content[at + len(damage) :])
    except BadPicture as error:
        assert len(str(error)) < 300 and "\n" not in str(error)
        return
    assert opened.mode == "RGB" and opened.width * opened.height <= 64_000_000


@pytest.mark.parametrize("form", FORMATS[:-2])
def test_common_formats_are_opened(form: str) -> None:
    opened = image_io.open_picture(encoded(Image.new("RGB", (40, 30), (200, 30, 40)), form))
    assert np.abs(np.subtract(opened.getpixel((20, 15)), (200, 30, 40))).max() <= 4


def test_jpeg_2000_is_opened() -> None:
    opened = image_io.open_picture(encoded(Image.new("RGB", (40, 30), "red"), "JPEG2000"))
    assert opened.getpixel((20, 15)) == (255, 0, 0)


HEIC = struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + bytes(100)


def test_heic_without_its_library_is_answered_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    Image.init()
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    with pytest.raises(BadPicture, match=r"pip install -r requirements-heic\.txt") as raised:
        image_io.open_picture(HEIC)
    assert Path("requirements-heic.txt").is_file() and "\n" not in str(raised.value)


def test_heic_is_opened_upright() -> None:
    heif = pytest.importorskip("pillow_heif", reason="pip install -r requirements-heic.txt")
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:, :48] = (220, 30, 40)
    buffer = io.BytesIO()
    heif.from_pillow(Image.fromarray(np.rot90(pixels).copy())).save(
        buffer, quality=-1, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    )
    opened, size = image_io.open_reduced(buffer.getvalue(), (10, 10))
    assert size == (64, 96)
    assert np.abs(np.subtract(opened, pixels, dtype=int)).mean() <= 6


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_named_pipe_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)

    def release() -> None:
        # If somebody waits for the pipe after some seconds, open it and close it again.
        time.sleep(5)
        try:
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return

    threading.Thread(target=release, daemon=True).start()
    for path in (pipe, tmp_path):
        with pytest.raises(BadPicture, match="is no file that can be opened"):
            image_io.open_picture(path)


@pytest.mark.skipif(os.name != "posix", reason="there are no such files here")
def test_devices_and_sockets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    monkeypatch.chdir(tmp_path)  # The path of a socket must be short.
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.png")
        for name in ("zero.png", "socket.png"):
            with pytest.raises(BadPicture, match=f"{name} is no file that can be opened"):
                image_io.open_picture(tmp_path / name)


def test_a_message_repeats_the_end_of_a_long_name(tmp_path: Path) -> None:
    for name in ("x" * 5000, str(tmp_path / ("a" * 200) / "gone.png"), "zero\0.png"):
        with pytest.raises(BadPicture) as raised:
            image_io.open_picture(name)
        assert len(str(raised.value)) < 200


def test_errors_of_any_kind_become_one(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(Image.new("RGB", (8, 8)), "BMP")
    for error in (MemoryError(), RecursionError("deep"), struct.error("short"), SystemError("bad")):
        monkeypatch.setattr(ImageFile.ImageFile, "load", Mock(side_effect=error))
        with pytest.raises(BadPicture, match="the upload cannot be opened as a picture: "):
            image_io.open_picture(content)
    monkeypatch.setattr(ImageFile.ImageFile, "load", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        image_io.open_picture(content)
