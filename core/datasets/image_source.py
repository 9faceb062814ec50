"""The interface of image collections, their entries, and labels from file names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from PIL import Image

# ImageNet's class number (WordNet id) at the start of a name; the rest is the label.
WNID = re.compile(r"n\d{8}_(.+)")


@dataclass(frozen=True)
class ImageEntry:
    """One image of a collection.

    Attributes:
        name: its name in the collection, which never changes; folders are separated by ``/``.
        size: number of its bytes in an archive.
        offset: position of its first byte in an archive.
    """

    name: str
    size: int = 0
    offset: int = 0


class ImageSource(Protocol):
    """A collection of images.

    Attributes:
        text: the text from which ``sources.find_source`` makes the same source.
        identity: identifies the collection; it stays the same when images are added.
    """

    text: str
    identity: str

    def entries(self) -> Iterator[ImageEntry]:
        """Yield the images in a fixed order; files that are no images may be among them."""

    def find(self, name: str) -> ImageEntry:
        """Return the entry of an image by its name.

        Raises:
            BadPicture: there is none.
        """

    def label(self, name: str) -> str:
        """Return the label of an image; an empty text if it is unknown."""

    def open(
        self, entry: ImageEntry, min_size: tuple[int, int] | None = None
    ) -> tuple[Image.Image, tuple[int, int]]:
        """Open an image as ``core.images.image_io.open_reduced`` does.

        Raises:
            BadPicture: it cannot be opened.
        """


def word_label(name: str) -> str:
    """Return the label in a file name ``wnid_label``, else the name of the file's folder."""
    path = PurePosixPath(name)
    folder = path.parent.name
    match = WNID.fullmatch(path.stem) or WNID.fullmatch(folder)
    return (match[1] if match else folder).replace("_", " ")
