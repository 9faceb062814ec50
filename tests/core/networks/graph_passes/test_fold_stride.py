"""Folded convolutions have the values and gradients of the original ones."""

import pytest
import torch
from torch import nn

from core import devices
from core.networks import network as network_module
from core.networks.graph_passes.fold_stride import FoldedConvolution, can_fold
from core.networks.network import Network
from tests.conftest import as_network

SHAPES = [(7, 2, 0), (7, 2, 3), (11, 4, 2), (4, 4, 0), (3, 2, 1), (2, 3, 1), (16, 16, 0)]


@pytest.mark.parametrize(("kernel", "stride", "padding"), SHAPES)
@pytest.mark.parametrize("size", [(37, 52), (64, 64), (33, 47)])
def test_values_and_gradients(
    kernel: int, stride: int, padding: int, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(3, 5, kernel, stride, padding).double()
    folded = FoldedConvolution(plain)
    image = torch.randn(2, 3, *size, dtype=torch.float64).requires_grad_()
    one, other = plain(image), folded(image)
    assert one.shape == other.shape and torch.allclose(one, other)
    weights = torch.randn_like(one)
    (expected,) = torch.autograd.grad((one * weights).sum(), image)
    (found,) = torch.autograd.grad((other * weights).sum(), image)
    assert torch.allclose(expected, found)


def test_kernel_and_sides_may_differ() -> None:
    plain = nn.Conv2d(3, 4, (5, 3), 2, (2, 1), bias=False).double()
    image = torch.randn(1, 3, 21, 30, dtype=torch.float64)
    assert torch.allclose(plain(image), FoldedConvolution(plain)(image))


@pytest.mark.parametrize(
    "part",
    [
        nn.Conv2d(3, 4, 3),
        nn.Conv2d(4, 4, 3, stride=2),
        nn.Conv2d(3, 4, 3, stride=(2, 1)),
        nn.Conv2d(3, 4, 3, stride=2, dilation=2),
        nn.Conv2d(3, 6, 3, stride=2, groups=3),
        nn.Conv2d(3, 4, 3, stride=2, padding_mode="reflect"),
        nn.Linear(3, 4),
    ],
)
def test_what_is_left_alone(part: nn.Module) -> None:
    assert not can_fold(part)


def strided() -> Network:
    torch.manual_seed(3)
    return as_network(
        nn.Sequential(nn.Conv2d(3, 6, 5, stride=2), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.ReLU())
    )


def test_a_cut_network_is_folded_and_the_network_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "has_fast_bfloat16", lambda device: False)
    monkeypatch.setattr(network_module, "has_fast_bfloat16", lambda device: False)
    network = strided()
    image = torch.rand(2, 3, 24, 20)
    plain, fast = network.extractor(["3"]), network.extractor(["3"], for_gradients=True)
    assert any(isinstance(part, FoldedConvolution) for part in fast.modules())
    assert not any(isinstance(part, FoldedConvolution) for part in network.module.modules())
    assert torch.allclose(plain(image)["3"], fast(image)["3"], atol=1e-5)
