"""Response of a network to one image: the likeliest classes, and the units that respond most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from core.analysis.attribution import centres
from core.analysis.crops import network_input
from core.analysis.probe_html import probe_html
from core.images.center_crop import CenterCrop
from core.images.channels import crop_image
from core.index.reader import Hit, Index, SampledImage
from core.networks.known_networks import title_of
from core.networks.layers import Layer
from core.networks.network import Network
from core.networks.registry import knows_drawings_only

# Number of classes that a probe lists.
CLASSES = 5


@dataclass(frozen=True)
class UnitResponse:
    """The response of one unit to an image.

    Attributes:
        unit: index of the unit.
        value: raw activation: the maximum over the layer's positions, or the activation at the
            position that the caller of ``ProbeResult.responses`` chose.
        percentile: percentage of the images of an index with a lower maximum, from 0 to 100; None
            without an index.
        row, col: position of ``value``; the first maximum if there are several.
    """

    unit: int
    value: float
    percentile: float | None
    row: int
    col: int


@dataclass(frozen=True)
class Probe:
    """The classes and units with the strongest response to an image.

    Attributes:
        classes: the likeliest classes and their probabilities, the likeliest first.
        layers: the units that respond most, by name of the layer, in the order of
            ``ProbeResult.responses``.
    """

    classes: tuple[tuple[str, float], ...]
    layers: dict[str, tuple[UnitResponse, ...]]


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """The activations of a network for one image.

    Attributes:
        network: the network.
        image: the input of the network, ``[1, C, H, W]`` in ``[0, 1]``.
        activations: raw activations ``[C, ...]`` on the CPU, by name of the layer.
    """

    network: Network
    image: Tensor
    activations: Mapping[str, Tensor]

    @property
    def classes(self) -> tuple[tuple[str, float], ...]:
        """The likeliest classes and their probabilities, see ``top_classes``."""
        return top_classes(self.network, self.activations)

    def _repr_html_(self) -> str:
        """Show the image and its likeliest classes in a notebook."""
        return probe_html(self.image, self.classes, caveat(self.network))

    def responses(
        self,
        layer: Layer,
        index: Index | None = None,
        count: int = 9,
        at: tuple[int, int] | None = None,
    ) -> tuple[UnitResponse, ...]:
        """Return the responses of a layer's units, the strongest first.

        Args:
            layer: one of the layers in ``activations``.
            index: an index of the same network, to rank units by their percentile. Units with equal
                percentiles are ranked by their value divided by the unit's highest value in the
                index. Without an index, units are ranked by their value.
            count: number of units to return, at most.
            at: (row, col) of a pixel of the image, to use the activations at the position nearest
                to it. None to use the maxima over all positions. In both cases the percentiles
                refer to the maxima of the images in the index.
        """
        activation = self.activations[layer.name]
        flat = activation.reshape(layer.channels, -1)
        width = activation.shape[-1] if activation.ndim == 3 else flat.shape[1]
        if at is None:
            values, positions = flat.amax(1).numpy(), flat.argmax(1).tolist()
        else:
            row, col = nearest_position(layer, *at)
            values = flat[:, row * width + col].numpy()
            positions = [row * width + col] * layer.channels
        percentiles, order = _rank(layer, values, index)
        return tuple(
            UnitResponse(
                unit,
                float(values[unit]),
                None if percentiles is None else float(percentiles[unit]),
                *divmod(positions[unit], width),
            )
            for unit in order[:count].tolist()
        )


def _rank(
    layer: Layer, values: npt.NDArray[np.float32], index: Index | None
) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.intp]]:
    """Return the percentiles of the units, and the order of the units, the strongest first.

    Args:
        layer: the layer.
        values: activation of each unit, ``[C]``.
        index: the index that determines the percentiles; None for no percentiles.

    Returns:
        Percentiles ``[C]`` or None, and indices of units ``[C]``.
    """
    if index is None:
        return None, np.argsort(-values, kind="stable")
    percentiles = index.percentiles(layer.name, values)
    highest = index.table("top/values", index.plan.rows_of(layer.name))[:, 0]
    relative = values / np.where(highest > 0, highest, np.inf)
    return percentiles, np.lexsort((-relative, -percentiles))


def class_logits(network: Network, activations: Mapping[str, Tensor]) -> Tensor | None:
    """Return the logits of all classes, ``[K]``; None if the network tells no classes apart.

    Args:
        network, activations: as for ``top_classes``.
    """
    if network.class_layer is None:
        return None
    logits = activations[network.class_layer.name].float()
    return logits.flatten(1).mean(1) if logits.ndim > 1 else logits


def top_classes(
    network: Network, activations: Mapping[str, Tensor], count: int = CLASSES
) -> tuple[tuple[str, float], ...]:
    """Return the likeliest classes and their probabilities, the likeliest first.

    There are none if the network tells no classes apart, as without a head.

    Args:
        network: the network, which has the names of the classes.
        activations: activations ``[C, ...]`` of ``network.class_layer``, if there is one, by its
            name; they are averaged over positions.
        count: number of classes to return, at most.
    """
    scores = class_logits(network, activations)
    if scores is None:
        return ()
    best = torch.softmax(scores, 0).topk(min(count, len(scores)))
    return tuple(
        (network.labels[at], float(share))
        for share, at in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    )


def caveat(network: Network) -> str:
    """Return a sentence on photographs that a network cannot judge; "" for most networks.

    It has to be shown with the classes of an image that may be a photograph.
    """
    if not knows_drawings_only(network):
        return ""
    return (
        f"{title_of(network.name)} knows drawings only: it takes a photograph for one of the "
        f"{len(network.labels)} things that it has seen drawn, and a high probability does not "
        "mean that it is right."
    )


def nearest_position(layer: Layer, row: int, col: int) -> tuple[int, int]:
    """Return the position (row, col) whose receptive field has its centre nearest to a pixel.

    For a layer without positions, (0, 0) is returned.

    Args:
        layer: the layer.
        row, col: the pixel of the network's input.
    """
    if layer.spans is None:
        return 0, 0
    nearest_row, nearest_col = (
        int(np.abs(centres(span) - (pixel + 0.5)).argmin())
        for span, pixel in zip(layer.spans, (row, col), strict=True)
    )
    return nearest_row, nearest_col


def probe_image(
    network: Network,
    picture: Image.Image | Tensor,
    index: Index | None = None,
    layers: Sequence[str] = (),
) -> ProbeResult:
    """Compute a network's activations for an image, which is preprocessed as for an index.

    Args:
        network: the loaded network.
        picture: the image, upright RGB; or a tensor ``[1, C, H, W]`` in ``[0, 1]``, for a network
            whose images have other channels.
        index: the index with which the result will be compared; None for no index.
        layers: names of layers. If empty: the layers of the index, or without an index
            ``network.shown``.

    Raises:
        UnknownName: there is no such layer.
        ExplorerError: the index was built with other weights.
    """
    if index is not None:
        index.require(network)
    probed = {*_probed_layers(network, index, layers), network.class_layer}
    names = {layer.name for layer in probed if layer is not None}
    if isinstance(picture, Tensor):
        size = (picture.shape[2], picture.shape[3])
        image = crop_image(picture, CenterCrop(size, network.input_size, network.framing))
    else:
        size = (picture.height, picture.width)
        image = network_input(picture, CenterCrop(size, network.input_size, network.framing))
    outputs = network.activations(image, names)
    activations = {name: output[0].float().cpu() for name, output in outputs.items()}
    return ProbeResult(network, image, activations)


def _probed_layers(network: Network, index: Index | None, names: Sequence[str]) -> list[Layer]:
    default = network.shown if index is None else index.plan.layers
    return [network.layer(name) for name in names or [layer.name for layer in default]]


def probe(
    network: Network,
    picture: Image.Image | Tensor,
    index: Index | None = None,
    layers: Sequence[str] = (),
    count: int = 9,
) -> Probe:
    """Compute the classes and the strongest responses of a network for an image.

    Args:
        network, picture, index, layers: as ``probe_image``.
        count: number of units for each layer, in the order of ``ProbeResult.responses``.

    Raises:
        UnknownName, ExplorerError: as ``probe_image``.
    """
    result = probe_image(network, picture, index, layers)
    probed = _probed_layers(network, index, layers)
    return Probe(result.classes, {it.name: result.responses(it, index, count) for it in probed})


def locate_maximum(
    index: Index, network: Network, layer: str, unit: int, sampled: SampledImage
) -> Hit:
    """Compute the position of a unit's maximum in an image of an index's random sample.

    Returns:
        A ``Hit`` as from ``Index.top``, but with a ``rank`` of 0.

    Raises:
        BadPicture: the original image is missing or cannot be opened any more.
        ExplorerError: the collection has been moved or deleted, or the network has other weights.
    """
    index.require(network)
    image = network_input(
        index.picture(sampled.picture),
        CenterCrop(sampled.size, index.plan.input_size, index.plan.framing),
    )
    activation = network.activations(image, [layer])[layer][0, unit].float().cpu().flatten()
    row, col = index.layer(layer).position(int(activation.argmax()))
    box = index.box(layer, row, col, sampled.size)
    return Hit(0, sampled.picture, sampled.value, row, col, sampled.size, box)
