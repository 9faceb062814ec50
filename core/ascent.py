"""The one loop: an image climbs an objective.

Activation maximisation, dreams, style transfer and reconstructions all iterate over ``ascend``; who
consumes its steps draws progress, keeps previews, stops early (by leaving the loop) or saves.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.canvas import Canvas
from core.devices import autocast
from core.networks import Cut, Network
from core.objectives import Objective

Transform = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class AscentSettings:
    """How to climb.

    Attributes:
        steps: how many steps of Adam.
        learning_rate: Adam's step size, for gradients whose root mean square is 1 in each image.
        damping: Adam's epsilon. Adam by itself moves every parameter by as much, also those whose
            gradient is nothing but chance, and so paints noise; with a damping of 1, parameters
            move in proportion to their gradient where it is below the average. Pictures become
            cleaner at about the same activation (``python -m benchmarks.damping`` shows both).
        wake_steps: while any value of the batch is exactly zero, gradients pass closed ReLUs where
            nothing else comes through, so that dead units can wake; at most for so many steps
            (Lucid does it for the first 16, whether needed or not).
    """

    steps: int = 256
    learning_rate: float = 0.1
    damping: float = 1.0
    wake_steps: int = 32


@dataclass(frozen=True)
class Step:
    """One step of an ascent.

    Attributes:
        index: its number, from 1.
        total: how many there will be.
        value: what the objective gave each image of the batch, ``[N]``.
        image: the batch before this step, ``[N, 3, H, W]`` in ``[0, 1]``.
    """

    index: int
    total: int
    value: Tensor
    image: Tensor


def ascend(
    network: Network,
    objective: Objective,
    canvas: Canvas,
    settings: AscentSettings,
    transform: Transform,
    generator: torch.Generator,
) -> Iterator[Step]:
    """Let the images of a canvas climb an objective, and yield every step.

    Args:
        network: in whose activations the objective is read; it is cut below what is read.
        objective: what to maximise, for each image of the batch by itself.
        canvas: whose parameters are free; it holds the result afterwards.
        settings: how to climb.
        transform: moves the images before the network sees them.
        generator: the only source of chance.
    """
    names = sorted(objective.layers)
    cut = network.cut(names)
    waking: Cut | None = None
    asleep, wake_steps = False, settings.wake_steps
    optimiser = torch.optim.Adam(
        canvas.parameters(), lr=settings.learning_rate, eps=settings.damping, fused=True
    )
    for index in range(1, settings.steps + 1):
        image = canvas()
        if asleep and waking is None:
            waking = network.cut(names, redirect_relu=True)
        value = _value(waking if asleep and waking else cut, objective, transform(image, generator))
        optimiser.zero_grad()
        (-value.sum()).backward()  # type: ignore[no-untyped-call]
        _normalise_gradients(canvas)
        optimiser.step()
        wake_steps -= asleep
        asleep = wake_steps > 0 and bool((value == 0).any())
        yield Step(index, settings.steps, value.detach(), image.detach())


def _value(cut: Cut, objective: Objective, image: Tensor) -> Tensor:
    """See images ``[N, 3, H, W]`` through the cut network, give their values ``[N]``."""
    with autocast(image.device):
        activations = cut(image)
    return objective(activations)


def _normalise_gradients(canvas: Canvas) -> None:
    """Give each image's gradient a root mean square of 1; one that is zero stays zero."""
    for parameter in canvas.parameters():
        gradient = parameter.grad
        if gradient is not None:
            axes = tuple(range(1, gradient.ndim))
            size = gradient.square().mean(axes, keepdim=True).sqrt()
            gradient.div_(size.clamp(min=torch.finfo(size.dtype).tiny))
