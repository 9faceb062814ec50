"""What a network makes of one picture: its classes, and the neurons that it excites unusually."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from core.crops import as_seen
from core.framing import Frame
from core.indexes import Index
from core.layers import Layer
from core.networks import Network

CLASSES = 5


@dataclass(frozen=True)
class Answer:
    """One neuron's answer to a picture.

    Attributes:
        unit: the neuron.
        value: its raw activation, the maximum over the picture's positions.
        percentile: how many of an index's pictures excite it less, from 0 to 100; None without.
        row, col: the position of the maximum, the first of several.
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
    layers: dict[str, tuple[Answer, ...]]


def probe(
    network: Network,
    picture: Image.Image,
    index: Index | None = None,
    layers: Sequence[str] = (),
    count: int = 9,
) -> Probe:
    """Show a picture to a network, as the index's pictures were shown.

    Args:
        network: the loaded network.
        picture: upright RGB.
        index: what to compare with. With one, neurons are ranked by their percentile, and where
            that is equal by their value as a share of the highest known; without by their value.
        layers: names of layers; none for those of the index, or those a person would want.
        count: neurons to name of each layer.

    Raises:
        UnknownName: there is no such layer.
        ExplorerError: the index was made with other weights.
    """
    if index is not None:
        index.require(network)
    known = [it.name for it in index.plan.layers] if index else [it.name for it in network.shown]
    chosen = [network.layer(name) for name in layers or known]
    last = network.shown[-1]
    image = as_seen(picture, Frame((picture.height, picture.width), network.input_size))
    seen = network.activations(image, {*(it.name for it in chosen), last.name})
    return Probe(
        classes=likeliest(network, seen[last.name][0]),
        layers={it.name: _rank(it, seen[it.name][0], index, count) for it in chosen},
    )


def likeliest(
    network: Network, logits: torch.Tensor, count: int = CLASSES
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


def _rank(
    layer: Layer, activation: torch.Tensor, index: Index | None, count: int
) -> tuple[Answer, ...]:
    """Rank the units of a layer, given its activation ``[C, ...]``."""
    flat = activation.float().cpu().reshape(layer.channels, -1)
    values = flat.amax(1).numpy()
    places = flat.argmax(1).tolist()
    width = activation.shape[-1] if activation.ndim == 3 else flat.shape[1]
    if index is None:
        shares, order = None, np.argsort(-values, kind="stable")
    else:
        shares = index.percentiles(layer.name, values)
        highest = index.table("top/values", index.plan.rows_of(layer.name))[:, 0]
        relative = values / np.where(highest > 0, highest, np.inf)
        order = np.lexsort((-relative, -shares))
    return tuple(
        Answer(
            unit,
            float(values[unit]),
            None if shares is None else float(shares[unit]),
            *divmod(places[unit], width),
        )
        for unit in order[:count].tolist()
    )
