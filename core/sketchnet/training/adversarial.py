"""Adversarial examples: perturbations of images with a limited L2 norm that increase the loss.

`one_step` follows Wong, Rice and Kolter, "Fast is better than free" (2020), but with L2 norms.
`pgd` is projected gradient descent: Madry et al., "Towards deep learning models resistant to
adversarial attacks" (2017). `eps` is the largest L2 norm of a perturbation of an image in [0, 1].
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from core.sketchnet.model import SketchNet, normalise

STEP = 1.25  # step size of the one-step attack, in units of eps
PGD_STEPS = 20  # default number of steps of the many-step attack
PGD_STEP = 2.5  # step size of the many-step attack, in units of eps / steps

TINY = 1e-12


def logits(model: SketchNet, images: Tensor, half: bool = True) -> Tensor:
    """Return float32 logits [N, classes] of images [N, 3, H, W] in [0, 1].

    With `half`, the network computes in bfloat16.
    """
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        out: Tensor = model(normalise(images)).float()
    return out


def norms(perturbation: Tensor) -> Tensor:
    """Return the L2 norm of each image's perturbation, [N, 1, 1, 1]."""
    length: Tensor = torch.linalg.vector_norm(perturbation, dim=(1, 2, 3), keepdim=True)
    return length


def project(perturbation: Tensor, eps: float) -> Tensor:
    """Scale each image's perturbation down so that its L2 norm is at most `eps`.

    Perturbations [N, 3, H, W] with smaller norms are returned unchanged.
    """
    return perturbation * (eps / norms(perturbation).clamp_min(max(eps, TINY)))


def random_perturbation(images: Tensor, eps: float, generator: torch.Generator) -> Tensor:
    """Return a random perturbation [N, 3, H, W]: for each image a direction and a norm up to `eps`.

    The generator must be on the device of the images.
    """
    device = images.device
    noise = torch.randn(images.shape, generator=generator, device=device).contiguous(
        memory_format=torch.channels_last
    )
    radius = eps * torch.rand((len(images), 1, 1, 1), generator=generator, device=device)
    return noise * (radius / norms(noise).clamp_min(TINY))


def ascend(
    model: SketchNet, images: Tensor, labels: Tensor, perturbation: Tensor, step: float, half: bool
) -> Tensor:
    """Return the perturbation after one gradient step that increases the cross-entropy loss.

    The step has the L2 norm `step` for each image. With `half`, the network computes in bfloat16.
    """
    perturbed = (images + perturbation).clamp(0.0, 1.0).requires_grad_(True)
    loss = F.cross_entropy(logits(model, perturbed, half), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, perturbed)
    return perturbation + gradient * (step / norms(gradient).clamp_min(TINY))


def one_step(
    model: SketchNet, images: Tensor, labels: Tensor, eps: float, generator: torch.Generator
) -> Tensor:
    """Return adversarial images [N, 3, H, W] in [0, 1].

    They are computed by one gradient step from a random perturbation of `images`.
    """
    start = random_perturbation(images, eps, generator)
    perturbation = project(ascend(model, images, labels, start, STEP * eps, half=True), eps)
    return (images + perturbation).clamp(0.0, 1.0).detach()


def pgd(
    model: SketchNet,
    images: Tensor,
    labels: Tensor,
    eps: float,
    generator: torch.Generator,
    steps: int = PGD_STEPS,
    half: bool = True,
) -> Tensor:
    """Return adversarial images [N, 3, H, W] in [0, 1].

    They are computed by several gradient steps from a random perturbation of `images`. After each
    step the perturbation is scaled down to a norm of at most `eps`.
    """
    perturbation = random_perturbation(images, eps, generator)
    step = PGD_STEP * eps / steps
    for _ in range(steps):
        perturbation = project(ascend(model, images, labels, perturbation, step, half), eps)
    return (images + perturbation).clamp(0.0, 1.0).detach()
