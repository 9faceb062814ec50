"""The images of an index, opened from their collection, which may be one that a stranger names."""

import functools

from PIL import Image

from core.datasets import sources
from core.datasets.image_source import ImageSource, printable
from core.errors import BadPicture, named


class IndexedImages:
    """The images of the collection of an index.

    An index may be from somebody else, so nothing is downloaded for it, and it opens only images
    of its collection that have the size that they had when they were indexed.
    """

    def __init__(self, text: str, follow_links: bool) -> None:
        """Prepare the collection, which is opened when an image of it is wanted.

        Args:
            text: the collection, as ``sources.find_source`` reads it.
            follow_links: whether images may be symbolic links that lead out of the collection.
        """
        self._text, self._follow_links = text, follow_links

    @functools.cached_property
    def source(self) -> ImageSource:
        """The collection.

        Raises:
            ExplorerError: the collection has been moved or deleted.
        """
        return sources.find_source(self._text, download=False)

    def open(self, name: str, indexed_size: tuple[int, int] | None) -> Image.Image:
        """Load an image at full size, as upright RGB.

        Args:
            name: name of the image in the collection.
            indexed_size: (height, width) of the image that was indexed; None if it is not known.

        Raises:
            BadPicture: the image is missing, cannot be opened any more, is none of the collection,
                or has another size.
            ExplorerError: the collection has been moved or deleted.
        """
        entry = self.source.find(name)
        if not self._follow_links and self._leads_out(name):
            raise BadPicture(f"{named(name)} is a link that leads out of the collection")
        picture, size = self.source.open(entry)
        if indexed_size not in (None, size):
            raise BadPicture(f"{named(name)} has changed since it was indexed; make the index anew")
        return picture

    def _leads_out(self, name: str) -> bool:
        if not isinstance(self.source, sources.FolderSource):
            return False
        folder = self.source.path
        return not (folder / name).resolve().is_relative_to(folder)

    def label(self, name: str) -> str:
        """Return the label of an image, printable; "" if it has none.

        Raises:
            ExplorerError: the collection has been moved or deleted.
        """
        return printable(self.source.label(name))
