"""The similarity of a layer's units, measured on their feature visualizations.

The layer's activations for a unit's picture, averaged over positions, are a vector of C values, the
signature. The similarity of two units is the cosine of their signatures, after the mean of all
signatures is subtracted. The pictures are those that the Layers page has drawn; some may be
missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.images import image_io
from core.networks import Layer, Network
from core.neurons.reliability import agreement, mean_activation
from core.recipes.neuron import BATCH
from explorer import layer_pages
from explorer.store.results import StoredPicture
from explorer.ui import server_state

# Number of recipes whose measures stay in memory: 16 units each, a few kilobytes.
PARTS_AT_MOST = 1024
# Number of single pictures whose activations stay in memory.
PICTURES_AT_MOST = 1024
# Number of units that have to be drawn, at least: the mean over fewer signatures is not reliable.
LEAST = 4


@dataclass(frozen=True)
class RenderedUnits:
    """Measures of the drawn units of a layer with C units; N of them are drawn.

    Attributes:
        units: numbers of the N units.
        values: activation of each unit for its picture, ``[N]``.
        signatures: the layer's activations for each unit's picture, averaged over positions,
            ``[N, C]``.
        dead: whether each unit is dead, ``[N]``.
    """

    units: tuple[int, ...]
    values: Tensor
    signatures: Tensor
    dead: Tensor

    @property
    def mean(self) -> Tensor:
        """The mean of the signatures of all drawn units, ``[C]``."""
        return self.signatures.mean(0)

    def nearest(self, unit: int, own: Tensor, count: int) -> list[tuple[int, float]]:
        """Return the units that are most similar to a given unit, in descending order.

        Args:
            unit: the given unit, which is not among the result.
            own: signature of the given unit, ``[C]``.
            count: number of units to return, at most.

        Returns:
            The number of each unit, and its cosine with the given unit. Dead units are left out.
        """
        centred = torch.nn.functional.normalize(self.signatures - self.mean, dim=1)
        cosines = centred @ torch.nn.functional.normalize(own - self.mean, dim=0)
        order = cosines.argsort(descending=True, stable=True).tolist()
        found = [at for at in order if self.units[at] != unit and not self.dead[at]]
        return [(self.units[at], float(cosines[at])) for at in found[:count]]

    def agreement(self, signatures: Tensor) -> float:
        """Return the mean cosine between signatures ``[M, C]``, after ``mean`` is subtracted."""
        return agreement(signatures - self.mean)


def rendered_units(network: Network, layer: Layer) -> RenderedUnits | None:
    """Return the measures of the drawn units of a layer; None if fewer than ``LEAST`` are drawn."""
    pages = range(1, layer_pages.page_count(layer) + 1)
    parts = [part for page in pages for part in layer_pages.plan_page(network, layer, page).parts()]
    drawn = server_state.store().present([part.key for part in parts])
    rendered = [_part(network, layer, it.key) for it in parts if it.key in drawn]
    units = tuple(unit for part in rendered for unit in part.units)
    if len(units) < min(LEAST, layer.channels):
        return None
    return RenderedUnits(
        units,
        torch.cat([part.values for part in rendered]),
        torch.cat([part.signatures for part in rendered]),
        torch.cat([part.dead for part in rendered]),
    )


@server_state.cached(PICTURES_AT_MOST)
def mean_activations(network: Network, layer: Layer, pictures: Sequence[StoredPicture]) -> Tensor:
    """Return the activations of a layer for N pictures of one size, averaged over positions.

    The shape is ``[N, C]``. They are cached, because a page that runs again needs the same values.
    """
    image = torch.cat([image_io.to_tensor(image_io.open_picture(it.image)) for it in pictures])
    starts = range(0, len(image), BATCH)
    batches = [network.activations(image[at : at + BATCH], [layer.name]) for at in starts]
    return torch.cat([mean_activation(it[layer.name]).cpu() for it in batches])


@server_state.cached(PARTS_AT_MOST)
def _part(network: Network, layer: Layer, key: str) -> RenderedUnits:
    """Return the measures of the units that one recipe of the Layers page draws, cached.

    Args:
        network, layer: the layer of the units.
        key: key of the recipe.
    """
    found = server_state.store().get(key)
    pictures = [] if found is None else [it for _, it in sorted(found.pictures.items())]
    return RenderedUnits(
        tuple(it.part for it in pictures),
        torch.tensor([float(it.facts["activation"]) for it in pictures]),
        mean_activations(network, layer, pictures) if pictures else torch.zeros(0, layer.channels),
        torch.tensor([bool(it.facts["dead"]) for it in pictures], dtype=torch.bool),
    )
