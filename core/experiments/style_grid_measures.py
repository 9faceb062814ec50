"""Measures for grids of style transfers with different layers.

They measure what a style transfer keeps of the photograph, what it takes from the painting, and for
which concepts the units respond more to the result than to the photograph.
"""

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from core.analysis import unit_labels
from core.experiments import concept_growth
from core.experiments.concept_growth import ConceptGrowth, Response
from core.images import colours
from core.images.channels import COLOUR, LUMA_WEIGHTS, open_image
from core.networks.network import Network
from core.networks.variants import style_variant
from core.recipes.style import StyleRecipe
from core.recipes.style_grid import MATRIX, SINGLE, StyleDepthsRecipe
from core.sketchnet.labels import Label
from core.style import loss_builder, transfer
from core.style.loss_sum import LossSum

# Share of the pixels that count as edges: those with the largest gradient of brightness.
EDGE_SHARE = 0.1
# An edge pixel of the photograph is kept if the other image has an edge pixel within this number of
# pixels.
EDGE_DISTANCE = 1
# Smaller gradients of brightness are rounding errors and never edges. Brightness is in [0, 1].
LEAST_GRADIENT = 1e-6
# Concepts that are parts of eyes.
EYES = ("eye", "iris", "pupil")


@dataclass(frozen=True)
class GridMeasures:
    """The measures of one style transfer: comparisons of the result with photograph and painting.

    Attributes:
        gram: ``|G - A|^2 / |A|^2`` by layer, for the Gram matrices G of the result and A of the
            painting.
        content: ``mean (F - T)^2 / mean T^2`` by layer, for the activations F of the result and T
            of the photograph.
        edges: share of the photograph's edges that are kept, as ``edges_kept`` defines it.
        to_painting, to_photograph: distances of the result's colours from those of the painting and
            from those of the photograph, in CIELAB, as ``core.images.colours.colour_distance``
            defines them.
        grown: growth of the labels, the highest first; empty if the network has no labels.
        eyes: growth of all units together that have a label of ``EYES``; None if there are too few
            such units.
    """

    gram: Mapping[str, float]
    content: Mapping[str, float]
    edges: float
    to_painting: float
    to_photograph: float
    grown: tuple[ConceptGrowth, ...]
    eyes: float | None


class GridEvaluator:
    """Measures style transfers of one photograph and one painting."""

    def __init__(
        self,
        network: Network,
        recipe: StyleDepthsRecipe,
        inputs: Mapping[str, bytes],
        labels: Sequence[Label] = (),
    ) -> None:
        """Compute the reference values of the photograph and the painting.

        Args:
            network: the network of the style transfer.
            recipe: the recipe of the grid; ``gram`` and ``content`` are measured at all its layers.
            inputs: the encoded photograph and the encoded painting, by fingerprint.
            labels: labels of the units whose growth is measured.

        Raises:
            ValueError: there is no photograph.
        """
        self._network, self._labels = network, labels
        self._variant = style_variant(network, recipe.pooling)
        self._recipe = StyleRecipe(
            network.name,
            network.fingerprint,
            content=recipe.content,
            styles=(recipe.style,),
            content_layers=recipe.layers,
            style_layers=recipe.layers,
            size=recipe.size,
        )
        subjects = transfer.open_inputs(self._recipe, inputs, network.device, network.channels)
        if subjects.content is None:
            raise ValueError("there is no photograph to judge by")
        self._photograph, self._painting = subjects.content, subjects.styles[0]
        self._losses: LossSum = loss_builder.build_losses(
            self._variant, self._recipe, subjects, subjects.size
        )
        self._labelled_layers = sorted({label.layer for label in labels})
        self._before = concept_growth.respond(network, self._photograph, self._labelled_layers)

    def measure(self, picture: bytes, style_layers: Iterable[str] = ()) -> GridMeasures:
        """Measure one style transfer.

        Args:
            picture: the encoded result; it has the size of the photograph.
            style_layers: names of the layers whose style losses were minimised. Units in these
                layers are ignored for the growth, because the style losses change their
                activations directly.
        """
        image = open_image(picture, self._network.channels).to(self._network.device)
        losses = transfer.evaluate_losses(self._variant, self._recipe, self._losses, image)
        labels = [it for it in self._labels if it.layer not in set(style_layers)]
        after = concept_growth.respond(self._network, image, self._labelled_layers)
        return GridMeasures(
            _of_kind(losses, "style"),
            _of_kind(losses, "content"),
            edges_kept(self._photograph, image),
            colours.colour_distance(image, self._painting),
            colours.colour_distance(image, self._photograph),
            concept_growth.concept_growth(self._before, after, labels),
            eye_growth(self._before, after, labels),
        )


def eye_growth(before: Response, after: Response, labels: Sequence[Label]) -> float | None:
    """Compute the growth of all units together whose label is one of ``EYES``.

    Returns:
        The growth as ``concept_growth`` defines it; None if there are too few such units.
    """
    eyes = [
        dataclasses.replace(it, concept=EYES[0], kind="part") for it in labels if it.concept in EYES
    ]
    grown = concept_growth.concept_growth(before, after, eyes)
    return grown[0].value if grown else None


def edges_kept(photograph: Tensor, picture: Tensor) -> float:
    """Compute the share of a photograph's edges that are also in another image.

    Edge pixels are the tenth (``EDGE_SHARE``) of an image's pixels with the largest gradient of
    brightness (Sobel), so contrast does not matter. An edge pixel of the photograph is kept if the
    other image has an edge pixel within ``EDGE_DISTANCE`` pixels. By chance, the expected kept
    share is the share of all pixels that are so near to an edge pixel of the other image. The
    result is corrected for chance: ``(kept - chance) / (1 - chance)``. It is 1 if all edge pixels
    are kept, and 0 if only as many as by chance. For a photograph without edges it is 1.

    Args:
        photograph, picture: the photograph and the other image, ``[1, 3, H, W]`` in ``[0, 1]``.
    """
    # Nothing else here needs SciPy, whose import takes a while.
    from scipy import ndimage

    expected, actual = _edges(photograph), _edges(picture)
    if not expected.any():
        return 1.0
    near = ndimage.binary_dilation(actual, np.ones((2 * EDGE_DISTANCE + 1,) * 2, dtype=bool))
    kept, chance = float(near[expected].mean()), float(near.mean())
    return (kept - chance) / (1 - chance) if chance < 1 else 0.0


def _edges(image: Tensor) -> npt.NDArray[np.bool_]:
    """Return which pixels of an image, RGB or grey, are edge pixels, ``[H, W]``."""
    from scipy import ndimage

    colours = image[0].expand(COLOUR, -1, -1).cpu().double().numpy()
    luma = np.tensordot(colours, np.array(LUMA_WEIGHTS), axes=(0, 0))
    gradient = np.hypot(ndimage.sobel(luma, 0), ndimage.sobel(luma, 1))
    steep = gradient >= np.quantile(gradient, 1 - EDGE_SHARE)
    edges: npt.NDArray[np.bool_] = steep & (gradient > LEAST_GRADIENT)
    return edges


def _of_kind(losses: Mapping[str, float], kind: str) -> dict[str, float]:
    """Return the losses of one kind, ``content`` or ``style``, by layer."""
    return {name.split(" ", 1)[1]: it for name, it in losses.items() if name.startswith(kind)}


def average_measures(measures: Sequence[GridMeasures]) -> GridMeasures:
    """Average the measures of several images; labels that some images lack are left out."""
    grown: dict[tuple[str, str], list[ConceptGrowth]] = {}
    for it in measures:
        for label in it.grown:
            grown.setdefault((label.concept, label.kind), []).append(label)
    common = [
        ConceptGrowth(concept, kind, rows[0].neurons, statistics.mean(it.value for it in rows))
        for (concept, kind), rows in grown.items()
        if len(rows) == len(measures)
    ]
    eyes = [it.eyes for it in measures if it.eyes is not None]
    first = measures[0]
    return GridMeasures(
        {name: statistics.mean(it.gram[name] for it in measures) for name in first.gram},
        {name: statistics.mean(it.content[name] for it in measures) for name in first.content},
        statistics.mean(it.edges for it in measures),
        statistics.mean(it.to_painting for it in measures),
        statistics.mean(it.to_photograph for it in measures),
        concept_growth.in_order_of_growth(common),
        statistics.mean(eyes) if eyes else None,
    )


def build_evaluator(
    network: Network, recipe: StyleDepthsRecipe, inputs: Mapping[str, bytes]
) -> GridEvaluator:
    """Build the evaluator for the results of a recipe, with all clear labels of the network.

    Args:
        network: the network of the style transfer.
        recipe: the recipe of the grid.
        inputs: the encoded photograph and the encoded painting, by fingerprint.
    """
    return GridEvaluator(network, recipe, inputs, unit_labels.clear_labels(network))


def measure_pictures(
    evaluator: GridEvaluator, recipe: StyleDepthsRecipe, pictures: Mapping[int, bytes]
) -> dict[int, GridMeasures]:
    """Measure those finished images of a grid that have both content and style.

    Args:
        evaluator: the evaluator of the recipe.
        recipe: the recipe of the grid.
        pictures: the encoded finished images, by their number in the recipe.

    Returns:
        The measures by the number of the image.
    """
    parts = dict(enumerate(recipe.parts()))
    return {
        number: evaluator.measure(picture, parts[number].style_layers)
        for number, picture in pictures.items()
        if parts[number].subject == "style"
    }


def average_by_layer(
    recipe: StyleDepthsRecipe, measures: Mapping[int, GridMeasures]
) -> dict[str, GridMeasures]:
    """Return the mean measures of the images with a single style layer, by this layer.

    If the recipe includes ``MATRIX``, the mean is over all images of the matrix with this style
    layer, which differ in their content layer. Missing images are ignored.

    Args:
        recipe: the recipe of the grid.
        measures: the measures by the number of the image.
    """
    numbers: dict[StyleRecipe, int] = {it: at for at, it in enumerate(recipe.parts())}
    by_layer: dict[str, list[GridMeasures]] = {}
    show = MATRIX if MATRIX in recipe.shows else SINGLE
    for cell in recipe.cells():
        number = numbers[cell.recipe]
        if cell.show == show and number in measures:
            by_layer.setdefault(cell.recipe.style_layers[0], []).append(measures[number])
    return {layer: average_measures(rows) for layer, rows in by_layer.items()}
