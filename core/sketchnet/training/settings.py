"""Settings of a training run of SketchNet, and the schedules that are computed from them."""

import math
from dataclasses import dataclass

from core.sketchnet.model import WIDTHS
from core.sketchworld.world import SIZE

REPORTS = 8  # number of evaluations during a run


@dataclass(frozen=True)
class TrainingSettings:
    """All settings that influence the result of a training run."""

    seed: int = 0
    drawings: int = 200_000  # drawings in the training set
    epochs: float = 3.2
    batch: int = 128  # drawings in a batch
    parts: int = 2  # parts of a batch; each has one thread and its own batch statistics
    rate: float = 0.1  # peak learning rate of SGD with Nesterov momentum
    momentum: float = 0.9
    decay: float = 5e-4  # weight decay, of convolution and linear weights only
    average: float = 0.998  # decay of the running average of the weights; the average is the result
    eps: float = 1.5  # L2 radius of the attack on images of 64 pixels; scaled with the images' side
    warm_up: float = 0.04  # share of the steps in which the learning rate rises
    plain: float = 0.10  # share of the steps at the start without adversarial examples
    ramp: float = 0.30  # share of the steps after which the attack has the full radius `eps`
    small: float = 0.60  # share of the steps at the start with images of side `small_side`
    small_side: int = 48  # pixels
    widths: tuple[int, ...] = WIDTHS  # number of channels in each stage

    @property
    def epoch_steps(self) -> int:
        """The number of steps of one epoch.

        The last drawings of an epoch are left out if they do not fill a batch.
        """
        return self.drawings // self.batch

    @property
    def steps(self) -> int:
        """The number of steps of the whole run."""
        return round(self.epochs * self.epoch_steps)

    @property
    def report_steps(self) -> set[int]:
        """The numbers of the steps after which the network is evaluated."""
        return {round(self.steps * (part + 1) / REPORTS) for part in range(REPORTS)}

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step: a linear warm-up, then half a cosine down to zero."""
        done = (step + 1) / self.steps
        if done < self.warm_up:
            return self.rate * done / self.warm_up
        cosine = math.cos(math.pi * (done - self.warm_up) / (1 - self.warm_up))
        return self.rate * 0.5 * (1 + cosine)

    def side_at(self, step: int) -> int:
        """Return the side in pixels of the training images of a step."""
        return self.small_side if step < self.small * self.steps else SIZE

    def eps_at(self, step: int) -> float:
        """Return the L2 radius of the attack in a step, in proportion to the images' side."""
        ramped = (step / self.steps - self.plain) / max(self.ramp - self.plain, 1e-9)
        return self.eps * min(max(ramped, 0.0), 1.0) * self.side_at(step) / SIZE
