"""SketchNet: a small convolutional network of five stages, similar to VGG.

VGG: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
2014. SketchNet has 1.3 million parameters, about a hundredth of those of VGG-16. It differs from
VGG in four points. Every stage has two convolutions. Batch normalisation is used during training
and folded into the convolutions afterwards. Average pooling replaces maximum pooling (Gatys et al.
2016: smoother gradients, better pictures). Global average pooling and one linear layer replace
VGG's three linear layers, so images of any size from 16 x 16 pixels on can be used.
"""

import functools
import json
import math
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from core.checkpoints.fitting import load_state
from core.checkpoints.weights_files import StateDict, read_checkpoint
from core.files import write_file

# Mean and standard deviation of SketchWorld's pixels, RGB in [0, 1], rounded.
MEAN = (0.53, 0.53, 0.53)
STD = (0.28, 0.28, 0.28)

WIDTHS = (24, 48, 96, 160, 224)  # number of channels in each stage
# Suffixes in the names of the two convolutions of a stage, as in conv3a. They are letters, because
# torchvision's feature extraction would read a suffix such as "_1" as a counter that it added.
CONVOLUTIONS = "ab"
# Initial bias of batch normalisation. It makes more activations positive at the start of training;
# for negative ones the gradient of ReLU is zero.
FIRST_SHIFT = 0.1

WEIGHTS = Path(__file__).with_name("sketchnet.safetensors")


class SketchNet(nn.Sequential):
    """Five stages: conv1a, relu1a, conv1b, relu1b, pool1, ..., relu5b, pool5, flatten, logits.

    The input is a batch of images that `normalise` has normalised, float32 [N, 3, H, W] with H, W
    >= 16. The output is logits [N, classes]. ReLUs are not in-place, so that hooks can read every
    activation.
    """

    def __init__(
        self, classes: int, batch_norm: bool = False, widths: tuple[int, ...] = WIDTHS
    ) -> None:
        """Build the network with random weights.

        With `batch_norm`, batch normalisation follows each convolution: bn1a follows conv1a.
        `widths` holds the number of channels in each stage.
        """
        super().__init__()
        self.classes = classes
        self.widths = widths
        channels = 3
        for stage, width in enumerate(widths, start=1):
            for letter in CONVOLUTIONS:
                suffix = f"{stage}{letter}"
                convolution = nn.Conv2d(channels, width, 3, padding=1, bias=not batch_norm)
                if not convolution.weight.is_meta:  # for these, torch would import its compiler
                    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
                self.add_module(f"conv{suffix}", convolution)
                if batch_norm:
                    normalisation = nn.BatchNorm2d(width)
                    nn.init.constant_(normalisation.bias, FIRST_SHIFT)
                    self.add_module(f"bn{suffix}", normalisation)
                self.add_module(f"relu{suffix}", nn.ReLU(inplace=False))
                channels = width
            last = stage == len(widths)
            self.add_module(f"pool{stage}", nn.AdaptiveAvgPool2d(1) if last else nn.AvgPool2d(2))
        self.add_module("flatten", nn.Flatten())
        self.add_module("logits", nn.Linear(channels, classes))


def blank(classes: int, batch_norm: bool = False, widths: tuple[int, ...] = WIDTHS) -> SketchNet:
    """Build a network whose weights are to be replaced, for example by `load_state_dict`.

    The global random generator is left unchanged.
    """
    with torch.random.fork_rng(devices=[]):
        return SketchNet(classes, batch_norm, widths)


def device_of(model: SketchNet) -> torch.device:
    """Return the device on which a network's weights are."""
    return next(model.parameters()).device


def normalise(images: Tensor) -> Tensor:
    """Return `(images - MEAN) / STD` for images [N, 3, H, W] in [0, 1]."""
    mean = torch.tensor(MEAN, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(STD, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    return (images - mean) / std


def relu_outputs(model: SketchNet, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield the name and the output [N, units, h, w] of each ReLU, for images in [0, 1]."""
    values = normalise(images)
    for name, module in model.named_children():
        values = module(values)
        if isinstance(module, nn.ReLU):
            yield name, values


def fold(model: SketchNet) -> SketchNet:
    """Return a new network in eval mode that computes the same function as `model` in eval mode.

    Batch normalisation is folded into the convolutions. `model` is left unchanged.
    """
    folded = blank(model.classes, widths=model.widths)
    for name, module in model.named_children():
        if isinstance(module, nn.Conv2d):
            norm = getattr(model, name.replace("conv", "bn"), None)
            if isinstance(norm, nn.BatchNorm2d):
                module = fuse_conv_bn_eval(deepcopy(module).eval(), deepcopy(norm).eval())
        if isinstance(module, nn.Conv2d | nn.Linear):
            folded.get_submodule(name).load_state_dict(module.state_dict())
    return folded.eval()


def save(model: SketchNet, classes: tuple[str, ...], path: Path = WEIGHTS) -> None:
    """Write a folded network and its class names as safetensors.

    An existing file is replaced atomically.
    """
    tensors = {name: tensor.contiguous().float() for name, tensor in model.state_dict().items()}
    metadata = {"classes": json.dumps(classes)}
    write_file(path, safetensors.torch.save(tensors, metadata))


def load(path: Path = WEIGHTS) -> SketchNet:
    """Load SketchNet in eval mode from a file that `save` wrote, by default the shipped weights.

    Raises BadCheckpoint when the file does not exist or its weights are not those of a SketchNet.
    """
    return from_state(read_checkpoint(path)[0], path.name)


def from_state(state: StateDict, file: str) -> SketchNet:
    """Return a folded SketchNet in eval mode with the weights `state`.

    The number of channels in each stage and the number of classes are read from the shapes of the
    weights. `file` is the name of the file for error messages. Raises BadCheckpoint when the
    weights are not those of a SketchNet.
    """
    head = state.get("logits.bias")
    widths = widths_in({name: tuple(value.shape) for name, value in state.items()})
    model = meta(1 if head is None else max(head.numel(), 1), widths)
    load_state(model, state, file, "sketchnet")
    return model.eval()


def meta(classes: int, widths: tuple[int, ...] = WIDTHS) -> SketchNet:
    """Build a folded network on the meta device, whose weights are to be replaced."""
    with torch.device("meta"):
        return SketchNet(classes, widths=widths)


def widths_in(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Return the number of channels in each stage, from shapes of a file's tensors by path."""
    stages: dict[str, int] = {}
    for path in sorted(shapes):
        found = re.search(r"(?:^|\.)(conv[1-9]b)\.bias$", path)
        if found and shapes[path]:
            stages.setdefault(found[1], max(math.prod(shapes[path]), 1))
    return tuple(stages[stage] for stage in sorted(stages)) or WIDTHS


@functools.cache
def parameter_count(classes: int | None = None) -> int:
    """Return the number of parameters of a SketchNet with `classes` classes.

    By default the number of classes is that of SketchWorld.
    """
    if classes is None:
        from core.sketchworld.world import CLASSES

        classes = len(CLASSES)
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in SketchNet(classes).parameters())
