"""The border of style pictures: every pixel has about the same influence on the losses."""

import pytest
import torch
from torch import Tensor, nn

from core import devices
from core.networks import network as network_module
from core.networks.network import Network
from core.networks.variants import style_variant
from core.optim.transforms import SymmetricPad
from core.style import border, losses
from core.style.film import temporal_loss
from core.style.loss_sum import LossSum
from core.style.losses import LayerWindow, StyleTarget
from core.style.moments import moments
from tests.conftest import as_network

# Convolutions at each of five resolutions, as in VGG-16 up to its deepest style layer.
STAGES = (2, 2, 3, 3, 1)
CHANNELS = 3


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in float32 on every processor."""
    for module in (devices, network_module):
        monkeypatch.setattr(module, "has_fast_bfloat16", lambda device: False)


def averaging_network() -> Network:
    """Return a network in which every position is the mean of the pixels that it sees.

    In an image without borders, every pixel has the same influence on the sum of its positions.
    """
    parts: list[nn.Module] = []
    for stage, convolutions in enumerate(STAGES):
        if stage:
            parts.append(nn.AvgPool2d(2))
        for _ in range(convolutions):
            convolution = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
            nn.init.constant_(convolution.weight, 1 / convolution.weight[0].numel())
            parts.append(convolution)
    return style_variant(as_network(nn.Sequential(*parts)))


def strided_network() -> Network:
    """Return a network with stride 2 without padding, and with pooling in ceil mode."""
    torch.manual_seed(1)
    first, last = nn.Conv2d(3, 5, 5, stride=2), nn.Conv2d(5, 4, 3, padding=1)
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return as_network(nn.Sequential(first, nn.ReLU(), pool, last, nn.ReLU()))


def influence(network: Network, layer: str, image: Tensor, frame: SymmetricPad) -> Tensor:
    """Return the influence of each pixel on a layer, relative to the mean far from the border."""
    image = image.clone().requires_grad_()
    padded = frame(image)
    size = (padded.shape[2], padded.shape[3])
    shares = border.inner_shares(network, [layer], size, frame.width)[layer]
    activations = network.extractor([layer], for_gradients=True)(padded)[layer]
    inner = border.inner_gradient(activations, LayerWindow(), shares)
    (gradient,) = torch.autograd.grad(inner, image, torch.ones_like(inner))
    found = gradient.mean((0, 1))
    return found / found[80:-80, 80:-80].mean()


@pytest.mark.parametrize("size", [(192, 224), (183, 188)])
def test_all_pixels_have_about_the_same_influence(size: tuple[int, int]) -> None:
    network = averaging_network()
    image = torch.full((1, 3, *size), 0.5)
    frame = border.padding_for(network, [it.name for it in network.layers])
    for layer in network.layers:
        found = influence(network, layer.name, image, frame)
        for lines in (found[:, 90:100].mean(1), found[90:100].mean(0)):
            assert layer.stride is not None
            assert float((lines - 1).abs().max()) < 0.12
            assert float(lines.diff().abs().max()) < 0.07


def test_padding_is_as_wide_as_a_cell_and_as_two_coarse_ones() -> None:
    network = averaging_network()
    names = {layer.stride[0]: layer.name for layer in network.layers if layer.stride}
    widths = {
        stride: border.padding_for(network, [names[stride], names[1]]).width for stride in names
    }
    assert widths == {1: 8, 2: 8, 4: 8, 8: 8, 16: 32}
    wide = as_network(nn.Sequential(nn.Conv2d(3, 4, 6, stride=6), nn.Conv2d(4, 4, 3, stride=6)))
    assert border.padding_for(wide, ["0"]).width == 12
    assert border.padding_for(wide, ["1"]).width == 32
    assert border.padding_for(wide, []).width == 8


def test_shares_add_up_to_the_image() -> None:
    network, size = strided_network(), (41 + 16, 50 + 16)
    found = border.inner_shares(network, ["1", "4"], size, 8)
    # Row p of layer 1 has its centre at 2 p + 2.5, and the image begins at 8 and ends at 49.
    assert found["1"][0] == (0.0,) * 3 + (0.75,) + (1.0,) * 19 + (0.75,) + (0.0,) * 3
    for name, stride in (("1", 2), ("4", 4)):
        for length, shares in zip((41, 50), found[name], strict=True):
            assert sum(shares) * stride == pytest.approx(length)
    assert border.inner_box(found["1"]) == (slice(3, 24), slice(3, 28))


def test_losses_have_the_gradient_of_the_shares() -> None:
    network = strided_network()
    frame, image = SymmetricPad(8), torch.rand(1, 3, 41, 50, generator=torch.Generator())
    padded = frame(image)
    inner = border.inner_shares(network, ["1", "4"], (padded.shape[2], padded.shape[3]), 8)
    terms = [
        (1.0, losses.gram("1", StyleTarget.of(moments(torch.rand(1, 5, 9, 9))))),
        (0.3, losses.content("4", network.activations(padded.flip(3), ["4"])["4"])),
    ]
    activations = {
        name: it.clone().requires_grad_()
        for name, it in network.activations(padded, ["1", "4"]).items()
    }
    value = LossSum.of(terms, None, inner)(activations)
    leaves = {name: it.detach().clone().requires_grad_() for name, it in activations.items()}
    expected = LossSum.of(terms)(leaves)
    assert torch.equal(value, expected)
    value.sum().backward()  # type: ignore[no-untyped-call]
    expected.sum().backward()  # type: ignore[no-untyped-call]
    for name, (rows, cols) in inner.items():
        ours, theirs = activations[name].grad, leaves[name].grad
        assert ours is not None and theirs is not None
        scale = torch.tensor(rows)[:, None] * torch.tensor(cols)
        torch.testing.assert_close(ours, theirs * scale)
        assert float(theirs.abs().sum()) > 1.01 * float(ours.abs().sum())


def test_a_further_penalty_keeps_the_shares() -> None:
    inner = {"1": ((0.0, 1.0, 0.5), (0.25, 1.0, 1.0))}
    term = losses.gram("1", StyleTarget.of(moments(torch.rand(1, 5, 9, 9))))
    further = temporal_loss(torch.rand(1, 3, 9, 9), torch.ones(1, 1, 9, 9))
    assert LossSum.of([(1.0, term)], None, inner).with_penalty(further).inner == inner
