"""Adversarial examples: the change of a picture within an L2 ball that misleads a network most.

One step: Wong, Rice and Kolter, "Fast is better than free" (2020), carried over to L2. Many steps:
Madry et al., "Towards deep learning models resistant to adversarial attacks" (2017).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from core.sketchnet.model import SketchNet, normalise

STEP = 1.25  # of the one-step attack, in units of eps
PGD_STEPS = 20
PGD_STEP = 2.5  # of the many-step attack, in units of eps / steps

TINY = 1e-12


def logits(model: SketchNet, images: Tensor, half: bool = True) -> Tensor:
    """Return float32 logits [N, classes] of images in [0, 1], computed in bf16 with `half`."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        out: Tensor = model(normalise(images)).float()
    return out


def norms(change: Tensor) -> Tensor:
    """Return each picture's L2 norm, [N, 1, 1, 1]."""
    length: Tensor = torch.linalg.vector_norm(change, dim=(1, 2, 3), keepdim=True)
    return length


def project(change: Tensor, eps: float) -> Tensor:
    """Return the nearest changes [N, 3, H, W] of norm at most `eps`."""
    return change * (eps / norms(change).clamp_min(max(eps, TINY)))


def within(change: Tensor, eps: float, generator: torch.Generator) -> Tensor:
    """Draw a change in the ball of radius `eps`: any direction, any norm up to `eps`.

    The generator is one of the device where `change` is.
    """
    where = change.device
    noise = torch.randn(change.shape, generator=generator, device=where).contiguous(
        memory_format=torch.channels_last
    )
    radius = eps * torch.rand((len(change), 1, 1, 1), generator=generator, device=where)
    return noise * (radius / norms(noise).clamp_min(TINY))


def climb(
    model: SketchNet, images: Tensor, labels: Tensor, change: Tensor, step: float, half: bool
) -> Tensor:
    """Return the change after one step of length `step` up the loss."""
    moved = (images + change).clamp(0.0, 1.0).requires_grad_(True)
    loss = F.cross_entropy(logits(model, moved, half), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, moved)
    return change + gradient * (step / norms(gradient).clamp_min(TINY))


def one_step(
    model: SketchNet, images: Tensor, labels: Tensor, eps: float, generator: torch.Generator
) -> Tensor:
    """Return adversarial images [N, 3, H, W] in [0, 1], one step from a random start."""
    change = within(images, eps, generator)
    change = project(climb(model, images, labels, change, STEP * eps, half=True), eps)
    return (images + change).clamp(0.0, 1.0).detach()


def pgd(
    model: SketchNet,
    images: Tensor,
    labels: Tensor,
    eps: float,
    generator: torch.Generator,
    steps: int = PGD_STEPS,
    half: bool = True,
) -> Tensor:
    """Return adversarial images after many projected steps from a random start."""
    change = within(images, eps, generator)
    for _ in range(steps):
        change = project(climb(model, images, labels, change, PGD_STEP * eps / steps, half), eps)
    return (images + change).clamp(0.0, 1.0).detach()
