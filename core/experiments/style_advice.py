"""What is wrong with a style transfer, measured from the picture, and the one setting to change.

``benchmarks.style_advice`` renders pictures with settings that are known to be good or bad, and
compares these with what is found here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from core.experiments.style_grid_measures import edges_kept
from core.images.channels import COLOUR, open_image
from core.images.colours import to_lab
from core.images.resize import halve, reduced_size, resize_image
from core.recipes.style import NEAREST, StyleRecipe

# What can be wrong with a picture.
GREY, BLOTCHY, WEAK, STRONG = "grey", "blotchy", "weak", "strong"
# A picture is grey if its mean chroma is less than this share of that of its source of colours.
LEAST_SATURATION = 0.45
# Longer side in pixels, at most, to which pictures are halved before their chroma is measured, so
# that strokes and coarse noise mix. At a quarter of the size, noise of one step is as colourful as
# a mosaic.
CHROMA_SIDE = 16
# A source of colours with a smaller mean chroma in CIELAB counts as grey itself.
LEAST_CHROMA = 6.0
# A picture is blotchy if a larger share of it has foreign colours, which are farther than this from
# every colour of the painting and of the photograph, in CIELAB.
MOST_FOREIGN, FOREIGN_DISTANCE = 0.32, 12.0
# The same share if the shallowest of the usual style layers, which know the painting's colours, is
# left out. Pictures of all usual layers can have more and be good.
MOST_FOREIGN_WITHOUT_SHALLOW = 0.16
# With a smaller content loss, a picture is hardly painted; with a larger one, the photograph is
# lost.
WEAK_CONTENT, STRONG_CONTENT = 0.1, 1.0
# Longer side in pixels at which pictures are measured, at most.
MEASURED_SIDE = 512
# How often pictures are halved before colours are compared, so that strokes and noise mix.
HALVINGS = 2
# Factor by which the balance is changed, and the largest balance, relative to the default, that is
# advised against a picture with too little of the painting.
BALANCE_STEP, MOST_BALANCE = 4.0, 8.0


@dataclass(frozen=True)
class StyleLook:
    """Measures of a finished style transfer.

    Attributes:
        saturation: mean chroma of the picture in CIELAB, relative to that of the image that its
            colours come from: the painting, or the photograph if that keeps its colours.
        edges: share of the photograph's edges that are kept, see ``edges_kept``.
        content: mean of the content losses of the picture; 1 for activations of zero.
        foreign: share of the picture whose colours neither the painting nor the photograph has, see
            ``foreign_share``.
    """

    saturation: float
    edges: float
    content: float
    foreign: float


@dataclass(frozen=True)
class Advice:
    """One thing that is wrong with a picture, and what to change.

    Attributes:
        problem: ``GREY``, ``BLOTCHY``, ``WEAK`` or ``STRONG``.
        measured: what shows it: ``saturation``, ``foreign`` or ``edges`` of ``StyleLook``.
        setting: field of ``StyleRecipe`` to change.
        value: its new value.
    """

    problem: str
    measured: float
    setting: str
    value: Any


def measure_look(
    recipe: StyleRecipe, inputs: Mapping[str, bytes], picture: bytes, losses: str
) -> StyleLook | None:
    """Measure a finished style transfer of one painting.

    Args:
        recipe: the recipe of the picture.
        inputs: the encoded images of the recipe, by fingerprint.
        picture: the encoded picture.
        losses: the fact ``losses`` of the picture, as JSON.

    Returns:
        The measures. None for a texture or a reconstruction, for several paintings, for masks, and
        if an input is missing.
    """
    if len(recipe.styles) != 1 or not recipe.content or any(recipe.masks):
        return None
    if not {recipe.content, *recipe.styles} <= set(inputs):
        return None
    image = open_image(picture, COLOUR)
    size = reduced_size((image.shape[2], image.shape[3]), MEASURED_SIDE)
    painting = open_image(inputs[recipe.styles[0]], COLOUR)
    painting_size = reduced_size((painting.shape[2], painting.shape[3]), max(size))
    photograph = open_image(inputs[recipe.content], COLOUR)
    image, photograph, painting = (
        resize_image(it, to).clamp(0, 1)
        for it, to in ((image, size), (photograph, size), (painting, painting_size))
    )
    source = painting if recipe.colours == "style" else photograph
    ends = [it["end"] for name, it in json.loads(losses).items() if name.startswith("content")]
    return StyleLook(
        chroma(image) / max(chroma(source), LEAST_CHROMA),
        edges_kept(photograph, image),
        sum(ends) / max(1, len(ends)),
        foreign_share(image, (photograph, painting)),
    )


def chroma(image: Tensor) -> float:
    """Return the mean chroma of an image ``[1, 3, H, W]`` in CIELAB, without fine grain.

    It is 0 for grey, also if that consists of fine colours.
    """
    while max(image.shape[2:]) > CHROMA_SIDE:
        image = halve(image)
    colours = _lab(image)
    return float(np.hypot(colours[:, 1], colours[:, 2]).mean())


def foreign_share(image: Tensor, sources: Sequence[Tensor]) -> float:
    """Return the share of an image whose colours are in none of some other images.

    A colour is in an image if a pixel of that image is at most ``FOREIGN_DISTANCE`` away in CIELAB.
    All images are reduced first, so that patches count, and strokes and noise do not.

    Args:
        image: ``[1, 3, H, W]`` in ``[0, 1]``.
        sources: the other images, ``[1, 3, h, w]`` of any sizes.
    """
    # Imported here, as other commands import this module and never need it.
    from scipy.spatial import cKDTree

    known = cKDTree(np.concatenate([_colours(it) for it in sources]))
    distances, _ = known.query(_colours(image))
    return float((distances > FOREIGN_DISTANCE).mean())


def _colours(image: Tensor) -> npt.NDArray[np.float64]:
    """Return the CIELAB colours of a reduced image ``[1, 3, H, W]``, one row per pixel."""
    for _ in range(HALVINGS):
        image = halve(image)
    return _lab(image)


def _lab(image: Tensor) -> npt.NDArray[np.float64]:
    """Return the CIELAB colours of an image ``[1, 3, H, W]``, one row per pixel."""
    colours: npt.NDArray[np.float64] = to_lab(image)[0].reshape(COLOUR, -1).T.numpy()
    return colours


def advise(
    recipe: StyleRecipe, look: StyleLook, usual: Mapping[str, Any], steps: int = StyleRecipe.steps
) -> list[Advice]:
    """Return what is wrong with a picture, the worst first, each with the setting to change.

    Args:
        recipe: the recipe of the picture.
        look: its measures.
        usual: the default settings for its network and its loss.
        steps: the default number of steps.
    """
    balance = usual.get("balance", StyleRecipe.balance)
    lower = ("balance", min(recipe.balance / BALANCE_STEP, MOST_BALANCE * balance))
    more = recipe.balance * BALANCE_STEP if recipe.balance >= balance else balance
    if look.content < WEAK_CONTENT:
        return [Advice(WEAK, look.edges, *lower)]
    found: list[Advice] = []
    if look.saturation < LEAST_SATURATION:
        found.append(Advice(GREY, look.saturation, *_against_grey(recipe, usual, steps, lower)))
    shallow = not _lacks_shallow(recipe, usual)
    if look.foreign > (MOST_FOREIGN if shallow else MOST_FOREIGN_WITHOUT_SHALLOW):
        change = _against_blotches(recipe, usual, ("balance", more))
        found.append(Advice(BLOTCHY, look.foreign, *change))
    if look.content > STRONG_CONTENT:
        found.append(Advice(STRONG, max(0.0, look.edges), *_against_loss(recipe, balance, more)))
    return found


def _against_grey(
    recipe: StyleRecipe, usual: Mapping[str, Any], steps: int, lower: tuple[str, float]
) -> tuple[str, Any]:
    """Return the setting that makes a grey picture colourful, and its value."""
    if recipe.init == "noise" and recipe.steps < steps:
        return "steps", steps
    if _lacks_shallow(recipe, usual):
        return "style_layers", tuple(usual["style_layers"])
    return lower


def _lacks_shallow(recipe: StyleRecipe, usual: Mapping[str, Any]) -> bool:
    """Whether the shallowest of the usual style layers, which has the colours, is left out."""
    return bool(recipe.style_layers[0] != usual["style_layers"][0])


def _against_blotches(
    recipe: StyleRecipe, usual: Mapping[str, Any], higher: tuple[str, float]
) -> tuple[str, Any]:
    """Return the setting that removes blotches, and its value."""
    if recipe.style_layers != tuple(usual["style_layers"]):
        return "style_layers", tuple(usual["style_layers"])
    if recipe.loss == "gram":
        return "loss", StyleRecipe.loss
    return higher


def _against_loss(recipe: StyleRecipe, balance: float, more: float) -> tuple[str, Any]:
    """Return the setting that keeps more of the photograph, and its value.

    Args:
        recipe: the recipe.
        balance: the default balance for its network and its loss.
        more: a larger balance than that of the recipe.
    """
    if recipe.init == "noise":
        return "init", "content"
    if recipe.loss == NEAREST or recipe.balance < balance:
        return "balance", more
    return "loss", NEAREST
