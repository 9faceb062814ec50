"""Measures that answer what people often believe wrongly about pictures made with a network."""

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.dreams import render_dreams
from core.experiments import lesson_measures
from core.images.channels import open_image
from core.networks.network import Network
from core.optim.objectives import TINY
from core.recipes.dream import DreamRecipe
from core.sketchworld.world import CLASSES, draw
from core.style.moments import moments

# A pixel has changed if one of its channels differs by more than half a level of 255.
SAME = 0.5 / 255
# Forms count as large if they are still there after averaging over squares of this many to the
# longer side of an image.
SQUARES = 12
# Seed of the drawings whose parts are counted; they were not used for training.
DRAWING_SEED = 4321


@dataclass(frozen=True)
class DreamChanges:
    """What has changed while a dream was rendered.

    Attributes:
        weights: number of the network's weights with another value afterwards.
        of: number of all weights.
        pixels: share of the image's pixels with another colour, from 0 to 1.
        activation: how many times as strongly the layer responds to the dream as to the image.
    """

    weights: int
    of: int
    pixels: float
    activation: float


def count_changes(
    network: Network, recipe: DreamRecipe, inputs: Mapping[str, bytes]
) -> DreamChanges:
    """Render a dream, and count the weights and the pixels that have changed by that.

    Args:
        network: the network that dreams.
        recipe: the recipe of a dream of one image.
        inputs: the encoded images that the recipe names, by fingerprint.
    """
    tensors = {**dict(network.module.named_parameters()), **dict(network.module.named_buffers())}
    before = {name: it.detach().clone() for name, it in tensors.items()}
    start = open_image(inputs[recipe.image], network.channels, recipe.size)
    *_, last = render_dreams.render(network, recipe, inputs)
    dream = last.pictures[0]
    differs = (dream.image - start[0].cpu()).abs().amax(0) > SAME
    return DreamChanges(
        sum(int((tensors[name] != it).sum()) for name, it in before.items()),
        sum(it.numel() for it in before.values()),
        float(differs.float().mean()),
        float(dream.facts["activation"]),
    )


def shuffle_places(
    network: Network, image: Tensor, other: Tensor, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Measure how style and content change if a layer's places are put into a random order.

    All channels are shuffled in the same way. The change is relative to the difference between the
    image and another one: 0 for no change, 1 for as much as between both images.

    Args:
        network: the network.
        image, other: ``[1, 3, H, W]`` in ``[0, 1]``, of the same size.
        seed: seed of the order.

    Returns:
        By layer, the change of the Gram matrix and that of the activations, place by place.
    """
    layers = [it.name for it in network.shown if it.size is not None]
    activations = network.activations(torch.cat([image, other]), layers)
    changes = {}
    for name in layers:
        both = activations[name].float().cpu()
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(both[0, 0].numel(), generator=generator)
        shuffled = both[:1].flatten(2)[..., order].view_as(both[:1])
        products, count, _ = moments(torch.cat([both, shuffled]))
        changes[name] = (
            _relative_change(products / count[:, None, None]),
            _relative_change(torch.cat([both, shuffled])),
        )
    return changes


def _relative_change(values: Tensor) -> float:
    """Return the distance of row 2 from row 0, divided by that of row 1 from row 0."""
    flat = values.flatten(1).double()
    return float((flat[2] - flat[0]).norm() / (flat[1] - flat[0]).norm().clamp(min=TINY))


def large_form_share(change: Tensor) -> float:
    """Return the share of an image's variance in large forms, from 0 to 1.

    Large forms are what is left after averaging over squares with a side of one ``SQUARES``-th of
    the longer side.

    Args:
        change: ``[1, 3, H, W]``, such as the difference between a dream and its image.
    """
    side = max(1, round(max(change.shape[2:]) / SQUARES))
    large = F.avg_pool2d(change, side, ceil_mode=True, count_include_pad=False)
    large = large - large.mean((2, 3), keepdim=True)
    whole = change - change.mean((2, 3), keepdim=True)
    return float(large.square().mean() / whole.square().mean().clamp(min=TINY))


def path_similarity(
    network: Network, pictures: Tensor, examples: Sequence[Tensor]
) -> dict[str, float]:
    """Measure whether units' pictures are processed like the units' dataset examples.

    Geirhos et al. ("Don't trust your eyes", 2024) compare feature visualizations with natural
    images layer by layer. Here each image has the mean activations of a layer over positions, minus
    their mean over all examples. Images are compared by cosine similarity.

    Args:
        network: the network.
        pictures: a picture of each unit, ``[U, 3, H, W]`` in ``[0, 1]``, with U at least 2.
        examples: for each unit its dataset examples, ``[N, 3, H, W]`` with N at least 2.

    Returns:
        By layer, 1 if a picture is as similar to its unit's examples as these are to one another,
        and 0 if it is only as similar as the examples of other units are; mean over the units.
    """
    drawn = lesson_measures.mean_activations(network, pictures)
    shown = [lesson_measures.mean_activations(network, it) for it in examples]
    similarity = {}
    for layer in drawn:
        usual = torch.cat([it[layer] for it in shown]).mean(0)
        own = [F.normalize(it[layer] - usual, dim=1) for it in shown]
        every = torch.stack([it.mean(0) for it in own])  # [U, C]
        of_picture = (F.normalize(drawn[layer] - usual, dim=1) * every).sum(1).mean()
        between = every @ every.T
        count = torch.tensor([len(it) for it in own])
        # The cosine of each example with itself, 1, does not count.
        alike = ((between.diagonal() * count - 1) / (count - 1)).mean()
        others = (between.sum() - between.trace()) / (len(own) * (len(own) - 1))
        similarity[layer] = float((of_picture - others) / (alike - others).clamp(min=TINY))
    return similarity


def part_frequencies(
    parts: Sequence[str], per_class: int = 2, seed: int = DRAWING_SEED
) -> dict[str, float]:
    """Return by part, such as ``eye``, the share of SketchWorld's drawings in which it is visible.

    Args:
        parts: names of concepts.
        per_class: number of drawings of each class; each takes some hundredths of a second.
        seed: seed of the drawings.
    """
    count = per_class * len(CLASSES)
    shown = Counter(
        part
        for at in range(count)
        for part, mask in draw(seed, at, label=at % len(CLASSES), masks=True).masks.items()
        if mask.any()
    )
    return {part: shown[part] / count for part in parts}


def randomise_weights(network: Network, seed: int = 0) -> Network:
    """Return a copy of a network with random weights, as before training.

    Convolutions and linear layers get the initialisation of He et al. (2015) and no bias, other
    modules that of PyTorch. Parameters of further modules get a normal distribution with their own
    standard deviation.
    """
    module = copy.deepcopy(network.module)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
                if part.bias is not None:
                    part.bias.zero_()
                continue
            reset = getattr(part, "reset_parameters", None)
            if callable(reset):
                reset()
                continue
            for parameter in part.parameters(recurse=False):
                parameter.normal_(0, float(parameter.std()) if parameter.numel() > 1 else 0.0)
    return replace(network, module=module, fingerprint=f"{network.fingerprint}-random{seed}")
