"""The networks that can be loaded: SketchNet, torchvision's classifiers, and users' checkpoints."""

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

from core.checkpoints import fitting, weights_files
from core.devices import resolve_device
from core.errors import BadCheckpoint, ExplorerError, named, unknown
from core.networks import layers
from core.networks.network import CHANNELS_LAST, Network
from core.sketchnet import model as sketchnet
from core.sketchworld import world as sketchworld

SKETCHNET = "sketchnet"
# torchvision's default number of classes (ImageNet-1K).
IMAGENET_CLASSES = 1000
# Networks whose names begin with these texts accept images of one size only, because of their
# position embeddings or windows.
FIXED_SIZE = ("vit_", "maxvit")
# The published weights of these networks need ``transform_input=True``: the network normalises its
# input, which is already normalised, a second time.
TRANSFORM_INPUT = ("googlenet", "inception_v3")


@dataclass(frozen=True)
class NetworkInfo:
    """Description of a network that is not loaded.

    Attributes:
        name: the network's name in commands and on pages.
        source: ``"ships with the explorer"`` or ``"torchvision"``.
        ready: whether the network can be loaded without a download.
        parameters: number of parameters.
        download_mb: size of the published weights file in megabytes; 0 if the file is part of the
            explorer.
    """

    name: str
    source: str
    ready: bool
    parameters: int
    download_mb: float


def list_networks() -> tuple[str, ...]:
    """Return the names of all networks: SketchNet first, then torchvision's classifiers."""
    return (SKETCHNET, *models.list_models(module=models))


def describe_networks() -> tuple[NetworkInfo, ...]:
    """Return a description of every network, without loading or downloading anything."""
    torchvision = (_torchvision_info(name) for name in list_networks() if name != SKETCHNET)
    parameters = sketchnet.parameter_count()
    shipped = NetworkInfo(SKETCHNET, "ships with the explorer", True, parameters, 0.0)
    return (shipped, *torchvision)


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
    """Return the weights that torchvision publishes as a network's default."""
    default: WeightsEnum = models.get_model_weights(name).DEFAULT
    return default


def weights_file(weights: WeightsEnum) -> Path:
    """Return the path to which torchvision downloads these weights; the file may not exist yet."""
    name: str = weights.url.rsplit("/", 1)[-1]
    return Path(torch.hub.get_dir()) / "checkpoints" / name


def load(name: str, weights: Path | None = None, device: str = "auto") -> Network:
    """Load a network by its name, with published weights or a user's checkpoint.

    A checkpoint's name may end with a title: ``resnet18:birds`` is torchvision's ``resnet18`` with
    weights that the user calls ``birds``.

    Published weights are downloaded by torchvision on first use, with a progress bar on standard
    error, and kept in torchvision's cache.

    Raises:
        UnknownName: there is no such network or device.
        BadCheckpoint: the weights file cannot be read or does not fit the network.
        ExplorerError: published weights could not be downloaded.
    """
    architecture, colon, _ = name.partition(":")
    if architecture not in list_networks():
        raise unknown("network", architecture, list_networks())
    if colon and weights is None:
        raise ExplorerError(f"{named(name)} is a checkpoint of somebody's own; name its file")
    target = resolve_device(device)
    if architecture == SKETCHNET:
        network = _load_sketchnet(weights, target)
    else:
        network = _load_torchvision(architecture, weights, target)
    if weights is not None:
        _check_run(network, named(weights.name))
    return dataclasses.replace(network, name=name)


def _load_sketchnet(path: Path | None, device: torch.device) -> Network:
    file = path or sketchnet.WEIGHTS
    state, classes = weights_files.read_checkpoint(file)
    module = sketchnet.from_state(state, named(file.name))
    size = (sketchworld.SIZE, sketchworld.SIZE)
    labels = _class_labels(classes or (), module.classes)
    return _make_network(SKETCHNET, module, labels, sketchnet.MEAN, sketchnet.STD, size, device)


def _load_torchvision(name: str, path: Path | None, device: torch.device) -> Network:
    published = published_weights(name)
    preset = published.transforms()
    file = path or download(name)
    state, classes = weights_files.read_checkpoint(file)
    count = fitting.class_count(state, _build_torchvision(name, IMAGENET_CLASSES), IMAGENET_CLASSES)
    module = _build_torchvision(name, count)
    fitting.load_state(module, state, named(file.name), name)
    labels = _class_labels(classes or published.meta["categories"], count)
    crop = preset.crop_size[0]
    return _make_network(
        name, module, labels, tuple(preset.mean), tuple(preset.std), (crop, crop), device
    )


def _check_run(network: Network, file: str) -> None:
    """Run a network once, on a grey ramp, with the weights of a user's file.

    Raises:
        BadCheckpoint: the network fails, as with a table of indices that are out of range, or its
            logits are no finite numbers.
    """
    height, width = network.input_size
    ramp = torch.linspace(-2, 2, 3 * height * width, device=network.device)
    try:
        with torch.no_grad():
            logits = network.module(ramp.view(1, 3, height, width))
    # A network's own code may raise anything.
    except Exception as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise BadCheckpoint(
            f"{network.name} cannot compute with the weights of {file}: {reason}"
        ) from error
    if not bool(torch.isfinite(logits).all()):
        raise BadCheckpoint(
            f"{network.name} computes values that are no finite numbers with the weights of {file}"
        )


def download(name: str, progress: bool = True) -> Path:
    """Download a network's published weights unless they are cached; return the file's path.

    Args:
        name: name of a network of torchvision.
        progress: whether to draw a progress bar on standard error.

    Raises:
        ExplorerError: the weights could not be downloaded, or were damaged in the download.
    """
    weights = published_weights(name)
    file = weights_file(weights)
    if file.is_file():
        return file
    try:
        # This downloads the file, checks its hash and loads it. The loaded weights are not used:
        # `load` reads the file again like any checkpoint.
        weights.get_state_dict(progress=progress, check_hash=True, weights_only=True)
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise ExplorerError(
            f"the weights of {name} are not on this machine and could not be downloaded "
            f"({reason}); go online once, or put {file.name} into {file.parent}, or name a "
            "checkpoint with --weights FILE"
        ) from error
    except RuntimeError as error:
        raise ExplorerError(
            f"the download of {file.name} was damaged ({error}); try again"
        ) from error
    return file


def _build_torchvision(name: str, classes: int) -> nn.Module:
    """Build a torchvision network on the meta device, because a checkpoint provides the weights."""
    options: dict[str, object] = {"num_classes": classes}
    if name.startswith("vit_"):
        options["image_size"] = published_weights(name).meta["min_size"][0]
    if name in TRANSFORM_INPUT:
        options |= {"transform_input": True, "aux_logits": False, "init_weights": False}
    # regnet's constructor computes with tensors, which is not possible on the meta device.
    with torch.device("cpu" if name.startswith("regnet_") else "meta"):
        module: nn.Module = models.get_model(name, weights=None, **options)
    return module


def knows_drawings_only(network: Network) -> bool:
    """Whether the classes of a network are those of SketchWorld, so that it has seen no photograph.

    That is SketchNet, and every network that was trained on the same drawings.
    """
    return set(network.labels) <= set(sketchworld.CLASSES)


def _class_labels(classes: Sequence[str], count: int) -> tuple[str, ...]:
    """Return the class names if there are ``count`` of them, else ``class 0``, ``class 1``, ..."""
    return tuple(classes) if len(classes) == count else tuple(f"class {i}" for i in range(count))


def _make_network(
    name: str,
    module: nn.Module,
    labels: tuple[str, ...],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    size: tuple[int, int],
    device: torch.device,
) -> Network:
    """Return a loaded module as a network with frozen parameters and a list of layers."""
    module.eval().requires_grad_(False)
    for part in module.modules():
        # An in-place activation function would overwrite the output of the layer before it.
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
        fingerprint=fitting.fingerprint(state, name, mean, std, size),
        device=device,
    )
