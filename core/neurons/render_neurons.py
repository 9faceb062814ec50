"""Feature visualization by activation maximisation, for batches of units."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.errors import ExplorerError
from core.images.channels import open_image
from core.networks.layers import Layer
from core.networks.network import Network
from core.neurons.fine_grain import high_frequency_share
from core.neurons.recipe_objective import RecipeObjective, build_objective
from core.optim import natural_spectrum
from core.optim.ascent import AscentSettings, Step, ascend
from core.optim.canvases import Canvas, Fourier, MagnitudeConstrained, Pixels
from core.optim.image_pass import Transform
from core.optim.transforms import RandomAffine, RandomCrop
from core.progress import Progress, ShownInNotebooks
from core.recipes.neuron import STEPS, UNIT_OBJECTIVES, NeuronRecipe

# Suggested side of an image, as a multiple of the receptive field. At about three receptive fields,
# the pattern that excites the unit is visible and not yet too small.
FIELDS_ACROSS = 3
# Smallest and largest suggested side in pixels: smaller images are hard to see, larger ones slow.
SUGGESTED_RANGE = (32, 128)
# Largest suggested side for units whose receptive field is larger than the range above. In an image
# that is not as large as the field, only parts of what they respond to are visible.
DEEP_SIDE = 192
# Suggested sides above the smallest are multiples of this.
SUGGESTED_STEP = 16
# Largest suggested side, relative to the network's input size.
MAX_INPUT_RATIO = 1.5
# Suggested numbers of steps where ``STEPS`` are too few: for units that see much of their network's
# input, for units whose field is even larger than this input, and for the activation at a single
# position, whose gradient changes most when the image is moved.
DEEP_STEPS, DEEPEST_STEPS, POSITION_STEPS = 40, 64, 64
# Factor of the recipe's seed, so that images of different seeds never start from the same noise.
SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class NeuronPicture(ShownInNotebooks):
    """The finished feature visualization of one unit, or of several together.

    Attributes:
        part: number of the picture in the recipe; the index of the unit if the recipe has one
            picture per unit.
        image: ``[C, H, W]`` in ``[0, 1]``, on the CPU, with the channels of the network's images.
        activation: value of the objective for the final image, computed without transform and in
            full precision. For the objective ``channel`` this is the channel's mean over positions.
            If the recipe minimises the objective, the value is still that of the objective, not
            negated.
        silent: whether the unit is zero at every position of the final image, although it was
            maximised. False if the recipe minimises the objective.
        fineness: see ``fine_grain.high_frequency_share``.
        unit: the unit; None for several units together or a layer.
    """

    part: int
    image: Tensor
    activation: float
    silent: bool
    fineness: float
    unit: int | None = None

    @property
    def caption(self) -> str:
        """Which unit the picture shows: ``neuron 12``; empty for several together or a layer."""
        return "" if self.unit is None else f"neuron {self.unit}"

    @property
    def facts(self) -> Mapping[str, float | bool | str]:
        """The measured values by name."""
        return {"activation": self.activation, "silent": self.silent, "fineness": self.fineness}


def suggested_size(network: Network, layer: Layer) -> int:
    """Return a height and width, in pixels, that suit images of a layer's units.

    For layers with small local receptive fields the images are small. In large images the feature
    would be repeated so often that only a fine texture were visible. For layers with large ones,
    images are as large as the field if that is at most ``DEEP_SIDE`` and the network's input size.
    For layers whose local field is the whole image, the images have the network's input size, but
    at most that of ``SUGGESTED_RANGE``: larger images of classes are no clearer.
    """
    low, high = SUGGESTED_RANGE
    input_side = max(network.input_size)
    if layer.local_field is None:
        return min(high, input_side)
    high = _largest_usual(network)
    field = max(layer.local_field)
    if field > high:
        return max(high, min(DEEP_SIDE, input_side, _stepped(field)))
    return min(high, max(low, _stepped(FIELDS_ACROSS * field)))


def suggested_steps(network: Network, layer: Layer, objective: str = UNIT_OBJECTIVES[0]) -> int:
    """Return the number of steps after which images of a layer are clear.

    ``STEPS`` and ``DEEP_STEPS`` were chosen so that the units are excited as much as by 64 steps of
    Adam with its usual first decay rate (``python -m benchmarks.steps``), and ``DEEPEST_STEPS`` by
    eye.
    """
    if objective == "neuron":
        return POSITION_STEPS
    seen = input_side = max(network.input_size)
    large_input = input_side > _largest_usual(network)
    if large_input and layer.local_field is not None and max(layer.local_field) > input_side:
        return DEEPEST_STEPS
    if layer.receptive_field is not None:
        seen = min(input_side, max(layer.receptive_field))
    return DEEP_STEPS if seen > _largest_usual(network) else STEPS


def _largest_usual(network: Network) -> int:
    """Return the largest suggested side for units that do not see more than this."""
    low, high = SUGGESTED_RANGE
    # In images larger than the network's input, features of deep units are only repeated.
    return min(high, max(low, round(MAX_INPUT_RATIO * max(network.input_size))))


def _stepped(side: int) -> int:
    """Return a side in pixels, rounded up to a multiple of ``SUGGESTED_STEP``."""
    return -(-side // SUGGESTED_STEP) * SUGGESTED_STEP


def plan(
    network: Network,
    layer: str,
    units: Sequence[int] = (),
    size: int | None = None,
    steps: int | None = None,
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
        steps: number of optimiser steps, at most; by default ``suggested_steps``.
        seed: seed of all random numbers.
        other: further fields of ``NeuronRecipe``.

    Raises:
        UnknownName: there is no such layer, objective or canvas.
        ExplorerError: a unit or setting is out of range.
    """
    found = network.layer_with_units(layer, units)
    objective = other.get("objective", UNIT_OBJECTIVES[0])
    per_unit = objective in UNIT_OBJECTIVES
    return NeuronRecipe(
        network=network.name,
        weights=network.fingerprint,
        seed=seed,
        layer=found.name,
        units=tuple(units) or (tuple(range(found.channels)) if per_unit else ()),
        size=suggested_size(network, found) if size is None else size,
        steps=suggested_steps(network, found, objective) if steps is None else steps,
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
    picture = open_recipe_image(network, recipe, inputs)
    total = recipe.steps * len(recipe.pictures)
    done_before = 0
    for part in recipe.parts():
        objective = build_objective(network, part, picture)
        canvas = create_canvas(network, part, picture, inputs)
        count = len(part.pictures)
        settings = AscentSettings(part.steps, learning_rate(canvas, part.steps))
        for step in climb(network, part, objective, canvas, settings):
            # ``step.total`` falls below ``part.steps`` if the ascent converges early.
            done = done_before + count * round(part.steps * step.index / step.total)
            yield Progress(done, total, dict(zip(part.pictures, step.image, strict=True)))
        done_before += part.steps * count
        yield Progress(done_before, total, {}, measure_final(network, part, objective, canvas))


def learning_rate(canvas: Canvas, steps: int) -> float:
    """Return the step size of an ascent: the canvas's own, and smaller for more than ``STEPS``.

    It falls with the square root of the number of steps. With a constant step size, more steps
    drive more and more pixels to black, white or pure colours. It never falls below half of the
    canvas's own: dead units would not become active in the few steps that there are for that
    (``AscentSettings.redirect_relu_steps``).
    """
    return canvas.learning_rate * max(0.5, math.sqrt(min(1.0, STEPS / steps)))


def climb(
    network: Network,
    recipe: NeuronRecipe,
    objective: RecipeObjective,
    canvas: Canvas,
    settings: AscentSettings,
) -> Iterator[Step]:
    """Yield the steps of one batch's ascent, with the transform and the seed of its recipe."""
    transform: Transform = RandomCrop() if recipe.canvas == "maco" else RandomAffine()
    generator = torch.Generator().manual_seed(recipe.seed)
    yield from ascend(network, objective.optimised, canvas, settings, transform, generator)


def open_recipe_image(
    network: Network, recipe: NeuronRecipe, inputs: Mapping[str, bytes]
) -> Tensor | None:
    """Return the image that a recipe refers to, ``[1, C, H, W]``; None if it has no image.

    Its longer side is at most ``recipe.size``.
    """
    if not recipe.image:
        return None
    encoded = _input(inputs, recipe.image, "picture")
    return open_image(encoded, network.channels, recipe.size)


def _input(inputs: Mapping[str, bytes], fingerprint: str, what: str) -> bytes:
    if fingerprint not in inputs:
        raise ExplorerError(f"the {what} {fingerprint} that this recipe starts from is not here")
    return inputs[fingerprint]


def create_canvas(
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
        magnitude = spectrum.at(size, network.channels).to(network.device)
        canvas = MagnitudeConstrained(magnitude, size[1], seeds)
    else:
        kind = Pixels if recipe.canvas == "pixels" else Fourier
        canvas = kind(size, seeds, network.device, network.channels)
    if picture is not None and recipe.starts_from_image:
        canvas.set_image(picture)
    return canvas


def measure_final(
    network: Network, recipe: NeuronRecipe, objective: RecipeObjective, canvas: Canvas
) -> tuple[NeuronPicture, ...]:
    """Measure the finished images of one batch, without transform and in full precision."""
    with torch.no_grad():
        image = canvas()
    activations = network.activations(image, {*objective.reported.layers, recipe.layer})
    values, finished = objective.reported(activations), image.cpu()
    fineness = high_frequency_share(finished)
    silent = torch.zeros(len(image), dtype=torch.bool)
    if recipe.objective in UNIT_OBJECTIVES and not recipe.negative:
        units = [unit for unit in recipe.units for _ in range(recipe.count)]
        channel = activations[recipe.layer][torch.arange(len(image)), units]  # [N, ...]
        silent = (channel.reshape(len(image), -1) == 0).all(1)
    return tuple(
        NeuronPicture(*facts)
        for facts in zip(
            recipe.pictures,
            finished,
            values.float().tolist(),
            silent.tolist(),
            fineness.tolist(),
            map(recipe.unit_of, recipe.pictures),
            strict=True,
        )
    )
