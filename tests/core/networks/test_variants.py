"""Variants of a network: other pooling, and replicate padding in deep layers."""

import gc
import weakref

import pytest
import torch
from torch import Tensor, nn

from core.networks import registry
from core.networks.network import Network
from core.networks.variants import style_variant, with_pooling, with_replicate_padding
from core.optim.transforms import SymmetricPad
from tests.conftest import as_network


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return as_network(
        nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)),
            nn.AvgPool2d(2, 1),
            nn.AdaptiveAvgPool2d(2),
        )
    )


def seen(network: Network, layer: str, image: Tensor) -> Tensor:
    name = network.layer(layer).name
    return network.activations(image, [name])[name]


def test_windows_are_pooled_otherwise_with_the_same_weights(network: Network) -> None:
    image = torch.rand(1, 3, 24, 20)
    average = with_pooling(network, "average")
    first, second = network.module[0], average.module[0]  # type: ignore[index]
    assert first.weight is second.weight
    x = torch.relu(
        first(
            (image - torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))
            / torch.tensor([0.2, 0.25, 0.3]).view(1, 3, 1, 1)
        )
    )
    expected = nn.functional.avg_pool2d(x, 3, 2, ceil_mode=True)
    torch.testing.assert_close(seen(average, "1", image), expected)
    strongest = seen(network, "1", image)
    torch.testing.assert_close(strongest, nn.functional.max_pool2d(x, 3, 2, ceil_mode=True))
    most = seen(with_pooling(network, "max"), "2", image)
    torch.testing.assert_close(most, nn.functional.max_pool2d(strongest, 2, 1))


def test_its_own_pooling_is_the_network_itself(network: Network) -> None:
    assert with_pooling(network, "own") is network
    assert isinstance(with_pooling(network, "max").module[3], nn.AdaptiveAvgPool2d)  # type: ignore[index]


def test_deep_convolutions_repeat_the_last_row() -> None:
    torch.manual_seed(0)
    shallow, deep = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 3, padding=(1, 2))
    strided = nn.Conv2d(4, 4, 4, stride=4, padding=1)
    network = as_network(nn.Sequential(shallow, strided, deep), (32, 24))
    variant = with_replicate_padding(network)
    image = torch.rand(1, 3, 32, 24)
    before = seen(network, "1", image)
    # The first two convolutions read the image, or positions one pixel apart.
    torch.testing.assert_close(seen(variant, "1", image), before)
    repeated = before[..., [0, *range(before.shape[2]), -1], :]
    repeated = repeated[..., [0, 0, *range(before.shape[3]), -1, -1]]
    expected = nn.functional.conv2d(repeated, deep.weight, deep.bias)
    torch.testing.assert_close(seen(variant, "2", image), expected)
    assert not torch.equal(seen(network, "2", image), expected)
    assert deep.padding_mode == "zeros"
    assert variant.module[2].weight is deep.weight  # type: ignore[index]


def test_sketchnet_hardly_knows_where_a_flat_picture_ends() -> None:
    network = registry.load(registry.SKETCHNET, device="cpu")
    image = SymmetricPad()(torch.full((1, 3, 112, 144), 0.5))
    for layer in ("relu4b", "relu5b"):
        apart = []
        for it in (network, style_variant(network)):
            fired = it.activations(image, [layer])[layer]
            inner = fired[..., 2:-2, 2:-2].mean((0, 2, 3))
            border = torch.cat([fired[..., 0, :], fired[..., -1, :]], -1).mean((0, 2))
            apart.append(float((border - inner).norm() / inner.norm()))
        assert apart[1] < 0.5 * apart[0]


def test_one_twin_is_made_of_a_network_and_forgotten_with_it(network: Network) -> None:
    assert style_variant(network, "average") is style_variant(network, "average")
    assert style_variant(network) is network, "it has no deep convolution"
    sketchnet = registry.load(registry.SKETCHNET, device="cpu")
    variant = style_variant(sketchnet)
    assert variant is not sketchnet
    assert style_variant(variant) is variant
    kept = weakref.ref(sketchnet)
    del sketchnet
    gc.collect()
    assert kept() is None


def test_a_network_that_is_its_own_variant_is_not_kept() -> None:
    network = as_network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    assert style_variant(network) is network and style_variant(network) is network
    kept = weakref.ref(network)
    del network
    gc.collect()
    assert kept() is None
