"""Image files: every mode, format, size and orientation, damaged files, bombs and other files."""

import functools
import io
import random
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from benchmarks.fuzz import commands, words
from benchmarks.fuzz.trials import Attempt, Wrong
from core.images import image_io

# Memory in MB that opening any accepted image may take.
MEMORY_MB = 300.0
FORMATS = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB", "YCbCr", "I;16", "I", "F"),
    "GIF": ("L", "P"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
}
ORIENTED = ("PNG", "JPEG", "WEBP", "TIFF")
SIDES = (1, 2, 3, 7, 16, 29, 33, 64, 100, 224, 225, 232, 300)
DAMAGED = "damaged profile"
# For each EXIF orientation, what must be done with the stored image to see it upright.
UPRIGHT = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION = 274
# Largest mean difference of grey levels (of 255) between an image and what was opened: JPEG's
# losses and conversions of colour change it less.
DIFFERENCE = 40.0


def make(source: random.Random, folder: Path) -> Attempt:
    """Build an image file of one of several kinds."""
    kind = source.random()
    if kind < 0.45:
        return _valid(source, folder)
    if kind < 0.75:
        name, data, _ = _encode(source, source.choice(SIDES), source.choice(SIDES))
        return _attempt(source, folder, f"damaged {name}", words.spoilt(source, data))
    if kind < 0.85:
        return _long_or_large(source, folder)
    if kind < 0.95:
        name, data = _bomb(source)
        return _attempt(source, folder, f"bomb {name}", data)
    name, data = _other(source)
    return _attempt(source, folder, name, data)


def _valid(source: random.Random, folder: Path) -> Attempt:
    """Build a correct file, and compare what was opened with what it shows."""
    name, data, upright = _encode(source, source.choice(SIDES), source.choice(SIDES))
    through = source.random()
    if through > 0.9:
        return _attempt(source, folder, name, data)

    def compare() -> None:
        opened = image_io.open_picture(data)
        reduced, size = image_io.open_reduced(data, (16, 16))
        if opened.size != upright.size or size != upright.size[::-1]:
            raise Wrong(f"has the size {opened.size} and {size[::-1]} instead of {upright.size}")
        if opened.mode != "RGB" or reduced.mode != "RGB":
            raise Wrong(f"has the mode {opened.mode}")
        if DAMAGED in name:
            return
        expected = np.asarray(upright, dtype=np.float64)
        difference = np.abs(np.asarray(opened.convert("L"), dtype=np.float64) - expected).mean()
        if difference > DIFFERENCE:
            raise Wrong(f"differs from the image by {difference:.0f} of 255 levels on average")

    return Attempt(f"{name} {upright.size}", compare)


def _encode(source: random.Random, width: int, height: int) -> tuple[str, bytes, Image.Image]:
    """Return the name, the bytes, and the upright grey image of a random file."""
    shape = source.choice(list(FORMATS))
    mode = source.choice(FORMATS[shape])
    grey = _ramp(width, height)
    if mode == "1":
        grey = grey.point(lambda it: 255 * (it > 127))
    stored = _in_mode(grey, mode, source)
    settings: dict[str, object] = {}
    name = f"{shape} {mode}"
    upright = grey
    if shape in ORIENTED and source.random() < 0.5:
        orientation = source.choice([*UPRIGHT, 0, 9, 65535])
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        settings["exif"] = exif
        turn = UPRIGHT.get(orientation)
        upright = grey if turn is None else grey.transpose(turn)
        name += f" orientation {orientation}"
    if shape != "GIF" and mode in ("L", "RGB") and source.random() < 0.2:
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        damaged = source.random() >= 0.5
        settings["icc_profile"] = words.spoilt(source, profile) if damaged else profile
        # What is damaged may still be the profile of some display.
        name += f" {DAMAGED}" if damaged else " profile"
    if shape in ("GIF", "WEBP") and source.random() < 0.3:
        settings |= {
            "save_all": True,
            "append_images": [stored.transpose(Image.Transpose.ROTATE_180)],
        }
        name += " animated"
    buffer = io.BytesIO()
    stored.save(buffer, shape, **settings)
    return name, buffer.getvalue(), upright


def _ramp(width: int, height: int) -> Image.Image:
    """Return a grey image that is darkest at the top left; no two orientations of it are equal."""
    rows, cols = np.mgrid[0:height, 0:width]
    values = 255.0 * (0.7 * rows / max(1, height - 1) + 0.3 * cols / max(1, width - 1))
    return Image.fromarray(np.uint8(values))


def _in_mode(grey: Image.Image, mode: str, source: random.Random) -> Image.Image:
    """Return a grey image in another mode; numbers of other ranges keep its brightness."""
    values = np.asarray(grey)
    if mode == "F":
        return Image.fromarray(np.float32(values / 255.0 if source.random() < 0.5 else values))
    if mode == "I":
        return Image.fromarray(np.int32(values) * source.choice((1, 16, 257)))
    if mode == "I;16":
        return Image.fromarray(np.uint16(values) * np.uint16(source.choice((16, 257))))
    if mode == "LAB":
        rgb = grey.convert("RGB")
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.applyTransform(rgb, ImageCms.buildTransform(*profiles, "RGB", "LAB"))
    if mode in ("LA", "RGBA"):
        image = grey.convert(mode)
        image.putalpha(255)
        return image
    return grey.convert("RGB").convert(mode) if mode in ("CMYK", "YCbCr") else grey.convert(mode)


def _attempt(source: random.Random, folder: Path, name: str, data: bytes) -> Attempt:
    """Give a file to the library's function, or now and then to a command."""
    chance = source.random()
    if chance > 0.12:

        def open_both() -> None:
            image_io.open_picture(data)
            image_io.open_reduced(data, (224, 224))

        return Attempt(name, open_both)
    images, outputs = folder / "images", folder / "out"
    images.mkdir()
    outputs.mkdir()
    (images / "it.png").write_bytes(data)
    if chance > 0.05:
        line = ["probe", "sketchnet", str(images / "it.png")]
        return Attempt(f"probe {name}", functools.partial(commands.run_checked, line, folder))
    Image.new("RGB", (70, 50), "red").save(images / "good.png")
    out = outputs / "x.index"
    line = ["index", "sketchnet", "--images", str(images), "--out", str(out), "--layers", "relu1b"]
    return Attempt(f"index {name}", functools.partial(_index, line, out), outputs=outputs)


def _index(line: list[str], out: Path) -> None:
    from core.index import reader

    code, _, errors = commands.run(line)
    if code:
        raise Wrong(f"one bad image ends an index: {errors[-300:]}")
    if reader.open_index(out).count < 1:
        raise Wrong("the good image is not in the index")


def _long_or_large(source: random.Random, folder: Path) -> Attempt:
    """Build an image with an extreme shape, or with very many pixels."""
    shape = source.choice(("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"))
    if source.random() < 0.6:
        sides = [source.choice((1, 2, 3, 5)), source.choice((900, 5000, 16_000, 65_000))]
    else:
        side = source.choice((2000, 4000, 6000, 7900))
        sides = [side, source.choice((side, side // 3, 8000))]
    source.shuffle(sides)
    limit = 16_383 if shape == "WEBP" else 65_000
    width, height = (min(limit, it) for it in sides)
    mode = source.choice(("L", "RGB"))
    buffer = io.BytesIO()
    settings = {"compress_level": 1} if shape == "PNG" else {}
    Image.new(mode, (width, height), "grey").save(buffer, shape, **settings)
    return _attempt(source, folder, f"{shape} {width} x {height}", buffer.getvalue())


def _bomb(source: random.Random) -> tuple[str, bytes]:
    """Return a small file whose header claims, or whose data have, very many pixels."""
    width, height = source.choice(
        ((20_000, 10_000), (64_000_000, 1), (1, 64_000_000), (8000, 8000), (2**31 - 1, 2**31 - 1),
         (30_000, 2000), (0, 5), (60_000, 60_000))
    )  # fmt: skip
    kind = source.choice(("png", "bmp", "gif", "text", "profile", "ppm", "tiff"))
    name = f"{kind} {width} x {height}"
    if kind == "png":
        depth, colours = source.choice(((8, 2), (16, 6), (1, 0), (8, 3)))
        lines = b"\0" * min(40_000_000, max(1, height) * (1 + max(1, width) // 8))
        return name, _png(width, height, depth, colours, zlib.compress(lines, 1))
    if kind == "bmp":
        header = struct.pack("<IiiHHIIiiII", 40, min(width, 2**31 - 1), height % 2**31, 1, 24, 0,
                             0, 0, 0, 0, 0)  # fmt: skip
        return name, b"BM" + struct.pack("<IHHI", 1000, 0, 0, 54) + header + bytes(900)
    if kind == "gif":
        header = struct.pack("<HHBBB", width % 65536, height % 65536, 0x80, 0, 0)
        return name, b"GIF89a" + header + bytes(6) + b"," + bytes(8) + b"\0\2\2\x44\1\0;"
    if kind == "ppm":
        return name, f"P6 {width} {height} 255\n".encode() + bytes(900)
    if kind == "tiff":
        entries = ((256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 200), (277, 1),
                   (278, height), (279, width * height % 2**32))  # fmt: skip
        body = b"".join(struct.pack("<HHII", tag, 4, 1, it % 2**32) for tag, it in entries)
        count = struct.pack("<H", len(entries))
        return name, b"II*\0\x08\0\0\0" + count + body + bytes(200)
    inflated = zlib.compress(bytes(200_000_000 if source.random() < 0.3 else 3_000_000), 9)
    label = b"iCCP" if kind == "profile" else b"zTXt"
    pixels = zlib.compress(bytes(8 * 25))
    extra = _chunk(label, b"x\0\0" + inflated)
    return f"{kind} of {len(inflated)} bytes", _png(8, 8, 8, 2, pixels, extra)


def _png(
    width: int, height: int, depth: int, colours: int, data: bytes, extra: bytes = b""
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    palette = _chunk(b"PLTE", bytes(768)) if colours == 3 else b""
    parts = _chunk(b"IHDR", header), palette, extra, _chunk(b"IDAT", data), _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _other(source: random.Random) -> tuple[str, bytes]:
    """Return a file that is no image of an allowed format."""
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n%%EOF\n"
    found = {
        "empty": b"",
        "a byte": b"\0",
        "text": b"This is no image.\n" * 40,
        "eps": eps,
        "pdf": b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        "html": b"<html><script>alert(1)</script></html>",
        "zip": b"PK\x03\x04" + bytes(100),
        "noise": source.randbytes(3000),
        "zeros": bytes(3000),
        "header only": b"\x89PNG\r\n\x1a\n",
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(300),
        "avif": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + bytes(300),
        "webp": b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(300),
        "fits": b"SIMPLE  =                    T" + b" " * 2850,
        "wmf": b"\xd7\xcd\xc6\x9a" + bytes(300),
    }
    name = source.choice(list(found))
    return name, found[name]
