"""The canvas of style transfer: one image with free pixels, optimised by L-BFGS or Adam.

Adam is used as in K. Crowson's style-transfer-pytorch (2021): its moments are carried over from one
image size to the next, and the result is not the last image but an average over the steps, which
has less noise.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.optim.canvases import Canvas, inverse_frequency
from core.optim.lbfgs import LBFGS

# Decay rates of Adam's moments, and of the average over steps.
BETAS = (0.9, 0.99)
AVERAGE_DECAY = 0.99
# Default step size of Adam, in units of the range of pixels.
ADAM_RATE = 0.02
# Exponent of the preconditioner, which divides each wave by its frequency to this power. 0.5 is
# best if the image grows from size to size, so that only high frequencies change at a size. For a
# single size, exponents up to 1 are as good.
PRECONDITIONER_POWER = 0.5


@dataclass(frozen=True)
class AdamState:
    """State of Adam.

    Attributes:
        steps: number of steps done, a scalar.
        first, second: the moments, ``[1, 3, H, W]``.
    """

    steps: Tensor
    first: Tensor
    second: Tensor

    def resized(self, size: tuple[int, int]) -> "AdamState":
        """Return the state for an image of (height, width)."""
        first = F.interpolate(self.first, size, mode="bicubic", align_corners=False)
        second = F.interpolate(self.second, size, mode="bilinear", align_corners=False)
        return AdamState(self.steps.clone(), first, second.clamp_(min=0))


class FrequencyPreconditioner:
    """Preconditioner for L-BFGS: a fixed estimate of the inverse Hessian of the loss.

    The curvature of the loss grows with the frequency of a change of the image. Without a
    preconditioner, L-BFGS needs most of its steps to learn this. With high frequencies damped from
    the first step, it reaches the same loss in half of the steps
    (``python -m benchmarks.softness``).
    """

    def __init__(self, size: tuple[int, int]) -> None:
        """Compute the scale of each frequency for images of (height, width)."""
        self.size = size
        self.scale = inverse_frequency(size) ** PRECONDITIONER_POWER  # [H, W // 2 + 1]

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return gradients ``[N, C, H, W]`` with damped high frequencies."""
        scale = self.scale.to(gradient)
        damped = torch.empty_like(gradient)
        # Channel by channel to save memory: a spectrum is as large as its image.
        for channel in range(gradient.shape[1]):
            spectrum = torch.fft.rfft2(gradient[:, channel]) * scale
            damped[:, channel] = torch.fft.irfft2(spectrum, s=self.size)
        return damped


class StyleCanvas(Canvas):
    """One image with free pixels, clamped to ``[0, 1]``.

    Attributes:
        values: the pixels, ``[1, 3, H, W]``.
    """

    # Relative to the initial gradient of a single loss, see ``loss_builder.gradient_norms``.
    # Without damping, Adam moves pixels with tiny gradients, such as the last row, as far as all
    # others, which gives bright dots at the border.
    damping = 0.1

    def __init__(
        self,
        image: Tensor,
        rate: float = 1.0,
        method: str = "lbfgs",
        adam_state: AdamState | None = None,
        base: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> None:
        """Create a canvas.

        Args:
            image: initial image, ``[1, 3, H, W]`` in ``[0, 1]``.
            rate: step size relative to the default.
            method: ``adam`` or ``lbfgs``.
            adam_state: state to continue from, of the image's size; None to start without one.
            base: ``[1, 3, H, W]``, shown where the mask is 0.
            mask: weight of the free pixels, ``[1, 1, H, W]`` in ``[0, 1]``; None for 1 everywhere.
        """
        super().__init__()
        # Pixels, gradients and moments need the same memory layout for the fused optimiser and for
        # L-BFGS.
        self.values = nn.Parameter(image.clone(memory_format=torch.contiguous_format))
        self.learning_rate = rate * (ADAM_RATE if method == "adam" else 1.0)
        self.method, self.base, self.mask = method, base, mask
        self._initial_state = adam_state
        self._average = torch.zeros_like(self.values, requires_grad=False)
        self._steps = 0
        self._adam: torch.optim.Optimizer | None = None
        self._lbfgs: LBFGS | None = None

    def forward(self) -> Tensor:
        """Return the image, ``[1, 3, H, W]`` in ``[0, 1]``."""
        return self._blend(self.values)

    def optimiser(self, learning_rate: float, damping: float) -> torch.optim.Optimizer:
        """Return L-BFGS, or Adam in its carried-over state."""
        if self.method == "lbfgs":
            height, width = self.values.shape[2:]
            preconditioner = FrequencyPreconditioner((height, width))
            self._lbfgs = LBFGS(self.values, learning_rate, preconditioner)
            return self._lbfgs
        adam = torch.optim.Adam(
            self.parameters(), lr=learning_rate, betas=BETAS, eps=damping, fused=True
        )
        if self._initial_state is not None:
            state, layout = self._initial_state, torch.contiguous_format
            adam.state[self.values] = {
                "step": state.steps.clone(),
                "exp_avg": state.first.clone(memory_format=layout),
                "exp_avg_sq": state.second.clone(memory_format=layout),
            }
        self._adam = adam
        return adam

    def refine_gradients(self) -> None:
        """Leave gradients unchanged: both optimisers use how their size falls during descent."""

    def finish_step(self) -> None:
        """Clamp pixels to ``[0, 1]``, and update the average over steps."""
        with torch.no_grad():
            self.values.clamp_(0, 1)
            if self._lbfgs is None:
                self._average.lerp_(self.values, 1 - AVERAGE_DECAY)
        self._steps += 1

    @property
    def result(self) -> Tensor:
        """The image so far, ``[1, 3, H, W]`` in ``[0, 1]``.

        For Adam the average over steps, for L-BFGS the image with the lowest loss.
        """
        if self._lbfgs is not None:
            return self._blend(self._lbfgs.best)
        if not self._steps:
            return self._blend(self.values.detach())
        # Correct the bias of an average that started at zero, as for Adam's moments.
        average = self._average / (1 - AVERAGE_DECAY**self._steps)
        return self._blend(average.clamp(0, 1))

    @property
    def adam_state(self) -> AdamState | None:
        """Present state of Adam; None for L-BFGS, or before the first step."""
        state = self._adam.state[self.values] if self._adam is not None else None
        return AdamState(state["step"], state["exp_avg"], state["exp_avg_sq"]) if state else None

    def _blend(self, values: Tensor) -> Tensor:
        """Return the pixels, blended with the base by the mask."""
        if self.mask is None or self.base is None:
            return values
        blended: Tensor = torch.lerp(self.base, values, self.mask)
        return blended
