"""What each unit contributes to an answer: gradient times activation, and the exact effect.

A contribution is the derivative of a logit with respect to the factor of a unit, at 1: the sum over
positions of the gradient times the activation ("gradient x activation" for layers in Kokhlikyan et
al., "Captum", 2020). If the network is linear behind the layer, it is exactly what the logit loses
without the unit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.analysis.unit_effects import no_answers
from core.devices import full_precision
from core.errors import ExplorerError, unknown
from core.networks import tracing
from core.networks.hooks import HookedExtractor
from core.networks.interventions import Continuation
from core.networks.layers import Layer
from core.networks.network import FeatureExtractor, Network
from core.networks.tracing import OutputNode
from core.networks.unit_scaling import scale_trace

# Units whose exact effect is computed at a time.
UNITS_AT_A_TIME = 32


@dataclass(frozen=True, eq=False)
class Contributions:
    """What the units of one layer contribute to one logit, or to the difference of two.

    Attributes:
        layer: the layer.
        places: the contribution of each unit at each position, ``[C, ...]``, float32 on the CPU.
    """

    layer: Layer
    places: Tensor

    @property
    def units(self) -> Tensor:
        """The contribution of each unit, ``[C]``: the sum over positions."""
        return self.places.flatten(1).sum(1) if self.places.ndim > 1 else self.places

    def strongest(self, count: int, negative: bool = False) -> tuple[tuple[int, float], ...]:
        """Return the units that raise the logit most, or lower it most, and how much.

        Units whose contribution is 0 are left out.
        """
        signed = -self.units if negative else self.units
        order = signed.argsort(descending=True, stable=True)[:count].tolist()
        return tuple((unit, float(self.units[unit])) for unit in order if float(signed[unit]) > 0)


def class_number(network: Network, name: str) -> int:
    """Return the number of a class by its name.

    Raises:
        UnknownName: the network has no such class.
        ExplorerError: the network has no answers.
    """
    if problem := no_answers(network):
        raise ExplorerError(problem)
    if name not in network.labels:
        raise unknown("class", name, network.labels, network.name)
    return network.labels.index(name)


def contributions(
    network: Network,
    image: Tensor,
    layers: Iterable[Layer],
    wanted: int,
    against: int | None = None,
) -> tuple[Contributions, ...]:
    """Compute what the units of some layers contribute to a logit.

    Args:
        network: the network; it is not changed.
        image: ``[1, C, H, W]`` in ``[0, 1]``.
        layers: the layers; the image must lead through them to the logits.
        wanted: number of the class.
        against: number of a class whose logit is subtracted; None for none.

    Raises:
        ExplorerError: the network has no answers, or no such class.
    """
    logits = _logits_of(network)
    for number in (wanted, against):
        if number is not None and not 0 <= number < logits.channels:
            raise ExplorerError(f"there is no class {number} in {network.name}")
    chosen = tuple(dict.fromkeys(layers))
    taps = {it.node: _Tap() for it in chosen}
    extractor = _tapped(network, logits, taps)
    with torch.enable_grad(), full_precision(network.device):
        value = _answer(extractor(image.to(network.device))[logits.name], wanted, against)[0]
        factors = [taps[it.node].factors for it in chosen]
        used = [it for it in factors if it is not None]
        found = torch.autograd.grad(value, used, allow_unused=True) if used else ()
    gradients = iter(found)
    results = []
    for layer, factor in zip(chosen, factors, strict=True):
        gradient = None if factor is None else next(gradients)
        if gradient is None:
            raise ExplorerError(f"the answers of {network.name} do not depend on {layer.name}")
        places = gradient.movedim((layer.batch_axis, layer.axis), (0, 1))[0].float().cpu()
        results.append(Contributions(layer, places))
    return tuple(results)


def _logits_of(network: Network) -> Layer:
    if network.class_layer is None:
        raise ExplorerError(no_answers(network))
    return network.class_layer


class _Tap(nn.Module):
    """Multiplies a layer by ones, whose gradient is the gradient times the activation."""

    def __init__(self) -> None:
        super().__init__()
        self.factors: Tensor | None = None

    def forward(self, value: Tensor) -> Tensor:
        """Return the value itself, times ones that are recorded for autograd."""
        self.factors = torch.ones_like(value, requires_grad=True)
        return value * self.factors


def _tapped(network: Network, logits: Layer, taps: Mapping[str, "_Tap"]) -> FeatureExtractor:
    """Return the network up to the logits with taps at some layers."""
    extractor = FeatureExtractor(network, [logits])
    output = OutputNode(logits.node, logits.name, logits.axis, logits.batch_axis)
    # A trace of one's own, because the taps are put into it.
    own = tracing.trace(network.module)
    if own is None:
        scales = {node: _both(network.scales.get(node), tap) for node, tap in taps.items()}
        every = {**network.scales, **scales}
        extractor.body = HookedExtractor(network.module, (output,), False, every)
    else:
        tapped = scale_trace(scale_trace(own, network.scales), taps)
        extractor.body = tracing.truncate(tapped, [output])
    return extractor


def _both(scale: nn.Module | None, tap: "_Tap") -> nn.Module:
    return tap if scale is None else nn.Sequential(scale, tap)


def exact_effects(
    network: Network,
    image: Tensor,
    layer: Layer,
    wanted: int,
    against: int | None = None,
    units: Sequence[int] | None = None,
) -> Tensor:
    """Compute how much a logit loses when each unit of a layer is turned off, one at a time.

    Args:
        network, image, layer, wanted, against: as for ``contributions``.
        units: the units; None for all of the layer.

    Returns:
        The logit minus the logit without the unit, ``[len(units)]``: positive for units that raise
        the logit, as contributions are.

    Raises:
        ExplorerError: the network has no answers, or the layer has no such unit.
    """
    logits = _logits_of(network)
    chosen = list(range(layer.channels)) if units is None else list(units)
    continuation = Continuation(network, layer, [logits])
    kept = continuation.begin(image)
    before = _answer(continuation.finish(kept)[logits.name], wanted, against)
    repeats = continuation.can_repeat(kept)
    size = UNITS_AT_A_TIME if repeats else 1
    after = []
    for start in range(0, len(chosen), size):
        some = chosen[start : start + size]
        values = (
            continuation.finish_each(kept, some)
            if repeats
            else continuation.finish(kept, dict.fromkeys(some, 0.0))
        )
        after.append(_answer(values[logits.name], wanted, against))
    return (before - torch.cat(after)).float().cpu() if after else torch.zeros(0)


def _answer(logits: Tensor, wanted: int, against: int | None) -> Tensor:
    """Return one logit of each image, or the difference of two, ``[N]``.

    Where logits have positions, it is their mean.
    """
    flat = logits.flatten(2).mean(2) if logits.ndim > 2 else logits
    return flat[:, wanted] if against is None else flat[:, wanted] - flat[:, against]
