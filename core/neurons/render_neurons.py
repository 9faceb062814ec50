"""Feature visualization by activation maximisation, for batches of units."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.errors import ExplorerError
from core.images import image_io
from core.networks.layers import Layer
from core.networks.network import Network
from core.neurons.fine_grain import high_frequency_share
from core.neurons.recipe_objective import RecipeObjective, build_objective
from core.optim import natural_spectrum
from core.optim.ascent import AscentSettings, ascend
from core.optim.canvases import Canvas, Fourier, MagnitudeConstrained, Pixels
from core.optim.image_pass import Transform
from core.optim.transforms import RandomAffine, RandomCrop
from core.progress import Progress
from core.recipes.neuron import STEPS, UNIT_OBJECTIVES, NeuronRecipe

# Suggested side of an image, as a multiple of the receptive field. At about three receptive fields,
# the pattern that excites the unit is visible and not yet too small.
FIELDS_ACROSS = 3
# Smallest and largest suggested side in pixels: smaller images are hard to see, larger ones slow.
SUGGESTED_RANGE = (32, 128)
# Suggested sides above the smallest are multiples of this.
SUGGESTED_STEP = 16
# Largest suggested side, relative to the network's input size.
MAX_INPUT_RATIO = 1.5
# Factor of the recipe's seed, so that images of different seeds never start from the same noise.
SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class NeuronPicture:
    """The finished feature visualization of one unit, or of several together.

    Attributes:
        part: number of the picture in the recipe; the index of the unit if the recipe has one
            picture per unit.
        image: ``[3, H, W]``, RGB in ``[0, 1]``, on the CPU.
        activation: value of the objective for the final image, computed without transform and in
            full precision. For the objective ``channel`` this is the channel's mean over positions.
            If the recipe minimises the objective, the value is still that of the objective, not
            negated.
        silent: whether the unit is zero at every position of the final image, although it was
            maximised. False if the recipe minimises the objective.
        fineness: see ``fine_grain.high_frequency_share``.
    """

    part: int
    image: Tensor
    activation: float
    silent: bool
    fineness: float

    @property
    def facts(self) -> Mapping[str, float | bool | str]:
        """The measured values by name."""
        return {"activation": self.activation, "silent": self.silent, "fineness": self.fineness}


def suggested_size(network: Network, layer: Layer) -> int:
    """Return a height and width, in pixels, that suit images of a layer's units.

    For layers with small receptive fields the images are small. In large images the feature would
    be repeated so often that only a fine texture were visible. For layers whose receptive field is
    the whole image, the images have the network's input size, but at most the largest suggested
    side.
    """
    low, high = SUGGESTED_RANGE
    input_side = max(network.input_size)
    if layer.receptive_field is None:
        return min(high, input_side)
    # In images larger than the network's input, features of deep units are only repeated.
    high = min(high, max(low, round(MAX_INPUT_RATIO * input_side)))
    side = FIELDS_ACROSS * max(layer.receptive_field)
    return min(high, max(low, -(-side // SUGGESTED_STEP) * SUGGESTED_STEP))


def plan(
    network: Network,
    layer: str,
    units: Sequence[int] = (),
    size: int | None = None,
    steps: int = STEPS,
    seed: int = 0,
    **other: Any,
) -> NeuronRecipe:
    """Return the recipe for images of some units of a layer.

    Args:
        network: the loaded network.
        layer: name of a layer, as ``Network.layer`` accepts it.
        units: channels. If empty: all channels of the layer for objectives with one image per unit,
            and none for objectives of a whole layer, such as ``energy``.
        size: height and width of the images in pixels; by default ``suggested_size``.
        steps: number of optimiser steps, at most.
        seed: seed of all random numbers.
        other: further fields of ``NeuronRecipe``.

    Raises:
        UnknownName: there is no such layer, objective or canvas.
        ExplorerError: a unit or setting is out of range.
    """
    found = network.layer_with_units(layer, units)
    per_unit = other.get("objective", UNIT_OBJECTIVES[0]) in UNIT_OBJECTIVES
    return NeuronRecipe(
        network=network.name,
        weights=network.fingerprint,
        seed=seed,
        layer=found.name,
        units=tuple(units) or (tuple(range(found.channels)) if per_unit else ()),
        size=suggested_size(network, found) if size is None else size,
        steps=steps,
        **other,
    )


def render(
    network: Network, recipe: NeuronRecipe, inputs: Mapping[str, bytes] | None = None
) -> Iterator[Progress]:
    """Render the pictures of a recipe batch by batch; yield progress after every step.

    The last ``Progress`` of each batch contains the finished pictures of the batch, as
    ``NeuronPicture``. ``done`` and ``total`` count optimiser steps, summed over the pictures: one
    step of a batch of 8 pictures counts as 8.

    Args:
        network: the loaded network.
        recipe: what to render.
        inputs: what the recipe refers to, by fingerprint: an encoded image, the bytes of a
            spectrum.

    Raises:
        ExplorerError: the recipe is for other weights, the network lacks a layer or unit, or an
            input is missing.
    """
    network.check_recipe(recipe)
    network.layer_with_units(recipe.layer, recipe.units)
    inputs = inputs or {}
    picture = _open_picture(recipe, inputs)
    total = recipe.steps * len(recipe.pictures)
    done_before = 0
    for part in recipe.parts():
        objective = build_objective(network, part, picture)
        canvas = _canvas(network, part, picture, inputs)
        count = len(part.pictures)
        transform: Transform = RandomCrop() if part.canvas == "maco" else RandomAffine()
        settings = AscentSettings(steps=part.steps)
        generator = torch.Generator().manual_seed(part.seed)
        for step in ascend(network, objective.optimised, canvas, settings, transform, generator):
            # ``step.total`` falls below ``part.steps`` if the ascent converges early.
            done = done_before + count * round(part.steps * step.index / step.total)
            yield Progress(done, total, dict(zip(part.pictures, step.image, strict=True)))
        done_before += part.steps * count
        yield Progress(done_before, total, {}, _measure_final(network, part, objective, canvas))


def _open_picture(recipe: NeuronRecipe, inputs: Mapping[str, bytes]) -> Tensor | None:
    """Return the image that a recipe refers to, ``[1, 3, H, W]``; None if it has no image.

    Its longer side is at most ``recipe.size``.
    """
    if not recipe.image:
        return None
    opened = image_io.open_picture(_input(inputs, recipe.image, "picture"))
    return image_io.to_tensor(image_io.resize_longer_side(opened, recipe.size))


def _input(inputs: Mapping[str, bytes], fingerprint: str, what: str) -> bytes:
    if fingerprint not in inputs:
        raise ExplorerError(f"the {what} {fingerprint} that this recipe starts from is not here")
    return inputs[fingerprint]


def _canvas(
    network: Network, recipe: NeuronRecipe, picture: Tensor | None, inputs: Mapping[str, bytes]
) -> Canvas:
    """Return the canvas of one batch, initialised with noise or with the recipe's image."""
    size = (recipe.size, recipe.size)
    if picture is not None:
        size = (picture.shape[2], picture.shape[3])
    seeds = [recipe.seed * SEED_STRIDE + number for number in recipe.pictures]
    canvas: Canvas
    if recipe.canvas == "maco":
        spectrum = natural_spectrum.photographs()
        if recipe.spectrum:
            spectrum = natural_spectrum.Spectrum.from_bytes(
                _input(inputs, recipe.spectrum, "spectrum")
            )
        canvas = MagnitudeConstrained(spectrum.at(size).to(network.device), size[1], seeds)
    else:
        kind = Pixels if recipe.canvas == "pixels" else Fourier
        canvas = kind(size, seeds, network.device)
    if picture is not None and recipe.starts_from_image:
        canvas.set_image(picture.to(network.device))
    return canvas


def _measure_final(
    network: Network, recipe: NeuronRecipe, objective: RecipeObjective, canvas: Canvas
) -> tuple[NeuronPicture, ...]:
    """Measure the finished images of one batch, without transform and in full precision."""
    with torch.no_grad():
        image = canvas()
    activations = network.activations(image, {*objective.reported.layers, recipe.layer})
    values, fineness = objective.reported(activations), high_frequency_share(image)
    silent = torch.zeros(len(image), dtype=torch.bool)
    if recipe.objective in UNIT_OBJECTIVES and not recipe.negative:
        units = [unit for unit in recipe.units for _ in range(recipe.count)]
        channel = activations[recipe.layer][torch.arange(len(image)), units]  # [N, ...]
        silent = (channel.reshape(len(image), -1) == 0).all(1)
    return tuple(
        NeuronPicture(*facts)
        for facts in zip(
            recipe.pictures,
            image.cpu(),
            values.float().tolist(),
            silent.tolist(),
            fineness.tolist(),
            strict=True,
        )
    )
