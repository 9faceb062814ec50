"""The networks that can be loaded: SketchNet, torchvision's classifiers, and a user's own
checkpoints.
"""

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
from torch import nn
from torchvision import models
from torchvision.models import WeightsEnum

from core import checkpoints
from core.devices import resolve_device
from core.errors import ExplorerError, unknown
from core.networks import layers
from core.networks.network import CHANNELS_LAST, Network
from core.sketchnet import model as sketchnet
from core.sketchworld import world as sketchworld

SKETCHNET = "sketchnet"
# torchvision's usual number of classes (ImageNet-1K) and preprocessing.
IMAGENET_CLASSES = 1000
# Their position embeddings and windows fit one picture size only.
FIXED_SIZE = ("vit_", "maxvit")
# They were published for inputs that they renormalise themselves.
TRANSFORM_INPUT = ("googlenet", "inception_v3")


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


def list_networks() -> tuple[str, ...]:
    """List every network that can be loaded: SketchNet first, then torchvision's classifiers."""
    return (SKETCHNET, *models.list_models(module=models))


def describe_networks() -> tuple[NetworkInfo, ...]:
    """Describe every network without loading or downloading anything."""
    torchvision = (_torchvision_info(name) for name in list_networks() if name != SKETCHNET)
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
    if architecture not in list_networks():
        raise unknown("network", architecture, list_networks())
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
    file = path or download(name)
    state, classes = checkpoints.read_checkpoint(file)
    count = checkpoints.class_count(state, _build(name, IMAGENET_CLASSES), IMAGENET_CLASSES)
    module = _build(name, count)
    checkpoints.fit(module, state, file.name, name)
    labels = _labels(classes or published.meta["categories"], count)
    crop = preset.crop_size[0]
    return _finish(
        name, module, labels, tuple(preset.mean), tuple(preset.std), (crop, crop), device
    )


def download(name: str, progress: bool = True) -> Path:
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
        layers=layers.list_layers(module, size),
        labels=labels,
        mean=(mean[0], mean[1], mean[2]),
        std=(std[0], std[1], std[2]),
        input_size=size,
        fixed_size=name.startswith(FIXED_SIZE),
        fingerprint=checkpoints.fingerprint(state, name, mean, std, size),
        device=device,
    )
