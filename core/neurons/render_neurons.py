"""Activation maximisation: the picture that each neuron wants to see, for many neurons at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.errors import ExplorerError
from core.images import image_io
from core.networks.layers import Layer
from core.networks.network import Network
from core.neurons.recipe_objective import RecipeObjective, build_objective
from core.neurons.reliability import high_frequency_share
from core.optim import natural_spectrum
from core.optim.ascent import AscentSettings, Step, ascend
from core.optim.canvases import Canvas, Fourier, MagnitudeConstrained, Pixels
from core.optim.image_pass import Transform
from core.optim.transforms import RandomAffine, RandomCrop
from core.progress import Progress
from core.recipes.neuron import STEPS, UNIT_OBJECTIVES, NeuronRecipe

# A picture shows a neuron well when its receptive field fits in about three times along each side.
FIELDS_ACROSS = 3
# What a person can still see, and what is still quick; between them sizes go in steps.
SUGGESTED_RANGE = (32, 128)
SUGGESTED_STEP = 16
# How much larger than the pictures it was trained on a network's neurons are drawn at most.
BEYOND_KNOWN = 1.5
# Multiplies the recipe's seed, so that the starts of different pictures and seeds never coincide.
SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class NeuronPicture:
    """What one neuron, or several together, want to see.

    Attributes:
        part: which of the recipe's pictures it is; with one picture a unit, the unit.
        image: ``[3, H, W]``, RGB in ``[0, 1]``, on the CPU.
        activation: what was climbed, for the final, unmoved image, in full precision: for a channel
            its mean over positions. What was descended counts as it is, not turned round.
        dead: whether the neuron is zero at every position even so.
        fineness: how much of the image is in its finest grain, see ``reliability.fineness``.
    """

    part: int
    image: Tensor
    activation: float
    dead: bool
    fineness: float

    @property
    def facts(self) -> Mapping[str, float | bool | str]:
        """What was measured of it."""
        return {"activation": self.activation, "dead": self.dead, "fineness": self.fineness}


def suggested_size(network: Network, layer: Layer) -> int:
    """Suggest a height and width, in pixels, that show what a layer's neurons want.

    Small receptive fields get small pictures, in which a person sees the edge rather than a fine
    grain of edges; layers that see the whole picture get the size that the network knows.
    """
    low, high = SUGGESTED_RANGE
    known = max(network.input_size)
    if layer.receptive_field is None:
        return min(high, known)
    # Beyond what the network knows, deep neurons only repeat themselves.
    high = min(high, max(low, round(BEYOND_KNOWN * known)))
    wanted = FIELDS_ACROSS * max(layer.receptive_field)
    return min(high, max(low, -(-wanted // SUGGESTED_STEP) * SUGGESTED_STEP))


def plan(
    network: Network,
    layer: str,
    units: Sequence[int] = (),
    size: int | None = None,
    steps: int = STEPS,
    seed: int = 0,
    **other: Any,
) -> NeuronRecipe:
    """Write the recipe for pictures of some neurons of a layer.

    Args:
        network: the loaded network.
        layer: name of a layer, as ``Network.layer`` finds it.
        units: channels; none for all of the layer, where the objective is of each.
        size: height and width of the pictures in pixels; by default ``suggested_size``.
        steps: steps of ascent, at most.
        seed: where all chance comes from.
        other: further settings of ``NeuronRecipe``.

    Raises:
        UnknownName: there is no such layer, objective or canvas.
        ExplorerError: a unit or setting is out of range.
    """
    found = network.layer_with_units(layer, units)
    every = other.get("objective", UNIT_OBJECTIVES[0]) in UNIT_OBJECTIVES
    return NeuronRecipe(
        network=network.name,
        weights=network.fingerprint,
        seed=seed,
        layer=found.name,
        units=tuple(units) or (tuple(range(found.channels)) if every else ()),
        size=suggested_size(network, found) if size is None else size,
        steps=steps,
        **other,
    )


def render(
    network: Network, recipe: NeuronRecipe, inputs: Mapping[str, bytes] | None = None
) -> Iterator[Progress]:
    """Let the neurons of a recipe climb, batch by batch, and report every step.

    Each batch's last record brings its pictures, a ``NeuronPicture`` each; ``done`` and ``total``
    count steps of single pictures.

    Args:
        network: the loaded network.
        recipe: what to draw.
        inputs: what the recipe's ``inputs`` name: an encoded picture, a spectrum.

    Raises:
        ExplorerError: the recipe was written for other weights, or names what the network or the
            inputs lack.
    """
    network.check_recipe(recipe)
    network.layer_with_units(recipe.layer, recipe.units)
    inputs = inputs or {}
    picture = _picture(recipe, inputs)
    total = recipe.steps * len(recipe.pictures)
    behind = 0
    for part in recipe.parts():
        wanted = build_objective(network, part, picture)
        canvas = _canvas(network, part, picture, inputs)
        count = len(part.pictures)
        for step in _ascend(network, part, wanted, canvas):
            # An ascent that settles early is that much further.
            done = behind + count * round(part.steps * step.index / step.total)
            yield Progress(done, total, dict(zip(part.pictures, step.image, strict=True)))
        behind += part.steps * count
        yield Progress(behind, total, {}, _measure_final(network, part, wanted, canvas))


def _picture(recipe: NeuronRecipe, inputs: Mapping[str, bytes]) -> Tensor | None:
    """Open the picture that a recipe starts from, ``[1, 3, H, W]``, its longer side as asked."""
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
    """Set up what climbs: from noise, or from a picture where nothing else is done with it."""
    size = (recipe.size, recipe.size) if picture is None else _shape(picture)
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


def _shape(image: Tensor) -> tuple[int, int]:
    return image.shape[2], image.shape[3]


def _ascend(
    network: Network, recipe: NeuronRecipe, wanted: RecipeObjective, canvas: Canvas
) -> Iterator[Step]:
    """Let one batch climb."""
    transform: Transform = RandomCrop() if recipe.canvas == "maco" else RandomAffine()
    return ascend(
        network,
        wanted.optimised,
        canvas,
        AscentSettings(steps=recipe.steps),
        transform,
        torch.Generator().manual_seed(recipe.seed),
    )


def _measure_final(
    network: Network, recipe: NeuronRecipe, wanted: RecipeObjective, canvas: Canvas
) -> tuple[NeuronPicture, ...]:
    """Look at the finished images once more, unmoved and in full precision."""
    with torch.no_grad():
        image = canvas()
    seen = network.activations(image, {*wanted.reported.layers, recipe.layer})
    values, fine = wanted.reported(seen), high_frequency_share(image)
    dead = torch.zeros(len(image), dtype=torch.bool)
    if recipe.objective in UNIT_OBJECTIVES:
        units = [unit for unit in recipe.units for _ in range(recipe.count)]
        own = seen[recipe.layer][torch.arange(len(image)), units]  # [N, ...]
        dead = (own.reshape(len(image), -1) == 0).all(1)
    return tuple(
        NeuronPicture(*facts)
        for facts in zip(
            recipe.pictures,
            image.cpu(),
            values.float().tolist(),
            dead.tolist(),
            fine.tolist(),
            strict=True,
        )
    )
