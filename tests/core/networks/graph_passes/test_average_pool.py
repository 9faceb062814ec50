"""Average pooling with a fast gradient: the same bits as torch's, where it can be replaced."""

import pytest
import torch
from torch import nn

from core.networks.graph_passes.average_pool import AveragePool, divide_gradients
from tests.core.networks.graph_passes.test_separate_padding import value_and_gradient


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("size", [(8, 12), (9, 13), (11, 12)])
@pytest.mark.parametrize("window", [2, 3, (2, 4)])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_values_and_gradients_have_the_same_bits(
    kind: torch.dtype,
    size: tuple[int, int],
    window: int | tuple[int, int],
    layout: torch.memory_format,
) -> None:
    torch.manual_seed(0)
    image = torch.randn(2, 5, *size).to(kind).to(memory_format=layout)
    pool = nn.AvgPool2d(window)
    body = divide_gradients(torch.fx.symbolic_trace(nn.Sequential(pool)))
    assert any(isinstance(it, AveragePool) for it in body.modules())
    for found, expected in zip(
        value_and_gradient(body, image), value_and_gradient(pool, image), strict=True
    ):
        assert found.dtype == expected.dtype and torch.equal(found, expected)


@pytest.mark.parametrize(
    "pool",
    [
        nn.AvgPool2d(3, stride=2),
        nn.AvgPool2d(2, padding=1),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.AvgPool2d(2, divisor_override=3),
        nn.MaxPool2d(2),
    ],
)
def test_other_pooling_stays(pool: nn.Module) -> None:
    body = divide_gradients(torch.fx.symbolic_trace(nn.Sequential(pool)))
    assert not any(isinstance(it, AveragePool) for it in body.modules())


def test_pooling_with_hooks_stays() -> None:
    pool = nn.AvgPool2d(2)
    pool.register_forward_hook(lambda *_: None)
    body = divide_gradients(torch.fx.symbolic_trace(nn.Sequential(pool)))
    assert not any(isinstance(it, AveragePool) for it in body.modules())
