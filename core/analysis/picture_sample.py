"""Some pictures of a collection as the input of a network, with their names and labels."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from core.datasets.image_source import ImageEntry, ImageSource
from core.datasets.tensor_source import TensorSource
from core.errors import BadPicture, ExplorerError
from core.images import image_io
from core.images.center_crop import CenterCrop
from core.images.channels import crop_image
from core.networks.network import Network
from core.numbers import require

# As many as a mean needs: the interval of a mean change is then a tenth of its spread.
PICTURES = 360
SAMPLE_RANGE = (1, 5000)


@dataclass(frozen=True, eq=False)
class PictureSample:
    """N pictures as the input of a network.

    Attributes:
        names, labels: name of each picture in its collection, and its label or "".
        pixels: uint8 ``[1, H, W, 3]`` of each; float32 ``[1, C, H, W]`` in ``[0, 1]`` of each in a
            collection of tensors.
        skipped: why pictures could not be opened, by name.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    pixels: tuple[Tensor, ...]
    skipped: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def images(self, part: slice) -> Tensor:
        """Return some of the pictures as ``[n, C, H, W]`` in ``[0, 1]``."""
        pixels = torch.cat(self.pixels[part])
        return pixels if pixels.is_floating_point() else image_io.from_bytes(pixels)


def sample_pictures(network: Network, source: ImageSource, count: int = PICTURES) -> PictureSample:
    """Open pictures of a collection, spread evenly over it, cropped as for an index.

    Args:
        network: the network that will see them.
        source: the collection.
        count: number of pictures, at most.

    Raises:
        ExplorerError: no picture can be opened, or the collection cannot be read.
    """
    require("the number of pictures", count, SAMPLE_RANGE)
    names, labels, pixels = list[str](), list[str](), list[Tensor]()
    skipped: dict[str, str] = {}
    for entry in _spread(list(source.entries()), count):
        try:
            pixels.append(_open(network, source, entry))
        except BadPicture as error:
            skipped[entry.name] = str(error)
        else:
            names.append(entry.name)
            labels.append(source.label(entry.name))
    if not names:
        reason = next(iter(skipped.values()), "it is empty")
        raise ExplorerError(f"no picture of {source.text} can be opened: {reason}")
    return PictureSample(tuple(names), tuple(labels), tuple(pixels), skipped)


def _spread(entries: Sequence[ImageEntry], count: int) -> list[ImageEntry]:
    """Return at most ``count`` entries at even distances, the first among them."""
    if len(entries) <= count:
        return list(entries)
    return [entries[at * len(entries) // count] for at in range(count)]


def _open(network: Network, source: ImageSource, entry: ImageEntry) -> Tensor:
    wanted, framing = network.input_size, network.framing
    if isinstance(source, TensorSource):
        image = source.image(entry)
        return crop_image(image, CenterCrop((image.shape[2], image.shape[3]), wanted, framing))
    picture, size = source.open(entry, wanted)
    cropped = CenterCrop(size, wanted, framing).network_input(picture)
    return torch.from_numpy(np.array(cropped))[None]
