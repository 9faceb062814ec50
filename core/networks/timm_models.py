"""timm's networks: their published weights, preprocessing and modules.

timm is optional (``requirements-timm.txt``), and its import takes seconds, so this module is
imported only when one of its networks is loaded.
"""

import functools
from collections.abc import Mapping
from typing import Any

import timm
import torch
from timm.data import ImageNetInfo, infer_imagenet_subset, resolve_data_config
from torch import nn

from core.errors import ExplorerError, reason_of
from core.images.center_crop import BICUBIC, BILINEAR, Framing
from core.networks.known_timm import PREFIX, TimmNetwork, hub_folder

# Classes of the ImageNet that torchvision names too.
IMAGENET_CLASSES = 1000


@functools.cache
def published_config(name: str) -> dict[str, Any]:
    """Return timm's description of a network's published weights, by the name of the network."""
    found = timm.get_pretrained_cfg(name.removeprefix(PREFIX))
    if found is None:
        raise ExplorerError(f"timm {timm.__version__} has no network {name.removeprefix(PREFIX)}")
    config: dict[str, Any] = found.to_dict()
    return config


def preprocessing(name: str) -> dict[str, Any]:
    """Return how a network's images are prepared.

    Returns:
        ``input_size`` (channels, height, width), ``mean`` and ``std`` by channel, the
        ``interpolation`` of resizing, and ``crop_pct``, the share of the image's shorter side that
        is the height and width of the middle crop.
    """
    settings: dict[str, Any] = resolve_data_config(pretrained_cfg=published_config(name))
    return settings


def framing(settings: Mapping[str, Any]) -> Framing:
    """Return how photographs are prepared, from the result of ``preprocessing``.

    Filters other than bicubic are replaced by the bilinear one, from which they hardly differ.
    """
    kind = BICUBIC if settings["interpolation"] == BICUBIC else BILINEAR
    return Framing(round(min(float(settings["crop_pct"]), 1.0), 4), kind)


def list_networks() -> dict[str, TimmNetwork]:
    """Return what is known of all networks; this takes minutes."""
    return {PREFIX + name: describe(PREFIX + name) for name in timm.list_models()}


def describe(name: str) -> TimmNetwork:
    """Build a network without weights, and return what is known of it."""
    config = published_config(name)
    _, height, width = config["input_size"]
    with torch.device("meta"):
        module = build(name)
    parameters = sum(it.numel() for it in module.parameters())
    return TimmNetwork(config.get("hf_hub_id") or "", (height, width), parameters)


def build(name: str, classes: int | None = None) -> nn.Module:
    """Build a network with random weights.

    Args:
        name: name of the network, such as ``timm.resnet18``.
        classes: number of classes; None for that of the published weights.
    """
    options = {} if classes is None else {"num_classes": classes}
    module: nn.Module = timm.create_model(name.removeprefix(PREFIX), **options)
    return module


def load_published(name: str) -> nn.Module:
    """Load a network with its published weights, which timm downloads on first use.

    Raises:
        ExplorerError: there are none, or they could not be downloaded.
    """
    if not published_config(name).get("hf_hub_id"):
        raise ExplorerError(
            f"timm has no published weights of {name}; name a checkpoint with --weights FILE"
        )
    try:
        module: nn.Module = timm.create_model(
            name.removeprefix(PREFIX), pretrained=True, cache_dir=hub_folder()
        )
    # The hub's client raises errors of several libraries when it is offline.
    except Exception as error:
        raise ExplorerError(
            f"the weights of {name} are not on this machine and could not be downloaded "
            f"({reason_of(error)[:200]}); go online once, or name a checkpoint with --weights FILE"
        ) from error
    return module


def class_count(name: str) -> int:
    """Return the number of classes of a network's published weights; 0 if they have no head."""
    return int(published_config(name)["num_classes"])


def class_names(module: nn.Module, count: int) -> tuple[str, ...]:
    """Return the names of a network's classes, as timm knows them; none if it does not."""
    if count == IMAGENET_CLASSES:
        from torchvision.models._meta import _IMAGENET_CATEGORIES

        return tuple(_IMAGENET_CATEGORIES)
    subset = infer_imagenet_subset(module)
    return tuple(ImageNetInfo(subset).label_descriptions()) if subset else ()
