"""Class selectivity: how much of a unit's response is explained by the class of the image.

A unit that detects a kind of object or pattern responds strongly to images of some classes and
weakly to those of others. The measure is the share of the variance of the unit's activation, over
the images of an index, that lies between the classes. It needs a collection with classes. It says
nothing about the unit's feature visualization, and little about units that detect simple things,
such as edges and colours, which all classes have.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import ExplorerError
from core.index.reader import Index

# For SketchWorld's drawings: a unit tells classes apart if they explain at least the share
# SELECTIVE of its response. Three quarters of SketchNet's clearly labelled units reach it, a
# quarter of its other units, and no unit of a network with random weights. Of these, less than 1 %
# reach LIKE_RANDOM. Both were chosen with ``benchmarks.badge --choose``.
SELECTIVE, LIKE_RANDOM = 0.7, 0.4
# Smallest numbers of images in a class, of classes, and of images, for which the share is measured.
# With fewer of them, its random error is too large.
LEAST_IN_CLASS, LEAST_CLASSES, LEAST_IMAGES = 4, 4, 100
# Number of layers whose shares are cached, a few kilobytes each.
LAYERS_AT_MOST = 512


@dataclass(frozen=True, eq=False)
class ClassSelectivity:
    """The class selectivity of all units of a layer.

    Attributes:
        shares: for each of the C units, the share of its variance that classes explain, ``[C]``;
            at most 1. It is about 0, and may be negative, for a unit that does not depend on the
            class.
        classes, images: the number of classes, and of images, that were compared.
    """

    shares: npt.NDArray[np.float64]
    classes: int
    images: int


@functools.lru_cache(maxsize=LAYERS_AT_MOST)
def class_selectivity(index: Index, layer: str) -> ClassSelectivity:
    """Measure the class selectivity of a layer's units on the random sample of an index.

    The activation of a unit for an image is its maximum over positions. Only images of classes with
    at least ``LEAST_IN_CLASS`` images are compared.

    Raises:
        UnknownName: the index has no such layer.
        ExplorerError: the collection has been moved or deleted, or has too few images or classes.
    """
    index.layer(layer)
    names, numbers, counts = np.unique(
        np.array(index.sample_labels), return_inverse=True, return_counts=True
    )
    enough = (counts >= LEAST_IN_CLASS) & (names != "")
    compared = enough[numbers]
    classes, images = int(enough.sum()), int(compared.sum())
    if classes < LEAST_CLASSES or images < LEAST_IMAGES:
        raise ExplorerError(
            f"{images} pictures of {classes} classes are too few to measure whether neurons tell "
            f"classes apart; index at least {LEAST_IMAGES} pictures of {LEAST_CLASSES} classes, "
            "with a folder for each class"
        )
    values = index.table("sample/values", index.plan.rows_of(layer))[:, compared]
    return ClassSelectivity(explained_share(values, numbers[compared]), classes, images)


def explained_share(
    values: npt.NDArray[np.float32], classes: Sequence[int] | npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Return the share of the variance of each row of values that lies between classes.

    This is epsilon squared (Kelley, "An unbiased correlation ratio measure", 1935): with sums of
    squares B between and W within K classes, and S values, it is (B - (K - 1) W / (S - K)) /
    (B + W). Without the correction, values that do not depend on the class would have a share above
    0, which is larger the more classes there are.

    Args:
        values: ``[C, S]``.
        classes: number of the class of each column, ``[S]``; at least one class has two columns.

    Returns:
        ``[C]``; 0 for a row of equal values.
    """
    numbers = np.unique(classes, return_inverse=True)[1]
    indicator = np.eye(numbers.max() + 1)[numbers]  # [S, K]
    counts = indicator.sum(0)
    centred = values.astype(np.float64) - values.mean(1, dtype=np.float64, keepdims=True)
    total = (centred**2).sum(1)
    between = ((centred @ indicator) ** 2 / counts).sum(1)
    freedom, within = len(counts) - 1, (total - between) / (len(numbers) - len(counts))
    constant = total <= np.finfo(np.float32).eps ** 2 * (values.astype(np.float64) ** 2).sum(1)
    shares: npt.NDArray[np.float64] = (between - freedom * within) / np.where(constant, 1, total)
    return np.where(constant, 0.0, shares)
