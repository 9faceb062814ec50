"""Limits of what is opened: how large an image may be, and how much memory opening it takes.

The memory that an image needs is computed from its header, before anything is decoded. An image
that needs more than ``MAX_MEMORY`` at full size is opened at a half or a quarter of its size if
that is enough, and refused otherwise. ``benchmarks/opening_memory.py`` measures it.
"""

from PIL import ExifTags, Image, JpegImagePlugin

from core.errors import BadPicture

# 64 megapixels: more than most cameras' photographs have.
MAX_PIXELS = 64_000_000
# Longer files are made to fail. No WebP is longer than 16,383 pixels, no JPEG than 65,535.
MAX_SIDE = 32_768
# Bytes that opening an image may take, with the image itself and with the file if it is in memory.
MAX_MEMORY = 280_000_000
# By these factors an image is made smaller while it is opened. Sides are rounded up.
REDUCTIONS = (1, 2, 4)

JPEG_FORMATS = ("JPEG", "MPO")
# Bytes of a pixel in Pillow's memory by mode; 4 for all other modes.
STORED_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
# Bytes of an RGB pixel in Pillow's memory.
RGB_BYTES = 4
# Bytes per pixel that the decoder of a format, or of a format and mode, takes besides; 0 for all
# others. JPEG 2000 takes less memory: its number limits this slow decoder to a few seconds.
DECODER_BYTES = {"WEBP": 12, "AVIF": 12, "HEIF": 7, "HEIF RGBA": 13, "JPEG2000": 30}
# Pillow decodes some files in Python: PPMs that are written as text or whose largest value is not
# 255, and compressed BMPs. The number limits these, too, to a few seconds.
PYTHON_DECODERS = ("ppm", "ppm_plain", "bmp_rle")
PYTHON_DECODER_BYTES = 50
# Bytes per pixel that libtiff takes for the strip or tile that it decodes.
STRIP_BYTES = 8
# Numbers of values per pixel of a colour JPEG by its ``JpegImagePlugin.get_sampling``; 3 for all
# other kinds of subsampling.
JPEG_VALUES = {1: 2.0, 2: 1.5}
COEFFICIENT_BYTES = 2
ROWS_PER_STRIP, TILE_HEIGHT = 278, 323


def check_size(picture: Image.Image, name: str, memory: int = MAX_MEMORY) -> None:
    """Check the size that an image's header tells.

    Args:
        picture: the image, not yet decoded.
        name: the image's name in error messages.
        memory: bytes that opening it may take.

    Raises:
        BadPicture: the image is too long, too large, or needs too much memory.
    """
    width, height = picture.size
    size = f"{name} has {height} x {width} pixels"
    if max(width, height) > MAX_SIDE:
        raise BadPicture(f"{size}; at most {MAX_SIDE:,} along a side can be opened: cut it up")
    if width * height > MAX_PIXELS:
        raise BadPicture(
            f"{size}; at most {MAX_PIXELS // 1_000_000} megapixels can be opened: make it smaller"
        )
    needed = needed_memory(picture, REDUCTIONS[-1], converted=True)
    if needed > memory:
        most = width * height * memory / needed / 1_000_000
        raise BadPicture(
            f"{size}; of this kind of {picture.format} file at most {most:.1f} megapixels can be "
            "opened: make it smaller, or save it as an ordinary JPEG"
        )


def least_reduction(picture: Image.Image, converted: bool, memory: int = MAX_MEMORY) -> int:
    """Return by which factor an image must be reduced so that opening it takes no more memory.

    Args:
        picture: the image, which ``check_size`` accepted.
        converted: whether the decoded image is copied to another image.
        memory: as for ``check_size``.
    """
    fitting = (it for it in REDUCTIONS if needed_memory(picture, it, converted) <= memory)
    return next(fitting, REDUCTIONS[-1])


def needed_memory(picture: Image.Image, reduction: int, converted: bool) -> float:
    """Return how many bytes opening an image takes if it is reduced by a factor."""
    pixels = picture.width * picture.height
    stored = STORED_BYTES.get(picture.mode, 4)
    result = RGB_BYTES * converted / reduction**2
    if picture.format in JPEG_FORMATS:
        # The decoder itself reduces a JPEG.
        return pixels * (_coefficient_bytes(picture) + stored / reduction**2 + result)
    return pixels * (stored + _decoder_bytes(picture) + result)


def _decoder_bytes(picture: Image.Image) -> float:
    """Return how many bytes per pixel the decoder takes besides the image, for other formats."""
    codecs = [tile[0] for tile in getattr(picture, "tile", ())[:1]]
    if codecs and codecs[0] in PYTHON_DECODERS:
        return PYTHON_DECODER_BYTES
    if picture.format == "TIFF":
        tags = getattr(picture, "tag_v2", {})
        rows = float(tags.get(TILE_HEIGHT) or tags.get(ROWS_PER_STRIP) or picture.height)
        share = rows / picture.height if 0 < rows < picture.height else 1.0
        strip = 0.0 if codecs == ["raw"] else STRIP_BYTES * share
        # Pillow itself turns TIFFs, into a copy.
        turned = bool(tags.get(ExifTags.Base.Orientation, 1) != 1)
        return strip + STORED_BYTES.get(picture.mode, 4) * turned
    of_format = DECODER_BYTES.get(picture.format or "", 0)
    return DECODER_BYTES.get(f"{picture.format} {picture.mode}", of_format)


def _coefficient_bytes(picture: Image.Image) -> float:
    """Return how many bytes per pixel a JPEG's coefficients take.

    The decoder keeps the coefficients of the whole image, at any reduction, if the file contains
    the image's components one after the other or in several passes (progressive).
    """
    components = {"L": 1, "CMYK": 4}.get(picture.mode, 3)
    if "progressive" not in picture.info and _scanned_components(picture) == components:
        return 0.0
    sampling = JpegImagePlugin.get_sampling(picture)
    return COEFFICIENT_BYTES * JPEG_VALUES.get(sampling, float(components))


def _scanned_components(picture: Image.Image) -> int:
    """Return how many components the first scan of a JPEG has; 0 if this cannot be told.

    See ITU-T T.81, B.1 and B.2.3: a segment is the byte 255, the marker, and a length that includes
    its own two bytes.
    """
    file = getattr(picture, "fp", None)
    if file is None:
        return 0
    position = file.tell()
    file.seek(2)
    try:
        while True:
            start = file.read(4)
            if len(start) < 4 or start[0] != 0xFF or start[1] == 0xFF:
                return 0
            if start[1] == 0xDA:  # start of scan
                return int.from_bytes(file.read(1), "big")
            file.seek(int.from_bytes(start[2:], "big") - 2, 1)
    finally:
        file.seek(position)
