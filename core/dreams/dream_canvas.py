"""The canvas of a dream: a picture, and what is changed in it.

The pixels themselves are free. Their gradient is taken apart into bands of detail that each count
the same (a Laplacian pyramid, Burt and Adelson 1983; Mordvintsev's DeepDream notebook of 2015), for
else the finest grain drowns all else. After every step the change as a whole is brought to a
prescribed strength, so that layers whose gradients all point one way are no louder than others.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.images.colours import limit_chroma
from core.optim.canvases import Canvas

# Bands of detail that a gradient is taken apart into; coarser ones come from the octaves.
BANDS = 4
# Each coarser band weighs so much more: natural pictures hold more of it.
COARSER = 1.4
# A step is so much longer than the change may grow by, as steps do not all lead the same way.
EAGERNESS = 1.5


class DreamCanvas(Canvas):
    """One picture whose pixels are free, held to a prescribed strength of change.

    Attributes:
        values: ``[1, 3, H, W]``, the picture as it is, in ``[0, 1]``.
    """

    damping = 0.0

    def __init__(
        self,
        base: Tensor,
        detail: Tensor | None,
        mask: Tensor | None,
        strengths: tuple[float, float],
        steps: int,
    ) -> None:
        """Begin.

        Args:
            base: ``[1, 3, H, W]`` in ``[0, 1]``, the untouched picture.
            detail: the same shape, what is changed in it already; none for nothing.
            mask: ``[1, 1, H, W]`` in ``[0, 1]``, where it may change; none for everywhere.
            strengths: root mean square of the change, in units of the range, before the first
                step and after the last; where there is a mask, weighted by it.
            steps: how many steps there will be.
        """
        super().__init__()
        # In half precision's bytes: only differences to it count, and 8 bits held it before.
        self.base = base
        self.mask = mask
        begun = base.clone() if detail is None else (base + detail).clamp_(0, 1)
        self.values = nn.Parameter(begun)
        self.strengths, self.steps, self.taken = strengths, steps, 0
        self.learning_rate = EAGERNESS * abs(strengths[1] - strengths[0]) / steps

    def forward(self) -> Tensor:
        """Draw the picture, ``[1, 3, H, W]`` in ``[0, 1]``."""
        return self.values

    @property
    def detail(self) -> Tensor:
        """What is changed, ``[1, 3, H, W]`` in ``[-1, 1]``."""
        return self.values.detach() - self.base

    def optimiser(self, learning_rate: float, damping: float) -> torch.optim.Optimizer:
        """Make plain gradient ascent, which needs no memory beside the gradient."""
        return torch.optim.SGD(self.parameters(), lr=learning_rate)

    def refine_gradients(self) -> None:
        """Let every band of detail count the same, and nothing outside the mask."""
        if self.values.grad is not None:
            equalise_bands(self.values.grad)
            limit_chroma(self.values.grad)
            if self.mask is not None:
                self.values.grad.mul_(self.mask)

    def settle(self) -> None:
        """Bring the change to its strength, and colours into their range."""
        self.taken += 1
        before, after = self.strengths
        wanted = before + (after - before) * self.taken / self.steps
        with torch.no_grad():
            self.values.sub_(self.base)
            now = root_mean_square(self.values, self.mask)
            if now > 0:
                self.values.mul_(wanted / now)
            self.values.add_(self.base).clamp_(0, 1)


def root_mean_square(detail: Tensor, mask: Tensor | None = None) -> float:
    """Measure a change ``[1, 3, H, W]``: its root mean square, where the mask lets it be."""
    share = 1.0 if mask is None else float(mask.square().mean())
    mean = float(torch.linalg.vector_norm(detail)) ** 2 / detail.numel()
    return (mean / share) ** 0.5 if share else 0.0


def equalise_bands(gradient: Tensor, bands: int = BANDS) -> None:
    """Give each band of a gradient ``[1, 3, H, W]`` a root mean square of 1, in place.

    Band ``k`` is what the picture of half the size, ``k`` times over, holds beside the next smaller
    one: ``b_k = g_k - up(g_{k+1})`` with ``g_0`` the gradient and ``g_{k+1} = down(g_k)``, the mean
    of two by two pixels. The result is the sum of the bands, each divided by its root mean square
    and enlarged to full size.
    """
    if bands == 1 or min(gradient.shape[2:]) < 2:
        _to_unit(gradient)
        return
    coarser = F.avg_pool2d(gradient, 2, ceil_mode=True, count_include_pad=False)
    gradient.sub_(_enlarged(coarser, gradient))
    _to_unit(gradient)
    equalise_bands(coarser, bands - 1)
    gradient.add_(_enlarged(coarser, gradient), alpha=COARSER)


def _enlarged(image: Tensor, like: Tensor) -> Tensor:
    size = [like.shape[2], like.shape[3]]
    return F.interpolate(image, size, mode="bilinear", align_corners=False)


def _to_unit(values: Tensor) -> None:
    size = float(torch.linalg.vector_norm(values)) / values.numel() ** 0.5
    if size > 0:
        values.div_(size)
