"""The interface of image collections, their entries, and labels from file names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from PIL import Image

# A name such as ``n01440764_tench``: ImageNet's class number (WordNet id), then the label.
WNID = re.compile(r"n\d{8}_(.+)")


@dataclass(frozen=True)
class ImageEntry:
    """One image of a collection.

    Attributes:
        name: name of the image in the collection, such as ``cats/1.jpg``; it never changes, and
            folders are separated by ``/``.
        size: number of bytes of the file if the collection is an archive, else 0.
        offset: position of the file's first byte if the collection is a tar archive, else 0.
    """

    name: str
    size: int = 0
    offset: int = 0


class ImageSource(Protocol):
    """A collection of images.

    Attributes:
        text: the text that ``sources.find_source`` turns into this source, such as
            ``sketchworld:5000:3``.
        identity: a text that identifies the collection; it stays the same when images are added.
    """

    text: str
    identity: str

    def entries(self) -> Iterator[ImageEntry]:
        """Yield the images in a fixed order; files that are no images may be among them."""

    def find(self, name: str) -> ImageEntry:
        """Return the entry of an image by its name.

        Raises:
            BadPicture: there is no image with this name.
        """

    def label(self, name: str) -> str:
        """Return the label of an image; an empty text if the label is unknown."""

    def open(
        self, entry: ImageEntry, min_size: tuple[int, int] | None = None
    ) -> tuple[Image.Image, tuple[int, int]]:
        """Open an image as ``core.images.image_io.open_reduced`` does.

        Raises:
            BadPicture: the image cannot be opened.
        """


def may_be_in_folder(name: str) -> bool:
    """Whether a name may be that of a file in a folder: no absolute or hidden path, and no ``..``.

    Names come from index files too, which may be from somebody else.
    """
    path = Path(name)
    return not path.is_absolute() and not any(part.startswith(".") for part in path.parts)


def printable(name: str) -> str:
    """Return a name or a label as pages and terminals can show it.

    Other characters, such as line breaks and the halves of surrogate pairs by which Python stands
    for bytes that are no UTF-8, are replaced by the replacement character.
    """
    return "".join(it if it.isprintable() else "\N{REPLACEMENT CHARACTER}" for it in name)


def word_label(name: str) -> str:
    """Return the label of a file from its path.

    Examples: "tench" for ``n01440764_tench.jpg`` and for ``n01440764_tench/1.jpg``, where the class
    number is followed by the label; for other paths the name of the folder, as "red fox" for
    ``red_fox/1.jpg``.
    """
    path = PurePosixPath(name)
    folder = path.parent.name
    match = WNID.fullmatch(path.stem) or WNID.fullmatch(folder)
    return (match[1] if match else folder).replace("_", " ")
