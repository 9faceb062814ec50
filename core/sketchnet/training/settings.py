"""Settings of a training run of SketchNet: its sizes, rates and schedules."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.sketchnet.model import WIDTHS
from core.sketchworld.world import SIZE

REPORTS = 8  # evaluations during a run


@dataclass(frozen=True)
class TrainingSettings:
    """All settings that influence the result of a training run.

    Attributes:
        seed: seed of the drawings, the initial weights and all other random numbers.
        drawings: number of drawings in the training set.
        epochs: number of epochs; it may be fractional.
        batch: number of drawings in a batch.
        parts: parts of a batch, each on one thread and with its own normalisation statistics.
        rate: peak learning rate of SGD with Nesterov momentum.
        momentum: momentum of SGD.
        decay: weight decay, of convolution and linear weights only.
        average: decay of the running average of the weights. This average is the result.
        eps: L2 radius of the attack at 64 pixels; it shrinks with the side of the images.
        warm_up: share of the steps in which the learning rate rises.
        plain: share of the steps after which adversarial examples begin.
        ramp: share of the steps after which the radius of the attack has reached ``eps``.
        small: share of the steps in which the images have ``small_side`` pixels.
        small_side: side in pixels of the images at first.
        widths: channels of each stage.
    """

    seed: int = 0
    drawings: int = 200_000
    epochs: float = 3.2
    batch: int = 128
    parts: int = 2
    rate: float = 0.1
    momentum: float = 0.9
    decay: float = 5e-4
    average: float = 0.998
    eps: float = 1.5
    warm_up: float = 0.04
    plain: float = 0.10
    ramp: float = 0.30
    small: float = 0.60
    small_side: int = 48
    widths: tuple[int, ...] = WIDTHS

    @property
    def epoch_steps(self) -> int:
        """The steps of one epoch; drawings that do not fill a batch are left out of the epoch."""
        return self.drawings // self.batch

    @property
    def steps(self) -> int:
        """The steps of the whole run."""
        return round(self.epochs * self.epoch_steps)

    @property
    def report_steps(self) -> set[int]:
        """The steps after which the network is evaluated."""
        return {round(self.steps * (part + 1) / REPORTS) for part in range(REPORTS)}

    def rate_at(self, step: int) -> float:
        """Return the learning rate: a linear warm-up, then half a cosine down to zero."""
        done = (step + 1) / self.steps
        if done < self.warm_up:
            return self.rate * done / self.warm_up
        cosine = math.cos(math.pi * (done - self.warm_up) / (1 - self.warm_up))
        return self.rate * 0.5 * (1 + cosine)

    def side_at(self, step: int) -> int:
        """Return the side of the images in pixels."""
        return self.small_side if step < self.small * self.steps else SIZE

    def eps_at(self, step: int) -> float:
        """Return the L2 radius of the attack at this step's image size."""
        ramped = (step / self.steps - self.plain) / max(self.ramp - self.plain, 1e-9)
        return self.eps * min(max(ramped, 0.0), 1.0) * self.side_at(step) / SIZE
