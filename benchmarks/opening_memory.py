"""How much memory and time opening an image takes, for each kind of file at its largest size.

A child process opens each file with ``core.images.image_io.open_picture`` and measures the peak of
its memory above what it had before. ``python -m benchmarks.opening_memory`` prints a table.
"""

import argparse
import importlib.util
import io
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from core.images import opening_limits

# Bytes above the base that opening any accepted image may take.
GOAL = 300_000_000
# If a size is refused, one of this share is tried.
SMALLER = 0.93
ASPECT = 1.25
NOISE = 256


@dataclass(frozen=True)
class Kind:
    """A kind of image file.

    Attributes:
        mode: Pillow's mode of the image.
        form: Pillow's name of the format.
        options: options of Pillow for saving.
        from_bytes: whether the file is opened from memory, as an upload is.
    """

    mode: str
    form: str
    options: dict[str, Any]
    from_bytes: bool = False


def turned(orientation: int) -> Image.Exif:
    """Return EXIF metadata with an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def other_profile() -> bytes:
    """Return an ICC profile that changes colours: sRGB's with other primaries."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = content.index(b"rXYZ")
    content[at : at + 1], other = b"b", content.index(b"bXYZ", at + 12)
    content[other : other + 1] = b"r"
    return bytes(content)


def kinds() -> dict[str, Kind]:
    """Return the kinds of files that are measured, by what the table calls them."""
    progressive = {"progressive": True}
    tiff = {"compression": "tiff_deflate"}
    heic = {}
    if importlib.util.find_spec("pillow_heif") is not None:
        from pillow_heif import register_heif_opener

        register_heif_opener()
        fast = {"enc_params": {"preset": "ultrafast"}}
        heic = {
            "HEIC": Kind("RGB", "HEIF", fast),
            "HEIC, 4:4:4": Kind("RGB", "HEIF", {**fast, "chroma": "444"}),
            "HEIC, transparent": Kind("RGBA", "HEIF", {**fast, "chroma": "444"}),
        }
    return {
        **heic,
        "JPEG": Kind("RGB", "JPEG", {}),
        "JPEG, in memory": Kind("RGB", "JPEG", {}, True),
        "JPEG, turned": Kind("RGB", "JPEG", {"exif": turned(6)}),
        "JPEG, profile": Kind("RGB", "JPEG", {"icc_profile": other_profile()}),
        "JPEG, CMYK": Kind("CMYK", "JPEG", {}),
        "JPEG, progressive": Kind("RGB", "JPEG", progressive),
        "JPEG, progressive 4:4:4": Kind("RGB", "JPEG", {**progressive, "subsampling": 0}),
        "JPEG, progressive CMYK": Kind("CMYK", "JPEG", progressive),
        "PNG": Kind("RGB", "PNG", {"compress_level": 1}),
        "PNG, 1 bit": Kind("1", "PNG", {}),
        "PNG, 1 bit, turned": Kind("1", "PNG", {"exif": turned(5)}),
        "PNG, palette": Kind("P", "PNG", {"compress_level": 1}),
        "PNG, transparent": Kind("RGBA", "PNG", {"compress_level": 1}),
        "PNG, 16 bits": Kind("I;16", "PNG", {"compress_level": 1}),
        "PNG, profile, turned": Kind(
            "RGB", "PNG", {"compress_level": 1, "icc_profile": other_profile(), "exif": turned(6)}
        ),
        "GIF": Kind("P", "GIF", {}),
        "BMP": Kind("RGB", "BMP", {}),
        "TIFF": Kind("RGB", "TIFF", {}),
        "TIFF, deflate": Kind("RGB", "TIFF", tiff),
        "TIFF, one strip": Kind("RGB", "TIFF", {**tiff, "strip_size": 2**31 - 1}),
        "TIFF, turned": Kind("RGB", "TIFF", {"exif": turned(6)}),
        "TIFF, CMYK": Kind("CMYK", "TIFF", {}),
        "TIFF, float": Kind("F", "TIFF", tiff),
        "TGA": Kind("RGBA", "TGA", {"compression": "tga_rle"}),
        "PPM": Kind("RGB", "PPM", {}),
        "WebP": Kind("RGB", "WEBP", {"method": 0}),
        "WebP, lossless": Kind("RGBA", "WEBP", {"method": 0, "lossless": True, "quality": 0}),
        "AVIF": Kind("RGB", "AVIF", {"speed": 10, "subsampling": "4:4:4"}),
        "AVIF, transparent": Kind("RGBA", "AVIF", {"speed": 10, "subsampling": "4:4:4"}),
        "JPEG 2000": Kind("RGB", "JPEG2000", {"irreversible": True}),
        "JPEG 2000, tiles": Kind("RGBA", "JPEG2000", {"tile_size": (1024, 1024)}),
    }


def draw(mode: str, pixels: float) -> Image.Image:
    """Return an image of repeated noise.

    Args:
        mode: Pillow's mode of the image.
        pixels: its number of pixels.
    """
    height = int((pixels / ASPECT) ** 0.5)
    size = (int(pixels / height), height)
    noise = np.random.default_rng(0).integers(0, 256, (NOISE, NOISE), dtype=np.uint8)
    if mode in ("F", "I;16"):
        number = np.float32 if mode == "F" else np.uint16
        repeats = (size[1] // NOISE + 1, size[0] // NOISE + 1)
        return Image.fromarray(np.tile(noise.astype(number), repeats)[: size[1], : size[0]])
    picture, tile = Image.new(mode, size), Image.fromarray(noise)
    if mode == "P":
        for each in (picture, tile):
            each.putpalette(bytes(range(256)) * 3)
    elif len(picture.getbands()) > 1:
        tile = Image.merge(mode, [tile] * len(picture.getbands()))
    else:
        tile = tile.convert(mode)
    for left in range(0, size[0], NOISE):
        picture.paste(tile, (left, 0))
    row = picture.crop((0, 0, size[0], NOISE))
    for top in range(NOISE, size[1], NOISE):
        picture.paste(row, (0, top))
    return picture


def measure_largest(kind: Kind, path: Path, at_most: float) -> dict[str, float]:
    """Save the largest image of a kind that can be opened, and open it in a new process.

    Returns:
        Its number of megapixels, that of the opened image, the MB above the base, and the seconds.
    """
    draw(kind.mode, 1e6).save(path, kind.form, **kind.options)
    with Image.open(path) as small:
        share = opening_limits.needed_memory(small, opening_limits.REDUCTIONS[-1], True) / 1e6
    megapixels = min(at_most, 0.998 * opening_limits.MAX_PIXELS / 1e6)
    megapixels = min(megapixels, 0.998 * opening_limits.MAX_MEMORY / share / 1e6)
    command = [sys.executable, "-m", "benchmarks.opening_memory", "--child", str(path)]
    command += ["--from-bytes"] if kind.from_bytes else []
    while True:
        draw(kind.mode, megapixels * 1e6).save(path, kind.form, **kind.options)
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return {"megapixels": megapixels, **json.loads(done.stdout)}
        if "BadPicture" not in done.stderr:
            raise RuntimeError(done.stderr)
        megapixels *= SMALLER


def peak() -> int:
    """Return the peak of this process's resident memory in bytes (Linux)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def report(path: Path, from_bytes: bool) -> None:
    """Open an image in this process, and print what it took as JSON."""
    from core.images import image_io

    for mode in ("RGB", "L"):  # Load the decoder and the tables that stay.
        buffer = io.BytesIO()
        Image.new(mode, (8, 8)).save(buffer, "PNG")
        image_io.open_picture(buffer.getvalue())
    # Writing 5 resets the peak to the present value (proc(5)).
    Path("/proc/self/clear_refs").write_text("5")
    before, started = peak(), time.perf_counter()
    picture = image_io.open_picture(path.read_bytes() if from_bytes else path)
    seconds = time.perf_counter() - started
    opened = picture.width * picture.height / 1e6
    print(json.dumps({"mb": (peak() - before) / 1e6, "s": seconds, "opened": opened}))


def main() -> None:
    """Measure every kind of file, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--only", default="", help="kinds whose name contains this text")
    parser.add_argument("--at-most", type=float, default=64, help="megapixels")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--from-bytes", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        report(args.child, args.from_bytes)
        return
    rows = []
    print("| kind | largest, megapixels | opened at | MB above the base | seconds |")
    print("| --- | --- | --- | --- | --- |")
    for name, kind in kinds().items():
        if args.only.lower() not in name.lower():
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "picture"
            row = {"kind": name, **measure_largest(kind, path, args.at_most)}
        rows.append(row)
        print(
            "| {kind} | {megapixels:.1f} | {opened:.1f} | {mb:.0f} | {s:.1f} |".format(**row),
            flush=True,
        )
    worst = max(row["mb"] for row in rows)
    print(f"\nat most {worst:.0f} MB; the goal is {GOAL / 1e6:.0f} MB")
    if args.json is not None:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
