"""torchvision's classifiers: their names, published weights and modules.

Importing torchvision takes as long as importing torch, because its operators import the compiler of
torch. So this module is imported only when one of its networks is loaded.
"""

import functools
import re
from pathlib import Path
from urllib.error import URLError

import torch
from torch import nn
from torchvision import models
from torchvision.models import WeightsEnum

from core.errors import ExplorerError

HASH = re.compile(r"-([a-f0-9]+)\.")
# torchvision's default number of classes (ImageNet-1K).
IMAGENET_CLASSES = 1000
# The published weights of these networks need ``transform_input=True``: the network normalises its
# input, which is already normalised, a second time.
TRANSFORM_INPUT = ("googlenet", "inception_v3")


def list_classifiers() -> tuple[str, ...]:
    """Return the names of torchvision's classifiers."""
    return tuple(models.list_models(module=models))


@functools.cache
def published_weights(name: str) -> WeightsEnum:
    """Return the weights that torchvision publishes as a network's default."""
    default: WeightsEnum = models.get_model_weights(name).DEFAULT
    return default


def weights_file(weights: WeightsEnum) -> Path:
    """Return the path to which torchvision downloads these weights; the file may not exist yet."""
    name: str = weights.url.rsplit("/", 1)[-1]
    return Path(torch.hub.get_dir()) / "checkpoints" / name


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
        file.parent.mkdir(parents=True, exist_ok=True)
        # torchvision would load the file, too; ``registry.load`` reads it like any checkpoint. The
        # end of its name is the beginning of its hash.
        hashed = HASH.search(file.name)
        torch.hub.download_url_to_file(
            weights.url, str(file), hashed and hashed[1], progress=progress
        )
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


def build(name: str, classes: int = IMAGENET_CLASSES, device: str = "meta") -> nn.Module:
    """Build a torchvision network.

    Args:
        name: name of a network of torchvision.
        classes: number of classes.
        device: where the weights are; by default nowhere, because a checkpoint provides them.
    """
    options: dict[str, object] = {"num_classes": classes}
    if name.startswith("vit_"):
        options["image_size"] = published_weights(name).meta["min_size"][0]
    if name in TRANSFORM_INPUT:
        options |= {"transform_input": True, "aux_logits": False, "init_weights": False}
    # regnet's constructor computes with tensors, which is not possible on the meta device.
    with torch.device("cpu" if name.startswith("regnet_") else device):
        module: nn.Module = models.get_model(name, weights=None, **options)
    return module
