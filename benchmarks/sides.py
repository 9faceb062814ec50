"""What is measured side by side: here the explorer, and the limit that the network sets.

All sides see the same network, layer, units and picture size. The others, in ``benchmarks.others``,
take as many steps as they are told, the explorer as few as its defaults, and a few numbers besides.
A side does its work in pieces, so that pieces of different sides can alternate and share the
machine's good and bad moments.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from core.networks.network import Network
from core.neurons import render_neurons
from core.recipes.neuron import NeuronRecipe

# Pieces of the limit in a round, and steps in each: a few seconds, after which it has settled.
LIMIT_PIECES = 3
LIMIT_STEPS = 12
# What every side does before it is timed, so that lazy set-up is behind.
WARM_STEPS = 2
# render_vis shows every picture below this height and width to the network at this size.
LUCENT_SIZE = 224
# How many steps it takes if not told otherwise.
LUCENT_STEPS = 512


@dataclass(frozen=True)
class Task:
    """What to do, the same for all sides.

    Attributes:
        network: where to look.
        layer: name of a layer that is the output of a module.
        units: its channels.
        size: height and width of the pictures in pixels.
        steps: steps of the explorer's ascent, and of the limit.
        lucent_steps: steps of torch-lucent's.
        seed: where all chance comes from.
    """

    network: Network
    layer: str
    units: tuple[int, ...]
    size: int
    steps: int
    lucent_steps: int
    seed: int


class Side(Protocol):
    """One of those that are compared.

    Attributes:
        name: its heading.
        pieces: pieces of work in a round.
        pictures: what it has drawn, float32 ``[3, size, size]`` in ``[0, 1]``, by unit.
    """

    name: str
    pieces: int
    pictures: dict[int, Tensor]

    def warm(self) -> None:
        """Do something short, not to be timed."""

    def work(self, turn: int) -> float:
        """Do piece ``turn`` of all rounds; tell how many units' ascents it was worth."""


class Explorer:
    """This project: all units, many in a batch. A round draws each once."""

    def __init__(self, task: Task, steps: int) -> None:
        self.name = f"neuron explorer, {steps} steps"
        self.network = task.network
        self.recipes = self._plan(task, steps)
        self.short = self._plan(task, WARM_STEPS)[0]
        self.pieces = len(self.recipes)
        self.pictures: dict[int, Tensor] = {}

    @staticmethod
    def _plan(task: Task, steps: int) -> list[NeuronRecipe]:
        units = task.units
        whole = render_neurons.plan(task.network, task.layer, units, task.size, steps, task.seed)
        return list(whole.parts())

    def warm(self) -> None:
        """Climb two steps."""
        for _ in render_neurons.render(self.network, self.short):
            pass

    def work(self, turn: int) -> float:
        """Draw one batch of units."""
        recipe = self.recipes[turn % self.pieces]
        for progress in render_neurons.render(self.network, recipe):
            self.pictures |= {each.part: each.image for each in progress.pictures}
        return len(recipe.units)


class Limit:
    """What no ascent on this network can beat: its bare forward and backward pass.

    The network is cut below the layer, channels-last, and sees a batch as large as the explorer's;
    there is no canvas, no movement, no normalisation, no objective and no optimiser. Beside the
    network as it is stands the one that ``core.networks.graph_passes.pool_and_precision`` and
    ``core.networks.graph_passes.fold_stride`` make of it.
    """

    def __init__(self, task: Task, precision: torch.dtype, rewritten: bool = False) -> None:
        self.name = f"limit in {str(precision).removeprefix('torch.')}"
        self.name += ", rewritten" if rewritten else ""
        self.task = task
        self.precision = precision
        self.pieces = LIMIT_PIECES
        self.pictures: dict[int, Tensor] = {}
        self.extractor = task.network.extractor([task.layer], for_gradients=rewritten).body
        batch = len(Explorer._plan(task, WARM_STEPS)[0].units)
        noise = torch.randn(batch, 3, task.size, task.size, device=task.network.device)
        self.image = noise.contiguous(memory_format=torch.channels_last).requires_grad_()
        self.gradient = torch.ones_like(self._forward())

    def _forward(self) -> Tensor:
        context: AbstractContextManager[object] = nullcontext()
        if self.precision != torch.float32:
            context = torch.autocast(self.image.device.type, self.precision)
        with context:
            seen: dict[str, Tensor] = self.extractor(self.image)
        return seen[self.task.layer]

    def _run(self, steps: int) -> None:
        for _ in range(steps):
            torch.autograd.grad(self._forward(), self.image, self.gradient)

    def warm(self) -> None:
        """Pass twice."""
        self._run(WARM_STEPS)

    def work(self, turn: int) -> float:
        """Pass a few times; that is worth a small part of the batch's ascents."""
        self._run(LIMIT_STEPS)
        return len(self.image) * LIMIT_STEPS / self.task.steps


def schedule(all_sides: Sequence[Side]) -> list[int]:
    """Order the pieces of one round so that each side's are spread evenly over it.

    Returns:
        The index of the side whose turn it is.
    """
    turns = [
        ((piece + 0.5) / side.pieces, index)
        for index, side in enumerate(all_sides)
        for piece in range(side.pieces)
    ]
    return [index for _, index in sorted(turns)]


def clean_activations(task: Task, pictures: dict[int, Tensor], size: int) -> dict[int, float]:
    """Look at finished pictures, unmoved and in float32, with the explorer's own network.

    Args:
        task: says which network and layer.
        pictures: float32 ``[3, H, W]`` in ``[0, 1]`` by unit.
        size: height and width in pixels at which the network sees them.

    Returns:
        The mean of each unit's channel over positions.
    """
    result = {}
    for unit, picture in pictures.items():
        image = torch.nn.functional.interpolate(
            picture[None], (size, size), mode="bilinear", align_corners=True
        )
        seen = task.network.activations(image, [task.layer])[task.layer]  # [1, C, ...]
        result[unit] = float(seen[0, unit].float().mean())
    return result
