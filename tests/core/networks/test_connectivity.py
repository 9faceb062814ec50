"""The inputs of a unit, against the network's own activations."""

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from core.networks import connectivity, registry
from core.networks.connectivity import UnitRef
from core.networks.network import Network
from tests.conftest import as_network


class Forked(nn.Module):
    """Two parallel convolutions, concatenated and normalised, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
        self.one = nn.Conv2d(4, 3, 1)
        self.other = nn.Conv2d(4, 5, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(5)
        self.grouped = nn.Conv2d(8, 6, 3, groups=2)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d((2, 1)), nn.Flatten(), nn.Linear(12, 4))

    def forward(self, image: Tensor) -> Tensor:
        seen = self.stem(image)
        right = torch.relu(self.norm(self.other(seen)))
        both = torch.cat([torch.relu(self.one(seen)), right], 1)
        result: Tensor = self.head(torch.relu(self.grouped(both)))
        return result


@pytest.fixture
def forked() -> Network:
    torch.manual_seed(1)
    module = Forked()
    with torch.no_grad():
        module.norm.weight.copy_(torch.tensor([1.0, -2.0, 0.5, 1.0, 1.0]))
    return as_network(module)


def test_before_the_activation_through_a_concatenation(forked: Network) -> None:
    joined = forked.layer("cat")
    assert connectivity.before_activation(forked, joined, 2) == UnitRef("one", 2)
    assert connectivity.before_activation(forked, joined, 4) == UnitRef("norm", 1)
    image = torch.rand(2, 3, 24, 20)
    seen = forked.activations(image, ["cat", "one", "norm"])
    assert torch.equal(seen["cat"][:, 2], torch.relu(seen["one"][:, 2]))
    assert torch.equal(seen["cat"][:, 4], torch.relu(seen["norm"][:, 1]))


def test_feeds_are_the_weights_with_their_sign(forked: Network) -> None:
    found = connectivity.strongest_inputs(forked, forked.layer("cat"), 4)
    weights = forked.module.other.weight[1]  # type: ignore[index,union-attr]
    assert {it.layer for it in found} == {"stem.1"} and len(found) == 4
    for feed in found:
        # Its normalisation doubles all weights and inverts their signs; pooling spreads each over
        # four positions, which halves the norm.
        own = weights[feed.unit]
        sign = -1 if float(own.sum()) > 0 else 1
        assert feed.weight == pytest.approx(sign * float(own.square().sum().sqrt()), rel=1e-5)
    strengths = [abs(it.weight) for it in found]
    assert strengths == sorted(strengths, reverse=True)


def test_feeds_of_a_group_are_those_of_its_own_channels(forked: Network) -> None:
    layer = next(it for it in forked.layers if it.channels == 6)
    assert {it.unit for it in connectivity.strongest_inputs(forked, layer, 1)} == {0, 1, 2, 3}
    assert {it.unit for it in connectivity.strongest_inputs(forked, layer, 4)} == {4, 5, 6, 7}


def test_feeds_of_a_class_join_all_places_of_a_channel(forked: Network) -> None:
    found = {
        it.unit: it.weight for it in connectivity.strongest_inputs(forked, forked.shown[-1], 3)
    }
    weights = forked.module.head[2].weight[3].view(6, 2)  # type: ignore[index,union-attr]
    assert len(found) == 6
    for unit, row in enumerate(weights):
        assert abs(found[unit]) == pytest.approx(float(row.norm()), rel=1e-5)


def test_nothing_feeds_the_first_layer(forked: Network) -> None:
    assert connectivity.strongest_inputs(forked, forked.layer("stem.1"), 0) == ()
    assert connectivity.before_activation(forked, forked.layer("stem.1"), 3) == UnitRef("stem.0", 3)


def test_sketchnet_and_squeezenet() -> None:
    network = registry.load("sketchnet", device="cpu")
    found = connectivity.strongest_inputs(network, network.layer("logits"), 10)
    assert len(found) == 224 and {it.layer for it in found} == {"relu5b"}
    module = models.squeezenet1_1(weights=None)
    squeeze = as_network(module, (64, 64))
    layer = squeeze.layer("features.4")
    place = connectivity.before_activation(squeeze, layer, 70)
    assert place == UnitRef("features.4.expand3x3", 6)
    assert {it.layer for it in connectivity.strongest_inputs(squeeze, layer, 70)} == {
        "features.4.squeeze_activation"
    }
