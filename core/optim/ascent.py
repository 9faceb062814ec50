"""Gradient ascent of an objective over the images of a canvas.

Feature visualization, dreams, style transfer and reconstructions all use ``ascend``. The caller
iterates over the steps, and may show progress, store previews or break out of the loop early.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.images.tiles import Tiles
from core.networks.network import FeatureExtractor, Network
from core.optim.activations import IMAGE
from core.optim.canvases import Canvas
from core.optim.image_pass import ImagePass, NetworkResponse, Transform
from core.optim.objectives import Objective

# An image has converged if the mean of the objective's value over ``patience`` steps exceeds the
# mean over the ``patience`` steps before by at most this fraction.
MIN_RELATIVE_GAIN = 0.01


@dataclass(frozen=True)
class AscentSettings:
    """Settings of an ascent.

    Attributes:
        steps: number of optimiser steps, at most.
        learning_rate: step size of the optimiser, for gradients whose root mean square is 1 in
            each image; None for the canvas's default.
        damping: Adam's epsilon; None for the canvas's default. With a tiny epsilon, Adam moves all
            parameters equally far, also those whose gradient is only noise, and so adds noise to
            the image. With a damping of 1, parameters with gradients below the average move in
            proportion to their gradient. The images then have less noise and excite the unit about
            as much (``python -m benchmarks.steps`` compares settings).
        cooldown: length of the final phase as a fraction of all steps. In this phase the step size
            falls to zero along half a cosine, which smooths the noise that large steps leave.
        patience: number of steps in a period over which the objective's values are averaged to
            test for convergence; 0 for no test. The cooldown begins early once, for every image of
            the batch, the mean of a period exceeds that of the period before by at most
            ``MIN_RELATIVE_GAIN``. Means are compared because the random transform makes the values
            of single steps noisy.
        redirect_relu_steps: number of steps, at most, in which gradients may pass through inactive
            ReLUs where no other gradient arrives, so that dead units can become active. It applies
            only while the network is constant around some image of the batch, see ``_DeadImages``.
            (Lucid lets gradients pass in the first 16 steps of every ascent.)
        tiles: how to split images that are too large for the network; None for no tiles.
    """

    steps: int = 32
    learning_rate: float | None = None
    damping: float | None = None
    cooldown: float = 0.5
    patience: int = 64
    redirect_relu_steps: int = 16
    tiles: Tiles | None = None


@dataclass(frozen=True)
class Step:
    """State of an ascent after one step, or after one tile of a step.

    Attributes:
        index: number of the step, from 1.
        total: expected number of steps; it falls if the ascent converges early.
        value: value of the objective for each image of the batch, ``[N]``.
        image: the batch before this step, ``[N, 3, H, W]`` in ``[0, 1]``.
        fraction: fraction of the step that is done. It is below 1 after every tile but the last;
            ``value`` then covers only the tiles that are done. The caller may stop the ascent
            there too.
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
    """Yield the steps of an ascent of the images of a canvas.

    With tiles, a partial step is also yielded after every tile but the last.

    Args:
        network: the network whose activations the objective reads. Nothing is computed after the
            deepest layer that the objective reads.
        objective: the function to maximise, for each image of the batch independently.
        canvas: the parameters to optimise; after the last step the canvas contains the result.
        settings: settings of the ascent.
        transform: function that shifts, scales, crops or pads the images before they enter the
            network.
        generator: random generator of the transform. Its seed also determines the tiles' borders,
            so that an ascent with the same generator gives the same result.
    """
    names = sorted(objective.layers - {IMAGE})
    extractor = network.extractor(names, for_gradients=True, units=objective.units)
    redirected: FeatureExtractor | None = None
    dead = _DeadImages(settings.redirect_relu_steps)
    rate = canvas.learning_rate if settings.learning_rate is None else settings.learning_rate
    damping = canvas.damping if settings.damping is None else settings.damping
    optimiser = canvas.optimiser(rate, damping)
    schedule = _Schedule(settings)
    # The tiles' borders have a separate generator, so that the transform moves the images in the
    # same way with and without tiles.
    borders = torch.Generator().manual_seed(generator.initial_seed())
    while not schedule.over:
        image = canvas()
        if dead.present and redirected is None:
            redirected = network.extractor(names, True, for_gradients=True, units=objective.units)
        current = redirected if dead.present and redirected else extractor
        canvas.zero_grad()
        response = NetworkResponse() if dead.steps_left else None
        image_pass = ImagePass(
            network, current, image, transform, generator, settings.tiles, borders, response
        )
        for value, fraction in objective.backward(image_pass):
            if fraction < 1:
                yield Step(schedule.index + 1, schedule.total, value, image.detach(), fraction)
        canvas.refine_gradients()
        optimiser.param_groups[0]["lr"] = rate * schedule.rate
        # Of the optimisers in use, only L-BFGS uses the loss that the closure returns.
        loss = -value.detach().sum()
        optimiser.step(lambda loss=loss: loss)  # type: ignore[misc]
        canvas.finish_step()
        if response is not None:
            dead.update(response)
        schedule.step(value.detach())
        yield Step(schedule.index, schedule.total, value.detach(), image.detach())


class _DeadImages:
    """The images of a batch around which the network is constant, so that no gradient arrives.

    The activations that the objective reads then depend on inactive ReLUs only. A unit behind a
    ReLU is 0, but a logit has the value that its bias and those before it give.

    Attributes:
        present: whether there is such an image; gradients are then redirected in the next step.
        steps_left: number of steps, at most, in which gradients may still be redirected.
    """

    def __init__(self, steps: int) -> None:
        self.present, self.steps_left = False, steps
        # Which images are dead, and the objective's values in the last step, both ``[N]``.
        self._dead: Tensor | None = None
        self._value: Tensor | None = None

    def update(self, response: NetworkResponse) -> None:
        """Find the dead images after a step.

        A redirected gradient does not show whether an image is still dead. An image that was dead
        remains so until the objective's value is another one.
        """
        if not response.gradients:
            return
        value = torch.stack(response.values).sum(0)
        if self.present and self._dead is not None:
            self.steps_left -= 1
            dead = self._dead & (value == self._value)
        else:
            dead = torch.stack(response.gradients).amax(0) == 0
        self._dead, self._value = dead, value
        self.present = self.steps_left > 0 and bool(dead.any())


class _Schedule:
    """Step sizes of an ascent, and the test for convergence, after which only the cooldown remains.

    Attributes:
        index: number of steps done.
        total: expected number of steps; it falls if the ascent converges early.
    """

    def __init__(self, settings: AscentSettings) -> None:
        self.index, self.total = 0, settings.steps
        self._cooldown_steps = max(1, round(settings.steps * settings.cooldown))
        self._patience = settings.patience
        # Sums of the objective's values, ``[N]``: over the current period of ``patience`` steps,
        # and over the period before.
        self._sum: Tensor | None = None
        self._previous_sum: Tensor | None = None

    @property
    def over(self) -> bool:
        """Whether all steps are done."""
        return self.index >= self.total

    @property
    def rate(self) -> float:
        """Step size of the next step as a fraction of the full step size, from 0 to 1."""
        left = (self.total - self.index) / self._cooldown_steps
        return 1.0 if left >= 1 else (1 - math.cos(math.pi * left)) / 2

    def step(self, value: Tensor) -> None:
        """Count one step, and begin the cooldown if all images have converged.

        Args:
            value: the objective's values in this step, ``[N]``.
        """
        self.index += 1
        cooling_down = self.index > self.total - self._cooldown_steps
        if not self._patience or cooling_down:
            return
        self._sum = value if self._sum is None else self._sum + value
        if self.index % self._patience == 0:
            if self._previous_sum is not None:
                gain = self._sum - self._previous_sum
                if bool((gain <= MIN_RELATIVE_GAIN * self._previous_sum.abs()).all()):
                    self.total = self.index + self._cooldown_steps
            self._previous_sum, self._sum = self._sum, None
