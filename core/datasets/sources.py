"""Image collections that users name by a text: folder, SketchWorld, torchvision, tar or zip.

``find_source`` turns the text into a source. A source yields its images one after the other without
keeping a list, and opens any of them at any time, from any thread:

    photos/                  a folder and all its subfolders, also through links; labels from folder
                             names, or from files named ``wnid_label.jpg`` as in ImageNet
    sketchworld:5000         the first 5,000 drawings of the SketchWorld that is not used for
                             training; ``sketchworld:5000:3`` is the one with seed 3
    torchvision:CIFAR10      a dataset of torchvision; ``torchvision:SVHN:test`` names a split
    shard.tar, photos.zip    an archive, read in place; in a WebDataset tar, ``x.cls`` or
                             ``x.txt`` is the label of ``x.jpg``

The format of a file is detected from its content, not from its name. Hidden files are ignored.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from core.datasets.archives import open_archive
from core.datasets.folder_files import list_files
from core.datasets.image_source import (
    ImageEntry,
    ImageSource,
    check_inside,
    may_be_in_folder,
    word_label,
)
from core.datasets.tensor_source import TENSORS
from core.errors import BadPicture, ExplorerError, named, unknown
from core.files import ANY, expand_home, is_there, require_path
from core.images import image_io
from core.images.rgb_conversion import upright_rgb
from core.numbers import read_whole
from core.sketchworld.seeds import MEASURING_SEED
from core.sketchworld.world import CLASSES, class_of, draw

SKETCHWORLD, TORCHVISION = "sketchworld", "torchvision"
# How many drawings of SketchWorld a collection may have: more than could be indexed in a week.
DRAWINGS_RANGE = (1, 100_000_000)


def find_source(text: str, download: bool = True) -> ImageSource:
    """Return the source that a user's text names; the module's docstring lists the forms.

    Args:
        text: the text.
        download: whether a dataset of torchvision may be downloaded.

    Raises:
        ExplorerError: there is no such collection, or the collection cannot be read.
    """
    kind, colon, rest = text.partition(":")
    if colon and kind == SKETCHWORLD:
        return SketchWorldSource.parse(rest)
    if kind == TENSORS:
        raise ExplorerError("the images of this collection are tensors, which have no pictures")
    if colon and kind == TORCHVISION:
        name, _, split = rest.partition(":")
        return TorchvisionSource(name, split, download)
    hint = "; name one, or sketchworld:5000, or torchvision:NAME"
    path = require_path(expand_home(text), ANY, "folder or archive", hint)
    return FolderSource(path) if path.is_dir() else open_archive(path)


class FolderSource:
    """The files of a folder and all its subfolders; links to folders are followed."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.text = str(self.path)
        self.identity = f"folder {self.path}"

    def entries(self) -> Iterator[ImageEntry]:
        """Yield an entry for every file, folder by folder, sorted by name; see ``list_files``.

        Raises:
            ExplorerError: the folder cannot be read.
        """
        try:
            yield from map(ImageEntry, list_files(self.path))
        except OSError as error:
            raise ExplorerError(f"{named(self.path)} cannot be read: {error.strerror}") from error

    def find(self, name: str) -> ImageEntry:
        """Return the entry of a file by the file's path relative to the folder."""
        if not may_be_in_folder(name) or not is_there(self.path / name):
            raise BadPicture(f"there is no file {named(name)} in {named(self.path)} any more")
        return ImageEntry(name)

    def label(self, name: str) -> str:
        """Return the label in the name of the file or of its folder."""
        return word_label(name)

    def open(
        self, entry: ImageEntry, min_size: tuple[int, int] | None = None
    ) -> tuple[Image.Image, tuple[int, int]]:
        """Open an image file, as ``ImageSource.open``."""
        check_inside(entry.name, self.path)
        return image_io.open_reduced(self.path / entry.name, min_size, entry.name)


class SketchWorldSource:
    """The first ``count`` drawings of the SketchWorld with the seed ``seed``."""

    def __init__(self, count: int, seed: int = MEASURING_SEED) -> None:
        self.count, self.seed = count, seed
        self.text = f"{SKETCHWORLD}:{count}:{seed}"
        self.identity = f"{SKETCHWORLD} {seed}"

    @classmethod
    def parse(cls, text: str) -> "SketchWorldSource":
        """Read the number of drawings and optionally the seed, such as ``5000`` or ``5000:3``."""
        count, colon, seed = text.partition(":")
        number = read_whole(f"the number of drawings in {SKETCHWORLD}:N", count, DRAWINGS_RANGE)
        if not colon:
            return cls(number)
        return cls(number, read_whole(f"the seed in {SKETCHWORLD}:N:SEED", seed, (0, 2**31 - 1)))

    def entries(self) -> Iterator[ImageEntry]:
        """Yield an entry for every drawing, with its number as the name."""
        return (ImageEntry(str(index)) for index in range(self.count))

    def find(self, name: str) -> ImageEntry:
        """Return the entry of a drawing by the drawing's number."""
        if not name.isdecimal() or int(name) >= self.count:
            raise BadPicture(f"there is no drawing {named(name)} among the first {self.count}")
        return ImageEntry(name)

    def label(self, name: str) -> str:
        """Return the class of a drawing."""
        return CLASSES[class_of(self.seed, int(name))]

    def open(
        self, entry: ImageEntry, min_size: tuple[int, int] | None = None
    ) -> tuple[Image.Image, tuple[int, int]]:
        """Draw a drawing, always at full size; ``min_size`` is ignored."""
        picture = Image.fromarray(draw(self.seed, int(entry.name)).image)
        return picture, (picture.height, picture.width)


class TorchvisionSource:
    """One split of a torchvision dataset of images and classes."""

    def __init__(self, name: str, split: str = "", download: bool = True) -> None:
        # This import and those of torch take long, and other collections need neither of them.
        from torchvision import datasets

        known = [it for it in datasets.__all__ if it not in ("ImageFolder", "DatasetFolder")]
        if name not in known:
            raise unknown("dataset", name, known, TORCHVISION)
        self.text = f"{TORCHVISION}:{name}:{split}".rstrip(":")
        self.identity = self.text
        self._data = _load_dataset(getattr(datasets, name), split, download)
        self._labels = tuple(getattr(self._data, "classes", ()))

    def entries(self) -> Iterator[ImageEntry]:
        """Yield an entry for every image, with its number as the name."""
        return (ImageEntry(str(index)) for index in range(len(self._data)))

    def find(self, name: str) -> ImageEntry:
        """Return the entry of an image by the image's number."""
        if not name.isdecimal() or int(name) >= len(self._data):
            raise BadPicture(f"there is no picture {named(name)} in {self.identity}")
        return ImageEntry(name)

    def label(self, name: str) -> str:
        """Return the class of an image."""
        import torch

        target = self._data[int(name)][1]
        if isinstance(target, int | torch.Tensor) and 0 <= int(target) < len(self._labels):
            return str(self._labels[int(target)])
        return str(target) if isinstance(target, str | int) else ""

    def open(
        self, entry: ImageEntry, min_size: tuple[int, int] | None = None
    ) -> tuple[Image.Image, tuple[int, int]]:
        """Return an image of the dataset, always at full size; ``min_size`` is ignored."""
        picture = self._data[int(entry.name)][0]
        if not isinstance(picture, Image.Image):
            raise BadPicture(f"number {entry.name} of {self.identity} is no picture")
        upright = upright_rgb(picture)
        return upright, (upright.height, upright.width)


def _load_dataset(kind: Callable[..., Any], split: str, download: bool) -> Any:
    """Load a dataset of torchvision, with a download on first use if its class supports that."""
    import torch

    accepted = kind.__init__.__code__.co_varnames
    options: dict[str, Any] = {}
    if "root" in accepted:
        options["root"] = str(Path(torch.hub.get_dir()).parent / "datasets")
    if "download" in accepted:
        options["download"] = download
    if split and "train" in accepted:
        options["train"] = split == "train"
    elif split:
        options["split"] = split
    try:
        return kind(**options)
    except Exception as error:
        # Each dataset has its own settings, files and servers, and may raise any exception.
        raise ExplorerError(f"torchvision's {kind.__name__} cannot be had: {error}") from error
