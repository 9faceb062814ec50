"""SketchNet: a small plain network of five stages, in the manner of VGG.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2014),
at a fiftieth of the size. Departures: two convolutions in every stage, batch normalisation while
training (folded into the convolutions afterwards), average instead of maximum pooling (Gatys et al.
2016: smoother gradients, better pictures), one linear layer behind a global average, so that any
picture of 16 pixels and more fits.
"""

from __future__ import annotations

import functools
import json
import re
from copy import deepcopy
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from core.checkpoints import StateDict, load_state, read_checkpoint

MEAN = (0.53, 0.53, 0.53)  # of SketchWorld, rounded; images are RGB in [0, 1]
STD = (0.28, 0.28, 0.28)

WIDTHS = (24, 48, 96, 160, 224)  # channels of each stage
# Of each stage. Letters, as torchvision takes a "_1" at the end of a name for a counter of its own.
CONVOLUTIONS = "ab"
FIRST_SHIFT = 0.1  # starts every unit a little above zero, where ReLU passes its gradient

WEIGHTS = Path(__file__).with_name("sketchnet.safetensors")


class SketchNet(nn.Sequential):
    """Five stages: conv1a, relu1a, conv1b, relu1b, pool1, ..., relu5b, pool5, flatten, logits.

    Takes normalised images, float32 [N, 3, H, W] with H, W >= 16, and returns logits [N, classes].
    ReLUs are not in-place, so that every activation can be looked at.
    """

    def __init__(
        self, classes: int, batch_norm: bool = False, widths: tuple[int, ...] = WIDTHS
    ) -> None:
        """Build the network; with `batch_norm`, a normalisation `bn*` follows each convolution."""
        super().__init__()
        self.classes = classes
        self.widths = widths
        before = 3
        for stage, width in enumerate(widths, start=1):
            for letter in CONVOLUTIONS:
                place = f"{stage}{letter}"
                convolution = nn.Conv2d(before, width, 3, padding=1, bias=not batch_norm)
                nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
                self.add_module(f"conv{place}", convolution)
                if batch_norm:
                    normalise = nn.BatchNorm2d(width)
                    nn.init.constant_(normalise.bias, FIRST_SHIFT)
                    self.add_module(f"bn{place}", normalise)
                self.add_module(f"relu{place}", nn.ReLU(inplace=False))
                before = width
            last = stage == len(widths)
            self.add_module(f"pool{stage}", nn.AdaptiveAvgPool2d(1) if last else nn.AvgPool2d(2))
        self.add_module("flatten", nn.Flatten())
        self.add_module("logits", nn.Linear(before, classes))


def blank(classes: int, batch_norm: bool = False, widths: tuple[int, ...] = WIDTHS) -> SketchNet:
    """Build a network to load weights into, and leave the caller's random numbers alone."""
    with torch.random.fork_rng(devices=[]):
        return SketchNet(classes, batch_norm, widths)


def device_of(model: SketchNet) -> torch.device:
    """Return where a network's weights are."""
    return next(model.parameters()).device


def normalise(images: Tensor) -> Tensor:
    """Return images [N, 3, H, W] in [0, 1] as SketchNet wants them."""
    mean = torch.tensor(MEAN, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(STD, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    return (images - mean) / std


def fold(model: SketchNet) -> SketchNet:
    """Return a network without normalisation that computes what `model` computes in eval mode."""
    folded = blank(model.classes, widths=model.widths)
    for name, module in model.named_children():
        if isinstance(module, nn.Conv2d):
            partner = getattr(model, name.replace("conv", "bn"), None)
            if isinstance(partner, nn.BatchNorm2d):
                module = fuse_conv_bn_eval(deepcopy(module).eval(), deepcopy(partner).eval())
        if isinstance(module, nn.Conv2d | nn.Linear):
            folded.get_submodule(name).load_state_dict(module.state_dict())
    return folded.eval()


def save(model: SketchNet, classes: tuple[str, ...], path: Path = WEIGHTS) -> None:
    """Write a folded network with its class names as safetensors, in one piece or not at all."""
    tensors = {name: tensor.contiguous().float() for name, tensor in model.state_dict().items()}
    metadata = {"classes": json.dumps(classes)}
    partial = path.with_suffix(".part")
    save_file(tensors, partial, metadata)
    partial.replace(path)


def load(path: Path = WEIGHTS) -> SketchNet:
    """Return SketchNet in eval mode with the shipped weights, or those of a file that `save` wrote.

    Raises BadCheckpoint when there is no such file or it does not fit.
    """
    return from_state(read_checkpoint(path)[0], path.name)


def from_state(state: StateDict, file: str) -> SketchNet:
    """Return a folded SketchNet in eval mode with the weights of a file, as wide as they are.

    Raises BadCheckpoint when they are not a SketchNet's.
    """
    stages = [name for name in sorted(state) if re.fullmatch(r"conv\d+b\.bias", name)]
    widths = tuple(len(state[name]) for name in stages) or WIDTHS
    head = state.get("logits.bias")
    with torch.device("meta"):
        model = SketchNet(len(head) if head is not None else 1, widths=widths)
    load_state(model, state, file, "sketchnet")
    return model.eval()


@functools.cache
def parameter_count(classes: int | None = None) -> int:
    """Return how many numbers the network learns, for SketchWorld's classes or another count."""
    if classes is None:
        from core.sketchworld.world import CLASSES

        classes = len(CLASSES)
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in SketchNet(classes).parameters())
