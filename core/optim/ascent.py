"""The one loop: an image climbs an objective.

Activation maximisation, dreams, style transfer and reconstructions all iterate over ``ascend``; who
consumes its steps draws progress, keeps previews, stops early (by leaving the loop) or saves.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.images.tiles import Tiles
from core.networks.network import FeatureExtractor, Network
from core.optim.canvases import Canvas
from core.optim.image_pass import ImagePass, Transform
from core.optim.objectives import IMAGE, Objective

# Less gain than this from one stretch of steps to the next is not worth waiting for.
CONVERGED = 0.01


@dataclass(frozen=True)
class AscentSettings:
    """How to climb.

    Attributes:
        steps: how many steps of Adam, at most.
        learning_rate: Adam's step size, for gradients whose root mean square is 1 in each image;
            none for what suits the canvas.
        damping: Adam's epsilon; none for what suits the canvas. Adam by itself moves every
            parameter by as much, also those whose gradient is nothing but chance, and so paints
            noise; with a damping of 1, parameters move in proportion to their gradient where it is
            below the average. Pictures become cleaner at about the same activation
            (``python -m benchmarks.damping`` shows both).
        cooldown: the last steps, as a fraction of all, over which the step size falls to zero along
            half a cosine: large steps find the way, small ones smooth what they left.
        patience: if no image of the batch gained anything worth mentioning over so many steps,
            the ascent settles early; 0 for never. Images are compared by the mean of their values
            over as many steps, since every step sees them moved otherwise.
        redirect_relu_steps: while any value of the batch is exactly zero, gradients pass closed
        ReLUs where
            nothing else comes through, so that dead units can wake; at most for so many steps
            (Lucid does it for the first 16, whether needed or not).
        tiles: how the images are cut up where the network cannot see them at once; none if it can.
    """

    steps: int = 64
    learning_rate: float | None = None
    damping: float | None = None
    cooldown: float = 0.5
    patience: int = 64
    redirect_relu_steps: int = 16
    tiles: Tiles | None = None


@dataclass(frozen=True)
class Step:
    """One step of an ascent.

    Attributes:
        index: its number, from 1.
        total: how many there will be.
        value: what the objective gave each image of the batch, ``[N]``.
        image: the batch before this step, ``[N, 3, H, W]`` in ``[0, 1]``.
        fraction: how much of the step is behind; below 1 between two tiles, where the value is not
            known yet, but who wants to leave need not wait.
    """

    index: int
    total: int
    value: Tensor
    image: Tensor
    fraction: float = 1.0


def ascend(
    network: Network,
    objective: Objective,
    canvas: Canvas,
    settings: AscentSettings,
    transform: Transform,
    generator: torch.Generator,
) -> Iterator[Step]:
    """Let the images of a canvas climb an objective; yield every step, and between its tiles.

    Args:
        network: in whose activations the objective is read; it is cut below what is read.
        objective: what to maximise, for each image of the batch by itself.
        canvas: whose parameters are free; it holds the result afterwards.
        settings: how to climb.
        transform: moves the images before the network sees them.
        generator: the only source of chance.
    """
    names = sorted(objective.layers - {IMAGE})
    extractor = network.extractor(names, for_gradients=True, units=objective.units)
    redirected: FeatureExtractor | None = None
    asleep, redirect_relu_steps = False, settings.redirect_relu_steps
    rate = canvas.learning_rate if settings.learning_rate is None else settings.learning_rate
    damping = canvas.damping if settings.damping is None else settings.damping
    optimiser = canvas.optimiser(rate, damping)
    pace = _Schedule(settings)
    # Where tiles lie must not change how images are moved: that is as it would be without them.
    borders = torch.Generator().manual_seed(generator.initial_seed())
    while not pace.over:
        image = canvas()
        if asleep and redirected is None:
            redirected = network.extractor(names, True, for_gradients=True, units=objective.units)
        seeing = redirected if asleep and redirected else extractor
        canvas.zero_grad()
        run = ImagePass(network, seeing, image, transform, generator, settings.tiles, borders)
        for value, fraction in objective.backward(run):
            if fraction < 1:
                yield Step(pace.index + 1, pace.total, value, image.detach(), fraction)
        canvas.refine_gradients()
        optimiser.param_groups[0]["lr"] = rate * pace.rate
        # Only L-BFGS asks for the loss.
        loss = -value.detach().sum()
        optimiser.step(lambda loss=loss: loss)  # type: ignore[misc]
        canvas.settle()
        redirect_relu_steps -= asleep
        asleep = redirect_relu_steps > 0 and bool((value == 0).any())
        pace.step(value.detach())
        yield Step(pace.index, pace.total, value.detach(), image.detach())


class _Schedule:
    """How large the next step is, and when it is the last.

    Attributes:
        index: steps taken.
        total: steps in all, as it looks now.
    """

    def __init__(self, settings: AscentSettings) -> None:
        self.index, self.total = 0, settings.steps
        self._settling = max(1, round(settings.steps * settings.cooldown))
        self._patience = settings.patience
        self._sum: Tensor | None = None
        self._before: Tensor | None = None

    @property
    def over(self) -> bool:
        """Whether that was the last step."""
        return self.index >= self.total

    @property
    def rate(self) -> float:
        """The size of the next step, as a fraction of the largest."""
        left = (self.total - self.index) / self._settling
        return 1.0 if left >= 1 else (1 - math.cos(math.pi * left)) / 2

    def step(self, value: Tensor) -> None:
        """Count a step that gave each image this value ``[N]``."""
        self.index += 1
        settles = self.index > self.total - self._settling
        if not self._patience or settles:
            return
        self._sum = value if self._sum is None else self._sum + value
        if self.index % self._patience == 0:
            if self._before is not None and _converged(self._before, self._sum):
                self.total = self.index + self._settling
            self._before, self._sum = self._sum, None


def _converged(before: Tensor, now: Tensor) -> bool:
    """Tell whether no image gained more than a little from one stretch of steps to the next."""
    return bool((now - before <= CONVERGED * before.abs()).all())
