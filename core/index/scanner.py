"""A network that looks at pictures: how high each unit of some layers rises, and where."""

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

# Pictures that are computed together, by kind of device. On a CPU one alone is as fast as many; a
# GPU wants many, always as many, so that it always chooses the same kernels.
GROUPS = {"cpu": 1}
GPU_GROUP = 32


class Scanner:
    """A network that looks at pictures."""

    def __init__(self, network: Network, plan: IndexPlan, source: ImageSource) -> None:
        # Its own, for it is changed.
        self._extractor = FeatureExtractor(
            network, [network.layer(layer.name) for layer in plan.layers]
        )
        if isinstance(self._extractor.body, fx.GraphModule):
            self._extractor.body = _reduce_early(fuse_conv_relu(self._extractor.body))
        self._device = network.device
        self._plan = plan
        self._source = source
        self._group = GROUPS.get(network.device.type, GPU_GROUP)

    def look(self, entries: Sequence[ImageEntry], bars: tuple[Threshold, ...]) -> ScanBatch:
        """Look at some pictures.

        Args:
            entries: the pictures.
            bars: what must be beaten for a place to matter.
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
        for start in range(0, len(names), self._group):
            some = slice(start, start + self._group)
            self._measure(pixels[some], pictures[some], bars, values[some], places[some])
        return ScanBatch(pictures, names, sizes, values, places, skipped)

    @torch.inference_mode()
    def _measure(
        self,
        pixels: list[Array],
        pictures: Ids,
        bars: tuple[Threshold, ...],
        values: Floats,
        places: Positions,
    ) -> None:
        """Compute one group of pictures, uint8 ``[H, W, 3]`` each, into ``[n, rows]`` tables."""
        count = len(pixels)
        bytes_ = torch.from_numpy(np.stack(pixels))
        # A group is always full, so that the same kernels run.
        bytes_ = F.pad(bytes_, (0, 0, 0, 0, 0, 0, 0, self._group - count))
        activations = self._extractor(image_io.from_bytes(bytes_.to(self._device)))
        maps, rows = [], []
        for layer in self._plan.layers:
            seen = activations[layer.name]
            # A network that cannot be traced does not reduce by itself.
            each, row = _row_maxima(seen) if isinstance(seen, Tensor) else seen
            maps.append(each[:count])
            rows.append(row[:count])
        found = [it.amax(1) for it in rows]
        if "mean" in self._plan.by:
            found += [it.mean((1, 2)) for it in maps]
        values[:] = torch.cat(found, 1).float().cpu().numpy()
        beaten = np.logical_or.reduce([bar.beaten(pictures, values) for bar in bars])
        beaten = beaten.reshape(count, len(self._plan.by), self._plan.units).any(1)  # [n, units]
        by_unit = places.reshape(count, len(self._plan.by), self._plan.units)
        start = 0
        for each, row in zip(maps, rows, strict=True):
            stop = start + each.shape[3]
            at, units = np.nonzero(beaten[:, start:stop])
            if len(at):
                by_unit[at, :, start + units] = _places(each, row, at, units)[:, None]
            start = stop


def _reduce_early(extractor: fx.GraphModule) -> fx.GraphModule:
    """Let a traced network reduce each activation at once, while it lies in the cache."""
    output = next(node for node in extractor.graph.nodes if node.op == "output")
    reduced = {}
    for name, node in output.args[0].items():
        with extractor.graph.inserting_after(node):
            reduced[name] = extractor.graph.call_function(_row_maxima, (node,))
    output.args = (reduced,)
    extractor.recompile()
    return extractor


def _row_maxima(activation: Tensor) -> tuple[Tensor, Tensor]:
    """View an activation ``[n, C, ...]`` as ``[n, H, W, C]``, as it lies in memory.

    Returns:
        That, and the maximum of each row of positions, ``[n, H, C]``.
    """
    count, channels = activation.shape[:2]
    shape = activation.shape[2:] if activation.ndim == 4 else (1, -1)
    maps = activation.reshape(count, channels, *shape).permute(0, 2, 3, 1)
    return maps, maps.amax(2)


def _places(maps: Tensor, rows: Tensor, at: Array, units: Array) -> Positions:
    """Find where some units are highest, the first of several places.

    Looking for the row first, then along it, reads far less than looking everywhere.

    Args:
        maps: activations ``[n, H, W, C]``.
        rows: the maximum of each row, ``[n, H, C]``.
        at, units: which pictures and units, ``[chosen]`` each.
    """
    picture, unit = (torch.from_numpy(it).to(maps.device) for it in (at, units))
    row = rows[picture, :, unit].argmax(1)
    col = maps[picture, row, :, unit].argmax(1)
    places: Positions = (row * maps.shape[2] + col).int().cpu().numpy()
    return places
