"""Activation maximisation: the picture that each neuron wants to see, for many neurons at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core import objectives
from core.ascent import AscentSettings, Step, ascend
from core.canvas import Canvas, Fourier
from core.errors import ExplorerError
from core.layers import Layer
from core.networks import Network
from core.progress import Progress
from core.recipes import NeuronRecipe
from core.transforms import Wobble

# A picture shows a neuron well when its receptive field fits in about three times along each side.
FIELDS_ACROSS = 3
# What a person can still see, and what is still quick; between them sizes go in steps.
SUGGESTED_RANGE = (32, 128)
SUGGESTED_STEP = 16
# How much larger than the pictures it was trained on a network's neurons are drawn at most.
BEYOND_KNOWN = 1.5
# Multiplies the recipe's seed, so that the starts of different units and seeds never coincide.
SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class NeuronPicture:
    """What one neuron wants to see.

    Attributes:
        unit: its channel.
        image: ``[3, size, size]``, RGB in ``[0, 1]``, on the CPU.
        activation: clean activation, the mean of the channel over positions for the final,
            unmoved image, in full precision.
        dead: whether the neuron is zero at every position even so.
    """

    unit: int
    image: Tensor
    activation: float
    dead: bool

    @property
    def part(self) -> int:
        """Which of the recipe's pictures it is: the unit."""
        return self.unit

    @property
    def facts(self) -> Mapping[str, float | bool | str]:
        """What was measured of it."""
        return {"activation": self.activation, "dead": self.dead}


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
    size: int = 128,
    steps: int = 256,
    seed: int = 0,
) -> NeuronRecipe:
    """Write the recipe for pictures of some neurons of a layer.

    Args:
        network: the loaded network.
        layer: name of a layer, as ``Network.layer`` finds it.
        units: channels; none for all of the layer.
        size: height and width of the pictures in pixels.
        steps: steps of ascent.
        seed: where all chance comes from.

    Raises:
        UnknownName: there is no such layer.
        ExplorerError: a unit or setting is out of range.
    """
    found = _checked(network, layer, units)
    return NeuronRecipe(
        network=network.name,
        weights=network.fingerprint,
        seed=seed,
        layer=found.name,
        units=tuple(units) or tuple(range(found.channels)),
        size=size,
        steps=steps,
    )


def _checked(network: Network, layer: str, units: Sequence[int]) -> Layer:
    """Find a layer that has all these units."""
    found = network.layer(layer)
    for unit in units:
        if not 0 <= unit < found.channels:
            raise ExplorerError(
                f"there is no unit {unit} in {found.name} of {network.name}; "
                f"its units are 0 to {found.channels - 1}"
            )
    return found


def render(network: Network, recipe: NeuronRecipe) -> Iterator[Progress]:
    """Let the neurons of a recipe climb, batch by batch, and report every step.

    Each batch's last record brings its pictures, a ``NeuronPicture`` for each unit; ``done`` and
    ``total`` count steps of single units.

    Raises:
        ExplorerError: the recipe was written for other weights, or names what the network lacks.
    """
    if recipe.weights != network.fingerprint:
        raise ExplorerError(
            f"this recipe is for weights {recipe.weights} of {recipe.network}; "
            f"those loaded are {network.fingerprint}; name their file with --weights"
        )
    _checked(network, recipe.layer, recipe.units)
    total = recipe.steps * len(recipe.units)
    behind = 0
    for part in recipe.parts():
        canvas = Fourier((part.size, part.size), _seeds(part), network.device)
        for step in _climb(network, part, canvas):
            done = behind + step.index * len(part.units)
            yield Progress(done, total, dict(zip(part.units, step.image, strict=True)))
        behind += part.steps * len(part.units)
        yield Progress(behind, total, {}, _look(network, part, canvas))


def _seeds(recipe: NeuronRecipe) -> list[int]:
    return [recipe.seed * SEED_STRIDE + unit for unit in recipe.units]


def _climb(network: Network, recipe: NeuronRecipe, canvas: Canvas) -> Iterator[Step]:
    """Let one batch climb."""
    return ascend(
        network,
        objectives.channels(recipe.layer, recipe.units),
        canvas,
        AscentSettings(steps=recipe.steps),
        Wobble(),
        torch.Generator().manual_seed(recipe.seed),
    )


def _look(network: Network, recipe: NeuronRecipe, canvas: Canvas) -> tuple[NeuronPicture, ...]:
    """Look at the finished images once more, unmoved and in full precision."""
    with torch.no_grad():
        image = canvas()
    seen = network.activations(image, [recipe.layer])[recipe.layer]  # [N, C, ...]
    rows = torch.arange(len(recipe.units))
    own = seen[rows, list(recipe.units)].reshape(len(rows), -1).float().cpu()  # [N, positions]
    return tuple(
        NeuronPicture(
            unit=unit,
            image=picture,
            activation=float(values.mean()),
            dead=bool((values == 0).all()),
        )
        for unit, picture, values in zip(recipe.units, image.cpu(), own, strict=True)
    )
