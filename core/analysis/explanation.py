"""Why a network gives an answer: the units of each layer that raise a logit or lower it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from core.analysis import unit_labels
from core.analysis.attribution import enlarge
from core.analysis.contributions import (
    Contributions,
    class_number,
    contributions,
    exact_effects,
)
from core.analysis.crops import network_input
from core.analysis.probe import top_classes
from core.analysis.unit_effects import no_answers
from core.errors import ExplorerError
from core.images.center_crop import CenterCrop
from core.networks.layers import Layer
from core.networks.network import Network

# Squares along the longer side of an image over which a map of contributions is averaged.
SQUARES = 16


@dataclass(frozen=True)
class ExplainingUnit:
    """A unit that raises the logit of a class, or lowers it.

    Attributes:
        unit: number of the unit.
        name: what it detects; "" if that is not known.
        contribution: gradient times activation, summed over positions, in logits; positive for the
            class.
        share: its share of the layer's contributions of the same sign, 0 to 1.
        effect: how much the logit (or the difference of two) really loses without the unit.
    """

    unit: int
    name: str
    contribution: float
    share: float
    effect: float


@dataclass(frozen=True)
class ExplainedLayer:
    """The strongest units of one layer.

    Attributes:
        layer: name of the layer.
        raising, lowering: the units that raise the logit and that lower it, the strongest first.
    """

    layer: str
    raising: tuple[ExplainingUnit, ...]
    lowering: tuple[ExplainingUnit, ...]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a network gives an answer for one image.

    Attributes:
        network: the network.
        image: its input, ``[1, C, H, W]`` in ``[0, 1]``.
        wanted, against: name of the class, and of the class that it is compared with, or "".
        probability: the probability of ``wanted``.
        layers: the layers, from the logits back to the image.
        found: the contributions of all units, by name of the layer.
    """

    network: Network
    image: Tensor
    wanted: str
    against: str
    probability: float
    layers: tuple[ExplainedLayer, ...]
    found: dict[str, Contributions] = field(repr=False)


def explained_layers(network: Network) -> tuple[Layer, ...]:
    """Return the shown layers before the logits, from the last one back to the image.

    A layer that has one unit for each class, as the last convolution of a SqueezeNet, is left out:
    the only one that raises a class is the class itself.
    """
    logits = network.class_layer
    if logits is None:
        return ()
    return tuple(
        it
        for it in reversed(network.shown)
        if it.index < logits.index and it.channels != logits.channels
    )


def contribution_map(found: Contributions, unit: int, size: tuple[int, int]) -> Tensor:
    """Return where a unit contributes with the sign of its sum, ``[H, W]``, 0 or more.

    It is averaged over squares of a sixteenth of the image, because in shallow layers single
    positions far exceed all others.

    Args:
        found: the contributions of the unit's layer.
        unit: the unit.
        size: (height, width) of the network's input.
    """
    sign = 1 if float(found.units[unit]) >= 0 else -1
    pixels = enlarge(found.layer, sign * found.places[unit], size).clamp(min=0)
    reach = max(size) // (2 * SQUARES)
    around = F.avg_pool2d(
        pixels[None, None], 2 * reach + 1, stride=1, padding=reach, count_include_pad=False
    )
    return around[0, 0]


def explain(
    network: Network,
    picture: Image.Image,
    wanted: str = "",
    against: str = "",
    layers: Sequence[str] = (),
    count: int = 5,
) -> Explanation:
    """Explain an answer for a picture, which is cropped as for an index.

    Args:
        network: the network.
        picture: the picture, upright RGB.
        wanted: name of the class; "" for the likeliest.
        against: name of a class that it is compared with; "" for none.
        layers: names of the layers; by default all that are shown before the logits.
        count: number of units for and against the class, of each layer.

    Raises:
        UnknownName: there is no such class or layer.
        ExplorerError: the network has no answers, or both classes are the same.
    """
    logits = network.class_layer
    if logits is None:
        raise ExplorerError(no_answers(network))
    size = (picture.height, picture.width)
    image = network_input(picture, CenterCrop(size, network.input_size, network.framing))
    answers = network.activations(image, [logits.name])[logits.name][0].float().cpu()
    shares = dict(top_classes(network, {logits.name: answers}, len(network.labels)))
    wanted = wanted or next(iter(shares))
    number = class_number(network, wanted)
    other = class_number(network, against) if against else None
    if number == other:
        raise ExplorerError("name two different classes")
    chosen = [network.layer(it) for it in layers] or list(explained_layers(network))
    found = contributions(network, image, chosen, number, other)
    explained = tuple(explain_layer(network, image, it, number, other, count) for it in found)
    return Explanation(
        network,
        image,
        wanted,
        against,
        shares[wanted],
        explained,
        {it.layer.name: it for it in found},
    )


def explain_layer(
    network: Network,
    image: Tensor,
    found: Contributions,
    wanted: int,
    against: int | None,
    count: int,
    exact: bool = True,
) -> ExplainedLayer:
    """Return the units of a layer that raise a logit most and lower it most, with exact effects.

    Args:
        network, image: as for ``contributions``.
        found: the contributions of the layer's units.
        wanted, against: numbers of the class, and of the class that it is compared with.
        count: number of units for and against it, at most.
        exact: whether to compute the exact effects; else they are 0.
    """
    strongest = found.strongest(count), found.strongest(count, negative=True)
    units = [unit for some in strongest for unit, _ in some]
    effects = torch.zeros(len(units))
    if units and exact:
        effects = exact_effects(network, image, found.layer, wanted, against, units)
    true = dict(zip(units, effects.tolist(), strict=True))
    sides = []
    for some, sign in zip(strongest, (1, -1), strict=True):
        total = float((sign * found.units).clamp(min=0).sum())
        sides.append(
            tuple(
                ExplainingUnit(
                    unit,
                    unit_labels.unit_name(network, found.layer, unit),
                    value,
                    sign * value / total,
                    true[unit],
                )
                for unit, value in some
            )
        )
    return ExplainedLayer(found.layer.name, *sides)
