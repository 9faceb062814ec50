"""Ways to paint in a style, side by side: the explorer's own, and the loops of its peers.

All see the same network, cut at the deepest layer in use, the same pictures, layers and size, and
go down the same cost, the one that is measured, so that only the way down differs: the optimiser,
sizes, precision and layout. Loops are written anew from what each peer does by default:

    tutorial      "Neural Transfer Using PyTorch": L-BFGS from the content, clamped at each call
    neural-style  neural-style-pt 0.5.7: L-BFGS from noise without clamping, total variation 1e-3
    pystiche      1.0.1: its own criterion and default optimiser, L-BFGS from the content
    crowsonkb     style-transfer-pytorch: Adam 0.02 over sizes that grow by sqrt 2, 1000 steps at
                  the first and 500 at others, warm-started, averaged by 0.99, squared variation
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import style_costs, styles
from core.devices import autocast
from core.networks import Network
from core.objectives import IMAGE
from core.style_costs import Subjects
from core.style_losses import Costs
from core.style_recipes import StyleRecipe

# Of neural-style-pt: its default weight of total variation, beside content 5 and style 100.
NEURAL_STYLE_VARIATION = 1e-3 / 100
# Of crowsonkb: content 0.015 and variation 2 beside a style of 1.
CROWSONKB_VARIATION = 2.0
CROWSONKB_STEPS = (1000, 500)
CROWSONKB_BETAS, CROWSONKB_RATE, CROWSONKB_AVERAGE = (0.9, 0.99), 0.02, 0.99
# What the tutorial's optimiser does in one call of ``step``.
LBFGS_CALLS = 20


@dataclass(frozen=True)
class Task:
    """What to paint, the same for all.

    Attributes:
        network: where layers are.
        recipe: the explorer's; the others take pictures, layers, balance and size from it.
        inputs: the encoded pictures that it names.
    """

    network: Network
    recipe: StyleRecipe
    inputs: Mapping[str, bytes]

    def subjects(self) -> Subjects:
        """Open the pictures."""
        return styles.opened(self.recipe, self.inputs, self.network.device)


# A side yields its picture ``[1, 3, H, W]`` after every evaluation of the network.
Side = Callable[[Task], Iterator[Tensor]]


def explorer(task: Task) -> Iterator[Tensor]:
    """Paint as the explorer does by itself."""
    for progress in styles.render(task.network, task.recipe, task.inputs):
        if progress.sketches:
            yield progress.sketches[0][None]


class Loss:
    """The cost that is measured, per pixel, in float32 and plain layout, as peers compute it."""

    def __init__(self, task: Task, size: tuple[int, int]) -> None:
        self.subjects = task.subjects()
        self.size = size
        exact = _exact(task)
        self.costs = style_costs.costs_at(task.network, exact, self.subjects, size)
        self.cut = task.network.cut(sorted(self.costs.layers - {IMAGE}))
        self.pixels = size[0] * size[1]

    def __call__(self, image: Tensor) -> Tensor:
        """Give the cost of a picture ``[1, 3, H, W]`` of this size."""
        return -self.costs({**self.cut(image), IMAGE: image}).sum() / self.pixels

    def measured(self, image: Tensor) -> float:
        """Give the cost of a picture of any size, enlarged."""
        with torch.no_grad():
            return float(self(styles.resized(image, self.size).clamp(0, 1)))


def _exact(task: Task) -> StyleRecipe:
    """Leave out what is held against the image itself, which is no one's aim."""
    from dataclasses import replace

    return replace(task.recipe, variation=0.0)


def tutorial(task: Task) -> Iterator[Tensor]:
    """Paint as the tutorial of PyTorch does."""
    loss = Loss(task, task.subjects().size)
    image = styles.resized(loss.subjects.content, loss.size).clone().requires_grad_()
    yield from _lbfgs(loss, image, clamped=True)


def neural_style(task: Task) -> Iterator[Tensor]:
    """Paint as neural-style-pt does by default."""
    loss = Loss(task, task.subjects().size)
    generator = torch.Generator().manual_seed(task.recipe.seed)
    # Its noise has a deviation of 0.001 in units of 0 .. 255, around the mean colour.
    noise = torch.randn((1, 3, *loss.size), generator=generator) * 1e-3
    mean = torch.tensor(task.network.mean).view(1, 3, 1, 1)
    image = (noise + mean).requires_grad_()
    yield from _lbfgs(loss, image, clamped=False, variation=NEURAL_STYLE_VARIATION)


def _lbfgs(
    loss: Loss, image: Tensor, clamped: bool, variation: float = 0.0
) -> Iterator[Tensor]:
    """Go down by torch's L-BFGS as it is, a call of the network at a time."""
    optimiser = torch.optim.LBFGS([image], max_iter=1)
    while True:

        def closure() -> float:
            if clamped:
                with torch.no_grad():
                    image.clamp_(0, 1)
            optimiser.zero_grad()
            value = loss(image)
            if variation:
                value = value + variation * _differences(image)
            value.backward()
            return float(value)

        optimiser.step(closure)
        yield image.detach().clamp(0, 1)


def _differences(image: Tensor) -> Tensor:
    """Sum absolute differences between neighbours, as neural-style-pt counts variation."""
    return image.diff(dim=2).abs().sum() + image.diff(dim=3).abs().sum()


def crowsonkb(task: Task) -> Iterator[Tensor]:
    """Paint with the settings of style-transfer-pytorch."""
    final = task.subjects().size
    sizes = styles.scales(task.recipe, final)
    image = styles.resized(task.subjects().content, sizes[0]).clamp(0, 1)
    state: dict[str, Tensor] = {}
    for number, size in enumerate(sizes):
        loss = Loss(task, size)
        free = styles.resized(image, size).clamp(0, 1).requires_grad_()
        optimiser = torch.optim.Adam([free], lr=CROWSONKB_RATE, betas=CROWSONKB_BETAS)
        if state:
            optimiser.state[free] = _carried(state, size)
        average, steps = torch.zeros_like(free), 0
        for _ in range(CROWSONKB_STEPS[min(number, 1)]):
            optimiser.zero_grad()
            value = loss(free)
            value.backward()
            optimiser.step()
            with torch.no_grad():
                free.clamp_(0, 1)
                average.lerp_(free, 1 - CROWSONKB_AVERAGE)
            steps += 1
            image = (average / (1 - CROWSONKB_AVERAGE**steps)).detach()
            yield image
        state = optimiser.state[free]


def _carried(state: Mapping[str, Tensor], size: tuple[int, int]) -> dict[str, Tensor]:
    first = F.interpolate(state["exp_avg"], size, mode="bicubic", align_corners=False)
    second = F.interpolate(state["exp_avg_sq"], size, mode="bilinear", align_corners=False)
    return {"step": state["step"], "exp_avg": first, "exp_avg_sq": second.relu()}


SIDES: dict[str, Side] = {
    "explorer": explorer,
    "tutorial": tutorial,
    "neural-style": neural_style,
    "crowsonkb": crowsonkb,
}


def limit(task: Task, size: tuple[int, int], steps: int) -> float:
    """Time the bare network, in seconds a step: forward, and backward from fixed slopes.

    As fast as the explorer may: half precision where it is fast, channels last, folded.
    """
    layers = sorted({*task.recipe.content_layers, *task.recipe.style_layers})
    cut = task.network.cut(layers, for_gradients=True)
    image = torch.rand(1, 3, *size).requires_grad_()
    slopes: list[Tensor] = []
    for step in range(-2, steps):
        if step == 0:
            started = time.perf_counter()
        with autocast(image.device):
            seen = list(cut(image).values())
        slopes = slopes or [torch.randn_like(it) for it in seen]
        torch.autograd.grad(seen, image, slopes)
    return (time.perf_counter() - started) / steps


def step_time(task: Task, size: tuple[int, int], steps: int) -> float:
    """Time the explorer's own steps at one size, in seconds a step."""
    from dataclasses import replace

    recipe = replace(task.recipe, smallest=max(size), size=max(size), steps=steps + 2)
    began: list[float] = []
    for progress in styles.render(task.network, recipe, task.inputs):
        if progress.sketches:
            began.append(time.perf_counter())
    return (began[-1] - began[1]) / steps
