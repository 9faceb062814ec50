"""The canvas of style transfer: one image with free pixels, optimised by L-BFGS or Adam.

Adam is used as in K. Crowson's style-transfer-pytorch (2021): Adam's moments are carried over from
one image size to the next. The result is not the image after the last step but an average over the
steps, which has less noise.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.devices import falls_back
from core.images.resize import resize_image
from core.optim.canvases import Canvas, inverse_frequency
from core.optim.lbfgs import LBFGS
from core.optim.optimisers import Adam

# Decay rates of Adam's moments (BETAS), and of the average of the image over steps.
BETAS = (0.9, 0.99)
AVERAGE_DECAY = 0.99
# Default step size of Adam, in units of the range of pixels.
ADAM_RATE = 0.02
# Exponent p of the preconditioner, which divides the coefficient of each frequency f by f^p. 0.5 is
# best if the image is optimised at several growing sizes, so that mainly high frequencies change at
# each size. For a single size, exponents up to 1 are as good as 0.5.
PRECONDITIONER_POWER = 0.5


@dataclass(frozen=True)
class AdamState:
    """State of Adam.

    Attributes:
        steps: number of steps done, a scalar.
        first, second: Adam's first and second moments, ``[1, 3, H, W]`` each.
    """

    steps: Tensor
    first: Tensor
    second: Tensor

    def resized(self, size: tuple[int, int]) -> "AdamState":
        """Return the state for an image of (height, width)."""
        first, second = (resize_image(it, size) for it in (self.first, self.second))
        return AdamState(self.steps.clone(), first, second.clamp(min=0))


class FrequencyPreconditioner:
    """Preconditioner for L-BFGS: a fixed estimate of the inverse Hessian of the loss.

    The curvature of the loss is larger for changes of the image with a higher frequency. Without a
    preconditioner, L-BFGS needs most of its steps to estimate this. If high frequencies of the
    gradient are damped from the first step, L-BFGS reaches the same loss in half of the steps
    (``python -m benchmarks.style_optimiser``).
    """

    def __init__(self, size: tuple[int, int]) -> None:
        """Compute the scale of each frequency for images of (height, width).

        Images are padded with zeros to a height and a width whose Fourier transform is fast. The
        preconditioner stays symmetric and positive definite, as what is padded is cut off again.
        """
        height, width = map(_fast_length, size)
        scale = inverse_frequency((height, width)) ** PRECONDITIONER_POWER
        self.padded, self.scale = (height, width), scale  # [height, width // 2 + 1]

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return gradients ``[N, C, H, W]`` with damped high frequencies."""
        # Converted once, and not at every step.
        self.scale = self.scale.to(gradient)
        return _damped(gradient, self.scale, self.padded)


def _fast_length(length: int) -> int:
    """Return the least length, at least as large, without prime factors above 5."""
    rest = length
    for prime in (2, 3, 5):
        while rest % prime == 0:
            rest //= prime
    return length if rest == 1 else _fast_length(length + 1)


@falls_back
def _damped(gradient: Tensor, scale: Tensor, padded: tuple[int, int]) -> Tensor:
    """Return gradients ``[N, C, H, W]`` whose frequencies are multiplied by ``scale``.

    ``padded`` is the (height, width) to which they are padded with zeros.
    """
    height, width = gradient.shape[2:]
    damped = torch.empty_like(gradient)
    # Channel by channel to save memory: a spectrum is as large as its image.
    for channel in range(gradient.shape[1]):
        spectrum = torch.fft.rfft2(gradient[:, channel], s=padded) * scale
        damped[:, channel] = torch.fft.irfft2(spectrum, s=padded)[..., :height, :width]
    return damped


class StyleCanvas(Canvas):
    """One image with free pixels, clamped to ``[0, 1]``.

    Attributes:
        values: the pixels, ``[1, 3, H, W]``.
    """

    # Gradients are scaled so that the initial gradient of a single loss has a root mean square of
    # about its weight, see ``loss_builder.gradient_norms``. Without damping, Adam would change
    # pixels with tiny gradients, such as those of the last row, as much as all other pixels. This
    # would cause bright dots at the border.
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
            adam_state: moments to continue from, of the same size as the image; None to start with
                moments of 0.
            base: image that is shown where the mask is 0, ``[1, 3, H, W]``.
            mask: weight of the free pixels against the base, ``[1, 1, H, W]`` in ``[0, 1]``; None
                for 1 everywhere.
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
        """Return L-BFGS, or Adam with the moments from which it continues."""
        if self.method == "lbfgs":
            height, width = self.values.shape[2:]
            preconditioner = FrequencyPreconditioner((height, width))
            self._lbfgs = LBFGS(self.values, learning_rate, preconditioner)
            return self._lbfgs
        adam = Adam(self.parameters(), lr=learning_rate, betas=BETAS, eps=damping, fused=True)
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
        """Leave gradients unchanged, unlike ``Canvas``.

        Both optimisers use the fact that gradients become smaller as the loss falls.
        """

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

        With Adam it is the average over steps, with L-BFGS the image with the lowest loss.
        """
        if self._lbfgs is not None:
            return self._blend(self._lbfgs.best)
        if not self._steps:
            return self._blend(self.values.detach())
        # Correct the bias of the average, which started at zero, as Adam does for its moments.
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
