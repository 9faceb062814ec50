"""Conversion of decoded images to upright 8-bit RGB, in bands of rows to save memory.

The conversion turns an image as its EXIF orientation says, puts transparent areas on white,
converts colours with the embedded ICC profile to sRGB, and scales grey values of other ranges.
"""

import functools
import io
import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms

Transpose = Image.Transpose

# What turns an image upright, by its EXIF orientation. The last four swap height and width.
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
SIDEWAYS = (Transpose.TRANSPOSE, Transpose.ROTATE_270, Transpose.TRANSVERSE, Transpose.ROTATE_90)
# These put the first row of the image at the bottom or at the right.
FROM_END = (
    Transpose.ROTATE_180,
    Transpose.FLIP_TOP_BOTTOM,
    Transpose.ROTATE_270,
    Transpose.TRANSVERSE,
)
# About this many pixels are converted at a time.
BAND_PIXELS = 2**18
# Formats whose decoder is freed with the file, so that a decoded RGB image can be kept as it is.
KEPT_FORMATS = ("JPEG", "MPO", "PNG", "TIFF", "BMP", "PPM", "TGA")

# Modes of grey images with values of other ranges than 0 to 255.
WIDE_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
# Numbers of bits of the values that cameras and scanners store in 16 bits.
BIT_DEPTHS = (8, 10, 12, 14, 16)

# Colour spaces of ICC profiles, and the mode in which Pillow applies them.
PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
# A larger profile is damaged or made to fail. Profiles of printers have up to 3 MB.
MAX_PROFILE_BYTES = 4_000_000
# White of a profile is at least as light in sRGB, in each channel; else the profile is damaged.
LEAST_WHITE = 200
# A profile that changes no colour by more levels (of 255) is taken as sRGB. Conversions between
# two versions of sRGB change colours by rounding errors only.
SRGB_LEVELS = 2
# Number of values per channel with which a profile is compared with sRGB.
SRGB_STEPS = 9


def turn_of(picture: Image.Image) -> Transpose | None:
    """Return what turns an image upright; None if it is upright."""
    return TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))


def needs_conversion(picture: Image.Image) -> bool:
    """Whether an image is not upright sRGB already, or would keep its decoder in memory."""
    return (
        picture.mode != "RGB"
        or picture.format not in KEPT_FORMATS
        or picture.has_transparency_data
        or turn_of(picture) is not None
        or _profile_of(picture) is not None
    )


def upright_rgb(picture: Image.Image, reduction: int = 1) -> Image.Image:
    """Convert an image to 8-bit RGB: upright, sRGB, transparent areas on white.

    Args:
        picture: the image, of any mode that Pillow decodes. It is not changed.
        reduction: factor by which the result is smaller, each pixel the mean of a square. Sides are
            rounded up.
    """
    picture.load()
    turn = turn_of(picture)
    convert = _converter(picture)
    width, height = (-(-side // reduction) for side in picture.size)
    upright = Image.new("RGB", (height, width) if turn in SIDEWAYS else (width, height))
    for top, band in _bands(picture, reduction):
        part = convert(band)
        part = part.reduce(reduction) if reduction > 1 else part
        start = top // reduction
        if turn in FROM_END:
            start = height - start - part.height
        upright.paste(
            part if turn is None else part.transpose(turn),
            (start, 0) if turn in SIDEWAYS else (0, start),
        )
    return upright


def _bands(picture: Image.Image, multiple: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """Yield bands of an image, whose numbers of rows are a multiple, and their first rows."""
    rows = max(1, BAND_PIXELS // picture.width // multiple) * multiple
    for top in range(0, picture.height, rows):
        bottom = min(picture.height, top + rows)
        yield top, picture.crop((0, top, picture.width, bottom))


def _converter(picture: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Return the function that converts a band of an image to RGB."""
    if picture.mode in WIDE_MODES:
        black, white = _range(picture)
        return lambda band: _scale_grey(band, black, white)
    profile = _profile_of(picture)
    return lambda band: _to_rgb(band, profile)


def _to_rgb(band: Image.Image, profile: ImageCms.ImageCmsTransform | None) -> Image.Image:
    """Convert an image of 8-bit values to RGB."""
    alpha = None
    if band.has_transparency_data:
        # Pillow converts premultiplied grey only to plain grey.
        band = (band.convert("LA") if band.mode == "La" else band).convert("RGBA")
        alpha = band.getchannel("A")
    if profile is None:
        colours = band.convert("RGB")
    else:
        colours = profile.apply(band.convert(profile.input_mode))
    if alpha is None:
        return colours
    layer = colours.convert("RGBA")
    layer.putalpha(alpha)
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _range(picture: Image.Image) -> tuple[float, float]:
    """Return the values of a grey image that become black and white.

    Values up to 1 of a floating-point image go from 0 to 1. Whole numbers up to 65,535 have as many
    bits as the largest of them needs, of ``BIT_DEPTHS``. All other values, such as heights or
    negative ones, are stretched from the lowest to the highest, or from 0 if none is negative.
    """
    low, high, whole = 0.0, -math.inf, True
    for _, band in _bands(picture):
        values = _finite(band)
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
            whole = whole and (picture.mode != "F" or bool((values == np.rint(values)).all()))
    if low == 0 and high <= 1 and picture.mode == "F":
        return 0.0, 1.0
    if low == 0 and high < 2 ** BIT_DEPTHS[-1] and whole:
        return 0.0, float(next(2**it - 1 for it in BIT_DEPTHS if high < 2**it))
    return low, high


def _finite(band: Image.Image) -> npt.NDArray[np.float64]:
    """Return the finite values of a grey image, ``[n]``."""
    values = np.asarray(band, dtype=np.float64)
    return values[np.isfinite(values)]


def _scale_grey(band: Image.Image, black: float, white: float) -> Image.Image:
    """Convert a grey image of any range to RGB; what is not a number becomes black."""
    values = np.asarray(band, dtype=np.float64)
    # Divide first, because the difference of two values can be too large for a float.
    scale = max(abs(black), abs(white), 1e-300)
    extent = white / scale - black / scale
    levels = (values / scale - black / scale) / extent if extent > 0 else np.zeros_like(values)
    levels = np.nan_to_num(levels, nan=0.0).clip(0, 1)
    transparent = band.info.get("transparency")
    if isinstance(transparent, int):
        levels[values == transparent] = 1
    return Image.fromarray(np.uint8(levels * 255 + 0.5)).convert("RGB")


def _profile_of(picture: Image.Image) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from the colours of an image's ICC profile to sRGB.

    None if there is no profile, if it is damaged or for another mode, or if it is sRGB's.
    """
    content = picture.info.get("icc_profile")
    if not isinstance(content, bytes) or not 0 < len(content) <= MAX_PROFILE_BYTES:
        return None
    transform = _srgb_transform(content)
    if transform is None:
        return None
    grey, printed = picture.mode in ("1", "L", "LA", "La"), picture.mode == "CMYK"
    mode = "L" if grey else "CMYK" if printed else "RGB"
    fits = transform.input_mode == mode and picture.mode not in ("LAB", *WIDE_MODES)
    return transform if fits else None


@functools.lru_cache(maxsize=8)
def _srgb_transform(content: bytes) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from an ICC profile to sRGB; None if it is damaged or sRGB itself."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
        mode = PROFILE_MODES.get(profile.profile.xcolor_space.strip(), "")
        if not mode:
            return None
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, ImportError, OSError, ValueError):
        # As browsers do: an image with a damaged profile is shown without it. Pillow may have been
        # built without LittleCMS.
        return None
    white = Image.new(mode, (1, 1), (0, 0, 0, 0) if mode == "CMYK" else "white")
    if min(transform.apply(white).getpixel((0, 0))) < LEAST_WHITE:  # type: ignore[arg-type]
        return None
    return None if mode != "CMYK" and _is_srgb(transform) else transform


def _is_srgb(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a transform changes no colour by more than ``SRGB_LEVELS``."""
    steps = np.linspace(0, 255, SRGB_STEPS).round().astype(np.uint8)
    if transform.input_mode == "L":
        colours = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    else:
        colours = Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3))
    converted = np.asarray(transform.apply(colours), dtype=np.int16)
    change = np.abs(converted - np.asarray(colours.convert("RGB"), dtype=np.int16))
    return bool(change.max() <= SRGB_LEVELS)
