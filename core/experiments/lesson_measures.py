"""Measures for the lessons: numbers that support the lessons' claims about networks.

Most functions work for any network and return one value for each layer, so that the values can be
compared over the depth of the network.
"""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.analysis.crops import network_input
from core.datasets import samples
from core.images.center_crop import CenterCrop
from core.images.resize import resize_image
from core.index.reader import Index
from core.networks.network import Network
from core.networks.variants import style_variant
from core.optim.objectives import TINY
from core.recipes.style import StyleRecipe
from core.sketchnet.training.data import draw_batch
from core.style import transfer
from core.style.loss_builder import build_losses
from core.style.losses import moments

# Seed of the drawings. Drawings of this seed were used neither for training nor for labels.
SEED = 4321
DRAWINGS = 24
# Number of a unit's dataset examples, shown in three rows of three.
NINE = 9
# Number of random orders of squares over which ``shuffle_effect`` averages.
ROUNDS = 4


def draw_images(network: Network) -> Tensor:
    """Return samples and drawings at a network's input size, ``[N, 3, H, W]`` in ``[0, 1]``."""
    opened = [samples.picture(name) for name in samples.SAMPLES]
    size = network.input_size
    inputs = [network_input(it, CenterCrop((it.height, it.width), size)) for it in opened]
    drawings, _ = draw_batch(SEED, range(DRAWINGS))
    return torch.cat([*inputs, resize_image(drawings, size).clamp(0, 1)])


def shuffle_squares(image: Tensor, parts: int, generator: torch.Generator) -> Tensor:
    """Return images with their squares in a random order, the same order for all images.

    Args:
        image: ``[N, C, H, W]``; rows at the bottom and columns at the right that are left over
            by the division are dropped.
        parts: number of squares along each side.
        generator: random generator for the order.
    """
    count, channels, height, width = image.shape
    rows, cols = height // parts, width // parts
    cropped = image[:, :, : rows * parts, : cols * parts]
    squares = cropped.reshape(count, channels, parts, rows, parts, cols).permute(2, 4, 0, 1, 3, 5)
    order = torch.randperm(parts * parts, generator=generator)
    shuffled = squares.flatten(0, 1)[order].reshape(squares.shape)  # [p, p, N, C, rows, cols]
    return shuffled.permute(2, 3, 0, 4, 1, 5).reshape(cropped.shape)


def mean_activations(network: Network, image: Tensor) -> dict[str, Tensor]:
    """Compute the mean activation over positions by layer, ``[N, C]`` on the CPU."""
    activations = network.activations(image, [layer.name for layer in network.shown])
    return {
        name: it.float().flatten(2).mean(2).cpu() if it.ndim > 2 else it.float().cpu()
        for name, it in activations.items()
    }


def shuffle_effect(network: Network, image: Tensor, parts: int, seed: int = 0) -> dict[str, float]:
    """Measure how much the mean activations of each layer change if squares are shuffled.

    Shuffling keeps lines, colours and textures, but destroys objects. So the mean activations over
    positions hardly change in layers that only detect the former. The measure is the distance
    between the activations of an image and of its shuffled version, relative to the mean distance
    between different images: 0 for no change, 1 for as much as between two images.

    Args:
        network: the network.
        image: ``[N, 3, H, W]`` in ``[0, 1]``, with N at least 2.
        parts: number of squares along each side.
        seed: seed of the orders; the result is the mean over ``ROUNDS`` orders.

    Returns:
        The measure by name of the layer.
    """
    generator = torch.Generator().manual_seed(seed)
    before = mean_activations(network, image)
    effect = dict.fromkeys(before, 0.0)
    for _ in range(ROUNDS):
        after = mean_activations(network, shuffle_squares(image, parts, generator))
        for name, original in before.items():
            moved = (after[name] - original).norm(dim=1)  # [N]
            apart = torch.cdist(original, original).sum(1) / (len(original) - 1)
            effect[name] += float((moved / apart.clamp(min=TINY)).mean()) / ROUNDS
    return effect


def label_agreement(index: Index) -> dict[str, float]:
    """Measure how many of a unit's nine top dataset examples have the same label.

    Returns:
        By layer, the share of the nine that have the most common label among them, from 1/9 to 1,
        mean over the units.

    Raises:
        ExplorerError: the collection has been moved or deleted.
    """
    label = functools.cache(index.label)
    agreement = {}
    for layer in index.plan.layers:
        tops = [index.top(layer.name, unit)[:NINE] for unit in range(layer.channels)]
        shares = [most_common_share([label(hit.picture) for hit in hits]) for hits in tops]
        agreement[layer.name] = float(np.mean(shares))
    return agreement


def chance_agreement(labels: Sequence[str], seed: int = 0, rounds: int = 200) -> float:
    """Estimate ``label_agreement`` for nine images that are chosen at random."""
    generator = np.random.default_rng(seed)
    chosen = (generator.choice(len(labels), NINE, replace=False) for _ in range(rounds))
    return float(np.mean([most_common_share([labels[at] for at in nine]) for nine in chosen]))


def most_common_share(labels: Sequence[str]) -> float:
    """Return the share of the most common label; 0 without labels."""
    return max(Counter(labels).values(), default=0) / max(len(labels), 1)


def nearest_half_accuracy(
    network: Network, paintings: Sequence[Tensor]
) -> dict[str, tuple[float, float]]:
    """Measure whether the halves of paintings can be matched, by style and by content.

    Each painting is divided into a left and a right half. For each half the nearest other half is
    the one with the highest cosine similarity: of the Gram matrices for style, of the activations
    position by position for content.

    Args:
        network: the network.
        paintings: ``[1, 3, H, W]`` in ``[0, 1]``, all of one size.

    Returns:
        By layer, the share of halves whose nearest half is from the same painting, by style and by
        content.
    """
    half = paintings[0].shape[3] // 2
    halves = [part for it in paintings for part in (it[..., :half], it[..., -half:])]
    layers = [layer.name for layer in network.shown if layer.size is not None]
    activations = network.activations(torch.cat(halves), layers)
    accuracy = {}
    for name in layers:
        activation = activations[name].float().cpu()
        products, count, _ = moments(activation)
        gram = products / count[:, None, None]
        accuracy[name] = (_matched_share(gram), _matched_share(activation))
    return accuracy


def _matched_share(values: Tensor) -> float:
    """Return the share of rows whose nearest other row belongs to the same pair (2i, 2i + 1)."""
    flat = F.normalize(values.flatten(1), dim=1)
    similarity = (flat @ flat.T).fill_diagonal_(-1)
    nearest = similarity.argmax(1) // 2
    return float((nearest == torch.arange(len(flat)) // 2).double().mean())


def measure_losses(
    network: Network, recipe: StyleRecipe, inputs: Mapping[str, bytes], images: Sequence[Tensor]
) -> list[dict[str, float]]:
    """Compute the content and style losses of some images under a recipe.

    Args:
        network: the network.
        recipe: the recipe with the content image, the style images and the layers.
        inputs: the encoded images that the recipe names, by their fingerprints.
        images: ``[1, 3, h, w]`` in ``[0, 1]`` each; they are scaled to the size of the result.

    Returns:
        For each image the losses by name, such as ``content relu3b`` or ``style relu1a``.
    """
    variant = style_variant(network, recipe.pooling)
    subjects = transfer.open_inputs(recipe, inputs, network.device)
    losses = build_losses(variant, recipe, subjects, subjects.size)
    scaled = [resize_image(it, subjects.size).clamp(0, 1).to(network.device) for it in images]
    return [transfer.evaluate_losses(variant, recipe, losses, it) for it in scaled]


def mean_loss(kind: str, losses: Mapping[str, float]) -> float:
    """Return the mean of the losses of one kind, ``content`` or ``style``."""
    chosen = [value for name, value in losses.items() if name.startswith(kind)]
    return sum(chosen) / len(chosen)


def style_transferred(photograph: Mapping[str, float], picture: Mapping[str, float]) -> float:
    """Return the share of a painting's style that has been transferred to an image.

    Args:
        photograph, picture: losses of the photograph and of the image, from ``measure_losses``.

    Returns:
        The relative reduction of the style loss against the photograph, mean over the layers: 1 if
        the style loss is 0, 0 if it is that of the photograph, negative if it is higher.
    """
    shares = [
        1 - picture[name] / max(value, TINY)
        for name, value in photograph.items()
        if name.startswith("style")
    ]
    return sum(shares) / len(shares)
