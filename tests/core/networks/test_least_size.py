"""The least size of images, compared with running networks on images of every size."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torchvision import models

from core.networks import layers
from core.networks.least_size import SizeRule
from core.networks.tracing import trace
from tests.conftest import as_network

SIDE = 40
part = st.tuples(
    st.sampled_from(["conv", "max", "mean"]),
    st.integers(1, 5),  # rows of the kernel
    st.integers(1, 5),  # columns
    st.integers(1, 3),  # stride
    st.integers(0, 1),  # padding
)


def stack(parts: list[tuple[str, int, int, int, int]]) -> nn.Sequential:
    """Build a network of convolutions and poolings, each with its kernel, stride and padding."""
    torch.manual_seed(0)
    made: list[nn.Module] = []
    for kind, rows, cols, stride, padding in parts:
        padded = (min(padding, rows // 2), min(padding, cols // 2))
        window = {"kernel_size": (rows, cols), "stride": stride, "padding": padded}
        kinds: dict[str, Callable[..., nn.Module]] = {"max": nn.MaxPool2d, "mean": nn.AvgPool2d}
        made.append(kinds[kind](**window) if kind in kinds else nn.Conv2d(3, 3, **window))  # type: ignore[arg-type]
    return nn.Sequential(*made).eval().requires_grad_(False)


def runs(module: nn.Module, size: tuple[int, int]) -> bool:
    try:
        return module(torch.zeros(1, 3, *size)).numel() > 0
    except RuntimeError:
        return False


@settings(max_examples=25, deadline=None)
@given(st.lists(part, min_size=1, max_size=4))
def test_it_is_the_first_size_that_runs(parts: list[tuple[str, int, int, int, int]]) -> None:
    module = stack(parts)
    if not runs(module, (SIDE, SIDE)):
        return
    heights = [side for side in range(1, SIDE + 1) if runs(module, (side, SIDE))]
    widths = [side for side in range(1, SIDE + 1) if runs(module, (SIDE, side))]
    last = layers.list_layers(module, (SIDE, SIDE))[-1:]
    found = SizeRule(layers.build_extractor(module, trace(module), last), (SIDE, SIDE)).least
    assert found == (heights[0], widths[0])
    assert runs(module, found)


@pytest.mark.parametrize(
    ("architecture", "layer", "side", "wanted"),
    [
        ("alexnet", "features.0", 224, 7),
        ("alexnet", "features.12", 224, 63),
        ("alexnet", "classifier.6", 224, 63),
        ("vgg11", "features.20", 224, 32),
        ("inception_v3", "Mixed_7c", 299, 75),
        ("resnet18", "fc", 224, 1),
    ],
)
def test_networks_of_torchvision(architecture: str, layer: str, side: int, wanted: int) -> None:
    with torch.device("meta"):
        options = {"init_weights": False} if architecture == "inception_v3" else {}
        module = models.get_model(architecture, weights=None, **options).eval()
    listed = layers.list_layers(module, (side, side))
    found = layers.find_layer(listed, layer, architecture)
    body = layers.build_extractor(module, trace(module), [found])
    assert SizeRule(body, (side, side)).least == (wanted, wanted)


class NeedsValues(nn.Module):
    """A network that cannot be traced, and needs the values of its image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, (5, 4))

    def forward(self, image: Tensor) -> Tensor:
        return self.conv(image if float(image.sum()) < 1 else -image)


def test_a_network_that_needs_values_is_run_on_real_images() -> None:
    module = NeedsValues().eval().requires_grad_(False)
    (layer,) = layers.list_layers(module, (20, 20))
    assert SizeRule(layers.build_extractor(module, trace(module), [layer]), (20, 20)).least == (
        5,
        4,
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 300), st.booleans())
def test_a_network_takes_images_of_any_size(height: int, width: int, for_gradients: bool) -> None:
    network = as_network(stack([("conv", 7, 5, 2, 0), ("max", 3, 3, 2, 0), ("conv", 3, 2, 1, 0)]))
    image = torch.rand(1, 3, height, width)
    extractor = network.extractor([network.layers[-1].name], for_gradients=for_gradients)
    (seen,) = extractor(image).values()
    least = network.least_size([network.layers[-1].name])
    assert least == (19, 13)
    if height >= least[0] and width >= least[1]:
        assert seen.shape == network.module(image).shape
    assert seen.numel() > 0 and bool(seen.isfinite().all())


def test_the_search_costs_less_than_one_image_of_the_input_size() -> None:
    tried: list[int] = []

    class Counted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = stack([("conv", 7, 7, 2, 0), ("max", 3, 3, 2, 0), ("conv", 5, 3, 2, 0)])

        def forward(self, image: Tensor) -> dict[str, Tensor]:
            tried.append(image.shape[2] * image.shape[3])
            return {"last": self.body(image)}

    assert SizeRule(Counted(), (224, 160)).least == (27, 19)
    assert sum(tried) < 224 * 160


class WithPositions(nn.Module):
    """Adds a value to each position of images of 8 x 8 pixels, as transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(1, 3, 8, 8))
        self.last = nn.Conv2d(3, 4, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.last(image + self.positions)  # type: ignore[no-any-return]


def test_a_refused_size_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    module = WithPositions().eval().requires_grad_(False)
    layer = layers.list_layers(module, (8, 8))[-1]
    rule = SizeRule(layers.build_extractor(module, trace(module), [layer]), (8, 8))
    assert rule.accepts((8, 8)) and not rule.accepts((9, 8))
    assert "".join(capfd.readouterr()) == ""
