"""Convolutions that pad with values of the image, as padding and a plain convolution."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.networks.graph_passes.fuse_relu import FusedConvolution, fuse_conv_relu
from core.networks.graph_passes.separate_padding import BorderPadding, separate_padding


def value_and_gradient(network: nn.Module, image: Tensor) -> tuple[Tensor, Tensor]:
    image = image.clone().requires_grad_()
    value = network(image)
    towards = torch.linspace(-1, 2, value.numel()).view(value.shape).to(value)
    return value.detach(), torch.autograd.grad(value, image, towards)[0]


def layers(mode: str) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, (3, 5), padding=(1, 2), padding_mode=mode),
        nn.ReLU(),
        nn.Conv2d(4, 5, 3, stride=2, padding=1, padding_mode=mode),
        nn.Conv2d(5, 2, 3, padding=1),
    ).eval()


@pytest.mark.parametrize("mode", ["replicate", "reflect", "circular"])
def test_values_and_gradients_have_the_same_bits(mode: str) -> None:
    network, image = layers(mode), torch.rand(2, 3, 11, 14)
    body = separate_padding(torch.fx.symbolic_trace(network))
    plain = [it for it in body.modules() if isinstance(it, nn.Conv2d)]
    assert [it.padding_mode for it in plain] == ["zeros"] * 3
    for found, expected in zip(
        value_and_gradient(body, image), value_and_gradient(network, image), strict=True
    ):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("padding", [1, 3, (1, 2), (2, 0)])
def test_in_half_precision_the_gradient_is_that_of_float32(padding: int | tuple[int, int]) -> None:
    """Autocast pads in float32; the bits are the same without its conversions."""
    torch.manual_seed(0)
    convolution = nn.Conv2d(4, 4, (7, 7), padding=padding, padding_mode="replicate")
    padded = BorderPadding(convolution)
    image = torch.randn(2, 4, 9, 8).bfloat16().to(memory_format=torch.channels_last)
    whole = image.float().requires_grad_()
    expected = F.pad(whole, padded.padding, mode="replicate")
    towards = torch.randn_like(expected).bfloat16()
    (gradient,) = torch.autograd.grad(expected, whole, towards.float())
    image.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = padded(image)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found.float(), expected)
    (own,) = torch.autograd.grad(found, image, towards)
    assert torch.equal(own, gradient.bfloat16())


def test_an_image_of_one_row_is_padded_too() -> None:
    network, image = layers("replicate"), torch.rand(1, 3, 1, 14)
    body = separate_padding(torch.fx.symbolic_trace(network))
    for found, expected in zip(
        value_and_gradient(body, image), value_and_gradient(network, image), strict=True
    ):
        assert torch.equal(found, expected)


def test_they_can_be_fused_with_the_relu_after_them() -> None:
    network, image = layers("replicate").requires_grad_(False), torch.rand(2, 3, 11, 14)
    body = fuse_conv_relu(separate_padding(torch.fx.symbolic_trace(network)))
    assert sum(isinstance(it, FusedConvolution) for it in body.modules()) == 3
    assert not any(isinstance(it, nn.ReLU) for it in body.modules())
    for found, expected in zip(
        value_and_gradient(body, image), value_and_gradient(network, image), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_convolutions_with_hooks_stay() -> None:
    network = layers("replicate")
    network[0].register_forward_hook(lambda *_: None)
    body = separate_padding(torch.fx.symbolic_trace(network))
    kept = [it for it in body.modules() if isinstance(it, nn.Conv2d)]
    assert sorted(it.padding_mode for it in kept) == ["replicate", "zeros", "zeros"]
