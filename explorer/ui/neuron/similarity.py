"""Which neurons are alike: by what their layer sees of the pictures that they want to see.

The pictures are those that the Layers page has drawn; a layer may have more neurons than pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
import torch
from torch import Tensor

from core.images import image_io
from core.networks.layers import Layer
from core.networks.network import Network
from core.neurons.reliability import agreement, mean_activation
from core.recipes.neuron import BATCH
from explorer import layer_pages
from explorer.store.results import StoredPicture
from explorer.ui import server_state

# Parts of pages whose signatures stay in memory: 16 neurons each, a few kilobytes.
PARTS_AT_MOST = 1024
# Pictures that single neurons were asked about, so much smaller still.
PICTURES_AT_MOST = 1024
# The mean over fewer neurons says little of what they have in common.
LEAST = 4


@dataclass(frozen=True)
class RenderedUnits:
    """What is known of the neurons of a layer that are drawn.

    Attributes:
        units: the neurons.
        values: ``[N]``, the activation that each one's own picture reaches.
        signatures: ``[N, C]``, what the layer sees of each picture.
        dead: ``[N]``, whether nothing excites it.
    """

    units: tuple[int, ...]
    values: Tensor
    signatures: Tensor
    dead: Tensor

    @property
    def mean(self) -> Tensor:
        """What the layer sees of the pictures of all of them, ``[C]``."""
        return self.signatures.mean(0)

    def nearest(self, unit: int, own: Tensor, count: int) -> list[tuple[int, float]]:
        """List the neurons that are most like one, with the cosine, the likest first.

        Args:
            unit: the neuron, which is left out.
            own: ``[C]``, its signature.
            count: how many, at most.
        """
        centred = torch.nn.functional.normalize(self.signatures - self.mean, dim=1)
        cosines = centred @ torch.nn.functional.normalize(own - self.mean, dim=0)
        order = cosines.argsort(descending=True, stable=True).tolist()
        found = [at for at in order if self.units[at] != unit and not self.dead[at]]
        return [(self.units[at], float(cosines[at])) for at in found[:count]]

    def agreement(self, signatures: Tensor) -> float:
        """Tell how alike several pictures are to the layer, against all its neurons' pictures."""
        return agreement(signatures - self.mean)


def rendered_units(network: Network, layer: Layer) -> RenderedUnits | None:
    """Look at all pictures of a layer's neurons that are there; None if they are too few."""
    pages = range(1, layer_pages.page_count(layer) + 1)
    parts = [part for page in pages for part in layer_pages.plan_page(network, layer, page).parts()]
    here = server_state.store().present([part.key for part in parts])
    seen = [_part(network, layer, network.fingerprint, it.key) for it in parts if it.key in here]
    units = tuple(unit for part in seen for unit in part.units)
    if len(units) < min(LEAST, layer.channels):
        return None
    return RenderedUnits(
        units,
        torch.cat([part.values for part in seen]),
        torch.cat([part.signatures for part in seen]),
        torch.cat([part.dead for part in seen]),
    )


def mean_activations(network: Network, layer: Layer, pictures: Sequence[StoredPicture]) -> Tensor:
    """Give the signatures ``[N, C]`` of pictures of one size."""
    return _seen(network, network.fingerprint, layer.name, tuple(it.image for it in pictures))


@st.cache_resource(max_entries=PICTURES_AT_MOST, show_spinner=False)
def _seen(_network: Network, weights: str, layer: str, encoded: Sequence[bytes]) -> Tensor:
    """Look at pictures once for all: a page that runs again asks for the same."""
    image = torch.cat([image_io.to_tensor(image_io.open_picture(it)) for it in encoded])
    starts = range(0, len(image), BATCH)
    batches = [_network.activations(image[at : at + BATCH], [layer]) for at in starts]
    return torch.cat([mean_activation(it[layer]).cpu() for it in batches])


@st.cache_resource(max_entries=PARTS_AT_MOST, show_spinner=False)
def _part(_network: Network, _layer: Layer, weights: str, key: str) -> RenderedUnits:
    """Look at the pictures of one part of a page once for all; its key names layer and units."""
    found = server_state.store().get(key)
    pictures = [] if found is None else [it for _, it in sorted(found.pictures.items())]
    channels = _layer.channels
    return RenderedUnits(
        tuple(it.part for it in pictures),
        torch.tensor([float(it.facts["activation"]) for it in pictures]),
        mean_activations(_network, _layer, pictures) if pictures else torch.zeros(0, channels),
        torch.tensor([bool(it.facts["dead"]) for it in pictures], dtype=torch.bool),
    )
