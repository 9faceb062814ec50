"""Image networks: the one that ships, torchvision's classifiers, and a user's own checkpoints."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.error import URLError

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torchvision import models
from torchvision.models import WeightsEnum

from core import checkpoints, layers
from core.devices import autocast, has_fast_bfloat16, resolve_device, working_precision
from core.errors import ExplorerError, unknown
from core.folding import fold
from core.fusing import fuse
from core.layers import Layer
from core.narrowing import narrow
from core.recipes.recipe import Recipe
from core.rewriting import in_half, pool_first
from core.sketchnet import model as sketchnet
from core.sketchworld import world as sketchworld

SKETCHNET = "sketchnet"
# torchvision's usual number of classes (ImageNet-1K) and preprocessing.
IMAGENET_CLASSES = 1000
# Their position embeddings and windows fit one picture size only.
FIXED_SIZE = ("vit_", "maxvit")
# They were published for inputs that they renormalise themselves.
TRANSFORM_INPUT = ("googlenet", "inception_v3")
# A network keeps so many cuts of itself at hand.
CUTS_AT_MOST = 4
CHANNELS_LAST = torch.channels_last
NOTHING: Mapping[str, Iterable[int]] = MappingProxyType({})


@dataclass(frozen=True)
class NetworkInfo:
    """What the catalogue knows of a network without loading it.

    Attributes:
        name: how every command and page calls it.
        source: ``"ships with the explorer"`` or ``"torchvision"``.
        ready: whether it can be loaded without a download.
        parameters: how many weights it has.
        download_mb: size of its published weights file in megabytes; 0 if it ships.
    """

    name: str
    source: str
    ready: bool
    parameters: int
    download_mb: float


@dataclass(frozen=True, eq=False)
class Network:
    """A network ready to look into: evaluation mode, no parameter takes a gradient.

    Attributes:
        name: its name in the catalogue, with a title where the weights are somebody's own.
        module: the network without normalisation.
        layers: its catalogue of layers, in order of execution.
        labels: the names of its classes, in the order of its logits.
        mean, std: the normalisation, by RGB channel, of images in ``[0, 1]``.
        input_size: (height, width) that it was trained on.
        fixed_size: whether it takes pictures of that size only; others are resized.
        fingerprint: names weights and preprocessing by their content.
        device: where its weights lie.
    """

    name: str
    module: nn.Module = field(repr=False)
    layers: tuple[Layer, ...] = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    input_size: tuple[int, int]
    fixed_size: bool
    fingerprint: str
    device: torch.device
    _cuts: "Callable[..., Cut]" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Tracing a network takes as long as a few steps of an ascent.
        made = functools.lru_cache(CUTS_AT_MOST)(functools.partial(Cut, self))
        object.__setattr__(self, "_cuts", made)

    @property
    def architecture(self) -> str:
        """Its name in the catalogue, without the title of somebody's own weights."""
        return self.name.partition(":")[0]

    @property
    def shown(self) -> tuple[Layer, ...]:
        """The layers that a person would want, from the image to the logits."""
        return tuple(layer for layer in self.layers if layer.shown)

    def layer(self, name: str) -> Layer:
        """Find a layer by its name, node name, or the path of a block.

        Raises:
            UnknownName: there is none; the message names the nearest.
        """
        return layers.find(self.layers, name, self.name)

    def layer_with(self, name: str, units: Iterable[int]) -> Layer:
        """Find a layer that has all these units.

        Raises:
            UnknownName: there is no such layer.
            ExplorerError: it has fewer units.
        """
        found = self.layer(name)
        for unit in units:
            if not 0 <= unit < found.channels:
                raise ExplorerError(
                    f"there is no unit {unit} in {found.name} of {self.name}; "
                    f"its units are 0 to {found.channels - 1}"
                )
        return found

    def require(self, recipe: Recipe) -> None:
        """Refuse a recipe that was written for other weights.

        Raises:
            ExplorerError: it was.
        """
        if recipe.weights != self.fingerprint:
            raise ExplorerError(
                f"this recipe is for weights {recipe.weights} of {recipe.network}; "
                f"those loaded are {self.fingerprint}; name their file with --weights"
            )

    def cut(
        self,
        names: Iterable[str],
        redirect_relu: bool = False,
        for_gradients: bool = False,
        units: Mapping[str, Iterable[int]] = NOTHING,
    ) -> "Cut":
        """Cut the network off below the deepest of some layers.

        Args:
            names: of the layers whose activations are wanted.
            redirect_relu: let gradients through closed ReLUs where nothing else comes through,
                so that dead units can wake (see ``tracing.RedirectedReLU``).
            for_gradients: compute in ways whose gradient is fast, in half precision where that is
                fast; activations are then a little less exact.
            units: where, by a layer's name, only these channels of it are read. The others may
                then be left out, see ``Cut.kept``.

        Returns:
            The cut network; the same again where the same was asked for not long ago, so whoever
            changes it makes a ``Cut`` of its own.
        """
        read = tuple((name, tuple(sorted(set(own)))) for name, own in sorted(units.items()))
        return self._cuts(tuple(map(self.layer, names)), redirect_relu, for_gradients, read)

    def activations(self, image: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Run the cut network on images, float32 ``[N, 3, H, W]`` in ``[0, 1]``, without gradient.

        Returns:
            Activations ``[N, C, H', W']``, or ``[N, C]`` for fully connected layers, by layer name.
        """
        with torch.no_grad():
            activations: dict[str, Tensor] = self.cut(names)(image.to(self.device))
        return activations


class Cut(nn.Module):
    """A network cut off at its deepest wanted layer: images in ``[0, 1]`` to activations.

    Attributes:
        kept: the only channels that are computed of a layer, by its name; of layers that are not
            among them all are.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        network: Network,
        wanted: Sequence[Layer],
        redirect_relu: bool = False,
        for_gradients: bool = False,
        units: Iterable[tuple[str, tuple[int, ...]]] = (),
    ) -> None:
        super().__init__()
        self.extractor = layers.extractor(network.module, wanted, redirect_relu)
        self.kept: dict[str, tuple[int, ...]] = {}
        if for_gradients and isinstance(self.extractor, fx.GraphModule):
            read = dict(units)
            self.kept = {name: read[name] for name in narrow(self.extractor, read)}
            self.extractor = pool_first(fold(self.extractor))
            if has_fast_bfloat16(network.device):
                self.extractor = in_half(self.extractor)
            self.extractor = fuse(self.extractor)
        self.fast = for_gradients
        self.size = network.input_size if network.fixed_size else None
        mean, std = (
            torch.tensor(values, device=network.device).view(1, 3, 1, 1)
            for values in (network.mean, network.std)
        )
        self.register_buffer("shift", -mean / std)
        self.register_buffer("scale", 1 / std)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Turn images ``[N, 3, H, W]`` in ``[0, 1]`` into activations ``[N, C, ...]`` by name."""
        if self.size is not None and tuple(image.shape[2:]) != self.size:
            image = F.interpolate(image, self.size, mode="bilinear", antialias=True)
        with autocast(image.device) if self.fast else nullcontext():
            # Half precision is taken on at once, where it will be anyway, as it moves faster.
            working = Normalised.apply(image, self.shift, self.scale, working_precision(image))
            result: dict[str, Tensor] = self.extractor(working)
        return result


class Normalised(torch.autograd.Function):
    """``(image - mean) / std``, as convolutions want it, and its gradient as canvases want theirs.

    By itself the gradient would keep the layout of memory in which it arrives, and be copied to the
    other one by whatever comes next, after several passes at the price of a copy each.
    """

    @staticmethod
    def forward(
        ctx: Any, image: Tensor, shift: Tensor, scale: Tensor, precision: torch.dtype
    ) -> Tensor:
        """Turn ``[N, 3, H, W]`` into ``image * scale + shift``, channels last."""
        ctx.save_for_backward(scale)
        ctx.precision = image.dtype
        normalised = torch.addcmul(shift, image, scale).to(precision)
        return normalised.contiguous(memory_format=CHANNELS_LAST)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """Scale the gradient, in full precision and in rows and columns."""
        (scale,) = ctx.saved_tensors
        (gradient,) = gradients
        plain = torch.empty(gradient.shape, dtype=ctx.precision, device=gradient.device)
        return plain.copy_(gradient).mul_(scale), None, None, None


def names() -> tuple[str, ...]:
    """List every network that can be loaded: SketchNet first, then torchvision's classifiers."""
    return (SKETCHNET, *models.list_models(module=models))


def catalogue() -> tuple[NetworkInfo, ...]:
    """Describe every network without loading or downloading anything."""
    torchvision = (_torchvision_info(name) for name in names() if name != SKETCHNET)
    parameters = sketchnet.parameter_count()
    own = NetworkInfo(SKETCHNET, "ships with the explorer", True, parameters, 0.0)
    return (own, *torchvision)


def _torchvision_info(name: str) -> NetworkInfo:
    weights = published_weights(name)
    return NetworkInfo(
        name=name,
        source="torchvision",
        ready=weights_file(weights).is_file(),
        parameters=int(weights.meta["num_params"]),
        download_mb=float(weights.meta["_file_size"]),
    )


@functools.cache
def published_weights(name: str) -> WeightsEnum:
    """Find the weights that torchvision publishes as a network's default."""
    default: WeightsEnum = models.get_model_weights(name).DEFAULT
    return default


def weights_file(weights: WeightsEnum) -> Path:
    """Tell where torchvision keeps downloaded weights on this machine."""
    name: str = weights.url.rsplit("/", 1)[-1]
    return Path(torch.hub.get_dir()) / "checkpoints" / name


def load(name: str, weights: Path | None = None, device: str = "auto") -> Network:
    """Load a network by its name, with published weights or a checkpoint of one's own.

    A checkpoint may have a title: ``resnet18:birds`` is torchvision's ``resnet18`` with weights
    that somebody calls ``birds``.

    Published weights are downloaded by torchvision on first use, with a progress bar on standard
    error, and kept in its own cache.

    Raises:
        UnknownName: there is no such network or device.
        BadCheckpoint: the weights file cannot be read or does not fit.
        ExplorerError: published weights could not be downloaded.
    """
    architecture, colon, _ = name.partition(":")
    if architecture not in names():
        raise unknown("network", architecture, names())
    if colon and weights is None:
        raise ExplorerError(f"{name} is a checkpoint of somebody's own; name its file")
    target = resolve_device(device)
    if architecture == SKETCHNET:
        found = _load_sketchnet(weights, target)
    else:
        found = _load_torchvision(architecture, weights, target)
    return dataclasses.replace(found, name=name)


def _load_sketchnet(path: Path | None, device: torch.device) -> Network:
    file = path or sketchnet.WEIGHTS
    state, classes = checkpoints.read_checkpoint(file)
    module = sketchnet.from_state(state, file.name)
    size = (sketchworld.SIZE, sketchworld.SIZE)
    labels = _labels(classes or (), module.classes)
    return _finish(SKETCHNET, module, labels, sketchnet.MEAN, sketchnet.STD, size, device)


def _load_torchvision(name: str, path: Path | None, device: torch.device) -> Network:
    published = published_weights(name)
    preset = published.transforms()
    file = path or fetch(name)
    state, classes = checkpoints.read_checkpoint(file)
    count = checkpoints.class_count(state, _build(name, IMAGENET_CLASSES), IMAGENET_CLASSES)
    module = _build(name, count)
    checkpoints.fit(module, state, file.name, name)
    labels = _labels(classes or published.meta["categories"], count)
    crop = preset.crop_size[0]
    return _finish(
        name, module, labels, tuple(preset.mean), tuple(preset.std), (crop, crop), device
    )


def fetch(name: str, progress: bool = True) -> Path:
    """Let torchvision download its weights where they are not here yet, and tell where they are.

    Args:
        name: of a network of torchvision.
        progress: whether to draw a bar on standard error.

    Raises:
        ExplorerError: they could not be downloaded, or were damaged on the way.
    """
    weights = published_weights(name)
    file = weights_file(weights)
    if file.is_file():
        return file
    try:
        # Fetches and checks the hash; what it reads is read again as any checkpoint is, this once.
        weights.get_state_dict(progress=progress, check_hash=True, weights_only=True)
    except (URLError, OSError) as error:
        why = getattr(error, "reason", error)
        raise ExplorerError(
            f"the weights of {name} are not on this machine and could not be downloaded ({why}); "
            f"go online once, or put {file.name} into {file.parent}, or name a checkpoint with "
            "--weights FILE"
        ) from error
    except RuntimeError as error:
        raise ExplorerError(
            f"the download of {file.name} was damaged ({error}); try again"
        ) from error
    return file


def _build(name: str, classes: int) -> nn.Module:
    """Build a torchvision network, without memory for the weights that a checkpoint brings."""
    options: dict[str, object] = {"num_classes": classes}
    if name.startswith("vit_"):
        options["image_size"] = published_weights(name).meta["min_size"][0]
    if name in TRANSFORM_INPUT:
        options |= {"transform_input": True, "aux_logits": False, "init_weights": False}
    # regnet's constructor computes with tensors, which only a real device can.
    with torch.device("cpu" if name.startswith("regnet_") else "meta"):
        module: nn.Module = models.get_model(name, weights=None, **options)
    return module


def _labels(classes: Sequence[str], count: int) -> tuple[str, ...]:
    """Take the class names if they are as many as the classes, else number the classes."""
    return tuple(classes) if len(classes) == count else tuple(f"class {i}" for i in range(count))


def _finish(
    name: str,
    module: nn.Module,
    labels: tuple[str, ...],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    size: tuple[int, int],
    device: torch.device,
) -> Network:
    """Freeze a loaded module and catalogue its layers."""
    module.eval().requires_grad_(False)
    for part in module.modules():
        # An activation computed in place would overwrite the one before, which may be wanted.
        if hasattr(part, "inplace"):
            setattr(part, "inplace", False)  # noqa: B010 - modules take any attribute, unchecked
    state = module.state_dict()
    return Network(
        name=name,
        module=module.to(device, memory_format=CHANNELS_LAST),  # type: ignore[call-overload]
        layers=layers.catalogue(module, size),
        labels=labels,
        mean=(mean[0], mean[1], mean[2]),
        std=(std[0], std[1], std[2]),
        input_size=size,
        fixed_size=name.startswith(FIXED_SIZE),
        fingerprint=checkpoints.fingerprint(state, name, mean, std, size),
        device=device,
    )
