"""Local receptive fields: gradients with constant gates lie inside, and reach their borders."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import efficientnet, maxvit, swin_transformer

from benchmarks.coverage_checks import input_gradients
from core.networks import layers
from core.networks.layers import Layer
from core.networks.receptive_fields.gates import hold_gates
from core.networks.tracing import OutputNode, Trace, trace, truncate


class Squeezed(nn.Module):
    """Squeeze-and-excitation as tutorials write it, with fully connected layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.gate = nn.Sequential(nn.Linear(6, 2), nn.ReLU(), nn.Linear(2, 6), nn.Sigmoid())
        self.after = nn.Conv2d(6, 5, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        n, c = x.shape[:2]
        gate = self.gate(self.pool(x).view(n, c)).view(n, c, 1, 1)
        return self.after(x * gate.expand_as(x))


class Context(nn.Module):
    """A global context is added, and another one is concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.mix = nn.Conv2d(3, 4, (3, 5)), nn.Conv2d(4, 4, 1)
        self.after = nn.Conv2d(8, 5, (1, 3), stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x = x + self.mix(x.mean((2, 3), keepdim=True))
        whole = F.adaptive_avg_pool2d(x, 1).expand(-1, -1, x.shape[2], x.shape[3])
        return self.after(torch.cat([x, whole], 1))


class Coordinates(nn.Module):
    """Gates for every row and for every column (coordinate attention)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.after = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.after(x * x.mean(3, keepdim=True).sigmoid() * x.mean(2, keepdim=True).sigmoid())


def slim_efficientnet() -> nn.Module:
    block = efficientnet.MBConvConfig(4, 3, 1, 8, 8, 1, 1.0, 1.0)
    other = efficientnet.MBConvConfig(4, 5, 2, 8, 16, 2, 1.0, 1.0)
    return efficientnet.EfficientNet([block, other], dropout=0.0, num_classes=4)


def slim_swin() -> nn.Module:
    return swin_transformer.SwinTransformer([2, 2], 8, [2, 2], [1, 2], [3, 4], num_classes=4)


def slim_maxvit() -> nn.Module:
    return maxvit.MaxVit((32, 32), 8, 4, [8, 16], [1, 1], 4, 0.0, num_classes=4)


def lively(module: nn.Module) -> nn.Module:
    """Set a network's weights so that most units are active, in double precision."""
    torch.manual_seed(0)
    module.eval().double()
    with torch.no_grad():
        for name, value in module.named_parameters():
            if value.ndim > 1:
                value.normal_(std=value[0].numel() ** -0.5)
            elif name.endswith("bias"):
                value.uniform_(0.0, 0.5)
    return module


def gradient_box(traced: Trace, layer: Layer, row: int, col: int) -> tuple[int, int, int, int]:
    """Return (top, left, bottom, right) of the pixels with a gradient."""
    extractor = truncate(traced, [OutputNode(layer.node, layer.name, layer.axis)])
    (gradient,) = input_gradients(extractor, layer, [(row, col)])
    # Masked attention leaves about exp(-100).
    rows, cols = (gradient > 1e-30 * gradient.max()).nonzero(as_tuple=True)
    return int(rows.min()), int(cols.min()), int(rows.max()) + 1, int(cols.max()) + 1


def inside(box: tuple[int, ...], field: tuple[int, ...]) -> bool:
    return box[0] >= field[0] and box[1] >= field[1] and box[2] <= field[2] and box[3] <= field[3]


NETWORKS = [
    (Squeezed, (23, 31)),
    (Context, (23, 30)),
    (Coordinates, (17, 22)),
    (slim_efficientnet, (50, 37)),
    (slim_swin, (34, 44)),
    (slim_maxvit, (32, 32)),
]


@pytest.mark.parametrize(("build", "size"), NETWORKS)
def test_gradients_lie_inside_of_both_fields(
    build: Callable[[], nn.Module], size: tuple[int, int]
) -> None:
    module = lively(build())
    listed = [
        it
        for it in layers.list_layers(module, size)
        if it.spans is not None and it.size is not None and min(it.size) > 2 and it.channels > 1
    ]
    held = hold_gates(module, torch.zeros(1, 3, *size, dtype=torch.float64))
    free = trace(module)
    assert listed
    assert held is not None
    assert free is not None
    for layer in (it for it in listed if it.shown):
        rows, cols = layer.size or (0, 0)
        for row, col in ((rows // 2, cols // 3), (rows - 1, 0)):
            exact = layer.receptive_box(row, col, exact=True)
            assert inside(gradient_box(free, layer, row, col), exact), layer.name
            local = layer.receptive_box(row, col)
            assert inside(gradient_box(held, layer, row, col), local), layer.name
            assert inside(local, exact)


@pytest.mark.parametrize(("build", "size"), NETWORKS[:3])
def test_gates_make_the_whole_picture_exact_and_the_local_field_tight(
    build: Callable[[], nn.Module], size: tuple[int, int]
) -> None:
    module = lively(build())
    after = layers.find_layer(layers.list_layers(module, size), "after", "it")
    held = hold_gates(module, torch.zeros(1, 3, *size, dtype=torch.float64))
    assert held is not None
    assert after.receptive_field is None
    assert after.local_field is not None
    row, col = after.size[0] // 2, after.size[1] // 2
    local = after.receptive_box(row, col)
    assert gradient_box(held, after, row, col) == local
    assert (local[2] - local[0], local[3] - local[1]) == after.local_field


def test_values_stay_the_same() -> None:
    module = lively(slim_efficientnet())
    image = torch.randn(1, 3, 40, 33, dtype=torch.float64)
    held = hold_gates(module, image)
    assert held is not None
    last = layers.list_layers(module, (40, 33))[-1]
    result = truncate(held, [OutputNode(last.node, "logits")])(image)["logits"]
    assert torch.equal(result, module(image))


def test_statistics_of_the_picture_are_gates_too() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Conv2d(4, 5, 3)).eval()
    last = layers.list_layers(module, (12, 15))[-1]
    assert (last.receptive_field, last.local_field) == (None, (5, 5))


def test_an_unknown_operation_is_no_gate() -> None:
    class Mirrored(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            return x + torch.flip(x, (2,))

    (_, *_, last) = layers.list_layers(Mirrored().eval(), (12, 15))
    assert (last.receptive_field, last.local_field) == (None, None)


def test_windows_of_attention_are_local() -> None:
    """Positions of one window see each other; the shifted windows of two blocks overlap."""
    found = layers.list_layers(slim_swin().eval(), (48, 64))
    first = layers.find_layer(found, "features.1.0", "it")
    # Windows of 3 x 4 positions that are 2 pixels wide.
    assert first.receptive_box(4, 5) == (6, 8, 12, 16)
    assert first.receptive_box(4, 5) == first.receptive_box(4, 5, exact=True)
    second = layers.find_layer(found, "features.1.1", "it")
    # Shifted by 1 and 2: rows 4 to 6 reach over the windows of rows 3 to 8.
    assert second.receptive_box(4, 8) == (6, 8, 18, 24)
    # The first row shares its window with the last ones, which are masked.
    assert second.receptive_box(0, 8)[:3:2] == (0, 6)
    assert second.receptive_box(0, 8, exact=True)[:3:2] == (0, 48)
