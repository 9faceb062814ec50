"""The sides of the benchmark of feature visualisation: the explorer, and the limit.

A side is one of the programs whose speed is compared. The limit is the bare network without an
optimiser. The sides for other libraries are in ``benchmarks.others``. All sides use the same
network, layer, units and image size. The number of steps of each other library is an option of the
benchmark. The explorer runs with its default number of steps and with several other numbers. The
work of a side is split into pieces. Pieces of different sides alternate, so that changes in the
machine's load affect all sides.
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

# Pieces of the limit in a round, and steps in each piece. A piece takes a few seconds, which is
# long enough for a stable time.
LIMIT_PIECES = 3
LIMIT_STEPS = 12
# Steps of every side before the timing, so that set-up on first use is not timed.
WARM_STEPS = 2
# Height and width to which torch-lucent's ``render_vis`` enlarges smaller images for the network.
LUCENT_SIZE = 224
# Default number of steps of ``render_vis``.
LUCENT_STEPS = 512


@dataclass(frozen=True)
class NeuronTask:
    """The work of each side: which units are rendered, and how.

    Attributes:
        network: the loaded network.
        layer: name of the layer, which must be the output of a module.
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
    """One of the programs whose speed is compared.

    Attributes:
        name: heading of the side's row in the table.
        pieces: number of pieces into which the work of one round is split.
        pictures: finished images by unit, float32 ``[3, size, size]`` in ``[0, 1]``.
    """

    name: str
    pieces: int
    pictures: dict[int, Tensor]

    def warm(self) -> None:
        """Run a few steps that are not timed, so that set-up on first use is done."""

    def work(self, turn: int) -> float:
        """Do one piece of work.

        Args:
            turn: number of the piece, counted from 0 over all rounds.

        Returns:
            Number of units whose complete optimisation takes as much work as this piece.
        """


class Explorer:
    """This project, which renders many units in a batch. A round renders each unit once."""

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
    """The limit: only forward and backward passes of the network, which every optimisation needs.

    The network is truncated after the layer and in channels-last layout. The batch is as large as
    that of the explorer. There is no canvas, transform, normalisation, objective or optimiser. The
    network runs without changes or, if ``rewritten``, after the graph
    passes of ``core.networks.graph_passes.pool_and_precision`` and
    ``core.networks.graph_passes.fold_stride``.
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
        """Run ``LIMIT_STEPS`` passes: a part of the steps that one batch of units needs."""
        self._run(LIMIT_STEPS)
        return len(self.image) * LIMIT_STEPS / self.task.steps


def schedule(all_sides: Sequence[Side]) -> list[int]:
    """Return the order of all pieces of one round.

    The pieces of each side are spread evenly over the round.

    Returns:
        For each piece, the index in ``all_sides`` of the side that does the piece.
    """
    turns = [
        ((piece + 0.5) / side.pieces, index)
        for index, side in enumerate(all_sides)
        for piece in range(side.pieces)
    ]
    return [index for _, index in sorted(turns)]


def clean_activations(task: NeuronTask, pictures: dict[int, Tensor], size: int) -> dict[int, float]:
    """Return the clean activation of finished images: without random transforms, in float32.

    Args:
        task: has the network and the layer.
        pictures: images, float32 ``[3, H, W]`` in ``[0, 1]``, by unit.
        size: height and width in pixels to which the images are resized for the network.

    Returns:
        By unit, the mean over positions of the unit's channel for the unit's image.
    """
    result = {}
    for unit, picture in pictures.items():
        image = torch.nn.functional.interpolate(
            picture[None], (size, size), mode="bilinear", align_corners=True
        )
        seen = task.network.activations(image, [task.layer])[task.layer]  # [1, C, ...]
        result[unit] = float(seen[0, unit].float().mean())
    return result
