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
        learning_rate: Adam's step size.
        wake_steps: for how many steps at the start gradients pass closed ReLUs where nothing else
            comes through (Lucid takes 16), so that dead units can wake; as long as any value of
            the batch stays at zero this goes on, up to half of the steps.
    """

    steps: int = 256
    learning_rate: float = 0.05
    wake_steps: int = 16


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
    waking = network.cut(names, redirect_relu=True) if settings.wake_steps else cut
    optimiser = torch.optim.Adam(canvas.parameters(), lr=settings.learning_rate, fused=True)
    asleep = True
    for index in range(1, settings.steps + 1):
        wake = index <= settings.wake_steps or (asleep and index <= settings.steps // 2)
        image = canvas()
        value = _value(waking if wake else cut, objective, transform(image, generator))
        optimiser.zero_grad()
        (-value.sum()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if wake:
            asleep = bool((value == 0).any())
        yield Step(index, settings.steps, value.detach(), image.detach())


def _value(cut: Cut, objective: Objective, image: Tensor) -> Tensor:
    """See images ``[N, 3, H, W]`` through the cut network, give their values ``[N]``."""
    with autocast(image.device):
        activations = cut(image)
    return objective(activations)
