"""Scanning of images: the maximum of each unit of some layers, and its position."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, fx
from torch.nn import functional as F

from core.datasets.image_source import ImageEntry, ImageSource
from core.errors import BadPicture
from core.images import image_io
from core.images.center_crop import CenterCrop
from core.index.accumulator import ScanBatch
from core.index.file_format import Array
from core.index.plan import IndexPlan
from core.index.top_k import NO_POSITION, Floats, Ids, Positions, Threshold, picture_id
from core.networks.graph_passes.fuse_relu import fuse_conv_relu
from core.networks.network import FeatureExtractor, Network

# Images that go through the network together, by type of device. On a CPU, one image alone is as
# fast as many. A GPU is fast only with many; their number is fixed, so that the GPU always chooses
# the same kernels.
GROUP_SIZES = {"cpu": 1}
GPU_GROUP_SIZE = 32


class Scanner:
    """A network that measures the images of a collection."""

    def __init__(self, network: Network, plan: IndexPlan, source: ImageSource) -> None:
        # The network's cached extractor must not be used here, because this one is modified.
        self._extractor = FeatureExtractor(
            network, [network.layer(layer.name) for layer in plan.layers]
        )
        if isinstance(self._extractor.body, fx.GraphModule):
            self._extractor.body = _reduce_early(fuse_conv_relu(self._extractor.body))
        self._device = network.device
        self._plan = plan
        self._source = source
        self._group_size = GROUP_SIZES.get(network.device.type, GPU_GROUP_SIZE)

    def scan(self, entries: Sequence[ImageEntry], thresholds: tuple[Threshold, ...]) -> ScanBatch:
        """Measure some images.

        Args:
            entries: the images.
            thresholds: values to exceed; the position of a unit's maximum is computed only in
                images whose value exceeds one of them.
        """
        names, sizes, pixels, skipped = [], [], [], {}
        for entry in entries:
            try:
                picture, size = self._source.open(entry, self._plan.input_size)
                pixels.append(CenterCrop(size, self._plan.input_size).network_input(picture))
            except BadPicture as error:
                skipped[entry.name] = str(error)
                continue
            names.append(entry.name)
            sizes.append(size)
        pictures = np.array([picture_id(name) for name in names], np.int64)
        values = np.empty((len(names), self._plan.rows), np.float32)
        places = np.full(values.shape, NO_POSITION, np.int32)
        for start in range(0, len(names), self._group_size):
            group = slice(start, start + self._group_size)
            self._measure(pixels[group], pictures[group], thresholds, values[group], places[group])
        return ScanBatch(pictures, names, sizes, values, places, skipped)

    @torch.inference_mode()
    def _measure(
        self,
        pixels: list[Array],
        pictures: Ids,
        thresholds: tuple[Threshold, ...],
        values: Floats,
        places: Positions,
    ) -> None:
        """Measure one group of images, uint8 ``[H, W, 3]`` each.

        The results are written into ``values`` and ``places``, both ``[n, rows]``.
        """
        count = len(pixels)
        bytes_ = torch.from_numpy(np.stack(pixels))
        # The last group is padded to the full size, so that a GPU chooses the same kernels.
        bytes_ = F.pad(bytes_, (0, 0, 0, 0, 0, 0, 0, self._group_size - count))
        activations = self._extractor(image_io.from_bytes(bytes_.to(self._device)))
        maps, rows = [], []
        for layer in self._plan.layers:
            output = activations[layer.name]
            # The extractor returns plain activations if the network cannot be traced.
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
        start = 0
        for map_, row in zip(maps, rows, strict=True):
            stop = start + map_.shape[3]
            images, units = np.nonzero(ranked[:, start:stop])
            if len(images):
                positions = _flat_positions(map_, row, images, units)
                by_unit[images, :, start + units] = positions[:, None]
            start = stop


def _reduce_early(extractor: fx.GraphModule) -> fx.GraphModule:
    """Make a traced network reduce each activation while it is still in the processor's cache."""
    output = next(node for node in extractor.graph.nodes if node.op == "output")
    reduced = {}
    for name, node in output.args[0].items():
        with extractor.graph.inserting_after(node):
            reduced[name] = extractor.graph.call_function(_row_maxima, (node,))
    output.args = (reduced,)
    extractor.recompile()
    return extractor


def _row_maxima(activation: Tensor) -> tuple[Tensor, Tensor]:
    """Return an activation ``[n, C, ...]`` as ``[n, H, W, C]``, and the maxima of its rows.

    The first result is a view if the memory format allows it; the second has the maximum of each
    row of positions, ``[n, H, C]``.
    """
    count, channels = activation.shape[:2]
    shape = activation.shape[2:] if activation.ndim == 4 else (1, -1)
    maps = activation.reshape(count, channels, *shape).permute(0, 2, 3, 1)
    return maps, maps.amax(2)


def _flat_positions(maps: Tensor, rows: Tensor, images: Array, units: Array) -> Positions:
    """Return the flat positions of the maxima of some units, the first one if there are several.

    The search goes over the rows' maxima first and then along one row, because this reads far less
    memory than a search over all positions.

    Args:
        maps: activations ``[n, H, W, C]``.
        rows: the maximum of each row, ``[n, H, C]``.
        images, units: indices of the images and of the units, ``[chosen]`` each.
    """
    image, unit = (torch.from_numpy(it).to(maps.device) for it in (images, units))
    row = rows[image, :, unit].argmax(1)
    col = maps[image, row, :, unit].argmax(1)
    positions: Positions = (row * maps.shape[2] + col).int().cpu().numpy()
    return positions
