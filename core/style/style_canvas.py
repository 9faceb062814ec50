"""The canvas of style transfer: a picture whose pixels are free, and the momentum of its painting.

Adam as in K. Crowson's style-transfer-pytorch (2021): its moments are carried from one size to the
next, so that it does not begin anew each time, and what counts is not where the last step happened
to lead but an average over the steps, which is free of the steps' own noise.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.optim.canvases import Canvas, inverse_frequency
from core.optim.lbfgs import LBFGS

# Memory of Adam: of the gradient, and of its square; and of the average over steps.
BETAS = (0.9, 0.99)
AVERAGE = 0.99
# How far Adam moves a pixel in a step, in units of the range.
ADAM_RATE = 0.02
# To which power of its frequency a wave is damped in the first guess at the inverse curvature: 0.5
# is best where sizes grow and only fine waves are left; at one size alone up to 1 does as well.
SOFTNESS = 0.5


@dataclass(frozen=True)
class AdamState:
    """Where Adam was heading: its two moments, ``[1, 3, H, W]`` each, after so many steps."""

    steps: Tensor
    first: Tensor
    second: Tensor

    def resized(self, size: tuple[int, int]) -> "AdamState":
        """Carry it over to a picture of (height, width)."""
        first = F.interpolate(self.first, size, mode="bicubic", align_corners=False)
        second = F.interpolate(self.second, size, mode="bilinear", align_corners=False)
        return AdamState(self.steps.clone(), first, second.clamp_(min=0))


class FrequencyPreconditioner:
    """The first guess at the inverse curvature of what is held against a picture.

    Costs curve the more, the finer the wave that is added to a picture; left to itself, L-BFGS
    spends most of its steps on finding that out. Here fine waves are damped from the beginning, and
    a picture comes as low in half of the steps (``python -m benchmarks.softness``).
    """

    def __init__(self, size: tuple[int, int]) -> None:
        """Make the guess for pictures of (height, width)."""
        self.size = size
        self.scale = inverse_frequency(size) ** SOFTNESS  # [H, W // 2 + 1]

    def __call__(self, gradient: Tensor) -> Tensor:
        """Damp the fine waves in gradients ``[N, C, H, W]``."""
        scale = self.scale.to(gradient)
        soft = torch.empty_like(gradient)
        # Channel by channel: spectra of large pictures fill as much memory as the pictures.
        for channel in range(gradient.shape[1]):
            spectrum = torch.fft.rfft2(gradient[:, channel]) * scale
            soft[:, channel] = torch.fft.irfft2(spectrum, s=self.size)
        return soft


class StyleCanvas(Canvas):
    """One picture whose pixels are free, kept in ``[0, 1]``.

    Attributes:
        values: ``[1, 3, H, W]``.
    """

    # In units of how strongly a cost pulls at a pixel in the beginning. Without it, Adam moves what
    # the network hardly sees, such as the last row, as far as all else: bright dots at the border.
    damping = 0.1

    def __init__(
        self,
        image: Tensor,
        rate: float = 1.0,
        method: str = "lbfgs",
        momentum: AdamState | None = None,
        base: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> None:
        """Begin.

        Args:
            image: ``[1, 3, H, W]`` in ``[0, 1]``.
            rate: how far a step leads, 1 for the usual.
            method: ``adam`` or ``lbfgs``.
            momentum: of Adam at the size before, already of this size; none to begin anew.
            base: ``[1, 3, H, W]``, what is seen where the mask is black.
            mask: ``[1, 1, H, W]`` in ``[0, 1]``, where there is painted; none for everywhere.
        """
        super().__init__()
        # Optimisers read pixels, gradients and moments as rows of memory: all must lie alike.
        self.values = nn.Parameter(image.clone(memory_format=torch.contiguous_format))
        self.learning_rate = rate * (ADAM_RATE if method == "adam" else 1.0)
        self.method, self.base, self.mask = method, base, mask
        self._momentum = momentum
        self._average = torch.zeros_like(self.values, requires_grad=False)
        self._steps = 0
        self._adam: torch.optim.Optimizer | None = None
        self._descent: LBFGS | None = None

    def forward(self) -> Tensor:
        """Draw the picture, ``[1, 3, H, W]`` in ``[0, 1]``."""
        return self._shown(self.values)

    def optimiser(self, learning_rate: float, damping: float) -> torch.optim.Optimizer:
        """Make Adam, with the momentum that it had, or L-BFGS."""
        if self.method == "lbfgs":
            height, width = self.values.shape[2:]
            self._descent = LBFGS(
                self.values, learning_rate, FrequencyPreconditioner((height, width))
            )
            return self._descent
        adam = torch.optim.Adam(
            self.parameters(), lr=learning_rate, betas=BETAS, eps=damping, fused=True
        )
        if self._momentum is not None:
            adam.state[self.values] = {
                "step": self._momentum.steps.clone(),
                "exp_avg": self._momentum.first.clone(memory_format=torch.contiguous_format),
                "exp_avg_sq": self._momentum.second.clone(memory_format=torch.contiguous_format),
            }
        self._adam = adam
        return adam

    def refine_gradients(self) -> None:
        """Leave them as they are: how they shrink tells how far there is to go."""

    def finish_step(self) -> None:
        """Keep colours in their range, and remember the average over steps."""
        with torch.no_grad():
            self.values.clamp_(0, 1)
            if self._descent is None:
                self._average.lerp_(self.values, 1 - AVERAGE)
        self._steps += 1

    @property
    def painted(self) -> Tensor:
        """The picture so far, ``[1, 3, H, W]`` in ``[0, 1]``.

        For Adam the average over steps, for L-BFGS the best one that was looked at.
        """
        if self._descent is not None:
            return self._shown(self._descent.best)
        if not self._steps:
            return self._shown(self.values.detach())
        # As for Adam's own moments: the average began at nothing.
        average = self._average / (1 - AVERAGE**self._steps)
        return self._shown(average.clamp(0, 1))

    @property
    def momentum(self) -> AdamState | None:
        """Where Adam is heading."""
        state = self._adam.state[self.values] if self._adam is not None else None
        return AdamState(state["step"], state["exp_avg"], state["exp_avg_sq"]) if state else None

    def _shown(self, values: Tensor) -> Tensor:
        if self.mask is None or self.base is None:
            return values
        shown: Tensor = torch.lerp(self.base, values, self.mask)
        return shown
