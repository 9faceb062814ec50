"""Gram matrices of a layer's channels: which channels respond together to an image.

Style transfer copies the Gram matrix of a layer from a painting. If each channel is normalised, the
matrix contains cosines, from 0 (two channels are never active together) to 1 (they are active at
the same positions, in the same proportion). If similar channels are adjacent in the matrix, groups
of channels that respond together appear as squares along the diagonal.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.networks.network import Network
from core.optim.objectives import TINY
from core.style.moments import moments

# Channels whose energy is below this fraction of the largest energy of a channel count as inactive
# and are ignored.
INACTIVE = 1e-4


@dataclass(frozen=True)
class ChannelCorrelations:
    """Which channels of a layer respond together to an image.

    Attributes:
        layer: name of the layer.
        gram: mean over positions of the product of two channels' activations, ``[C, C]``.
    """

    layer: str
    gram: Tensor

    @property
    def energy(self) -> Tensor:
        """Mean square of each channel's activations, ``[C]``."""
        return self.gram.diagonal()

    @property
    def active(self) -> Tensor:
        """Whether each channel is active, ``[C]``."""
        return self.energy > INACTIVE * self.energy.max().clamp(min=TINY)

    @property
    def cosines(self) -> Tensor:
        """Cosines between channels' activations, ``[C, C]``; 0 for inactive channels."""
        size = self.energy.clamp(min=TINY).sqrt()
        both = self.active[:, None] & self.active[None]
        return (self.gram / size[:, None] / size[None]).where(both, 0.0)

    def order(self) -> list[int]:
        """Return the active channels in an order in which similar channels are adjacent.

        The order is that of the leaves of a hierarchical clustering (mean linkage), with the
        branches arranged so that adjacent leaves are as similar as possible (Bar-Joseph, Gifford
        and Jaakkola 2001).
        """
        active = self.active.nonzero()[:, 0].tolist()
        if len(active) < 3:
            return list(active)
        # Nothing else here needs SciPy, whose import takes a while.
        from scipy.cluster import hierarchy
        from scipy.spatial.distance import squareform

        distances = (1 - self.cosines[active][:, active]).clamp(min=0).double()
        distances = (distances + distances.mT) / 2
        distances.fill_diagonal_(0)
        condensed = squareform(distances.numpy(), checks=False)
        tree = hierarchy.linkage(condensed, "average", optimal_ordering=True)
        return [active[leaf] for leaf in hierarchy.leaves_list(tree)]

    def pairs(self, count: int) -> list[tuple[int, int, float]]:
        """Return the ``count`` pairs of channels with the largest cosines, the largest first.

        Each entry is two channels and their cosine, for example ``(3, 17, 0.93)``.
        """
        return _entries(self.cosines, *_largest(self.cosines, count))

    def differing_pairs(
        self, other: "ChannelCorrelations", count: int
    ) -> list[tuple[int, int, float]]:
        """Return the pairs of channels whose cosines differ most between this and another image.

        Returns:
            For each pair, two channels, and their cosine for this image minus their cosine for the
            other image, from -1 to 1.
        """
        difference = self.cosines - other.cosines
        rows, cols = _largest(difference.abs(), count)
        return _entries(difference, rows, cols)


def channel_correlations(network: Network, image: Tensor, layer: str) -> ChannelCorrelations:
    """Compute which channels of a layer respond together to an image ``[1, 3, H, W]``."""
    name = network.layer(layer).name
    products, count, _ = moments(network.activations(image, [name])[name])
    return ChannelCorrelations(name, (products[0] / count[0]).cpu())


def _largest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the rows and columns of the largest entries above the diagonal, largest first."""
    rows, cols = torch.triu_indices(len(values), len(values), offset=1)
    indices = values[rows, cols].topk(min(count, len(rows))).indices
    return rows[indices], cols[indices]


def _entries(values: Tensor, rows: Tensor, cols: Tensor) -> list[tuple[int, int, float]]:
    """Return row, column and value of some entries."""
    return list(zip(rows.tolist(), cols.tolist(), values[rows, cols].tolist(), strict=True))
