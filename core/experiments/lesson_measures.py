"""Measures that support the claims of the lessons about networks.

Most functions work for any network and return one value for each layer, so that layers of different
depth can be compared.
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
from core.experiments.concept_growth import mean_over_positions
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
from core.style.moments import moments

# Seed of the drawings that are measured. Drawings with this seed were used neither to train
# SketchNet nor to label its units.
SEED = 4321
DRAWINGS = 24
# Number of dataset examples of a unit that the pages show, in three rows of three.
NINE = 9
# Number of random orders of the squares over which ``shuffle_effect`` averages.
ROUNDS = 4


def draw_images(network: Network) -> Tensor:
    """Return sample images and drawings for measurements, at a network's input size.

    They are ``[N, 3, H, W]`` in ``[0, 1]``: all of ``samples.SAMPLES``, then ``DRAWINGS`` drawings.
    """
    opened = [samples.picture(name) for name in samples.SAMPLES]
    size = network.input_size
    inputs = [network_input(it, CenterCrop((it.height, it.width), size)) for it in opened]
    drawings, _ = draw_batch(SEED, range(DRAWINGS))
    return torch.cat([*inputs, resize_image(drawings, size).clamp(0, 1)])


def shuffle_squares(image: Tensor, parts: int, generator: torch.Generator) -> Tensor:
    """Divide images into squares, and put these into a random order, the same for all images.

    Args:
        image: ``[N, C, H, W]``. If H or W is not a multiple of ``parts``, the remaining rows at the
            bottom and columns at the right are cropped.
        parts: number of squares along each side of an image.
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
    """Compute each channel's mean activation over positions, ``[N, C]`` on the CPU, by layer."""
    activations = network.activations(image, [layer.name for layer in network.shown])
    return {name: mean_over_positions(it) for name, it in activations.items()}


def shuffle_effect(network: Network, image: Tensor, parts: int, seed: int = 0) -> dict[str, float]:
    """Measure how much each layer's mean activations change if squares of images are shuffled.

    Shuffling keeps lines, colours and textures, but destroys objects. In layers that detect only
    lines, colours or textures, the mean activations over positions therefore hardly change. The
    measure is the distance between the mean activations for an image and for its shuffled version,
    divided by the mean distance between different images. It is 0 if nothing changes, and 1 if the
    shuffled version is as far from its image as another image is.

    Args:
        network: the network.
        image: ``[N, 3, H, W]`` in ``[0, 1]``, with N at least 2.
        parts: number of squares along each side of an image.
        seed: seed of the random orders; the result is the mean over ``ROUNDS`` orders.

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
        By layer, the share of the nine images that have the most common of their labels, averaged
        over the units, from 1/9 to 1. If five of a unit's nine are labelled "dog", its share is
        5/9.

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
    """Estimate ``label_agreement`` for units that would respond to images at random.

    Args:
        labels: labels of all images of the collection.
        seed: seed of the random choices.
        rounds: number of random choices of nine images over which the share is averaged.
    """
    generator = np.random.default_rng(seed)
    chosen = (generator.choice(len(labels), NINE, replace=False) for _ in range(rounds))
    return float(np.mean([most_common_share([labels[at] for at in nine]) for nine in chosen]))


def most_common_share(labels: Sequence[str]) -> float:
    """Return the share of the most common label; 0 without labels."""
    return max(Counter(labels).values(), default=0) / max(len(labels), 1)


def nearest_half_accuracy(
    network: Network, paintings: Sequence[Tensor]
) -> dict[str, tuple[float, float]]:
    """Measure whether the two halves of a painting can be matched, by style and by content.

    Each painting is divided into a left and a right half. Each half is compared with all other
    halves of all paintings by cosine similarity: for style that of the Gram matrices, for content
    that of the activations, position by position. The nearest half has the highest similarity.

    Args:
        network: the network.
        paintings: ``[1, 3, H, W]`` in ``[0, 1]``, all of one size.

    Returns:
        By layer, the share of halves whose nearest half is from the same painting: (by style, by
        content).
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
    """Return the share of rows whose most similar other row is from the same painting.

    Args:
        values: ``[2 n, ...]``; rows ``2 i`` and ``2 i + 1`` are the halves of painting ``i``.
    """
    flat = F.normalize(values.flatten(1), dim=1)
    similarity = (flat @ flat.T).fill_diagonal_(-1)
    nearest = similarity.argmax(1) // 2
    return float((nearest == torch.arange(len(flat)) // 2).double().mean())


def measure_losses(
    network: Network, recipe: StyleRecipe, inputs: Mapping[str, bytes], images: Sequence[Tensor]
) -> list[dict[str, float]]:
    """Compute the content and style losses of a recipe for some images.

    Args:
        network: the network.
        recipe: the recipe with the content image, the style images and the layers.
        inputs: the encoded images that the recipe names, by fingerprint.
        images: the images, ``[1, 3, h, w]`` in ``[0, 1]`` each. They are scaled to the size that
            results of the recipe have.

    Returns:
        For each image the losses by name, such as ``content relu3b`` or ``style relu1a``.
    """
    variant = style_variant(network, recipe.pooling)
    subjects = transfer.open_inputs(recipe, inputs, network.device, network.channels)
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
        ``1 - loss of the image / loss of the photograph`` for the style loss of each layer,
        averaged over the layers. It is 1 if the image's losses are 0, 0 if they are those of the
        photograph, and negative if they are higher.
    """
    shares = [
        1 - picture[name] / max(value, TINY)
        for name, value in photograph.items()
        if name.startswith("style")
    ]
    return sum(shares) / len(shares)
