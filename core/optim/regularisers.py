"""What is held against an image: objectives that read the image itself, to be subtracted.

They look at ``objectives.IMAGE``, the picture before it is moved. All are means over colours and
pixels, so that a weight means the same at every size.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from core.optim.objectives import IMAGE, Activations, Objective

# Lucid's blur: what each step would like to take away.
BLUR_KERNEL = ((1, 2, 1), (2, 4, 2), (1, 2, 1))
GREY = 0.5


def total_variation() -> Objective:
    """Count differences between neighbours: mean ``|difference|`` down plus mean to the right.

    The anisotropic total variation of Rudin, Osher and Fatemi (1992), per pixel.
    """

    def value(activations: Activations) -> Tensor:
        image = activations[IMAGE]
        down = image.diff(dim=2).abs().flatten(1).mean(1)
        right = image.diff(dim=3).abs().flatten(1).mean(1)
        return down + right

    return Objective(frozenset({IMAGE}), value)


def squared_variation() -> Objective:
    """Count differences between neighbours: the mean of their squares, down plus to the right.

    Beside the total variation it minds edges more and faint grain less, and has a gradient that
    falls to zero with the difference, so that large steps do not make grain of it.
    """

    def value(activations: Activations) -> Tensor:
        image = activations[IMAGE]
        down = image.diff(dim=2).square().flatten(1).mean(1)
        right = image.diff(dim=3).square().flatten(1).mean(1)
        return down + right

    return Objective(frozenset({IMAGE}), value)


def contrast() -> Objective:
    """Count distance from grey: the mean of ``(image - 0.5) ** 2``, the L2 penalty."""
    return Objective(
        frozenset({IMAGE}), lambda seen: (seen[IMAGE] - GREY).square().flatten(1).mean(1)
    )


def sharpness() -> Objective:
    """Count distance from one's own blurred self: what a blur at each step would take away.

    ``mean((image - blurred) ** 2) / 2`` with the blurred image held still, so that the gradient
    leads to it (Lucid's ``blur_input_each_step``; Nguyen, Yosinski and Clune 2015 blur by hand).
    """

    def value(activations: Activations) -> Tensor:
        image = activations[IMAGE]
        blurred = _blurred(image.detach())
        return (image - blurred).square().flatten(1).mean(1) / 2

    return Objective(frozenset({IMAGE}), value)


def _blurred(image: Tensor) -> Tensor:
    """Blur each colour by ``BLUR_KERNEL``, mirrored at the border."""
    kernel = torch.tensor(BLUR_KERNEL).to(image)
    kernel = (kernel / kernel.sum()).expand(image.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(image, (1, 1, 1, 1), mode="reflect"), kernel, groups=image.shape[1])
