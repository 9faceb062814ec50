"""Drawings of chosen classes, and the units that respond to some of them more than to others."""

from collections.abc import Sequence

import torch
from PIL import Image

from core.analysis.crops import network_input
from core.analysis.picture_sample import PictureSample
from core.experiments.concept_growth import mean_over_positions
from core.experiments.lesson_measures import SEED
from core.images.center_crop import CenterCrop
from core.networks.layers import Layer
from core.networks.network import Network
from core.sketchworld.world import CLASSES, draw

# Drawings that run at a time.
BATCH = 36


def class_drawings(
    network: Network, labels: Sequence[str], first: int, rows: Sequence[int] | None = None
) -> PictureSample:
    """Return drawings of the world with the seed ``SEED`` as the input of a network.

    Args:
        network: the network.
        labels: the class of each drawing.
        first: number of the first drawing.
        rows: places in ``labels`` of those that are returned; None for all.
    """
    rows = range(len(labels)) if rows is None else rows
    pixels = []
    for row in rows:
        picture = Image.fromarray(draw(SEED, first + row, label=CLASSES.index(labels[row])).image)
        size = (picture.height, picture.width)
        pixels.append(network_input(picture, CenterCrop(size, network.input_size)))
    names = tuple(str(first + row) for row in rows)
    return PictureSample(names, tuple(labels[row] for row in rows), tuple(pixels))


def units_of_classes(
    network: Network, layer: Layer, pictures: PictureSample, classes: Sequence[str]
) -> list[int]:
    """Return the units of a layer, those that respond to some classes more than to others first.

    The order is that of the difference between the mean activations for both kinds of pictures,
    divided by the standard deviation over all of them.

    Args:
        network, layer: the layer.
        pictures: pictures of these classes, and of others.
        classes: the classes.
    """
    parts = []
    for at in range(0, len(pictures), BATCH):
        image = pictures.images(slice(at, at + BATCH))
        parts.append(mean_over_positions(network.activations(image, [layer.name])[layer.name]))
    means = torch.cat(parts)  # [N, C]
    wanted = torch.tensor([it in classes for it in pictures.labels])
    apart = means[wanted].mean(0) - means[~wanted].mean(0)
    spread = means.std(0)
    # A unit that never responds comes last among equals, as its difference is 0.
    order = (apart / spread.clamp(min=float(spread.max()) * 1e-3)).argsort(
        descending=True, stable=True
    )
    return [int(it) for it in order.tolist()]
