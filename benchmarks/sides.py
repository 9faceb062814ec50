"""The sides of the benchmark of feature visualisation: the explorer, and the network's limit.

All sides see the same network, layer, units and image size. The other libraries, in
``benchmarks.others``, take as many steps as they are given. The explorer takes its default number,
and some other numbers too. A side does its work in pieces, so that pieces of different sides can
alternate, and changes in the machine's load affect all of them.
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

# Pieces of the limit in a round, and steps in each: a few seconds, long enough for a stable time.
LIMIT_PIECES = 3
LIMIT_STEPS = 12
# Steps of every side before it is timed, so that lazy set-up is done.
WARM_STEPS = 2
# torch-lucent's render_vis enlarges smaller images to this height and width for the network.
LUCENT_SIZE = 224
# Default number of steps of render_vis.
LUCENT_STEPS = 512


@dataclass(frozen=True)
class NeuronTask:
    """What is rendered, the same for all sides.

    Attributes:
        network: the loaded network.
        layer: name of a layer that is the output of a module.
        units: channels of the layer.
        size: height and width of the images in pixels.
        steps: number of steps of the explorer, and of the limit.
        lucent_steps: number of steps of torch-lucent.
        seed: seed of all random numbers.
    """

    network: Network
    layer: str
    units: tuple[int, ...]
    size: int
    steps: int
    lucent_steps: int
    seed: int


class Side(Protocol):
    """One of the sides that are compared.

    Attributes:
        name: heading of its row.
        pieces: number of pieces of work in a round.
        pictures: finished images by unit, float32 ``[3, size, size]`` in ``[0, 1]``.
    """

    name: str
    pieces: int
    pictures: dict[int, Tensor]

    def warm(self) -> None:
        """Do something short that is not timed."""

    def work(self, turn: int) -> float:
        """Do piece ``turn`` of all rounds; return how many units' optimisations it was worth."""


class Explorer:
    """This project: all units, many in a batch. A round renders each once."""

    def __init__(self, task: NeuronTask, steps: int) -> None:
        self.name = f"neuron explorer, {steps} steps"
        self.network = task.network
        self.recipes = self._plan(task, steps)
        self.short = self._plan(task, WARM_STEPS)[0]
        self.pieces = len(self.recipes)
        self.pictures: dict[int, Tensor] = {}

    @staticmethod
    def _plan(task: NeuronTask, steps: int) -> list[NeuronRecipe]:
        units = task.units
        whole = render_neurons.plan(task.network, task.layer, units, task.size, steps, task.seed)
        return list(whole.parts())

    def warm(self) -> None:
        """Run two steps."""
        for _ in render_neurons.render(self.network, self.short):
            pass

    def work(self, turn: int) -> float:
        """Render one batch of units."""
        recipe = self.recipes[turn % self.pieces]
        for progress in render_neurons.render(self.network, recipe):
            self.pictures |= {each.part: each.image for each in progress.pictures}
        return len(recipe.units)


class Limit:
    """The limit of every optimisation with this network: its bare forward and backward pass.

    The network is truncated below the layer, in channels-last layout, and sees a batch as large as
    the explorer's. There is no canvas, transform, normalisation, objective or optimiser. The
    network runs as it is, or as ``core.networks.graph_passes.pool_and_precision`` and
    ``core.networks.graph_passes.fold_stride`` rewrite it.
    """

    def __init__(self, task: NeuronTask, precision: torch.dtype, rewritten: bool = False) -> None:
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
        """Run two passes."""
        self._run(WARM_STEPS)

    def work(self, turn: int) -> float:
        """Run some passes, worth a small part of the optimisation of the batch."""
        self._run(LIMIT_STEPS)
        return len(self.image) * LIMIT_STEPS / self.task.steps


def schedule(all_sides: Sequence[Side]) -> list[int]:
    """Return the order of the pieces of one round, with each side's spread evenly over it.

    Returns:
        Index of the side whose turn it is, for each piece.
    """
    turns = [
        ((piece + 0.5) / side.pieces, index)
        for index, side in enumerate(all_sides)
        for piece in range(side.pieces)
    ]
    return [index for _, index in sorted(turns)]


def clean_activations(task: NeuronTask, pictures: dict[int, Tensor], size: int) -> dict[int, float]:
    """Return the clean activation of finished images, by the explorer's own network.

    The images are not transformed, and the network runs in float32.

    Args:
        task: names network and layer.
        pictures: float32 ``[3, H, W]`` in ``[0, 1]`` by unit.
        size: height and width in pixels at which the network sees them.

    Returns:
        Mean of each unit's channel over positions.
    """
    result = {}
    for unit, picture in pictures.items():
        image = torch.nn.functional.interpolate(
            picture[None], (size, size), mode="bilinear", align_corners=True
        )
        seen = task.network.activations(image, [task.layer])[task.layer]  # [1, C, ...]
        result[unit] = float(seen[0, unit].float().mean())
    return result
