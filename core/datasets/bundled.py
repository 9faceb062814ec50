"""Finding a picture that is part of the installation by its fingerprint.

Recipes name their input pictures by fingerprint, so a recipe of a sample or a painting can be
rendered again wherever the project is installed.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from PIL import Image

from core import paintings
from core.datasets import samples
from core.images import image_io

Open = Callable[[str], Image.Image]
# How a name is opened, by the name of the module in which the picture is.
OPENERS: Mapping[str, Open] = MappingProxyType(
    {"samples": samples.picture, "paintings": paintings.picture}
)


@dataclass(frozen=True)
class BundledPicture:
    """A picture that is part of the installation.

    Attributes:
        module: ``samples`` or ``paintings``; its function ``picture`` returns the picture.
        name: name of the picture in this module, such as ``cat``.
    """

    module: str
    name: str

    def open(self) -> Image.Image:
        """Return the picture, upright RGB. It is cached, so callers must not change it."""
        return OPENERS[self.module](self.name)


def find(fingerprint: str) -> BundledPicture | None:
    """Return the bundled picture with a fingerprint (``image_io.fingerprint``), or None."""
    return next((it for it in _all_pictures() if _fingerprint(it) == fingerprint), None)


def _all_pictures() -> Iterator[BundledPicture]:
    """Yield all bundled pictures, those first that are read from files."""
    known = (*samples.SAMPLES, *samples.STYLES)
    yield from (BundledPicture("samples", it) for it in known if it not in samples.DRAWN)
    yield from (BundledPicture("paintings", it) for it in paintings.PAINTINGS)
    yield from (BundledPicture("samples", it) for it in samples.DRAWN)


@functools.cache
def _fingerprint(picture: BundledPicture) -> str:
    return image_io.fingerprint(picture.open())
