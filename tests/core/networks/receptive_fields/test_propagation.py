"""Receptive fields against brute force: which outputs change when a row or column changes."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models
from torchvision.models import convnext, vgg

from core.networks import layers
from core.networks.layers import Layer
from core.networks.tracing import trace


def make_transparent(module: nn.Module) -> nn.Module:
    """Set a network's weights so that every change of a pixel propagates.

    All weights are positive, so that an infinite pixel changes everything that depends on it:
    nothing cancels, no ReLU is inactive, and the pixel is the maximum of every window.
    """
    module.eval().double()
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                part.weight.uniform_(0.5, 1.5).div_(part.weight[0].numel())
                if part.bias is not None:
                    part.bias.zero_()
    return module


def brute_force_fields(
    module: nn.Module, checked: list[Layer], size: tuple[int, int], side: int
) -> dict[str, list[tuple[int, int] | None]]:
    """Return which rows (side 0) or columns (1) change each row or column of a layer."""
    images = torch.ones(size[side] + 1, 3, *size, dtype=torch.float64)
    for line in range(size[side]):
        images[line].select(1 + side, line).fill_(math.inf)
    with torch.no_grad():
        values = layers.build_extractor(module, trace(module), checked)(images)
    result = {}
    for name, value in values.items():
        changed = ~torch.isclose(value[:-1], value[-1:], rtol=1e-6, atol=0.0)
        by_position = changed.any(1).any(2 - side)  # [image lines, positions]
        lines_by_position = [lines.nonzero().flatten().tolist() for lines in by_position.T]
        result[name] = [(lines[0], lines[-1] + 1) if lines else None for lines in lines_by_position]
    return result


def check_layers(module: nn.Module, size: tuple[int, int], only_shown: bool = True) -> list[Layer]:
    """Compare all fields of a network's layers with brute force; return the layers."""
    make_transparent(module)
    checked = [
        layer
        for layer in layers.list_layers(module, size)
        if layer.spans is not None and (layer.shown or not only_shown)
    ]
    assert checked
    rows = brute_force_fields(module, checked, size, 0)
    cols = brute_force_fields(module, checked, size, 1)
    for layer in checked:
        check_layer(layer, rows[layer.name], cols[layer.name])
    return checked


def check_layer(
    layer: Layer, rows: list[tuple[int, int] | None], cols: list[tuple[int, int] | None]
) -> None:
    """Compare the field of every position of a layer with the brute-force result."""
    assert (len(rows), len(cols)) == layer.size
    for row, row_field in enumerate(rows):
        for col, col_field in enumerate(cols):
            if row_field is None or col_field is None:
                continue
            (top, bottom), (left, right) = row_field, col_field
            assert layer.receptive_box(row, col, exact=True) == (top, left, bottom, right), (
                layer.name,
                row,
                col,
            )
            if layer.receptive_field is not None and layer.stride is not None:
                check_endless(layer, row, col)


def check_endless(layer: Layer, row: int, col: int) -> None:
    """Check size and position of the box on an endless image, and that it fits the clipped one."""
    top, left, bottom, right = layer.receptive_box(row, col, clipped=False, exact=True)
    height, width = layer.input_size
    assert (bottom - top, right - left) == layer.receptive_field
    first = layer.receptive_box(0, 0, clipped=False, exact=True)
    assert (top - first[0], left - first[1]) == (row * layer.stride[0], col * layer.stride[1])
    inner = layer.receptive_box(row, col, exact=True)
    if top >= 0 and left >= 0 and bottom <= height and right <= width:
        assert inner == (top, left, bottom, right)
    else:
        assert top <= inner[0] and left <= inner[1] and inner[2] <= bottom and inner[3] <= right


class Branches(nn.Module):
    """Branches of different depth and windows, joined by concatenation and addition."""

    def __init__(self) -> None:
        super().__init__()
        self.deep = nn.Sequential(
            nn.Conv2d(3, 4, (1, 5), padding=(0, 2)),
            nn.ReLU(),
            nn.Conv2d(4, 5, (7, 1), padding=(3, 0)),
        )
        self.short = nn.Conv2d(3, 2, 1)
        self.pooled = nn.MaxPool2d(3, stride=1, padding=1)
        self.last = nn.Conv2d(10, 10, 3, stride=(2, 1), padding=1)
        self.skip = nn.Conv2d(10, 10, 1, stride=(2, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.deep(x), self.short(x), self.pooled(x)], 1)
        out = self.last(x)
        out += self.skip(x)
        return F.relu(out, inplace=True)


class Shuffled(nn.Module):
    """Split channels: one half is convolved; then the halves are shuffled."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.convolve = nn.Conv2d(4, 4, 3, padding=1, groups=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        left, right = x.chunk(2, dim=1)
        x = torch.cat((left, self.convolve(right)), dim=1)
        n, c, h, w = x.size()
        x = x.view(n, 2, c // 2, h, w)
        return torch.transpose(x, 1, 2).contiguous().view(n, c, h, w)


class Gated(nn.Module):
    """Squeeze and excitation: later layers depend on the whole image but keep their stride."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, stride=2)
        self.down, self.up = nn.Conv2d(6, 2, 1), nn.Conv2d(2, 6, 1)
        self.after = nn.Conv2d(6, 5, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        gate = torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3), keepdim=True)))))
        return self.after(x * gate)


class Sliced(nn.Module):
    """Split and concatenated channels, padding on one side, every second row, and a crop."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        colours = [torch.unsqueeze(x[:, i], 1) * (i + 0.5) for i in range(3)]
        x = F.pad(torch.cat(colours, 1), (2, 0, 1, 1))
        return self.conv(x)[:, :, 1::2, 2:-1]


class ChannelsLast(nn.Module):
    """Layers on [N, H, W, C]: normalisation and linear layers are local to a position."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 6, (3, 2), stride=(3, 2))
        self.norm, self.mix = nn.LayerNorm(6), nn.Linear(6, 9)
        self.after = nn.Conv2d(9, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).permute(0, 2, 3, 1)
        x = F.relu(self.mix(self.norm(x)))
        return self.after(x.permute(0, 3, 1, 2))


def windows() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, (3, 5), stride=(2, 1), padding=(0, 3), dilation=(2, 1)),
        nn.ReLU(),
        nn.MaxPool2d((3, 2), stride=(2, 3), padding=(1, 0), ceil_mode=True),
        nn.Conv2d(4, 6, 3, padding="same", dilation=2),
        nn.ReLU(inplace=True),
        nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False),
    )


def gaps() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1, stride=3), nn.ReLU(), nn.Conv2d(4, 4, 2, stride=3))


def padded_beyond() -> nn.Module:
    """More padding than window: positions at the border depend on nothing."""
    return nn.Sequential(nn.ZeroPad2d((4, 1, 0, 3)), nn.Conv2d(3, 4, (2, 3), padding=(2, 0)))


def adaptive() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d((5, 3)), nn.Conv2d(4, 2, 3, padding=1)
    )


HAND_MADE = (
    windows,
    gaps,
    padded_beyond,
    adaptive,
    Branches,
    Shuffled,
    Gated,
    Sliced,
    ChannelsLast,
)


@pytest.mark.parametrize("build", HAND_MADE)
@pytest.mark.parametrize("size", [(23, 31), (34, 27)])
def test_hand_made(build: Callable[[], nn.Module], size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    check_layers(build(), size, only_shown=False)


def slim_vgg11() -> nn.Module:
    # Without the classifier, which depends on the whole image and would take most of the time.
    return vgg.make_layers([it if it == "M" else int(it) // 16 for it in vgg.cfgs["A"]])


def slim_densenet() -> nn.Module:
    return models.DenseNet(4, (2, 3, 2, 2), num_init_features=6, bn_size=2)


def slim_shufflenet() -> nn.Module:
    return models.ShuffleNetV2([2, 3, 2], [4, 8, 12, 16, 20])


def slim_convnext() -> nn.Module:
    return convnext.ConvNeXt(
        [convnext.CNBlockConfig(6, 8, 1), convnext.CNBlockConfig(8, None, 1)], layer_scale=1.0
    )


def googlenet() -> nn.Module:
    return models.googlenet(init_weights=False)


# With few channels, where torchvision has an option for that: only the windows matter.
@pytest.mark.parametrize(
    ("build", "size"),
    [
        (models.squeezenet1_0, (43, 55)),
        (slim_vgg11, (66, 97)),
        (models.resnet18, (49, 36)),
        (googlenet, (34, 47)),
        (slim_shufflenet, (66, 91)),
        (slim_convnext, (53, 48)),
        (slim_densenet, (66, 97)),
    ],
)
def test_torchvision(build: Callable[[], nn.Module], size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    check_layers(build(), size)


def test_sketchnet() -> None:
    network = pytest.importorskip("core.sketchnet.model")
    torch.manual_seed(0)
    found = check_layers(network.SketchNet(5), (50, 37))
    assert found[0].stride == (1, 1)
    assert found[0].receptive_field == (3, 3)


def entry(module: nn.Module, name: str, size: tuple[int, int]) -> Layer:
    return layers.find_layer(layers.list_layers(module.eval(), size), name, "it")


def test_fields_known_from_the_literature() -> None:
    """Araujo, Norris and Sim (Distill 2019), table 1, and the known values for VGG and ResNet."""
    with torch.device("meta"):
        inception = models.inception_v3(init_weights=False)
        vgg, resnet, alexnet = models.vgg16(), models.resnet18(), models.alexnet()
    assert entry(inception, "Mixed_7c", (299, 299)).receptive_field == (1311, 1311)
    assert entry(vgg, "features.29", (224, 224)).receptive_field == (196, 196)
    assert entry(vgg, "features.30", (224, 224)).receptive_field == (212, 212)
    assert entry(resnet, "layer4", (224, 224)).receptive_field == (435, 435)
    assert entry(alexnet, "features.12", (224, 224)).receptive_field == (195, 195)


def test_asymmetric_windows_in_numbers() -> None:
    layer = entry(windows(), "4", (34, 27))
    # Rows: 5 (3 taps, 2 apart), plus 2 pooling taps 2 apart, plus 4 positions of stride 4.
    assert layer.stride == (4, 3)
    assert layer.receptive_field == (5 + 2 * 2 + 4 * 4, 5 + 1 + 4 * 3)


def test_whole_picture() -> None:
    gated = layers.list_layers(Gated().eval(), (23, 31))
    after = layers.find_layer(gated, "after", "it")
    assert after.receptive_field is None
    assert after.local_field == (7, 7)
    assert after.stride == (4, 4)
    assert after.receptive_box(0, 0, clipped=False, exact=True) == (0, 0, 23, 31)
    assert layers.find_layer(gated, "mean", "it").stride is None
    alexnet = models.alexnet(num_classes=3)
    logits = entry(alexnet, "classifier.6", (67, 71))
    assert (logits.receptive_field, logits.stride, logits.size) == (None, None, None)
    assert logits.receptive_box(0, 0) == (0, 0, 67, 71)


def test_adaptive_pooling_that_changes_nothing_keeps_the_field() -> None:
    with torch.device("meta"):
        alexnet = models.alexnet()
    same = entry(alexnet, "avgpool", (224, 224))
    assert same.receptive_field == (195, 195)
    # 13 positions to 6: no fixed window.
    other = entry(alexnet, "avgpool", (448, 224))
    assert other.receptive_field is None


class Unknown(nn.Module):
    """Operations without a rule must depend on the whole image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4, track_running_stats=False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.conv(x)
        rolled = torch.roll(x, 1, 2)
        mirrored = F.pad(x, (1, 1, 1, 1), mode="reflect")
        own = self.norm(x)
        scored = torch.softmax(x, -1)
        return rolled, mirrored, own, scored


def test_unknown_operations_see_the_whole_picture() -> None:
    found = layers.list_layers(Unknown().eval(), (9, 11))
    for name in ("roll", "pad", "norm", "softmax"):
        layer = layers.find_layer(found, name, "it")
        assert layer.channels == 4
        assert layer.receptive_field is None
    assert layers.find_layer(found, "softmax", "it").receptive_box(2, 3) == (2, 0, 5, 11)
