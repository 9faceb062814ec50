"""Style at several depths, side by side: which layers to take, and what can be measured of it.

What a photograph keeps of itself, what it takes from the painting, and what the network sees in it
that was not there before: each by a number, so that the picture is not the only witness.
"""

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from torch import Tensor

from core.analysis import unit_labels
from core.experiments import concept_growth
from core.experiments.concept_growth import ConceptGrowth, Response
from core.images import colours, image_io
from core.images.colours import LUMA_WEIGHTS
from core.networks.network import Network
from core.networks.variants import style_variant
from core.recipes.style import StyleRecipe
from core.recipes.style_grid import MATRIX, SINGLE, StyleDepthsRecipe
from core.sketchnet.labels import Label
from core.style import loss_builder, transfer
from core.style.loss_sum import LossSum

# So many of a photograph's pixels, those with the steepest light, are its edges; an edge is kept
# where the other picture has one within so many pixels.
EDGES, NEARBY = 0.1, 1
# What is flatter than this, in units of the range, is rounding.
STEEP = 1e-6
# What eyes are known by.
EYES = ("eye", "iris", "pupil")


@dataclass(frozen=True)
class GridMeasures:
    """What is measured of one picture beside its photograph and its painting.

    Attributes:
        gram: by layer, how far its Gram matrix is from the painting's: ``|G - A|^2 / |A|^2``.
        content: by layer, how far what it sees is from what it sees in the photograph:
            ``mean (F - T)^2 / mean T^2``.
        edges: share of the photograph's edges that are kept, as ``edges_kept`` defines it.
        to_painting, to_photograph: how far its colours are from those of each, in CIELAB.
        grown: labels whose neurons grew, the most first; none where neurons have no labels.
        eyes: how much the neurons of ``EYES`` grew; None where there are none to ask.
    """

    gram: Mapping[str, float]
    content: Mapping[str, float]
    edges: float
    to_painting: float
    to_photograph: float
    grown: tuple[ConceptGrowth, ...]
    eyes: float | None


class GridEvaluator:
    """Measures pictures beside one photograph and one painting."""

    def __init__(
        self,
        network: Network,
        recipe: StyleDepthsRecipe,
        inputs: Mapping[str, bytes],
        labels: Sequence[Label] = (),
    ) -> None:
        """Look at the photograph and at the painting.

        Args:
            network: that paints.
            recipe: of the pictures; distances are measured at all of its layers.
            inputs: the two pictures, encoded, by their fingerprints.
            labels: of neurons whose growth is measured.
        """
        self._network, self._labels = network, labels
        self._looking = style_variant(network, recipe.pooling)
        self._recipe = StyleRecipe(
            network.name,
            network.fingerprint,
            content=recipe.content,
            styles=(recipe.style,),
            content_layers=recipe.layers,
            style_layers=recipe.layers,
            size=recipe.size,
        )
        subjects = transfer.open_inputs(self._recipe, inputs, network.device)
        if subjects.content is None:
            raise ValueError("there is no photograph to judge by")
        self._photograph, self._painting = subjects.content, subjects.styles[0]
        self._costs: LossSum = loss_builder.build_losses(
            self._looking, self._recipe, subjects, subjects.size
        )
        self._named = sorted({label.layer for label in labels})
        self._before = concept_growth.respond(network, self._photograph, self._named)

    def measure(self, picture: bytes, styled: Iterable[str] = ()) -> GridMeasures:
        """Measure an encoded picture of the photograph's size.

        Args:
            picture: as it was painted.
            styled: names of the layers that spoke for style; they were told to change, so their
                neurons are not asked what grew.
        """
        image = image_io.to_tensor(image_io.open_picture(picture)).to(self._network.device)
        costs = transfer.evaluate_losses(self._looking, self._recipe, self._costs, image)
        asked = [it for it in self._labels if it.layer not in set(styled)]
        after = concept_growth.respond(self._network, image, self._named)
        return GridMeasures(
            _of_kind(costs, "style"),
            _of_kind(costs, "content"),
            edges_kept(self._photograph, image),
            colours.colour_distance(image, self._painting),
            colours.colour_distance(image, self._photograph),
            concept_growth.concept_growth(self._before, after, asked),
            eye_growth(self._before, after, asked),
        )


def eye_growth(before: Response, after: Response, labels: Sequence[Label]) -> float | None:
    """Tell how much the neurons of eyes grew, as ``depths.growth`` defines it for one label."""
    eyes = [
        dataclasses.replace(it, concept=EYES[0], kind="part") for it in labels if it.concept in EYES
    ]
    found = concept_growth.concept_growth(before, after, eyes)
    return found[0].value if found else None


def edges_kept(photograph: Tensor, picture: Tensor) -> float:
    """Tell which share of a photograph's edges another picture has in the same places.

    Edges are the ``EDGES`` of all pixels where the light is steepest (Sobel), of each picture by
    itself, so contrast does not matter; one is kept where the other picture has one within
    ``NEARBY`` pixels. Some would be so by chance: as many as pixels are near the other's edges. The
    share is of what is beyond that, ``(kept - chance) / (1 - chance)``: 1 for all, 0 for no more
    than chance. A photograph without edges has none to lose.

    Args:
        photograph, picture: ``[1, 3, H, W]`` in ``[0, 1]``.
    """
    own, other = _edges(photograph), _edges(picture)
    if not own.any():
        return 1.0
    near = ndimage.binary_dilation(other, np.ones((2 * NEARBY + 1,) * 2, dtype=bool))
    kept, chance = float(near[own].mean()), float(near.mean())
    return (kept - chance) / (1 - chance) if chance < 1 else 0.0


def _edges(image: Tensor) -> npt.NDArray[np.bool_]:
    light = np.tensordot(
        image[0].double().cpu().numpy(), np.array(LUMA_WEIGHTS), axes=(0, 0)
    )  # [H, W]
    steep = np.hypot(ndimage.sobel(light, 0), ndimage.sobel(light, 1))
    edges: npt.NDArray[np.bool_] = (steep >= np.quantile(steep, 1 - EDGES)) & (steep > STEEP)
    return edges


def _of_kind(costs: Mapping[str, float], kind: str) -> dict[str, float]:
    return {name.split(" ", 1)[1]: it for name, it in costs.items() if name.startswith(kind)}


def average_measures(measured: Sequence[GridMeasures]) -> GridMeasures:
    """Average what was measured of several pictures; labels that all of them have."""
    grown: dict[tuple[str, str], list[ConceptGrowth]] = {}
    for it in measured:
        for one in it.grown:
            grown.setdefault((one.concept, one.kind), []).append(one)
    common = [
        ConceptGrowth(concept, kind, rows[0].neurons, statistics.mean(it.value for it in rows))
        for (concept, kind), rows in grown.items()
        if len(rows) == len(measured)
    ]
    eyes = [it.eyes for it in measured if it.eyes is not None]
    first = measured[0]
    return GridMeasures(
        {name: statistics.mean(it.gram[name] for it in measured) for name in first.gram},
        {name: statistics.mean(it.content[name] for it in measured) for name in first.content},
        statistics.mean(it.edges for it in measured),
        statistics.mean(it.to_painting for it in measured),
        statistics.mean(it.to_photograph for it in measured),
        tuple(sorted(common, key=lambda it: (-it.value, it.concept))),
        statistics.mean(eyes) if eyes else None,
    )


def build_evaluator(
    network: Network, recipe: StyleDepthsRecipe, inputs: Mapping[str, bytes]
) -> GridEvaluator:
    """Prepare to measure the pictures of a recipe, once for all of them.

    Args:
        network: that paints.
        recipe: of all pictures.
        inputs: the photograph and the painting, encoded, by their fingerprints.
    """
    return GridEvaluator(network, recipe, inputs, unit_labels.clear_labels(network))


def measure_pictures(
    found: GridEvaluator, recipe: StyleDepthsRecipe, pictures: Mapping[int, bytes]
) -> dict[int, GridMeasures]:
    """Measure all pictures that are there and show the photograph, by their numbers.

    Args:
        found: of the recipe.
        recipe: of all pictures.
        pictures: encoded, by their numbers.
    """
    parts = dict(enumerate(recipe.parts()))
    return {
        number: found.measure(picture, parts[number].style_layers)
        for number, picture in pictures.items()
        if parts[number].subject == "style"
    }


def average_by_layer(
    recipe: StyleDepthsRecipe, told: Mapping[int, GridMeasures]
) -> dict[str, GridMeasures]:
    """Average what was told of pictures whose style is of one layer alone, by that layer.

    Over the depths of content, if the matrix is there; missing pictures are left out.
    """
    numbers: dict[StyleRecipe, int] = {it: at for at, it in enumerate(recipe.parts())}
    found: dict[str, list[GridMeasures]] = {}
    show = MATRIX if MATRIX in recipe.shows else SINGLE
    for cell in recipe.cells():
        number = numbers[cell.recipe]
        if cell.show == show and number in told:
            found.setdefault(cell.recipe.style_layers[0], []).append(told[number])
    return {layer: average_measures(rows) for layer, rows in found.items()}
