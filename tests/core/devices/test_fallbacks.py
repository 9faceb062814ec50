"""What stays on the CPU: rewrites for CPUs, exact sums, and what a device lacks or does wrongly."""

import logging
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import devices, networks
from core.errors import ExplorerError
from core.images import colours
from core.networks import registry, wrapping
from core.networks.graph_passes.fold_stride import FoldedConvolution
from core.networks.graph_passes.fuse_relu import FusedConvolution
from tests.core.devices.device_work import LACKING, Kind, wrapped
from tests.core.fake_device import DeviceTensor, FakeDevice


@Kind
def test_rewrites_for_cpus_stay_on_cpus(kind: str) -> None:
    for device in ("cpu", kind):
        with FakeDevice(kind) as fake:
            network = wrapped("segmentation", None if device == "cpu" else fake)
            extractor = network.extractor(["backbone.4"], for_gradients=True)
            weight = network.module.get_submodule("backbone.3").weight
            assert isinstance(weight, Tensor)
            last = weight.is_contiguous(memory_format=torch.channels_last)
        assert last == (device != "mps")
        kinds = {type(part) for part in extractor.modules()}
        rewritten = {FoldedConvolution, FusedConvolution}
        assert (rewritten <= kinds) if device == "cpu" else not (rewritten & kinds)


class Pooled(nn.Module):
    """A network with an operation that MPS lacks for sizes that do not divide."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4 * 7 * 7, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(torch.relu(self.features(x)), 7)
        logits: Tensor = self.head(x.flatten(1))
        return logits


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"lacks": {"aten::_adaptive_avg_pool2d"}}, "is not currently implemented"),
        (
            {"wrong": {"aten::_adaptive_avg_pool2d": lambda result: True}},
            "its values are not those of the CPU",
        ),
        (
            {"wrong": {"aten::_adaptive_avg_pool2d_backward": lambda result: True}},
            "its gradients are not those of the CPU",
        ),
    ],
)
def test_auto_takes_the_cpu_for_a_network_that_mps_cannot_compute(
    fault: dict[str, Any], why: str, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    torch.manual_seed(0)
    module = Pooled()
    given = {"input_size": (30, 26), "mean": 0.5, "std": 0.25, "name": "pooled"}
    with FakeDevice("mps", **fault) as fake:
        for place in (wrapping, registry):
            monkeypatch.setattr(place, "resolve_device", lambda name: fake.device)
        with caplog.at_level(logging.WARNING):
            network = networks.wrap(module, **given)  # type: ignore[arg-type]
        assert network.device.type == "cpu"
        assert all(it.device.type == "cpu" for it in network.module.parameters())
        (line,) = caplog.messages
        assert line.startswith("mps cannot compute pooled: ") and line.endswith("; the CPU does")
        assert why in line
        with pytest.raises(ExplorerError, match=f"mps cannot compute pooled: .*{why}.*; choose"):
            networks.wrap(module, **given, device="mps")  # type: ignore[arg-type]
    # What it computes elsewhere stays the same.
    image = torch.rand(1, 3, 30, 26)
    with torch.no_grad():
        expected = module((image - 0.5) / 0.25)
    last = network.shown[-1].name
    torch.testing.assert_close(network.activations(image, [last])[last], expected)


def test_a_network_that_mps_computes_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeDevice("mps") as fake:
        monkeypatch.setattr(registry, "resolve_device", lambda name: fake.device)
        network = registry.load("sketchnet")
        assert network.device.type == "mps"
        logits = network.activations(torch.rand(1, 3, 64, 64), ["logits"])["logits"]
        assert isinstance(logits, DeviceTensor)


def test_what_a_device_has_no_float64_for_is_exact_all_the_same() -> None:
    torch.manual_seed(0)
    painting, content = torch.rand(1, 3, 9, 8), torch.rand(1, 3, 6, 7) ** 2
    expected = colours.match_colours(painting, content)
    values = torch.rand(4, dtype=torch.float64)
    with FakeDevice("mps", LACKING) as fake:
        here = [it.to(fake.device) for it in (painting, content)]
        found = colours.match_colours(*here)
        assert found.device == fake.device
        assert torch.equal(found.cpu(), expected)
        assert colours.colour_distance(*here) == colours.colour_distance(painting, content)
        assert devices.exact(here[0]).dtype == torch.float64
        assert devices.exact(here[0]).device.type == "cpu"
        assert devices.widest(here[0]) is here[0]
        like = devices.like(values, here[0])
        assert (like.device, like.dtype) == (fake.device, torch.float32)
        assert torch.equal(like.cpu(), values.float())
    assert devices.exact(painting).dtype == devices.widest(painting).dtype == torch.float64


def test_what_falls_back_is_tried_once_for_each_shape() -> None:
    ran: list[str] = []

    @devices.falls_back
    def double(values: Tensor, times: int) -> Tensor:
        ran.append(values.device.type)
        return (values * times).sin()

    values = torch.rand(3, requires_grad=True)
    with FakeDevice("mps", {"aten::sin"}) as fake:
        here = values.to(fake.device)
        result = double(here, 2)
        assert ran == ["mps", "cpu"]
        (gradient,) = torch.autograd.grad(result.sum(), values)
        torch.testing.assert_close(gradient, 2 * (2 * values.detach()).cos())
        double(here, 2)
        assert ran[2:] == ["cpu"]
        double(here[:2], 2)
        assert ran[3:] == ["mps", "cpu"]
    with FakeDevice("cuda") as fake:
        double(values.to(fake.device), 2)
    assert ran[5:] == ["cuda"]
