"""Activations of a network for some pictures: their means by unit, and as many as memory allows."""

from collections.abc import Collection, Iterable, Iterator

import torch
from torch import Tensor

from core.analysis.picture_sample import PictureSample
from core.networks.layers import Layer
from core.networks.network import Network

# Pixels of the images that run at a time, and bytes of activations that are kept.
PIXELS_AT_A_TIME = 32 * 64 * 64
KEPT_BYTES = 2**29


class KeptActivations:
    """The activations of layers for some pictures, computed when they are needed.

    Those of the last layers are kept, within ``KEPT_BYTES``.

    Attributes:
        means, sizes: by name of a layer, the mean of each unit's activation over all pictures and
            positions, and the mean of its absolute value, ``[C]``; filled by ``run``.
    """

    def __init__(self, network: Network, pictures: PictureSample) -> None:
        """Prepare a network; nothing runs yet."""
        self.network, self.pictures = network, pictures
        self.means: dict[str, Tensor] = {}
        self.sizes: dict[str, Tensor] = {}
        self._kept: dict[str, list[Tensor]] = {}

    def run(self, layers: Iterable[Layer]) -> None:
        """Measure typical activations of layers whose are not known, and keep the activations."""
        missing = [it for it in dict.fromkeys(layers) if it.name not in self.means]
        if not missing:
            return
        sums = {it.name: torch.zeros(2, it.channels, dtype=torch.float64) for it in missing}
        counts = dict.fromkeys(sums, 0)
        for seen in self.parts(missing):
            for name, value in seen.items():
                flat = value.flatten(2) if value.ndim > 2 else value[..., None]
                sums[name] += torch.stack([it.sum((0, 2)) for it in (flat, flat.abs())]).double()
                counts[name] += flat.shape[0] * flat.shape[2]
        for name, total in sums.items():
            self.means[name], self.sizes[name] = (total / counts[name]).float()

    def parts(self, layers: Iterable[Layer]) -> Iterator[dict[str, Tensor]]:
        """Yield the activations ``[n, C, ...]`` of layers by name, for some pictures at a time."""
        wanted = {it.name: it for it in layers}
        missing = [it for name, it in wanted.items() if name not in self._kept]
        fresh: dict[str, list[Tensor]] = {it.name: [] for it in missing}
        room = self._make_room(missing, wanted)
        known = {name: self._kept[name] for name in wanted if name in self._kept}
        for number, part in enumerate(self._slices):
            seen = {name: values[number] for name, values in known.items()}
            if missing:
                new = self.network.activations(self.pictures.images(part), fresh)
                seen |= {name: value.float().cpu() for name, value in new.items()}
            if room:
                for name, values in fresh.items():
                    values.append(seen[name])
            yield seen
        if room:
            self._kept |= fresh

    def _make_room(self, missing: Iterable[Layer], needed: Collection[str]) -> bool:
        """Forget the activations of the layers that were kept first, as far as needed.

        Args:
            missing: layers whose activations will be kept.
            needed: names of layers whose activations are read now.

        Returns:
            Whether there is room for the missing ones.
        """
        count = len(self.pictures)
        wanted = sum(map(_bytes_of, missing)) * count
        kept = {
            it.name: _bytes_of(it) * count for it in self.network.layers if it.name in self._kept
        }
        for name in [it for it in self._kept if it not in needed]:
            if wanted + sum(kept.values()) > KEPT_BYTES:
                del self._kept[name], kept[name]
        return wanted + sum(kept.values()) <= KEPT_BYTES

    @property
    def _slices(self) -> list[slice]:
        height, width = self.network.input_size
        size = max(1, PIXELS_AT_A_TIME // (height * width))
        return [slice(at, at + size) for at in range(0, len(self.pictures), size)]


class EqualActivations(KeptActivations):
    """Activations that are 1 everywhere: typical ones if no picture has been run."""

    def __init__(self, network: Network) -> None:
        """Prepare a network."""
        super().__init__(network, PictureSample((), (), (), {}))

    def run(self, layers: Iterable[Layer]) -> None:
        """Fill in ``means`` and ``sizes`` of layers."""
        for it in layers:
            self.means[it.name] = self.sizes[it.name] = torch.ones(it.channels)


def _bytes_of(layer: Layer) -> int:
    """Return the size of a layer's activations for one picture."""
    height, width = layer.size or (1, 1)
    return 4 * layer.channels * height * width
