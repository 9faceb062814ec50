"""What a network makes of one picture: its classes, and the neurons that it excites unusually."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from core.analysis.attribution import centres
from core.analysis.crops import network_input
from core.images.center_crop import CenterCrop
from core.index.reader import Hit, Index, SampledImage
from core.networks.layers import Layer
from core.networks.network import Network

CLASSES = 5


@dataclass(frozen=True)
class UnitResponse:
    """One neuron's answer to a picture.

    Attributes:
        unit: the neuron.
        value: its raw activation, the maximum over the picture's positions, or at one place.
        percentile: how many of an index's pictures excite it less, from 0 to 100; None without.
        row, col: the position of the maximum, the first of several; or the place.
    """

    unit: int
    value: float
    percentile: float | None
    row: int
    col: int


@dataclass(frozen=True)
class Probe:
    """What a network makes of a picture.

    Attributes:
        classes: the likeliest classes and their probabilities, the likeliest first.
        layers: by the name of the layer, the neurons that stand out most, the first first.
    """

    classes: tuple[tuple[str, float], ...]
    layers: dict[str, tuple[UnitResponse, ...]]


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """What a network sees of a picture.

    Attributes:
        network: which one.
        image: what it is shown, ``[1, 3, H, W]`` in ``[0, 1]``.
        activations: by the name of the layer, raw, ``[C, ...]`` on the CPU.
    """

    network: Network
    image: Tensor
    activations: Mapping[str, Tensor]

    @property
    def classes(self) -> tuple[tuple[str, float], ...]:
        """The likeliest classes and their probabilities, the likeliest first."""
        return top_classes(self.network, self.activations[self.network.shown[-1].name])

    def answers(
        self,
        layer: Layer,
        index: Index | None = None,
        count: int = 9,
        at: tuple[int, int] | None = None,
    ) -> tuple[UnitResponse, ...]:
        """Rank the units of a layer, those that stand out most first.

        Args:
            layer: one that was looked at.
            index: with one, units are ranked by their percentile, and where that is equal by
                their value as a share of the highest known; without by their value.
            count: how many units to name.
            at: (row, col) in the image's pixels: rank by what they answer there, compared with
                the maxima of the index's pictures; None for their own maxima.
        """
        activation = self.activations[layer.name]
        flat = activation.reshape(layer.channels, -1)
        width = activation.shape[-1] if activation.ndim == 3 else flat.shape[1]
        if at is None:
            values, places = flat.amax(1).numpy(), flat.argmax(1).tolist()
        else:
            row, col = position(layer, *at)
            values = flat[:, row * width + col].numpy()
            places = [row * width + col] * layer.channels
        shares, order = _order(layer, values, index)
        return tuple(
            UnitResponse(
                unit,
                float(values[unit]),
                None if shares is None else float(shares[unit]),
                *divmod(places[unit], width),
            )
            for unit in order[:count].tolist()
        )


def _order(
    layer: Layer, values: npt.NDArray[np.float32], index: Index | None
) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.intp]]:
    """Give the percentiles of units' values ``[C]``, if there is an index, and their order."""
    if index is None:
        return None, np.argsort(-values, kind="stable")
    shares = index.percentiles(layer.name, values)
    highest = index.table("top/values", index.plan.rows_of(layer.name))[:, 0]
    relative = values / np.where(highest > 0, highest, np.inf)
    return shares, np.lexsort((-relative, -shares))


def top_classes(
    network: Network, logits: Tensor, count: int = CLASSES
) -> tuple[tuple[str, float], ...]:
    """Name the likeliest classes and their probabilities, the likeliest first.

    Args:
        network: whose classes.
        logits: ``[C]``, or ``[C, ...]``, which are averaged over their positions.
        count: how many, at most.
    """
    scores = logits.float().flatten(1).mean(1) if logits.ndim > 1 else logits.float()
    best = torch.softmax(scores, 0).topk(min(count, len(scores)))
    return tuple(
        (network.labels[at] if at < len(network.labels) else f"class {at}", float(share))
        for share, at in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    )


def position(layer: Layer, row: int, col: int) -> tuple[int, int]:
    """Find the position of a layer whose field has its centre nearest to a pixel of the image.

    Of a layer whose units have no positions it is (0, 0).
    """
    if layer.spans is None:
        return 0, 0
    found = [
        int(np.abs(centres(span) - (pixel + 0.5)).argmin())
        for span, pixel in zip(layer.spans, (row, col), strict=True)
    ]
    return found[0], found[1]


def probe_image(
    network: Network, picture: Image.Image, index: Index | None = None, layers: Sequence[str] = ()
) -> ProbeResult:
    """Show a picture to a network, as an index's pictures were shown.

    Args:
        network: the loaded network.
        picture: upright RGB.
        index: what to compare with later.
        layers: names of layers; none for those of the index, or those a person would want.

    Raises:
        UnknownName: there is no such layer.
        ExplorerError: the index was made with other weights.
    """
    if index is not None:
        index.require(network)
    known = [it.name for it in index.plan.layers] if index else [it.name for it in network.shown]
    names = {network.layer(name).name for name in layers or known}
    image = network_input(picture, CenterCrop((picture.height, picture.width), network.input_size))
    seen = network.activations(image, {*names, network.shown[-1].name})
    return ProbeResult(network, image, {name: it[0].float().cpu() for name, it in seen.items()})


def probe(
    network: Network,
    picture: Image.Image,
    index: Index | None = None,
    layers: Sequence[str] = (),
    count: int = 9,
) -> Probe:
    """Show a picture to a network, and tell what it makes of it.

    Args:
        network, picture, index, layers: as ``look``.
        count: neurons to name of each layer, ranked as ``Sight.answers`` does.

    Raises:
        UnknownName, ExplorerError: as ``look``.
    """
    sight = probe_image(network, picture, index, layers)
    known = [it.name for it in index.plan.layers] if index else [it.name for it in network.shown]
    chosen = [network.layer(name) for name in layers or known]
    answers = {it.name: sight.answers(it, index, count) for it in chosen}
    return Probe(sight.classes, answers)


def locate(index: Index, network: Network, layer: str, unit: int, sampled: SampledImage) -> Hit:
    """Find where in a picture of an index's sample a unit answers most: as ``Index.top`` tells it.

    Raises:
        BadPicture: the original is gone or cannot be opened any more.
        ExplorerError: the collection is not where it was, or the network has other weights.
    """
    index.require(network)
    image = network_input(
        index.picture(sampled.picture), CenterCrop(sampled.size, index.plan.input_size)
    )
    own = network.activations(image, [layer])[layer][0, unit].float().cpu().flatten()
    row, col = index.layer(layer).position(int(own.argmax()))
    box = index.box(layer, row, col, sampled.size)
    return Hit(0, sampled.picture, sampled.value, row, col, sampled.size, box)
