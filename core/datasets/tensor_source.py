"""A collection of images in memory, of any number of channels."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from PIL import Image

from core.datasets.image_source import ImageEntry
from core.errors import BadPicture, ExplorerError, named

if TYPE_CHECKING:
    from torch import Tensor

TENSORS = "tensors"


class TensorSource:
    """Images as one tensor, for networks whose images have other than one or three channels.

    It is used in Python only: an index of it has no crops, because the images are in no file.
    """

    def __init__(self, images: "Tensor", labels: Sequence[str] = ()) -> None:
        """Prepare the collection.

        Args:
            images: float ``[N, C, H, W]`` in ``[0, 1]``.
            labels: the label of each image; none if they are unknown.

        Raises:
            ExplorerError: the tensor has another shape or type, or there is another number of
                labels.
        """
        if images.ndim != 4 or not images.is_floating_point() or not images.numel():
            raise ExplorerError(
                f"images must be float [N, C, H, W], not {images.dtype} {list(images.shape)}"
            )
        if labels and len(labels) != len(images):
            raise ExplorerError(f"there are {len(labels)} labels for {len(images)} images")
        self.images = images.detach().cpu().float().clamp(0, 1).contiguous()
        self._labels = tuple(labels)
        digest = hashlib.sha256(str(tuple(images.shape)).encode())
        digest.update(self.images.numpy().tobytes())
        self.identity = self.text = f"{TENSORS}:{digest.hexdigest()[:32]}"

    def entries(self) -> Iterator[ImageEntry]:
        """Yield an entry for every image, with its number as the name."""
        return (ImageEntry(str(index)) for index in range(len(self.images)))

    def find(self, name: str) -> ImageEntry:
        """Return the entry of an image by the image's number."""
        if not name.isdecimal() or int(name) >= len(self.images):
            raise BadPicture(f"there is no image {named(name)} among {len(self.images)}")
        return ImageEntry(name)

    def label(self, name: str) -> str:
        """Return the label of an image; "" if it has none."""
        return self._labels[int(name)] if self._labels else ""

    def image(self, entry: ImageEntry) -> "Tensor":
        """Return an image, ``[1, C, H, W]`` in ``[0, 1]``."""
        at = int(entry.name)
        return self.images[at : at + 1]

    def open(
        self, entry: ImageEntry, min_size: tuple[int, int] | None = None
    ) -> tuple[Image.Image, tuple[int, int]]:
        """Raise BadPicture: the images are no pictures; ``image`` returns them as tensors."""
        raise BadPicture(f"image {entry.name} is a tensor, and no picture")
