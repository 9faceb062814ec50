"""Ways to paint in a style, side by side: the explorer's own, and the loops of its peers.

All see the same network, cut at the deepest layer in use, the same pictures, layers and size, and
go down the same cost, the one that is measured, so that only the way down differs: the optimiser,
sizes and precision. Loops are written anew from what each peer does by default:

    tutorial      "Neural Transfer Using PyTorch": L-BFGS from the content, clamped at each call
    neural-style  0.5.7: L-BFGS from noise without clamping. The package itself runs as a program
                  that reads VGG and NIN by the names of their layers, and no other network
    pystiche      1.0.1: its own criterion and default optimiser, L-BFGS from the content
    crowsonkb     style-transfer-pytorch: Adam 0.02 over sizes that grow by sqrt 2, 1000 steps at
                  the first and 500 at others, warm-started, averaged by 0.99
"""

import contextlib
import importlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms import Normalize

from core import devices
from core.errors import ExplorerError
from core.images import image_io
from core.networks import network as network_module
from core.networks.network import Network
from core.networks.variants import style_variant
from core.optim.activations import IMAGE
from core.recipes.style import StyleRecipe
from core.style import loss_builder, transfer
from core.style.loss_builder import StyleInputs
from explorer.cli.options import open_image

# What the tutorial multiplies its loss of style by. torch's L-BFGS forgets steps whose curvature is
# below an absolute 1e-10 and stops at gradients below 1e-7, so peers that use it get a loss of the
# size that they are made for.
LOUD = 1e6
# Of crowsonkb: steps at the first size and at others, and Adam's settings.
CROWSONKB_STEPS = (1000, 500)
CROWSONKB_BETAS, CROWSONKB_RATE, CROWSONKB_AVERAGE = (0.9, 0.99), 0.02, 0.99


@dataclass(frozen=True)
class Task:
    """What to paint, the same for all.

    Attributes:
        network: where layers are.
        recipe: the explorer's; the others take pictures, layers, balance and size from it.
        inputs: the encoded pictures that it names.
        folder: where the last pictures go; none for nowhere.
    """

    network: Network
    recipe: StyleRecipe
    inputs: Mapping[str, bytes]
    folder: Path | None = None

    @classmethod
    def named(
        cls,
        network: Network,
        content: str,
        style: str,
        settings: Mapping[str, Any],
        folder: Path | None = None,
    ) -> "Task":
        """Plan it with two pictures, files or ours by name, as the explorer does.

        All sides look through the same network, the one that the explorer looks through.
        """
        pictures = [open_image(it) for it in (content, style)]
        inputs = {image_io.fingerprint(it): image_io.encode_png(it) for it in pictures}
        one, other = inputs
        looks = style_variant(network)
        recipe = transfer.plan(looks, content=one, styles=(other,), **settings)
        return cls(looks, recipe, inputs, folder)

    def subjects(self) -> StyleInputs:
        """Open the pictures."""
        return transfer.open_inputs(self.recipe, self.inputs, self.network.device)


# A side yields its picture ``[1, 3, H, W]`` after every evaluation of the network.
Side = Callable[[Task], Iterator[Tensor]]


def explorer(task: Task) -> Iterator[Tensor]:
    """Paint as the explorer does by itself."""
    for progress in transfer.render(task.network, task.recipe, task.inputs):
        if progress.previews:
            yield progress.previews[0][None]


class Loss:
    """The cost that is measured, as peers compute it: in float32, of pictures of one size.

    Attributes:
        subjects: the pictures.
        size: (height, width).
        costs: each with its weight for a pixel.
    """

    def __init__(self, task: Task, size: tuple[int, int]) -> None:
        self.subjects, self.size = task.subjects(), size
        bare = replace(task.recipe, variation=0.0)
        # A network of its own: it remembers its cuts, and in this precision nobody else wants them.
        network = replace(task.network)
        with exact():
            strength = loss_builder.gradient_norms(network, bare, self.subjects)
            self.costs = loss_builder.build_losses(network, bare, self.subjects, size, strength)
            self.extractor = network.extractor(sorted(self.costs.layers - {IMAGE}))
        self.pixels = size[0] * size[1]

    def __call__(self, image: Tensor) -> Tensor:
        """Give the cost of a picture ``[1, 3, H, W]``."""
        return -self.costs(self.extractor(loss_builder.PADDING(image))).sum() / self.pixels

    def begun(self) -> Tensor:
        """Give the content, as what is started from."""
        content = self.subjects.content
        if content is None:
            raise ExplorerError("there is no content to start from")
        start = transfer.resize_image(content, self.size).clamp(0, 1)
        return start.clone(memory_format=torch.contiguous_format)

    def measured(self, image: Tensor) -> float:
        """Give the cost of a picture of any size, enlarged."""
        with torch.no_grad():
            return float(self(transfer.resize_image(image, self.size).clamp(0, 1)))


@contextlib.contextmanager
def exact() -> Iterator[None]:
    """Compute in float32 within a ``with``."""
    kept = network_module.has_fast_bfloat16
    network_module.has_fast_bfloat16 = devices.has_fast_bfloat16 = lambda device: False
    try:
        yield
    finally:
        network_module.has_fast_bfloat16 = devices.has_fast_bfloat16 = kept


def tutorial(task: Task) -> Iterator[Tensor]:
    """Paint as the tutorial of PyTorch does."""
    loss = Loss(task, task.subjects().size)
    yield from _lbfgs(loss, loss.begun().requires_grad_(), clamped=True)


def neural_style(task: Task) -> Iterator[Tensor]:
    """Paint as neural-style-pt does by default."""
    loss = Loss(task, task.subjects().size)
    generator = torch.Generator().manual_seed(task.recipe.seed)
    # Its noise has a deviation of 0.001 in units of 0 .. 255, around the mean colour.
    noise = torch.randn((1, 3, *loss.size), generator=generator) * 1e-3
    mean = torch.tensor(task.network.mean).view(1, 3, 1, 1)
    image = (noise + mean).requires_grad_()
    yield from _lbfgs(loss, image, clamped=False)


def pystiche(task: Task) -> Iterator[Tensor]:
    """Paint as pystiche does: its encoder, its losses, its default optimiser."""
    loss = Loss(task, task.subjects().size)
    criterion, optimiser_of = _pystiche(task, loss)
    image = loss.begun()
    probe = (image + 0.1).clamp(0, 1)
    ours, theirs = loss.measured(probe), float(criterion(loss_builder.PADDING(probe)))
    if abs(ours - theirs) > 0.01 * ours:
        raise ExplorerError(f"pystiche goes down another cost: {theirs} is not {ours}")
    optimiser = optimiser_of(image)
    while True:

        def closure() -> float:
            optimiser.zero_grad()
            value = criterion(loss_builder.PADDING(image)) * LOUD
            value.backward()
            return float(value)

        optimiser.step(closure)
        yield image.detach().clamp(0, 1)


def _pystiche(task: Task, loss: Loss) -> tuple[nn.Module, Callable[[Tensor], Any]]:
    """Set pystiche up for the same cost: each weight is divided by what its means leave out."""
    for name in ("alexnet", "vgg"):
        # It was written for a torchvision that listed addresses of weights, which it looks up.
        module = importlib.import_module(f"torchvision.models.{name}")
        module.__dict__.setdefault("model_urls", defaultdict(str))
    from pystiche import enc, optim
    from pystiche import loss as losses

    body = task.network.module
    features = body.features if hasattr(body, "features") else body
    normalise = Normalize(task.network.mean, task.network.std)
    encoder = enc.MultiLayerEncoder([("normalise", normalise), *features.named_children()])
    subjects = loss.subjects
    terms: list[tuple[str, nn.Module]] = []
    content = loss_builder.PADDING(transfer.resize_image(subjects.content, loss.size).clamp(0, 1))
    painting = loss_builder.resize_style(task.recipe, subjects.styles[0], loss.size)
    for weight, cost in loss.costs.terms:
        style = cost.name.startswith("style")
        seen = task.network.activations(painting if style else content, [cost.layer])[cost.layer]
        rows = seen[0].flatten(1)
        target = rows @ rows.T / rows.shape[1] if style else rows
        share = weight / loss.pixels / float(target.square().mean())
        kind = losses.GramLoss if style else losses.FeatureReconstructionLoss
        term = kind(
            encoder.extract_encoder(cost.layer.removeprefix("features.")), score_weight=share
        )
        term.set_target_image(painting if style else content)
        terms.append((cost.name.replace(" ", "_").replace(".", "_"), term))
    return losses.LossContainer(terms), optim.default_image_optimizer


def _lbfgs(loss: Loss, image: Tensor, clamped: bool) -> Iterator[Tensor]:
    """Go down by torch's L-BFGS as it is, a call of the network at a time."""
    # A call of ``step`` with one iteration each is the same as one call with many.
    endless = {"tolerance_grad": -1.0, "tolerance_change": -1.0}
    optimiser = torch.optim.LBFGS([image], max_iter=1, **endless)
    while True:

        def closure() -> float:
            if clamped:
                with torch.no_grad():
                    image.clamp_(0, 1)
            optimiser.zero_grad()
            value = LOUD * loss(image)
            value.backward()
            return float(value.detach())

        optimiser.step(closure)
        yield image.detach().clamp(0, 1)


def crowsonkb(task: Task) -> Iterator[Tensor]:
    """Paint with the settings of style-transfer-pytorch."""
    subjects = task.subjects()
    sizes = transfer.plan_scales(replace(task.recipe, scale=2**0.5, smallest=128), subjects.size)
    image = transfer.resize_image(subjects.content, sizes[0]).clamp(0, 1)
    state: dict[str, Tensor] = {}
    for number, size in enumerate(sizes):
        loss = Loss(task, size)
        free = transfer.resize_image(image, size).clamp(0, 1).contiguous().requires_grad_()
        optimiser = torch.optim.Adam([free], lr=CROWSONKB_RATE, betas=CROWSONKB_BETAS)
        if state:
            optimiser.state[free] = _carried(state, size)
        average = torch.zeros_like(free)
        for step in range(1, CROWSONKB_STEPS[min(number, 1)] + 1):
            optimiser.zero_grad()
            loss(free).backward()
            optimiser.step()
            with torch.no_grad():
                free.clamp_(0, 1)
                average.lerp_(free, 1 - CROWSONKB_AVERAGE)
            image = (average / (1 - CROWSONKB_AVERAGE**step)).detach()
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
    "pystiche": pystiche,
    "crowsonkb": crowsonkb,
}


class Bare:
    """What no painting by this network can beat: its bare forward, and backward from fixed slopes.

    In its best layout and type; as it is, or as ``core.networks.graph_passes.pool_and_precision``
    and ``core.networks.graph_passes.fuse_relu`` make it.
    """

    def __init__(self, task: Task, size: tuple[int, int], rewritten: bool = False) -> None:
        layers = sorted({*task.recipe.content_layers, *task.recipe.style_layers})
        self.graph = task.network.extractor(layers, for_gradients=rewritten).body
        image = loss_builder.PADDING(torch.rand(1, 3, *size)).to(task.network.device)
        self.image = image.contiguous(memory_format=torch.channels_last).requires_grad_()
        self.slopes = [torch.randn_like(it) for it in self._seen()]

    def _seen(self) -> list[Tensor]:
        with devices.autocast(self.image.device):
            seen: dict[str, Tensor] = self.graph(self.image)
        return list(seen.values())

    def __call__(self) -> None:
        """Do one step."""
        torch.autograd.grad(self._seen(), self.image, self.slopes)


def own_steps(task: Task, size: tuple[int, int]) -> Iterator[None]:
    """Take the explorer's own steps, at one size."""
    recipe = replace(task.recipe, smallest=max(size), size=max(size), steps=1000)
    for progress in transfer.render(task.network, recipe, task.inputs):
        if progress.previews:
            yield
