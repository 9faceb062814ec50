"""What is measured side by side: the explorer, torch-lucent, and the limit that the network sets.

All sides see the same network, layer, units and picture size. torch-lucent takes as many steps as
its defaults do, the explorer as few as its own, and a few numbers besides. A side does its work
in pieces, so that pieces of different sides can alternate and share the machine's good and bad
moments.
"""

import copy
import importlib
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import Normalize

from core import neurons
from core.errors import ExplorerError
from core.networks import Network
from core.recipes import NeuronRecipe

# Pieces of the limit in a round, and steps in each: a few seconds, after which it has settled.
LIMIT_PIECES = 3
LIMIT_STEPS = 12
# What every side does before it is timed, so that lazy set-up is behind.
WARM_STEPS = 2
# render_vis shows every picture below this height and width to the network at this size.
LUCENT_SIZE = 224
# How many steps it takes if not told otherwise.
LUCENT_STEPS = 512
# The normalisation that render_vis assumes.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


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
        whole = neurons.plan(task.network, task.layer, units, task.size, steps, task.seed)
        return list(whole.parts())

    def warm(self) -> None:
        """Climb two steps."""
        for _ in neurons.render(self.network, self.short):
            pass

    def work(self, turn: int) -> float:
        """Draw one batch of units."""
        recipe = self.recipes[turn % self.pieces]
        for progress in neurons.render(self.network, recipe):
            self.pictures |= {each.part: each.image for each in progress.pictures}
        return len(recipe.units)


class Lucent:
    """torch-lucent's ``render_vis`` as its README shows it: one unit a call, all defaults.

    Its defaults run the whole network, at 224 x 224 however small the picture, and take the
    gradient of every weight too. ``frugal`` spares it what its arguments can spare: the weights
    take no gradient, and the network sees the picture at its own size. Both get a copy of the
    network of their own, in plain memory layout.
    """

    def __init__(self, task: Task, units: Sequence[int], pieces: int, frugal: bool) -> None:
        self.name = "torch-lucent, frugal" if frugal else "torch-lucent"
        self.task = task
        self.units = units
        self.pieces = pieces
        self.pictures: dict[int, Tensor] = {}
        self.render, self.param, self.transform = _import_lucent()
        module = copy.deepcopy(task.network.module).to(memory_format=torch.contiguous_format)
        self.module = module.requires_grad_(not frugal)
        self.target = _lucent_name(task)
        self.options: dict[str, Any] = {"fixed_image_size": task.size} if frugal else {}
        if (task.network.mean, task.network.std) != IMAGENET:
            own = Normalize(task.network.mean, task.network.std)
            moves = [*self.transform.standard_transforms, own]
            self.options |= {"preprocess": False, "transforms": moves}

    def warm(self) -> None:
        """Climb two steps."""
        self._draw(self.units[0], WARM_STEPS)

    def work(self, turn: int) -> float:
        """Draw one unit."""
        unit = self.units[turn % len(self.units)]
        self.pictures[unit] = self._draw(unit, self.task.lucent_steps)
        return 1

    def _draw(self, unit: int, steps: int) -> Tensor:
        # It takes chance from the global generators of both libraries.
        torch.manual_seed(self.task.seed + unit)
        np.random.seed(self.task.seed + unit)
        (image,) = self.render.render_vis(
            self.module,
            f"{self.target}:{unit}",
            param_f=lambda: self.param.image(self.task.size),
            thresholds=(steps,),
            progress=False,
            show_image=False,
            **self.options,
        )  # [1, H, W, 3], in [0, 1]
        for hooked in self.module.modules():
            # Each call leaves one more hook on every module; without them no call pays for those
            # before it.
            hooked._forward_hooks.clear()
        picture: Tensor = torch.from_numpy(image[0]).permute(2, 0, 1).contiguous()
        return picture


class Limit:
    """What no ascent on this network can beat: its bare forward and backward pass.

    The network is cut below the layer, channels-last, and sees a batch as large as the explorer's;
    there is no canvas, no movement, no normalisation, no objective and no optimiser.
    """

    def __init__(self, task: Task, precision: torch.dtype) -> None:
        self.name = f"limit in {str(precision).removeprefix('torch.')}"
        self.task = task
        self.precision = precision
        self.pieces = LIMIT_PIECES
        self.pictures: dict[int, Tensor] = {}
        self.cut = task.network.cut([task.layer]).extractor
        batch = len(Explorer._plan(task, WARM_STEPS)[0].units)
        noise = torch.randn(batch, 3, task.size, task.size, device=task.network.device)
        self.image = noise.contiguous(memory_format=torch.channels_last).requires_grad_()
        self.gradient = torch.ones_like(self._forward())

    def _forward(self) -> Tensor:
        context: AbstractContextManager[object] = nullcontext()
        if self.precision != torch.float32:
            context = torch.autocast(self.image.device.type, self.precision)
        with context:
            seen: dict[str, Tensor] = self.cut(self.image)
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


def sides(
    task: Task, lucent_units: int, rounds: int, other_steps: Sequence[int] = ()
) -> list[Side]:
    """Set up all sides.

    Args:
        task: what to do.
        lucent_units: how many units each side of torch-lucent draws in a round.
        rounds: how many rounds there will be; torch-lucent draws other units in each.
        other_steps: with how many steps the explorer works besides.

    Raises:
        ExplorerError: torch-lucent is not installed, or cannot name the layer.
    """
    count = min(len(task.units), lucent_units * rounds)
    spread = [task.units[index * len(task.units) // count] for index in range(count)]
    lucents = [Lucent(task, spread, lucent_units, frugal) for frugal in (False, True)]
    limits = [Limit(task, precision) for precision in (torch.bfloat16, torch.float32)]
    explorers = [Explorer(task, steps) for steps in (task.steps, *other_steps)]
    return [*explorers, *lucents, *limits]


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


def _import_lucent() -> tuple[Any, Any, Any]:
    """Import torch-lucent, which is needed here only.

    Version 0.1.8 works unchanged with current PyTorch, NumPy and Pillow; its kornia of 2020 only
    warns that ``torch.jit.script`` is deprecated.
    """
    load: Callable[[str], Any] = importlib.import_module
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = ("render", "param", "transform")
            render, param, transform = (load(f"lucent.optvis.{name}") for name in names)
    except ImportError as error:
        raise ExplorerError(
            f"torch-lucent cannot be imported ({error}); install requirements-bench.txt"
        ) from error
    return render, param, transform


def _lucent_name(task: Task) -> str:
    """Translate the name of a layer: torch-lucent joins the parts of a module's path by ``_``."""
    try:
        task.network.module.get_submodule(task.layer)
    except AttributeError as error:
        raise ExplorerError(
            f"{task.layer} of {task.network.name} is not the output of a module, and torch-lucent "
            "knows no other layers; take a layer that is one"
        ) from error
    return task.layer.replace(".", "_")
