"""Modules that no library has made, each with something that makes networks hard to explore."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Tuple(nn.Module):
    """Returns its logits and its features."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 9, 3), nn.ReLU()
        )
        self.head = nn.Linear(9, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return self.head(features.mean((2, 3))), features


class UNet(nn.Module):
    """An encoder and a decoder with transposed convolutions; sides are multiples of 4."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True))
        self.down2 = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(inplace=True))
        self.deep = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(inplace=True))
        self.pool = nn.MaxPool2d(2)
        self.up2 = nn.ConvTranspose2d(8, 6, 2, 2)
        self.up1 = nn.ConvTranspose2d(6, 4, 2, 2)
        self.join2 = nn.Sequential(nn.Conv2d(12, 6, 3, padding=1), nn.ReLU(inplace=True))
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.down1(x)
        two = self.down2(self.pool(one))
        deep = self.deep(self.pool(two))
        two = self.join2(torch.cat([two, self.up2(deep)], 1))
        out: Tensor = self.head(torch.cat([one, self.up1(two)], 1))
        return out


class Segmentation(nn.Module):
    """Returns a dict with a map of logits at the size of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 6, 3, 2, 1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Conv2d(6, 8, 3, 2, 1),
            nn.ReLU(),
        )
        self.classifier = nn.Conv2d(8, 3, 1)
        self.aux = nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.backbone(x)
        out, aux = self.classifier(features), self.aux(features)
        size = x.shape[-2:]
        return {"out": F.interpolate(out, size, mode="bilinear"), "aux": F.interpolate(aux, size)}


class Separable(nn.Module):
    """A depthwise convolution followed by one of single pixels."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inner, inner, 3, stride, 1, groups=inner)
        self.pointwise = nn.Conv2d(inner, outer, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(self.pointwise(F.relu6(self.depthwise(x), inplace=True)))


class Detection(nn.Module):
    """The backbone of a detector (SSDLite): a dict of maps of several sizes, without a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, 2, 1)
        self.blocks = nn.ModuleList([Separable(6, 8, 2), Separable(8, 10, 2), Separable(10, 7, 1)])

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.stem(x)
        maps = {}
        for number, block in enumerate(self.blocks):
            x = block(x)
            maps[str(number)] = x
        return maps


class Tokens(nn.Module):
    """A transformer whose tokens are ``[T, N, C]``; with position embeddings for one size."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        count = (size[0] // 8) * (size[1] // 8)
        self.positions = nn.Parameter(torch.randn(count, 1, 8) * 0.1)
        block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
        self.blocks = nn.TransformerEncoder(block, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).permute(2, 0, 1) + self.positions
        logits: Tensor = self.head(self.blocks(tokens).mean(0))
        return logits


class Functional(nn.Module):
    """Activation functions that are no modules."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 9, 3, 2, 1)
        self.head = nn.Linear(9, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.one(x), inplace=True)
        x = torch.relu(self.two(x)).mean((2, 3))
        logits: Tensor = self.head(x)
        return logits


class SharedReLU(nn.Module):
    """One activation module for all layers."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 9, 3, 2, 1)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(9, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.one(x))
        logits: Tensor = self.head(self.relu(self.two(x)).mean((2, 3)))
        return logits


class Untraceable(SharedReLU):
    """Decides by the values of its image what it computes."""

    def forward(self, x: Tensor) -> Tensor:
        if float(x.detach().mean()) > 1e6:
            x = -x
        return super().forward(x)


class FixedSize(nn.Module):
    """A fully connected layer on all positions, so that only one size fits."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 4, 3, 2, 1))
        self.relu, self.flatten = nn.ReLU(), nn.Flatten()
        self.head = nn.Linear(4 * (size[0] // 4) * (size[1] // 4), 5)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.flatten(self.relu(self.features(x))))
        return logits


def small(channels: int) -> nn.Sequential:
    """Build a small convolutional network of images of some channels."""
    return nn.Sequential(
        nn.Conv2d(channels, 6, 3, 2, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(6, 9, 3, padding=1),
        nn.BatchNorm2d(9),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(9, 5),
    )


SIZE = (32, 40)


@dataclass(frozen=True)
class OwnModule:
    """One of the modules.

    Attributes:
        build: builds it with random weights.
        layer: a layer in its middle, with positions or tokens.
        channels: number of channels of its images.
        traced: whether ``torch.fx`` can trace it.
        step: which sizes of images the last layer takes (``size_steps``).
        classes: number of classes that are numbered.
        positions: whether ``layer`` has rows and columns.
    """

    build: Callable[[], nn.Module]
    layer: str
    channels: int = 3
    traced: bool = True
    step: int = 1
    classes: int = 5
    positions: bool = True


OWN_MODULES = {
    "small": OwnModule(lambda: small(3), "4"),
    "tuple": OwnModule(Tuple, "body.3"),
    "grey": OwnModule(lambda: small(1), "4", channels=1),
    "bands": OwnModule(lambda: small(4), "4", channels=4),
    "unet": OwnModule(UNet, "join2.1", step=4, classes=0),
    "segmentation": OwnModule(Segmentation, "backbone.4", classes=0),
    "detection": OwnModule(Detection, "blocks.1", classes=0),
    "tokens": OwnModule(lambda: Tokens(SIZE), "blocks.layers.0", step=0, positions=False),
    "functional": OwnModule(Functional, "relu_1"),
    "shared": OwnModule(SharedReLU, "relu_1"),
    "untraceable": OwnModule(Untraceable, "relu_1", traced=False),
    "fixed": OwnModule(lambda: FixedSize(SIZE), "relu", step=0),
}


def build(name: str) -> nn.Module:
    """Build one of the modules with lively random weights, in training mode."""
    torch.manual_seed(0)
    module = OWN_MODULES[name].build()
    for part in module.modules():
        if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(part.weight)
            if part.bias is not None:
                nn.init.constant_(part.bias, 0.1)
    return module
