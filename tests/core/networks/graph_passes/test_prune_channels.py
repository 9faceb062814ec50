"""A pruned network gives the used channels, and their gradient, as the whole network does."""

import contextlib

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torchvision import models

from core.networks import network as network_module
from core.networks.graph_passes.prune_channels import prune_channels
from core.networks.network import Network
from core.networks.tracing import OutputNode, trace, truncate
from core.optim.activations import IMAGE, PartialActivations
from core.optim.objectives import channels, energy, positions, total
from tests.conftest import as_network


class Fire(nn.Module):
    """Two concatenated branches with a ReLU each, as in SqueezeNet; one normalises."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(4, 4, 1)
        self.three = nn.Conv2d(4, 5, 3, padding=1, bias=False)
        self.normal = nn.BatchNorm2d(5)
        self.relu = nn.ReLU()

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([self.relu(self.one(image)), F.relu(self.normal(self.three(image)))], 1)


class Residual(nn.Module):
    """Adds its input to its output."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return torch.relu(self.convolution(image) + image)


class Rows(nn.Module):
    """Concatenates along rows, so that channels keep their meaning."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(4, 5, 3)

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([self.convolution(image), self.convolution(image)], dim=2)


def after(*parts: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), *parts)


MODULES = {
    "convolution": lambda: after(nn.Conv2d(4, 9, 3)),
    "ReLU6 and pool": lambda: after(nn.Conv2d(4, 9, 3), nn.ReLU6(), nn.MaxPool2d(2)),
    "normalised": lambda: after(nn.Conv2d(4, 9, 3, bias=False), nn.BatchNorm2d(9), nn.SiLU()),
    "joined": lambda: after(Fire()),
    "joined and pooled": lambda: after(Fire(), nn.AvgPool2d(2), nn.Dropout()),
    "logits": lambda: after(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 9)),
    "pooled logits": lambda: after(nn.Conv2d(4, 9, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "residual": lambda: after(Residual()),
    "groups": lambda: after(nn.Conv2d(4, 8, 3, groups=2)),
    "rows": lambda: after(Rows()),
    "places": lambda: after(nn.Conv2d(4, 1, 3), nn.Flatten()),
}
# The modules that cannot be pruned.
WHOLE = ("residual", "groups", "rows", "places")


def lively(module: nn.Module) -> nn.Module:
    torch.manual_seed(3)
    for value in module.state_dict().values():
        if value.is_floating_point():
            value.copy_((torch.rand_like(value) - 0.3) / 2)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d) and part.running_var is not None:
            part.running_var.abs_().add_(0.1)
    return module.double().eval().requires_grad_(False)


def traced(module: nn.Module, redirect: bool = False) -> fx.GraphModule:
    found = trace(module)
    assert found is not None
    return truncate(found, [OutputNode(found.names[list(found.graph.nodes)[-2]], "last")], redirect)


@pytest.mark.parametrize("redirect", [False, True], ids=["plain", "redirected"])
@pytest.mark.parametrize("kept", [(0, 2), (1, 3)], ids=str)
@pytest.mark.parametrize("kind", MODULES)
def test_what_is_kept_stays_as_it_was(kind: str, kept: tuple[int, ...], redirect: bool) -> None:
    module = lively(MODULES[kind]())
    before = {name: value.clone() for name, value in module.state_dict().items()}
    whole, few = traced(module, redirect), traced(module, redirect)
    kept = (kept[0], 7) if kind.startswith("joined") else kept  # one of each concatenated tensor
    pruned = prune_channels(few, {"last": kept})
    assert pruned == (set() if kind in WHOLE else {"last"})
    image = torch.rand(2, 3, 18, 22, dtype=torch.float64).requires_grad_()
    (expected,), (found,) = whole(image).values(), few(image).values()
    if not pruned:
        assert torch.equal(expected, found)
        return
    expected = expected[:, list(kept)]
    torch.testing.assert_close(found, expected)
    pull = torch.rand_like(found)
    gradients = [torch.autograd.grad(it, image, pull)[0] for it in (expected, found)]
    assert gradients[0].any()
    torch.testing.assert_close(gradients[1], gradients[0])
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_branch_of_which_nothing_is_wanted_goes() -> None:
    few = traced(lively(after(Fire())))
    assert prune_channels(few, {"last": (1, 2)})
    assert not any("three" in str(node.target) for node in few.graph.nodes)
    assert sum(isinstance(part, nn.Conv2d) for part in few.modules()) == 2


def test_what_others_read_too_stays_whole() -> None:
    module = lively(after(nn.Conv2d(4, 9, 3), nn.ReLU(), nn.Conv2d(9, 6, 1)))
    found = trace(module)
    assert found is not None
    few = truncate(found, [OutputNode("3", "middle"), OutputNode("4", "last")])
    assert prune_channels(few, {"middle": (1,), "last": (0, 5)}) == {"last"}
    seen = few(torch.rand(1, 3, 18, 22, dtype=torch.float64))
    assert seen["middle"].shape[1] == 9 and seen["last"].shape[1] == 2


@pytest.mark.parametrize("layer", ["features.1", "features.4", "features.12", "logits"])
def test_squeezenet_is_pruned_everywhere(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_module, "has_fast_bfloat16", lambda device: False)
    monkeypatch.setattr(network_module, "autocast", lambda device: contextlib.nullcontext())
    torch.manual_seed(0)
    network = as_network(models.squeezenet1_0(weights=None), (64, 64))
    name = network.layer(layer).name if layer != "logits" else network.shown[-1].name
    extractor = network.extractor([name], for_gradients=True, units={name: [9, 4, 9]})
    assert extractor.kept_channels == {name: (4, 9)}
    image = torch.rand(1, 3, 64, 64)
    whole = network.activations(image, [name])[name][:, [4, 9]]
    torch.testing.assert_close(extractor(image)[name], whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "objective",
    [
        channels("a", [4, 1, 4]),
        positions("a", [1, 4, 6], (0.2, 0.9)),
        energy("a", [6, 1]),
        total("a", [4, 6]),
        channels("a", [4]) - 0.5 * total("a", [1, 6]),
    ],
    ids=["channels", "positions", "energy", "total", "sum"],
)
def test_objectives_read_what_is_kept(objective: object) -> None:
    seen = torch.randn(3, 8, 4, 5)
    kept = (1, 4, 6)
    few = PartialActivations({"a": seen[:, list(kept)], IMAGE: seen}, {"a": kept})
    assert set(objective.units["a"]) <= set(kept)  # type: ignore[attr-defined]
    assert torch.equal(objective(few), objective({"a": seen, IMAGE: seen}))  # type: ignore[operator]


def test_what_is_read_whole_by_one_is_whole_for_both() -> None:
    assert channels("a", [1]).units == {"a": {1}}
    assert (channels("a", [1]) + channels("b", [2])).units == {"a": {1}, "b": {2}}
    assert (channels("a", [1]) + channels("a", [2, 3])).units == {"a": {1, 2, 3}}
    assert (channels("a", [1]) + energy("a")).units == {}
    assert (energy("a") - channels("b", [2])).units == {"b": {2}}


def test_nothing_is_left_out_unasked(tiny: Network) -> None:
    name = tiny.shown[0].name
    assert not tiny.extractor([name], for_gradients=True).kept_channels
    assert not tiny.extractor([name], units={name: [0]}).kept_channels
    assert network_module.NO_UNITS == {}
