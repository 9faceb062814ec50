"""What is wrong with a style transfer, measured from the picture, and the one setting to change.

``benchmarks.style_advice`` renders pictures with settings that are known to be good or bad, and
compares these with what is found here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from torch import Tensor

from core.experiments.style_grid_measures import edges_kept
from core.images.channels import COLOUR, open_image
from core.images.colours import to_lab
from core.images.resize import reduced_size, resize_image
from core.recipes.style import NEAREST, StyleRecipe

# What can be wrong with a picture, the worst first.
GREY, BLOTCHY, WEAK, STRONG = "grey", "blotchy", "weak", "strong"
# A picture is grey if its mean chroma is less than this share of that of its source of colours.
LEAST_SATURATION = 0.55
# A source of colours with a smaller mean chroma in CIELAB counts as grey itself.
LEAST_CHROMA = 6.0
MOST_BLOTCHES = 1.3
# With more edges than this and a smaller content loss, a picture is hardly painted; with fewer and
# a larger one, the photograph is lost.
WEAK_EDGES, WEAK_CONTENT = 0.85, 0.12
STRONG_EDGES, STRONG_CONTENT = 0.3, 0.6
# Standard deviation of the blur with which blotches are measured, relative to the longer side.
COARSE = 1 / 32
# Longer side in pixels at which pictures are measured, at most.
MEASURED_SIDE = 512
# Factor by which the balance is changed, and numbers of steps that are enough from noise.
BALANCE_STEP = 4.0
STEPS_FROM_NOISE = 20


@dataclass(frozen=True)
class StyleLook:
    """Measures of a finished style transfer.

    Attributes:
        saturation: mean chroma of the picture in CIELAB, relative to that of the image that its
            colours come from: the painting, or the photograph if that keeps its colours.
        edges: share of the photograph's edges that are kept, see ``edges_kept``.
        content: mean of the content losses of the picture; 1 for activations of zero.
        blotches: see ``blotches``.
    """

    saturation: float
    edges: float
    content: float
    blotches: float


@dataclass(frozen=True)
class Advice:
    """One thing that is wrong with a picture, and what to change.

    Attributes:
        problem: ``GREY``, ``BLOTCHY``, ``WEAK`` or ``STRONG``.
        measured: the measure that shows it: a share of saturation, of edges, or ``blotches``.
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
    image = open_image(picture, COLOUR, MEASURED_SIDE)
    size = (image.shape[2], image.shape[3])
    photograph = resize_image(open_image(inputs[recipe.content], COLOUR, max(size)), size)
    painting = open_image(inputs[recipe.styles[0]], COLOUR)
    painting = resize_image(
        painting, reduced_size((painting.shape[2], painting.shape[3]), max(size))
    )
    photograph, painting = photograph.clamp(0, 1), painting.clamp(0, 1)
    source = painting if recipe.colours == "style" else photograph
    ends = [it["end"] for name, it in json.loads(losses).items() if name.startswith("content")]
    return StyleLook(
        chroma(image) / max(chroma(source), LEAST_CHROMA),
        edges_kept(photograph, image),
        sum(ends) / max(1, len(ends)),
        blotches(image, photograph, painting),
    )


def chroma(image: Tensor) -> float:
    """Return the mean chroma of an image ``[1, 3, H, W]`` in CIELAB; 0 for grey."""
    return float(to_lab(image)[0, 1:].norm(dim=0).mean())


def blotches(image: Tensor, photograph: Tensor, painting: Tensor) -> float:
    """Return how strong coarse patches of colour are that the photograph does not explain.

    All images are blurred, so that strokes disappear. What a linear map of the photograph's colours
    cannot explain of the picture's colours is left; its standard deviation in CIELAB is divided by
    that of the painting's blurred colours.

    Args:
        image, photograph: ``[1, 3, H, W]`` in ``[0, 1]``, of the same size.
        painting: ``[1, 3, h, w]``.
    """
    ours, theirs = (_coarse(it).reshape(COLOUR, -1).T for it in (image, photograph))
    known = np.column_stack([theirs, np.ones(len(theirs))])
    solution, *_ = np.linalg.lstsq(known, ours, rcond=None)
    left = float((ours - known @ solution).std(0).__pow__(2).sum() ** 0.5)
    usual = float((_coarse(painting).reshape(COLOUR, -1).std(1) ** 2).sum() ** 0.5)
    return left / max(usual, LEAST_CHROMA)


def _coarse(image: Tensor) -> npt.NDArray[np.float64]:
    """Return the blurred CIELAB colours of an image ``[1, 3, H, W]``: ``[3, H, W]``."""
    sigma = COARSE * max(image.shape[2:])
    return np.stack([ndimage.gaussian_filter(it, sigma) for it in to_lab(image)[0].numpy()])


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
    lower, higher = ("balance", recipe.balance / BALANCE_STEP), ("balance", balance)
    if recipe.balance >= balance:
        higher = ("balance", recipe.balance * BALANCE_STEP)
    found: list[Advice] = []
    if look.saturation < LEAST_SATURATION:
        found.append(Advice(GREY, look.saturation, *_against_grey(recipe, usual, steps, lower)))
    if look.blotches > MOST_BLOTCHES:
        found.append(Advice(BLOTCHY, look.blotches, *_against_blotches(recipe, usual, higher)))
    if look.edges > WEAK_EDGES and look.content < WEAK_CONTENT:
        found.append(Advice(WEAK, look.edges, *lower))
    if look.edges < STRONG_EDGES and look.content > STRONG_CONTENT:
        change = higher if recipe.loss == NEAREST or recipe.balance < balance else ("loss", NEAREST)
        found.append(Advice(STRONG, look.edges, *change))
    return found


def _against_grey(
    recipe: StyleRecipe, usual: Mapping[str, Any], steps: int, lower: tuple[str, float]
) -> tuple[str, Any]:
    """Return the setting that makes a grey picture colourful, and its value."""
    if recipe.init == "noise" and recipe.steps < steps:
        return "steps", steps
    if recipe.style_layers[0] != usual["style_layers"][0]:
        # Shallow layers have the colours.
        return "style_layers", tuple(usual["style_layers"])
    return lower


def _against_blotches(
    recipe: StyleRecipe, usual: Mapping[str, Any], higher: tuple[str, float]
) -> tuple[str, Any]:
    """Return the setting that removes blotches, and its value."""
    if recipe.style_layers != tuple(usual["style_layers"]):
        return "style_layers", tuple(usual["style_layers"])
    if recipe.loss == "gram":
        return "loss", StyleRecipe.loss
    return higher
