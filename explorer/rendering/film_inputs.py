"""Films as inputs of recipes: their frames, and a picture that stands for the whole film.

Each frame is an input picture of its own. The picture that stands for the film is its first frame
as a PNG, with a text chunk that lists the fingerprints of all frames. So it can be shown and chosen
as any picture, and named in a URL.
"""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.recipes.dream import FRAMES_RANGE
from core.recipes.recipe import FINGERPRINT
from explorer.rendering import png_metadata

if TYPE_CHECKING:
    from PIL.Image import Image

FILM_CHUNK = "film"
PNG_SIGNATURE = b"\x89PNG"


@dataclass(frozen=True)
class Film:
    """A film in the store.

    Attributes:
        frames: fingerprints of its frames, in their order.
        rate: frames per second.
    """

    frames: tuple[str, ...]
    rate: float

    @property
    def name(self) -> str:
        """The fingerprint of the picture that stands for the film."""
        return film_name(self.frames)


def film_name(frames: Sequence[str]) -> str:
    """Return the name of a film: 32 hexadecimal digits of a hash of its frames' fingerprints."""
    return hashlib.sha256(json.dumps(list(frames)).encode()).hexdigest()[:32]


def store_film(
    pictures: Sequence["Image"],
    rate: float,
    put: Callable[[Sequence[tuple[str, bytes, str]]], None],
    title: str = "",
) -> Film:
    """Store the frames of a film, and the picture that stands for it.

    Args:
        pictures: the frames, upright RGB images of the same size.
        rate: frames per second.
        put: stores encoded pictures with their fingerprints and titles.
        title: what the film is called.
    """
    from core.images import image_io

    names = [image_io.fingerprint(it) for it in pictures]
    film = Film(tuple(names), rate)
    chunk = json.dumps({"frames": names, "rate": rate})
    shown = (film.name, image_io.encode_png(pictures[0], {FILM_CHUNK: chunk}), title)
    frames = [(it, image_io.encode_png(one), "") for it, one in zip(names, pictures, strict=True)]
    frames[0] = (*frames[0][:2], title)
    put([*dict.fromkeys(frames), shown])
    return film


def read_film(image: bytes) -> Film | None:
    """Return the film that an encoded picture stands for; None if it stands for none."""
    if not image.startswith(PNG_SIGNATURE):
        return None
    text = png_metadata.read_text_chunks(image).get(FILM_CHUNK)
    if text is None:
        return None
    try:
        content = json.loads(text)
        frames, rate = tuple(content["frames"]), float(content["rate"])
    except (ValueError, TypeError, KeyError):
        return None
    known = all(isinstance(it, str) and FINGERPRINT.fullmatch(it) for it in frames)
    if not known or not 2 <= len(frames) <= FRAMES_RANGE[1] or not 0 < rate < math.inf:
        return None
    return Film(frames, rate)
