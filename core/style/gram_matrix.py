"""Style made visible: which neurons of a layer fire together in a picture.

The Gram matrix of a layer is what style transfer copies. Divided by how much each neuron fires it
is a matrix of cosines, from 0 (never together) to 1 (always in the same places, in the same
proportion); ordered so that neurons of like company stand beside each other, it shows the
picture's habits as blocks.
"""

from dataclasses import dataclass

import torch
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform
from torch import Tensor

from core.networks.network import Network
from core.optim.objectives import TINY
from core.style.losses import moments

# A neuron that fires less than this share of the strongest's energy says nothing about company.
SILENT = 1e-4


@dataclass(frozen=True)
class ChannelCorrelations:
    """How the neurons of a layer fire together in a picture.

    Attributes:
        layer: its name.
        gram: ``[C, C]``, the mean over places of the product of two neurons' activations.
    """

    layer: str
    gram: Tensor

    @property
    def energy(self) -> Tensor:
        """How much each neuron fires: the mean of its squares, ``[C]``."""
        return self.gram.diagonal()

    @property
    def alive(self) -> Tensor:
        """Which neurons fire at all worth speaking of, ``[C]``."""
        return self.energy > SILENT * self.energy.max().clamp(min=TINY)

    @property
    def cosines(self) -> Tensor:
        """The Gram matrix with each neuron's energy taken out, ``[C, C]``; 0 for silent ones."""
        size = self.energy.clamp(min=TINY).sqrt()
        both = self.alive[:, None] & self.alive[None]
        return (self.gram / size[:, None] / size[None]).where(both, 0.0)

    def order(self) -> list[int]:
        """Order the neurons that fire so that those of like company are neighbours.

        Leaves of a tree of clusters (mean linkage), turned so that neighbours are as alike as the
        tree allows (Bar-Joseph, Gifford and Jaakkola 2001).
        """
        alive = self.alive.nonzero()[:, 0].tolist()
        if len(alive) < 3:
            return list(alive)
        apart = (1 - self.cosines[alive][:, alive]).clamp(min=0).double()
        apart = (apart + apart.mT) / 2
        apart.fill_diagonal_(0)
        condensed = squareform(apart.numpy(), checks=False)
        tree = hierarchy.linkage(condensed, "average", optimal_ordering=True)
        return [alive[leaf] for leaf in hierarchy.leaves_list(tree)]

    def pairs(self, count: int) -> list[tuple[int, int, float]]:
        """List the pairs of neurons that fire most alike, with their cosines."""
        return _largest(self.cosines, count)

    def apart_from(self, other: "ChannelCorrelations", count: int) -> list[tuple[int, int, float]]:
        """List the pairs whose cosine differs most from that in another picture.

        Returns:
            Two neurons, and by how much more they fire together here, from -1 to 1.
        """
        more = self.cosines - other.cosines
        return [(i, j, float(more[i, j])) for i, j, _ in _largest(more.abs(), count)]


def channel_correlations(network: Network, image: Tensor, layer: str) -> ChannelCorrelations:
    """Measure how the neurons of a layer fire together in a picture ``[1, 3, H, W]``."""
    found = network.layer(layer)
    together, count, _ = moments(network.activations(image, [found.name])[found.name])
    return ChannelCorrelations(found.name, (together[0] / count[0]).cpu())


def _largest(values: Tensor, count: int) -> list[tuple[int, int, float]]:
    """List the largest entries above the diagonal, the largest first."""
    rows, cols = torch.triu_indices(len(values), len(values), offset=1)
    best = values[rows, cols].topk(min(count, len(rows)))
    at = best.indices.tolist()
    return [(int(rows[it]), int(cols[it]), float(values[rows[it], cols[it]])) for it in at]
