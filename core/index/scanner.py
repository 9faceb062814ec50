"""Scanning of images: the maximum of each unit of some layers, and its position."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fx
from torch.nn import functional as F

from core.datasets.image_source import ImageEntry, ImageSource
from core.datasets.tensor_source import TensorSource
from core.devices import indices_on
from core.errors import BadPicture, named
from core.images import image_io
from core.images.center_crop import CenterCrop
from core.images.channels import crop_image
from core.images.picture_file import explain
from core.index.accumulator import ScanBatch
from core.index.file_format import Array
from core.index.opening_log import OpeningLog
from core.index.plan import IndexPlan
from core.index.top_k import NO_POSITION, Floats, Ids, Positions, Threshold, picture_id
from core.networks.graph_passes.fuse_relu import fuse_conv_relu
from core.networks.network import FeatureExtractor, Network

# Number of images that the network computes in one call, by type of device. On a CPU, images are as
# fast one by one as in groups. A GPU is fast only with groups. Their size is fixed, so that the GPU
# always chooses the same kernels.
GROUP_SIZES = {"cpu": 1}
GPU_GROUP_SIZE = 32


def group_size(device: torch.device) -> int:
    """Return the number of images that the network computes in one call on a device."""
    return GROUP_SIZES.get(device.type, GPU_GROUP_SIZE)


def whole_groups(count: int, device: torch.device) -> int:
    """Return a number of images, at least ``count``, that fills all groups of a device."""
    size = group_size(device)
    return -(-count // size) * size


@dataclass(frozen=True)
class _InputImage:
    """An image of a collection as the network's input.

    Attributes:
        name, picture: name and id of the image.
        size: its (height, width) at full size.
        pixels: the network's input, uint8 ``[H, W, 3]``; float32 ``[C, H, W]`` of a
            ``TensorSource``.
    """

    name: str
    picture: int
    size: tuple[int, int]
    pixels: Array


class Scanner:
    """A network that measures the images of a collection."""

    def __init__(
        self,
        network: Network,
        plan: IndexPlan,
        source: ImageSource,
        log: OpeningLog | None = None,
    ) -> None:
        """Prepare the network.

        Args:
            network, plan, source: the network, and what to measure of which collection.
            log: where images are listed while they are opened.
        """
        # Create a new extractor, because it is modified below. The network's cached extractors must
        # not be modified.
        self._extractor = FeatureExtractor(
            network, [network.layer(layer.name) for layer in plan.layers]
        )
        if isinstance(self._extractor.body, fx.GraphModule):
            self._extractor.body = _reduce_early(fuse_conv_relu(self._extractor.body))
        self._device = network.device
        self._plan = plan
        self._source = source
        self._opening: Callable[[str], AbstractContextManager[object]] = (
            nullcontext if log is None else log.opening
        )
        self._group_size = group_size(network.device)

    def scan(self, entries: Sequence[ImageEntry], thresholds: tuple[Threshold, ...]) -> ScanBatch:
        """Compute the activations of all units for some images.

        Args:
            entries: the images.
            thresholds: the worst entries of the present rankings. The position of a unit's maximum
                is computed only for images that would enter one of these rankings.
        """
        images, skipped = self._open_images(entries)
        values = np.empty((len(images), self._plan.rows), np.float32)
        places = np.full(values.shape, NO_POSITION, np.int32)
        kept: list[int] = []
        for start in range(0, len(images), self._group_size):
            group = slice(start, min(start + self._group_size, len(images)))
            kept += self._measure_group(images, group, thresholds, values, places, skipped)
        return ScanBatch(
            np.array([images[at].picture for at in kept], np.int64),
            [images[at].name for at in kept],
            [images[at].size for at in kept],
            values[kept],
            places[kept],
            skipped,
        )

    def _open_images(
        self, entries: Sequence[ImageEntry]
    ) -> tuple[list["_InputImage"], dict[str, str]]:
        """Open images; return those that could be opened, and the reasons for the others by name.

        Whatever happens to one image, even a lack of memory, must not end the scan.
        """
        images, skipped = [], {}
        for entry in entries:
            try:
                images.append(self._open(entry))
            except BadPicture as error:
                skipped[entry.name] = str(error)
            except Exception as error:
                skipped[entry.name] = f"{named(entry.name)} failed: {explain(error)}"
        return images, skipped

    def _open(self, entry: ImageEntry) -> _InputImage:
        """Open one image, and crop it to the network's input."""
        wanted, framing = self._plan.input_size, self._plan.framing
        if isinstance(self._source, TensorSource):
            image = self._source.image(entry)
            size = (image.shape[2], image.shape[3])
            pixels = crop_image(image, CenterCrop(size, wanted, framing))[0].numpy()
        else:
            with self._opening(entry.name):
                picture, size = self._source.open(entry, wanted)
            pixels = CenterCrop(size, wanted, framing).network_input(picture)
        return _InputImage(entry.name, picture_id(entry.name), size, pixels)

    def _measure_group(
        self,
        images: Sequence["_InputImage"],
        group: slice,
        thresholds: tuple[Threshold, ...],
        values: Floats,
        places: Positions,
        skipped: dict[str, str],
    ) -> list[int]:
        """Compute the activations of all units for one group of images, as ``_measure`` does.

        If this fails, the images are measured one by one, and those that fail are added to
        ``skipped``.

        Returns:
            The indices of the images that were measured.
        """
        pixels = [it.pixels for it in images[group]]
        pictures = np.array([it.picture for it in images[group]], np.int64)
        try:
            self._measure(pixels, pictures, thresholds, values[group], places[group])
            return list(range(group.start, group.stop))
        except Exception as error:
            if len(pixels) == 1:
                name = images[group.start].name
                skipped[name] = f"the network failed for {named(name)}: {explain(error)}"
                return []
        singly = (slice(at, at + 1) for at in range(group.start, group.stop))
        each = (
            self._measure_group(images, it, thresholds, values, places, skipped) for it in singly
        )
        return [at for measured in each for at in measured]

    @torch.inference_mode()
    def _measure(
        self,
        pixels: list[Array],
        pictures: Ids,
        thresholds: tuple[Threshold, ...],
        values: Floats,
        places: Positions,
    ) -> None:
        """Compute the activations of all units for one group of images.

        The results are written into ``values`` and ``places``, both ``[n, rows]``.

        Args:
            pixels: the n images, as ``_InputImage`` has them.
            pictures: ids of the images, ``[n]``.
            thresholds: as for ``scan``.
            values: activation for each image and each row of the tables.
            places: flat position of each unit's maximum; unchanged where it is not computed.
        """
        count = len(pixels)
        images = torch.from_numpy(np.stack(pixels))
        # The last group is padded to the full size, so that a GPU chooses the same kernels.
        images = F.pad(images, (0, 0, 0, 0, 0, 0, 0, self._group_size - count)).to(self._device)
        if not images.is_floating_point():
            images = image_io.from_bytes(images)
        activations = self._extractor(images)
        maps, rows = [], []
        for layer in self._plan.layers:
            output = activations[layer.name]
            # If the network cannot be traced, ``_reduce_early`` was not applied, and the output is
            # the activation itself.
            map_, row = _row_maxima(output) if isinstance(output, Tensor) else output
            maps.append(map_[:count])
            rows.append(row[:count])
        statistics = [it.amax(1) for it in rows]
        if "mean" in self._plan.by:
            statistics += [it.mean((1, 2)) for it in maps]
        values[:] = torch.cat(statistics, 1).float().cpu().numpy()
        ranked = np.logical_or.reduce([it.exceeded_by(pictures, values) for it in thresholds])
        ranked = ranked.reshape(count, len(self._plan.by), self._plan.units).any(1)  # [n, units]
        by_unit = places.reshape(count, len(self._plan.by), self._plan.units)
        start, found = 0, list[Tensor]()
        pairs: list[tuple[Array, Array]] = []
        for map_, row in zip(maps, rows, strict=True):
            stop = start + map_.shape[3]
            ranking, units = np.nonzero(ranked[:, start:stop])
            if len(ranking):
                found.append(_flat_positions(map_, row, ranking, units))
                pairs.append((ranking, start + units))
            start = stop
        if pairs:
            # The positions of all layers at once, because the host waits for each request.
            ranking, units = (np.concatenate(it) for it in zip(*pairs, strict=True))
            positions: Positions = torch.cat(found).cpu().numpy()
            by_unit[ranking, :, units] = positions[:, None]


def _reduce_early(extractor: fx.GraphModule) -> fx.GraphModule:
    """Replace each output of a traced network by its ``_row_maxima``.

    They are computed right after the activation, while it is still in the processor's cache.
    """
    output = next(node for node in extractor.graph.nodes if node.op == "output")
    reduced = {}
    for name, node in output.args[0].items():
        with extractor.graph.inserting_after(node):
            reduced[name] = extractor.graph.call_function(_row_maxima, (node,))
    output.args = (reduced,)
    extractor.recompile()
    return extractor


def _row_maxima(activation: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the maximum of each row of positions of an activation ``[n, C, ...]``.

    Returns:
        The activation as ``[n, H, W, C]``, without a copy if the memory format allows it, and the
        maxima over W, ``[n, H, C]``. A layer without rows and columns has H = 1.
    """
    count, channels = activation.shape[:2]
    shape = activation.shape[2:] if activation.ndim == 4 else (1, -1)
    maps = activation.reshape(count, channels, *shape).permute(0, 2, 3, 1)
    return maps, maps.amax(2)


def _flat_positions(maps: Tensor, rows: Tensor, images: Array, units: Array) -> Tensor:
    """Return the flat positions, int32, of the maxima for some pairs of an image and a unit.

    If there are several maxima, it is the position of the first. The maximum is searched first
    among the rows' maxima and then within one row, because this reads far less memory than a search
    over all positions.

    Args:
        maps: activations ``[n, H, W, C]``.
        rows: the maximum of each row, ``[n, H, C]``.
        images, units: the pairs: indices of the images and of the units, ``[pairs]`` each.
    """
    image, unit = (indices_on(maps.device, it) for it in (images, units))
    row = rows[image, :, unit].argmax(1)
    col = maps[image, row, :, unit].argmax(1)
    return (row * maps.shape[2] + col).int()
