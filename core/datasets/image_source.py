"""What every collection of pictures has in common: it lists its pictures, and opens each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from PIL import Image

# How ImageNet's classes are numbered; what follows in a file's name is the label.
WNID = re.compile(r"n\d{8}_(.+)")


@dataclass(frozen=True)
class ImageEntry:
    """One picture of a collection.

    Attributes:
        name: what it is called in there, the same every time; folders are parted by ``/``.
        size, place: of its bytes in an archive, and where they start.
    """

    name: str
    size: int = 0
    place: int = 0


class ImageSource(Protocol):
    """A collection of pictures.

    Attributes:
        text: what ``find`` makes the same source of.
        identity: tells the collection from every other; it stays when pictures are added.
    """

    text: str
    identity: str

    def entries(self) -> Iterator[ImageEntry]:
        """List the pictures in an order that stays; what is no picture may be among them."""

    def find(self, name: str) -> ImageEntry:
        """Find a picture by its name.

        Raises:
            BadPicture: there is none.
        """

    def label(self, name: str) -> str:
        """Tell what a picture is said to show; nothing if that is not known."""

    def open(
        self, entry: ImageEntry, least: tuple[int, int] | None = None
    ) -> tuple[Image.Image, tuple[int, int]]:
        """Open a picture as ``images.open_reduced`` does.

        Raises:
            BadPicture: it cannot be opened.
        """


def word_label(name: str) -> str:
    """Read a label from a file named ``wnid_label``, or from the folder that a file is in."""
    path = PurePosixPath(name)
    told = WNID.fullmatch(path.stem)
    if told is None:
        folder = path.parent.name
        told = WNID.fullmatch(folder)
        return (told[1] if told else folder).replace("_", " ")
    return told[1].replace("_", " ")
