"""The sides of the style benchmark: the explorer, and the loops of other libraries.

All sides use the same network, truncated after the deepest layer in use, and the same images,
layers and final size. All sides minimise the loss that is measured. So they differ only in the
optimiser, in the sizes before the final size, and in the precision. Each loop is written anew here,
with the defaults of the library:

    tutorial      "Neural Transfer Using PyTorch": L-BFGS from the content, clamped at each call
    neural-style  0.5.7: L-BFGS from noise without clamping. The package cannot be called here: it
                  is a program that supports only VGG and NIN
    pystiche      1.0.1: pystiche's criterion and default optimiser, L-BFGS from the content
    crowsonkb     style-transfer-pytorch: Adam 0.02 over sizes that grow by sqrt 2, 1000 steps at
                  the first and 500 at others, warm-started, averaged by 0.99
"""

import contextlib
import functools
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
from core.style import image_sizes, loss_builder, transfer
from core.style.loss_builder import StyleInputs
from explorer.cli.command_io import open_image

# Factor for the loss in sides with torch's L-BFGS. This optimiser has absolute thresholds: it
# ignores steps with a curvature below 1e-10 and stops at gradients below 1e-7. So the loss must be
# about as large as in the tutorial, which multiplies its style loss by the same factor.
LOSS_SCALE = 1e6
# Settings of crowsonkb: steps at the first size and at each other size; betas and step size of
# Adam; decay of the running average of images.
CROWSONKB_STEPS = (1000, 500)
CROWSONKB_BETAS, CROWSONKB_RATE, CROWSONKB_AVERAGE = (0.9, 0.99), 0.02, 0.99


@dataclass(frozen=True)
class StyleTask:
    """The work of each side: the network, the images and the settings.

    Attributes:
        network: the loaded network.
        recipe: recipe of the explorer; other sides use the recipe's images, layers, balance and
            size.
        inputs: encoded images by fingerprint, as the recipe refers to them.
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
        """Plan a style transfer of two images.

        Args:
            network: the network. All sides use the explorer's variant of it, with the padding and
                the pooling of the recipe, so that all minimise the same loss.
            content: file or name of a sample.
            style: file or name of a painting.
            settings: settings of the recipe.
            folder: folder for the final images; None writes none.
        """
        pictures = [open_image(it) for it in (content, style)]
        inputs = {image_io.fingerprint(it): image_io.encode_png(it) for it in pictures}
        one, other = inputs
        recipe = transfer.plan(network, content=one, styles=(other,), **settings)
        return cls(style_variant(network, recipe.pooling), recipe, inputs, folder)

    def subjects(self) -> StyleInputs:
        """Return the decoded images of the recipe."""
        return transfer.open_inputs(self.recipe, self.inputs, self.network.device)


# A side is a function that yields the present image ``[1, 3, H, W]`` after every evaluation of the
# network.
Side = Callable[[StyleTask], Iterator[Tensor]]


def explorer(task: StyleTask) -> Iterator[Tensor]:
    """Run the style transfer of this project."""
    for progress in transfer.render(task.network, task.recipe, task.inputs):
        if progress.previews:
            yield progress.previews[0][None]


class Loss:
    """The loss that is measured, and that the other libraries minimise: in float32, at one size.

    Attributes:
        subjects: the content and style images.
        size: (height, width) to which images are resized.
        costs: sum of the weighted losses; ``__call__`` divides it by the number of pixels.
    """

    def __init__(self, task: StyleTask, size: tuple[int, int], whole: bool = False) -> None:
        """Build the losses; ``whole`` replaces the bound of the Wasserstein loss by its formula."""
        self.subjects, self.size = task.subjects(), size
        bare = replace(task.recipe, variation=0.0)
        # A network caches its truncated networks. The copy has another cache, so that no other side
        # gets the truncated networks of this precision.
        network = replace(task.network)
        with exact(), whole_wasserstein() if whole else contextlib.nullcontext():
            strength = loss_builder.gradient_norms(network, bare, self.subjects)
            self.costs = loss_builder.build_losses(network, bare, self.subjects, size, strength)
            self.extractor = network.extractor(sorted(self.costs.layers - {IMAGE}))
        self.padding = loss_builder.padding_of(task.network, task.recipe)
        self.pixels = size[0] * size[1]

    def __call__(self, image: Tensor) -> Tensor:
        """Return the loss of an image ``[1, 3, H, W]``."""
        return -self.costs(self.extractor(self.padding(image))).sum() / self.pixels

    def begun(self) -> Tensor:
        """Return the content image at the size of the loss, as the start of the optimisation."""
        content = self.subjects.content
        if content is None:
            raise ExplorerError("there is no content to start from")
        start = resize_image(content, self.size).clamp(0, 1)
        return start.clone(memory_format=torch.contiguous_format)

    def measured(self, image: Tensor) -> float:
        """Return the loss of an image of any size after resizing it to the size of the loss."""
        with torch.no_grad():
            return float(self(resize_image(image, self.size).clamp(0, 1)))


@contextlib.contextmanager
def exact() -> Iterator[None]:
    """Make networks compute in float32 within a ``with`` block."""
    kept = network_module.has_fast_bfloat16
    network_module.has_fast_bfloat16 = devices.has_fast_bfloat16 = lambda device: False
    try:
        yield
    finally:
        network_module.has_fast_bfloat16 = devices.has_fast_bfloat16 = kept


@contextlib.contextmanager
def whole_wasserstein() -> Iterator[None]:
    """Make Wasserstein losses compare all directions within a ``with`` block."""
    kept = loss_builder.STYLE_LOSSES["wasserstein"]
    loss_builder.STYLE_LOSSES["wasserstein"] = functools.partial(kept, kept=1.0)
    try:
        yield
    finally:
        loss_builder.STYLE_LOSSES["wasserstein"] = kept


def tutorial(task: StyleTask) -> Iterator[Tensor]:
    """Run the style transfer of PyTorch's tutorial."""
    loss = Loss(task, task.subjects().size)
    yield from _lbfgs(loss, loss.begun().requires_grad_(), clamped=True)


def neural_style(task: StyleTask) -> Iterator[Tensor]:
    """Run the style transfer of neural-style-pt with its default settings."""
    loss = Loss(task, task.subjects().size)
    generator = torch.Generator().manual_seed(task.recipe.seed)
    # neural-style-pt starts from noise with a standard deviation of 0.001 on a scale of 0 to 255,
    # around the mean colour.
    noise = torch.randn((1, 3, *loss.size), generator=generator) * 1e-3
    mean = torch.tensor(task.network.mean).view(1, 3, 1, 1)
    image = (noise + mean).requires_grad_()
    yield from _lbfgs(loss, image, clamped=False)


def pystiche(task: StyleTask) -> Iterator[Tensor]:
    """Run a style transfer with pystiche's encoder, losses and default optimiser."""
    loss = Loss(task, task.subjects().size)
    criterion, optimiser_of = _pystiche(task, loss)
    image = loss.begun()
    probe = (image + 0.1).clamp(0, 1)
    ours, theirs = loss.measured(probe), float(criterion(loss.padding(probe)))
    if abs(ours - theirs) > 0.01 * ours:
        raise ExplorerError(f"pystiche goes down another cost: {theirs} is not {ours}")
    optimiser = optimiser_of(image)
    while True:

        def closure() -> float:
            optimiser.zero_grad()
            value = criterion(loss.padding(image)) * LOSS_SCALE
            value.backward()
            return float(value)

        optimiser.step(closure)
        yield image.detach().clamp(0, 1)


def _pystiche(task: StyleTask, loss: Loss) -> tuple[nn.Module, Callable[[Tensor], Any]]:
    """Build pystiche's criterion with the same values as ``loss``, and its optimiser.

    pystiche's losses are means of squared differences. The weights compensate for that.
    """
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
    content = loss.padding(resize_image(subjects.content, loss.size).clamp(0, 1))
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
    """Minimise ``loss`` by torch's L-BFGS; yield the image after each iteration.

    With ``clamped``, the image is clamped to [0, 1] before each evaluation.
    """
    # Many calls of ``step`` with one iteration each give the same result as one call with many
    # iterations. Without tolerances, the optimiser never stops by itself.
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
    """Run a style transfer with the settings of crowsonkb's style-transfer-pytorch."""
    subjects = task.subjects()
    sizes = image_sizes.plan_scales(replace(task.recipe, scale=2**0.5, smallest=128), subjects.size)
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
    """The limit of style transfer: only the forward and backward passes of the network.

    The backward pass starts from fixed random gradients of the activations, so no loss is computed.
    The network runs in the fastest layout and type. It is unchanged or, if ``rewritten``, changed
    by ``core.networks.graph_passes.pool_and_precision`` and
    ``core.networks.graph_passes.fuse_relu``.
    """

    def __init__(self, task: StyleTask, size: tuple[int, int], rewritten: bool = False) -> None:
        layers = sorted({*task.recipe.content_layers, *task.recipe.style_layers})
        self.graph = task.network.extractor(layers, for_gradients=rewritten).body
        padding = loss_builder.padding_of(task.network, task.recipe)
        image = padding(torch.rand(1, 3, *size)).to(task.network.device)
        self.image = image.contiguous(memory_format=torch.channels_last).requires_grad_()
        self.slopes = [torch.randn_like(it) for it in self.activations()]

    def activations(self) -> list[Tensor]:
        """Return the activations of all layers in use, by the order of their names."""
        with devices.autocast(self.image.device):
            seen: dict[str, Tensor] = self.graph(self.image)
        return list(seen.values())

    def __call__(self) -> None:
        """Run one forward and one backward pass."""
        torch.autograd.grad(self.activations(), self.image, self.slopes)


def own_steps(task: StyleTask, size: tuple[int, int]) -> Iterator[None]:
    """Run the style transfer of this project at one size; yield after each step."""
    recipe = replace(task.recipe, smallest=max(size), size=max(size), steps=1000)
    for progress in transfer.render(task.network, recipe, task.inputs):
        if progress.previews:
            yield
