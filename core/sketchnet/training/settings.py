"""What decides how a training of SketchNet ends: its sizes, rates and schedules."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.sketchnet.model import WIDTHS
from core.sketchworld.world import SIZE

REPORTS = 8  # how often a run is measured


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides what a training run ends with."""

    seed: int = 0
    drawings: int = 200_000
    epochs: float = 3.2
    batch: int = 128
    parts: int = 2  # of a batch, each on one thread with normalisation statistics of its own
    rate: float = 0.1  # peak learning rate of SGD with Nesterov momentum
    momentum: float = 0.9
    decay: float = 5e-4  # of convolution and linear weights only
    average: float = 0.998  # decay of the running average of the weights, which is what ships
    eps: float = 1.5  # L2 radius at 64 pixels; shrinks with the side of the picture
    warm_up: float = 0.04  # these four: shares of all steps
    plain: float = 0.10  # until then no adversarial examples
    ramp: float = 0.30  # until then eps grows
    small: float = 0.60  # until then pictures of `small_side`
    small_side: int = 48
    widths: tuple[int, ...] = WIDTHS

    @property
    def epoch_steps(self) -> int:
        """Return the steps of one epoch; what is left over waits for the next shuffle."""
        return self.drawings // self.batch

    @property
    def steps(self) -> int:
        """Return the steps of the whole run."""
        return round(self.epochs * self.epoch_steps)

    @property
    def report_steps(self) -> set[int]:
        """Return the steps after which the run is measured."""
        return {round(self.steps * (part + 1) / REPORTS) for part in range(REPORTS)}

    def rate_at(self, step: int) -> float:
        """Return the learning rate: a linear warm-up, then half a cosine down to nothing."""
        at = (step + 1) / self.steps
        if at < self.warm_up:
            return self.rate * at / self.warm_up
        return self.rate * 0.5 * (1 + math.cos(math.pi * (at - self.warm_up) / (1 - self.warm_up)))

    def side_at(self, step: int) -> int:
        """Return the side of the pictures in pixels."""
        return self.small_side if step < self.small * self.steps else SIZE

    def eps_at(self, step: int) -> float:
        """Return the L2 radius of the attack at this step's picture size."""
        risen = (step / self.steps - self.plain) / max(self.ramp - self.plain, 1e-9)
        return self.eps * min(max(risen, 0.0), 1.0) * self.side_at(step) / SIZE
