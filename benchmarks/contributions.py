"""Benchmark of contributions: do they predict what an answer loses without each neuron?

For drawings of SketchWorld that training never used, and for the class that SketchNet answers:

- Spearman's correlation, over the neurons of a layer, of the contribution by each formula with the
  true effect of turning the neuron off.
- Deletion and insertion: neurons are turned off, or on after all have been turned off, in the order
  of their contribution. The figure is the mean probability of the class meanwhile: low is good for
  deletion, high for insertion.
- The share of the contributions that lies inside the mask of the drawn object, beside its area.

Each figure is the mean over drawings with half of its 95% interval. It is run by ``python -m
benchmarks.causes contributions``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats
from torch import Tensor

from core.analysis.attribution import enlarge
from core.analysis.contributions import contributions, exact_effects
from core.images import image_io
from core.networks import registry
from core.networks.graph_parts import divide
from core.networks.interventions import Continuation
from core.networks.layers import Layer
from core.networks.network import Network
from core.sketchworld.concepts import CONCEPTS
from core.sketchworld.world import CLASSES, draw

SEED = 1_000_201
LAYERS, DRAWINGS = ("relu3b", "relu4b", "relu5a", "relu5b"), 60
# Steps of integrated gradients and of conductance.
STEPS = 8
GREY = 0.5
# Points of the curves of deletion and insertion, and random orders whose mean is compared.
POINTS, RANDOM_ORDERS = 21, 3
# The kinds of classes that are drawn on a background, and the largest part of the drawing.
OBJECTS, LARGEST = ("object", "shape"), 0.5

Floats = npt.NDArray[np.float64]
# Figures of drawings, by layer and by what was measured.
Figures = dict[str, dict[str, list[float]]]


@dataclass(frozen=True, eq=False)
class Answer:
    """One drawing in the network, which can run again from a layer on.

    Attributes:
        network, layer: the layer.
        image: the drawing, ``[1, 3, H, W]`` in ``[0, 1]``.
        wanted: number of the class that the network answers.
    """

    network: Network
    layer: Layer
    image: Tensor
    wanted: int

    def activations(self, images: Tensor) -> Tensor:
        """Return the activations of the layer, ``[N, C, h, w]``."""
        logits = self.network.layers[-1]
        kept = Continuation(self.network, self.layer, [logits]).begin(images)
        assert len(kept) == 1, "nothing bypasses a layer of SketchNet"
        result: Tensor = kept[0]
        return result

    def logits(self, activations: Tensor) -> Tensor:
        """Return the logits ``[N, K]`` for some activations of the layer."""
        assert self.network.trace is not None
        logits = self.network.layers[-1]
        behind = divide(self.network.trace, self.layer, [logits]).behind
        result: Tensor = behind(activations)[logits.name]
        return result

    def gradients(self, activations: Tensor) -> Tensor:
        """Return the gradient of the class's logit for some activations."""
        values = activations.detach().requires_grad_()
        total = self.logits(values)[:, self.wanted].sum()
        return torch.autograd.grad(total, values)[0]


def gradient_times_activation(answer: Answer) -> Tensor:
    """Return the contributions of the units, ``[C]``: what the explorer shows."""
    (found,) = contributions(answer.network, answer.image, [answer.layer], answer.wanted)
    return found.units


def integrated_gradients(answer: Answer) -> Tensor:
    """Return the mean gradient from no activation to all of it, times the activation."""
    whole = answer.activations(answer.image)
    parts = (torch.arange(STEPS) + 0.5).view(-1, 1, 1, 1) / STEPS
    return (answer.gradients(parts * whole).mean(0) * whole[0]).flatten(1).sum(1)


def conductance(answer: Answer) -> Tensor:
    """Return the gradient times the change of the activation, along a path from a grey image."""
    parts = torch.arange(2 * STEPS + 1).view(-1, 1, 1, 1) / (2 * STEPS)
    path = answer.activations(GREY + parts * (answer.image - GREY))
    steps = path[2::2] - path[:-1:2]
    return (answer.gradients(path[1::2]) * steps).sum(0).flatten(1).sum(1)


def gradient(answer: Answer) -> Tensor:
    """Return the gradient alone, summed over positions."""
    return answer.gradients(answer.activations(answer.image))[0].flatten(1).sum(1)


def activation(answer: Answer) -> Tensor:
    """Return the activation alone, averaged over positions."""
    return answer.activations(answer.image)[0].flatten(1).mean(1)


FORMULAS: Mapping[str, Callable[[Answer], Tensor]] = {
    "gradient x activation": gradient_times_activation,
    "integrated gradients": integrated_gradients,
    "conductance from grey": conductance,
    "gradient": gradient,
    "activation": activation,
}


def curves(answer: Answer, order: Tensor) -> tuple[float, float]:
    """Return the mean probability of the class by deletion and by insertion, from 0 to 1.

    Args:
        answer: the drawing.
        order: the units, the first one first.
    """
    whole, count = answer.activations(answer.image), len(order)
    kept = torch.ones(POINTS, count)
    for point in range(POINTS):
        kept[point, order[: round(point * count / (POINTS - 1))]] = 0.0
    means = []
    for factors in (kept, 1 - kept):
        with torch.no_grad():
            logits = answer.logits(whole * factors[:, :, None, None])
        means.append(float(logits.softmax(1)[:, answer.wanted].mean()))
    return means[0], means[1]


def measure(drawings: int) -> tuple[Figures, Figures, Figures]:
    """Return correlations, the areas under the curves, and the shares inside masks."""
    correlations, areas, inside = Figures(), Figures(), Figures()
    generator = torch.Generator().manual_seed(0)
    for answer, mask in _answers(drawings):
        name = answer.layer.name
        true = exact_effects(answer.network, answer.image, answer.layer, answer.wanted)
        found = {formula: compute(answer) for formula, compute in FORMULAS.items()}
        for formula, values in found.items():
            _note(correlations, name, formula, float(stats.spearmanr(values, true).statistic))
        orders = {
            "gradient x activation": [found["gradient x activation"].argsort(descending=True)],
            "gradient": [found["gradient"].argsort(descending=True)],
            "random": [
                torch.randperm(len(true), generator=generator) for _ in range(RANDOM_ORDERS)
            ],
        }
        for order, some in orders.items():
            deleted, inserted = np.mean([curves(answer, it) for it in some], axis=0)
            _note(areas, name, f"deletion, {order}", float(deleted))
            _note(areas, name, f"insertion, {order}", float(inserted))
        if mask is not None:
            for what, share in _shares(answer, mask).items():
                _note(inside, name, what, share)
    return correlations, areas, inside


def _answers(drawings: int) -> Iterator[tuple[Answer, Tensor | None]]:
    """Yield drawings in all layers, with the mask of the drawn object, or None without one."""
    network = registry.load(registry.SKETCHNET, device="cpu")
    for number in range(drawings):
        drawing = draw(SEED, number, masks=True)
        image = image_io.from_bytes(torch.from_numpy(drawing.image)[None])
        logits = network.activations(image, [network.layers[-1].name])
        wanted = int(logits[network.layers[-1].name][0].argmax())
        concept, mask = CLASSES[drawing.label], None
        if CONCEPTS.get(concept) in OBJECTS and wanted == drawing.label:
            whole = drawing.masks.get(concept)
            if whole is not None and 0 < whole.mean() < LARGEST:
                mask = torch.from_numpy(whole)
        for name in LAYERS:
            yield Answer(network, network.layer(name), image, wanted), mask


def _shares(answer: Answer, mask: Tensor) -> dict[str, float]:
    """Return the share inside a mask: of contributions, of the activation, and of all pixels."""
    (found,) = contributions(answer.network, answer.image, [answer.layer], answer.wanted)
    maps = {
        "contributions": found.places.sum(0).clamp(min=0),
        "activation": answer.activations(answer.image)[0].sum(0),
    }
    size = answer.network.input_size
    shares = {"area": float(mask.float().mean())}
    for name, values in maps.items():
        pixels = enlarge(answer.layer, values, size).clamp(min=0)
        shares[name] = float((pixels * mask).sum() / pixels.sum())
    return shares


def _note(figures: Figures, layer: str, what: str, value: float) -> None:
    figures.setdefault(layer, {}).setdefault(what, []).append(value)


def summary(figures: Figures) -> dict[str, dict[str, tuple[float, float]]]:
    """Return the mean over drawings and half of its 95% interval, by what was measured and layer.

    Drawings whose figure is not a number are left out: in a layer where all neurons are equal.
    """
    result: dict[str, dict[str, tuple[float, float]]] = {}
    for layer, some in figures.items():
        for what, values in some.items():
            known = np.array(values)[~np.isnan(values)]
            margin = 1.96 * float(known.std(ddof=1)) / np.sqrt(len(known))
            result.setdefault(what, {})[layer] = float(known.mean()), float(margin)
    return result
