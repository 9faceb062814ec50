"""Circuits: their edges against the network's own activations, and what cannot be one."""

import json

import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from core.analysis import kept_activations
from core.analysis.circuit_meter import CircuitMeter, no_circuit
from core.analysis.circuits import Circuit, strongest
from core.analysis.picture_sample import PictureSample, sample_pictures
from core.datasets.sources import SketchWorldSource
from core.errors import ExplorerError, UnknownName
from core.networks import registry
from core.networks.network import Network
from core.networks.tracing import never_trace
from core.networks.unit_graph import UnitRef
from tests.conftest import as_network


@pytest.fixture(scope="module")
def sketchnet() -> Network:
    return registry.load("sketchnet", device="cpu")


@pytest.fixture(scope="module")
def drawings(sketchnet: Network) -> PictureSample:
    return sample_pictures(sketchnet, SketchWorldSource(24), 24)


@pytest.fixture(scope="module")
def meter(sketchnet: Network, drawings: PictureSample) -> CircuitMeter:
    return CircuitMeter(sketchnet, drawings)


@pytest.fixture(scope="module")
def found(meter: CircuitMeter, sketchnet: Network) -> Circuit:
    return meter.circuit(sketchnet.layer("relu4b"), 34)


def test_a_circuit_has_two_layers_each_way(found: Circuit) -> None:
    layers = {it.level: it.layer for it in found.nodes}
    assert layers == {-2: "relu3b", -1: "relu4a", 0: "relu4b", 1: "relu5a", 2: "relu5b"}
    levels = {it.ref: it.level for it in found.nodes}
    assert len(levels) == len(found.nodes)
    assert all(levels[it.target] == levels[it.source] + 1 for it in found.edges)
    assert {it.level for it in found.nodes if it.ref == found.middle} == {0}
    connected = {end for it in found.edges for end in (it.source, it.target)}
    assert connected == set(levels)
    assert len(found.inputs(found.middle)) == len(found.readers(found.middle)) == 4
    assert found.inputs(found.middle) == strongest(found.inputs(found.middle))


def test_the_inputs_are_those_with_the_largest_products(
    found: Circuit, sketchnet: Network, drawings: PictureSample
) -> None:
    seen = sketchnet.activations(drawings.images(slice(None)), ["relu4a", "relu4b"])
    means = {name: it.mean((0, 2, 3)) for name, it in seen.items()}
    weights = sketchnet.module.get_submodule("conv4b").weight[34]  # type: ignore[index]
    shares = weights.sum((1, 2)) * means["relu4a"] / means["relu4b"][34]  # type: ignore[operator]
    expected = shares.abs().argsort(descending=True)[:4].tolist()
    assert {it.source.unit for it in found.inputs(found.middle)} == set(expected)
    for edge in found.inputs(found.middle):
        assert edge.predicted == pytest.approx(float(shares[edge.source.unit]), rel=1e-4)
        share = float(shares[edge.source.unit] / shares.abs().sum())
        assert edge.share == pytest.approx(share, rel=1e-4)
        torch.testing.assert_close(torch.tensor(edge.kernel), weights[edge.source.unit])
    nodes = {it.ref: it.typical for it in found.nodes}
    assert nodes[found.middle] == pytest.approx(float(means["relu4b"][34]), rel=1e-4)


def test_weights_alone_need_no_pictures(
    sketchnet: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network runs")

    monkeypatch.setattr(Network, "activations", refuse)
    circuit = CircuitMeter(sketchnet, None).circuit(sketchnet.layer("relu4b"), 34, depth=1)
    weights = sketchnet.module.get_submodule("conv4b").weight[34].sum((1, 2))  # type: ignore[index]
    expected = weights.abs().argsort(descending=True)[:4].tolist()  # type: ignore[operator]
    assert {it.source.unit for it in circuit.inputs(circuit.middle)} == set(expected)
    for edge in circuit.inputs(circuit.middle):
        share = float(weights[edge.source.unit] / weights.abs().sum())  # type: ignore[operator]
        assert edge.share == pytest.approx(share, rel=1e-4) and edge.measured is None
    assert circuit.pictures == 0


def test_a_measured_strength_is_what_the_target_loses(
    found: Circuit, sketchnet: Network, drawings: PictureSample
) -> None:
    edited = registry.load("sketchnet", device="cpu")
    edge = found.inputs(found.middle)[0]
    image = drawings.images(slice(None))
    before = sketchnet.activations(image, ["relu4b"])["relu4b"][:, 34].mean()
    with torch.no_grad():
        edited.module.get_submodule("conv4b").weight[34, edge.source.unit] = 0  # type: ignore[index,operator]
    after = edited.activations(image, ["relu4b"])["relu4b"][:, 34].mean()
    assert edge.measured == pytest.approx(float((before - after) / before), rel=1e-3)


def test_predicted_and_measured_strengths_agree(meter: CircuitMeter) -> None:
    # Between the last activations and the logits, everything is linear.
    exact = meter.measure(meter.inputs(UnitRef("logits", 4), 12))
    for edge in exact:
        assert edge.measured == pytest.approx(edge.predicted, rel=1e-3)
    edges = [
        edge
        for unit in range(3, 140, 17)
        for edge in meter.measure(meter.inputs(UnitRef("relu4b", unit), 8))
    ]
    pairs = [(it.predicted, it.measured) for it in edges if it.measured]
    rank = stats.spearmanr(*zip(*pairs, strict=True)).statistic
    assert len(pairs) > 50 and rank > 0.9


def test_the_shares_of_a_neuron_sum_to_one_on_both_sides(
    meter: CircuitMeter, found: Circuit
) -> None:
    for unit in (found.middle, found.readers(found.middle)[0].target):
        edges = meter.inputs(unit)
        assert sum(abs(it.share) for it in edges) == pytest.approx(1)
    own = found.readers(found.middle)[0]
    (again,) = (it for it in meter.inputs(own.target) if it.source == found.middle)
    assert again.share == pytest.approx(own.share)


def test_circuits_without_kept_activations_are_the_same(
    found: Circuit, sketchnet: Network, drawings: PictureSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_activations, "KEPT_BYTES", 0)
    meter = CircuitMeter(sketchnet, drawings)
    again = meter.circuit(sketchnet.layer("relu4b"), 34)
    assert again.nodes == found.nodes and again.edges == found.edges


def test_a_circuit_survives_json(found: Circuit) -> None:
    assert Circuit.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_the_first_layer_reads_the_image(meter: CircuitMeter, sketchnet: Network) -> None:
    circuit = meter.circuit(sketchnet.layer("conv1a"), 5, measured=False)
    assert (circuit.layer, circuit.inputs(circuit.middle)) == ("relu1a", ())
    expected = sketchnet.module.get_submodule("conv1a").weight[5]  # type: ignore[index]
    torch.testing.assert_close(torch.tensor(circuit.image_kernel), expected)
    assert all(it.measured is None for it in circuit.edges)


def test_a_bad_unit_or_layer_is_one_sentence(meter: CircuitMeter, sketchnet: Network) -> None:
    with pytest.raises(ExplorerError, match="no unit 160 in relu4b"):
        meter.circuit(sketchnet.layer("relu4b"), 160)
    with pytest.raises(UnknownName, match="did you mean"):
        sketchnet.layer("relu4c")
    with pytest.raises(ExplorerError, match="no picture"):
        CircuitMeter(sketchnet, PictureSample((), (), ()))


class Gated(nn.Module):
    """A convolution whose result is multiplied by a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.gate = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

    def forward(self, image: Tensor) -> Tensor:
        return self.body(image) * torch.sigmoid(self.gate(image))


def test_a_network_without_readable_connections_says_so(drawings: PictureSample) -> None:
    gated = as_network(Gated(), (64, 64))
    assert "are not connected to others by weights alone" in no_circuit(gated, gated.layers[-1])
    with pytest.raises(ExplorerError, match="gates or normalisation lie between"):
        CircuitMeter(gated, drawings).circuit(gated.layers[-1], 0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    never_trace(module)
    untraced = as_network(module)
    assert "cannot be read from its code" in no_circuit(untraced, untraced.layers[0])
    with pytest.raises(ExplorerError, match="cannot be read from its code"):
        CircuitMeter(untraced, drawings)
