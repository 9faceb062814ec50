"""The same network with another pooling."""

import pytest
import torch
from torch import Tensor, nn

from core.networks import Network
from core.pooling import pooled
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
    average = pooled(network, "average")
    first, second = network.module[0], average.module[0]  # type: ignore[index]
    assert first.weight is second.weight
    x = torch.relu(
        first(
            (image - torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))
            / torch.tensor([0.2, 0.25, 0.3]).view(1, 3, 1, 1)
        )
    )
    wanted = nn.functional.avg_pool2d(x, 3, 2, ceil_mode=True)
    torch.testing.assert_close(seen(average, "1", image), wanted)
    strongest = seen(network, "1", image)
    torch.testing.assert_close(strongest, nn.functional.max_pool2d(x, 3, 2, ceil_mode=True))
    most = seen(pooled(network, "max"), "2", image)
    torch.testing.assert_close(most, nn.functional.max_pool2d(strongest, 2, 1))


def test_its_own_pooling_is_the_network_itself(network: Network) -> None:
    assert pooled(network, "own") is network
    assert isinstance(pooled(network, "max").module[3], nn.AdaptiveAvgPool2d)  # type: ignore[index]
