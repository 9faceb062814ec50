"""The sides of the style benchmark: the explorer, and the loops of other libraries.

All use the same network, truncated at the deepest layer in use, and the same images, layers and
size. All minimise the loss that is measured. So they differ only in how they minimise it: by
optimiser, sizes and precision. The loops are written anew from the defaults of each library:

    tutorial      "Neural Transfer Using PyTorch": L-BFGS from the content, clamped at each call
    neural-style  0.5.7: L-BFGS from noise without clamping. The package itself is a program that
                  reads VGG and NIN by the names of their layers, and no other network
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
from core.images.resize import resize_image
from core.networks import network as network_module
from core.networks.network import Network
from core.networks.variants import style_variant
from core.optim.activations import IMAGE
from core.recipes.style import StyleRecipe
from core.style import loss_builder, transfer
from core.style.loss_builder import StyleInputs
from explorer.cli.command_io import open_image

# Factor by which the tutorial multiplies its style loss. torch's L-BFGS ignores steps whose
# curvature is below an absolute 1e-10 and stops at gradients below 1e-7. So the libraries that use
# it get a loss of the size that they are made for.
LOSS_SCALE = 1e6
# Steps of crowsonkb at the first size and at others, and its settings of Adam.
CROWSONKB_STEPS = (1000, 500)
CROWSONKB_BETAS, CROWSONKB_RATE, CROWSONKB_AVERAGE = (0.9, 0.99), 0.02, 0.99


@dataclass(frozen=True)
class StyleTask:
    """What is painted, the same for all sides.

    Attributes:
        network: the loaded network.
        recipe: the explorer's recipe; the others use its images, layers, balance and size.
        inputs: encoded images that the recipe names.
        folder: folder for the final images; None writes none.
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
    ) -> "StyleTask":
        """Plan a style transfer of two images, given as files or by the names of samples.

        All sides use the network that the explorer uses, with its padding and pooling.
        """
        pictures = [open_image(it) for it in (content, style)]
        inputs = {image_io.fingerprint(it): image_io.encode_png(it) for it in pictures}
        one, other = inputs
        variant = style_variant(network)
        recipe = transfer.plan(variant, content=one, styles=(other,), **settings)
        return cls(variant, recipe, inputs, folder)

    def subjects(self) -> StyleInputs:
        """Open the images."""
        return transfer.open_inputs(self.recipe, self.inputs, self.network.device)


# A side yields its image ``[1, 3, H, W]`` after every evaluation of the network.
Side = Callable[[StyleTask], Iterator[Tensor]]


def explorer(task: StyleTask) -> Iterator[Tensor]:
    """Paint as the explorer does."""
    for progress in transfer.render(task.network, task.recipe, task.inputs):
        if progress.previews:
            yield progress.previews[0][None]


class Loss:
    """The loss that is measured, as the other libraries compute it: in float32, at one size.

    Attributes:
        subjects: the images.
        size: (height, width).
        costs: losses, each with its weight for a pixel.
    """

    def __init__(self, task: StyleTask, size: tuple[int, int]) -> None:
        self.subjects, self.size = task.subjects(), size
        bare = replace(task.recipe, variation=0.0)
        # A copy, because a network caches its truncated networks, and no other side may get those
        # of this precision.
        network = replace(task.network)
        with exact():
            strength = loss_builder.gradient_norms(network, bare, self.subjects)
            self.costs = loss_builder.build_losses(network, bare, self.subjects, size, strength)
            self.extractor = network.extractor(sorted(self.costs.layers - {IMAGE}))
        self.pixels = size[0] * size[1]

    def __call__(self, image: Tensor) -> Tensor:
        """Return the loss of an image ``[1, 3, H, W]``."""
        return -self.costs(self.extractor(loss_builder.PADDING(image))).sum() / self.pixels

    def begun(self) -> Tensor:
        """Return the content as the image to start from."""
        content = self.subjects.content
        if content is None:
            raise ExplorerError("there is no content to start from")
        start = resize_image(content, self.size).clamp(0, 1)
        return start.clone(memory_format=torch.contiguous_format)

    def measured(self, image: Tensor) -> float:
        """Return the loss of an image of any size, which is resized."""
        with torch.no_grad():
            return float(self(resize_image(image, self.size).clamp(0, 1)))


@contextlib.contextmanager
def exact() -> Iterator[None]:
    """Compute in float32 within a ``with``."""
    kept = network_module.has_fast_bfloat16
    network_module.has_fast_bfloat16 = devices.has_fast_bfloat16 = lambda device: False
    try:
        yield
    finally:
        network_module.has_fast_bfloat16 = devices.has_fast_bfloat16 = kept


def tutorial(task: StyleTask) -> Iterator[Tensor]:
    """Paint as the tutorial of PyTorch does."""
    loss = Loss(task, task.subjects().size)
    yield from _lbfgs(loss, loss.begun().requires_grad_(), clamped=True)


def neural_style(task: StyleTask) -> Iterator[Tensor]:
    """Paint as neural-style-pt does by default."""
    loss = Loss(task, task.subjects().size)
    generator = torch.Generator().manual_seed(task.recipe.seed)
    # Its noise has a standard deviation of 0.001 on a scale of 0 to 255, around the mean colour.
    noise = torch.randn((1, 3, *loss.size), generator=generator) * 1e-3
    mean = torch.tensor(task.network.mean).view(1, 3, 1, 1)
    image = (noise + mean).requires_grad_()
    yield from _lbfgs(loss, image, clamped=False)


def pystiche(task: StyleTask) -> Iterator[Tensor]:
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
            value = criterion(loss_builder.PADDING(image)) * LOSS_SCALE
            value.backward()
            return float(value)

        optimiser.step(closure)
        yield image.detach().clamp(0, 1)


def _pystiche(task: StyleTask, loss: Loss) -> tuple[nn.Module, Callable[[Tensor], Any]]:
    """Build pystiche's criterion for the same loss; weights allow for its losses being means."""
    for name in ("alexnet", "vgg"):
        # pystiche looks up `model_urls`, which torchvision no longer has.
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
    content = loss_builder.PADDING(resize_image(subjects.content, loss.size).clamp(0, 1))
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
    """Minimise by torch's L-BFGS, one call of the network at a time."""
    # Calls of ``step`` with one iteration each are the same as one call with many.
    endless = {"tolerance_grad": -1.0, "tolerance_change": -1.0}
    optimiser = torch.optim.LBFGS([image], max_iter=1, **endless)
    while True:

        def closure() -> float:
            if clamped:
                with torch.no_grad():
                    image.clamp_(0, 1)
            optimiser.zero_grad()
            value = LOSS_SCALE * loss(image)
            value.backward()
            return float(value.detach())

        optimiser.step(closure)
        yield image.detach().clamp(0, 1)


def crowsonkb(task: StyleTask) -> Iterator[Tensor]:
    """Paint with the settings of style-transfer-pytorch."""
    subjects = task.subjects()
    sizes = transfer.plan_scales(replace(task.recipe, scale=2**0.5, smallest=128), subjects.size)
    image = resize_image(subjects.content, sizes[0]).clamp(0, 1)
    state: dict[str, Tensor] = {}
    for number, size in enumerate(sizes):
        loss = Loss(task, size)
        free = resize_image(image, size).clamp(0, 1).contiguous().requires_grad_()
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


class BareNetwork:
    """The limit of style transfer: the bare network, forward, and backward from fixed gradients.

    It runs in its best layout and type, as it is or as
    ``core.networks.graph_passes.pool_and_precision`` and ``core.networks.graph_passes.fuse_relu``
    rewrite it.
    """

    def __init__(self, task: StyleTask, size: tuple[int, int], rewritten: bool = False) -> None:
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
        """Run one step."""
        torch.autograd.grad(self._seen(), self.image, self.slopes)


def own_steps(task: StyleTask, size: tuple[int, int]) -> Iterator[None]:
    """Run the explorer's own steps, at one size."""
    recipe = replace(task.recipe, smallest=max(size), size=max(size), steps=1000)
    for progress in transfer.render(task.network, recipe, task.inputs):
        if progress.previews:
            yield
