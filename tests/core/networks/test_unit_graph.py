"""Expanded weights and cut connections, against impulses and weights changed by hand."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from core.networks.layers import Layer
from core.networks.linear_steps import Kernel
from core.networks.network import Network
from core.networks.unit_graph import UnitGraph, UnitRef
from tests.conftest import as_network

SIZE = (68, 52)


class Forked(nn.Module):
    """Parallel convolutions with another normalisation each, joined, pooled and read in groups."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.one, self.one_relu = nn.Conv2d(6, 3, 1), nn.ReLU()
        self.other = nn.Sequential(
            nn.Conv2d(6, 5, 3, padding=2, dilation=2, bias=False), nn.BatchNorm2d(5), nn.ReLU()
        )
        self.last = nn.Sequential(
            nn.AvgPool2d(2), nn.Conv2d(8, 6, (3, 1), padding=(1, 0), groups=2), nn.ReLU()
        )
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))

    def forward(self, image: Tensor) -> Tensor:
        seen = self.stem(image)
        both = torch.cat([self.one_relu(self.one(seen)), self.other(seen)], 1)
        result: Tensor = self.head(self.last(both))
        return result


class Residual(nn.Module):
    """A residual sum of a strided branch, a strided shortcut, and a sum with an identity."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
        self.inner = nn.Sequential(nn.Conv2d(4, 5, 3, 2, 1), nn.BatchNorm2d(5), nn.ReLU())
        self.outer = nn.Sequential(nn.Conv2d(5, 7, 3, padding="same"), nn.BatchNorm2d(7))
        self.short = nn.Sequential(nn.Conv2d(4, 7, 1, 2), nn.BatchNorm2d(7))
        self.relu = nn.ReLU()
        self.depthwise = nn.Conv2d(7, 7, 5, padding=2, groups=7)
        self.last = nn.ReLU()
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d((17, 13)), nn.Conv2d(7, 4, 1), nn.Dropout())

    def forward(self, image: Tensor) -> Tensor:
        seen = self.stem(image)
        joined = self.relu(self.outer(self.inner(seen)) + self.short(seen))
        result: Tensor = self.head(self.last(self.depthwise(joined) + joined))
        return result


class Dense(nn.Module):
    """Outputs of convolutions joined before their activation function, as in DenseNet."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
        self.first = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1))
        self.second = nn.Sequential(
            nn.BatchNorm2d(7), nn.ReLU(), nn.Conv2d(7, 6, 1), nn.AvgPool2d(2)
        )
        self.last = nn.Sequential(nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3))

    def forward(self, image: Tensor) -> Tensor:
        seen = self.stem(image)
        both = torch.cat([seen, self.first(seen)], dim=1)
        result: Tensor = self.last(self.second(both)).mean([2, 3])
        return result


def with_statistics(module: nn.Module) -> nn.Module:
    """Return a module whose normalisations have statistics and gains of both signs."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
            part.running_mean.normal_()  # type: ignore[union-attr]
            nn.init.normal_(part.weight)
    return module


def made(make: Callable[[], nn.Module], size: tuple[int, int] = SIZE) -> Network:
    torch.manual_seed(4)
    return as_network(with_statistics(make()), size)


def averaging(module: nn.Module) -> None:
    """Replace maximum pooling by mean pooling, its linear counterpart; and in-place ReLUs."""
    for part in list(module.modules()):
        if isinstance(part, nn.ReLU):
            part.inplace = False
        for name, child in part.named_children():
            if isinstance(child, nn.MaxPool2d):
                pooling = nn.AvgPool2d(
                    child.kernel_size, child.stride, child.padding, child.ceil_mode
                )
                setattr(part, name, pooling)


@contextmanager
def fixed_activations(module: nn.Module, values: dict[int, Tensor]) -> Iterator[list[Tensor]]:
    """Replace the outputs of all ReLUs by constants: zero, or a value by the number of the call.

    Yields the inputs of the ReLUs, in order, which grow while the module runs.
    """
    inputs: list[Tensor] = []

    def replaced(_: nn.Module, given: tuple[Tensor], output: Tensor) -> Tensor:
        inputs.append(given[0])
        return values.get(len(inputs) - 1, torch.zeros_like(output))

    relus = [it for it in module.modules() if isinstance(it, nn.ReLU)]
    hooks = [it.register_forward_hook(replaced) for it in relus]
    try:
        yield inputs
    finally:
        for hook in hooks:
            hook.remove()


def relu_calls(graph: UnitGraph) -> list[Any]:
    return [it for it in graph.traced.graph.nodes if graph.steps.is_activation(it)]


def impulse_response(
    network: Network, graph: UnitGraph, source: UnitRef, origin: Any, unit: int
) -> tuple[Tensor, tuple[int, int]]:
    """Return a linear unit's answer ``[H, W]`` to an impulse in the middle of a source unit's map.

    Also return the place of the impulse.
    """
    calls, channel = relu_calls(graph), source.unit
    node = graph.nodes[network.layer(source.layer).node]
    while node not in calls:  # a concatenation of activations
        for branch in node.all_input_nodes:
            if channel < graph.layers[branch].channels:
                break
            channel -= graph.layers[branch].channels
        node = branch
    layer = graph.layers[node]
    assert layer.size is not None
    impulse = torch.zeros(1, layer.channels, *layer.size)
    place = (layer.size[0] // 2, layer.size[1] // 2)
    impulse[0, channel, place[0], place[1]] = 1
    readers = [it for it in calls if it.all_input_nodes[0] is origin]
    outputs = []
    for value in (impulse, torch.zeros_like(impulse)):
        with fixed_activations(network.module, {calls.index(node): value}) as seen:
            logits = network.module(torch.zeros(1, 3, *network.input_size))
        outputs.append(seen[calls.index(readers[0])] if readers else logits)
    answer = (outputs[0] - outputs[1])[0, unit]
    return answer.view(1, 1) if answer.ndim == 0 else answer, place


def kernel_response(kernel: Tensor, of: Kernel, place: tuple[int, int], like: Tensor) -> Tensor:
    """Return what a kernel ``[h, w]`` says of the answer to an impulse, position by position."""
    expected = torch.zeros_like(like)
    for row in range(like.shape[0]):
        for col in range(like.shape[1]):
            r = place[0] - row * of.step[0] - of.start[0]
            c = place[1] - col * of.step[1] - of.start[1]
            if 0 <= r < kernel.shape[0] and 0 <= c < kernel.shape[1]:
                expected[row, col] = kernel[r, c]
    return expected


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int]]] = {
    "forked": (Forked, SIZE),
    "residual": (Residual, SIZE),
    "dense": (Dense, SIZE),
    "squeezenet1_0": (lambda: models.squeezenet1_0(weights=None), (95, 111)),
    "resnet18": (lambda: models.resnet18(weights=None), (96, 128)),
}


def some(layers: Sequence[Layer], count: int) -> list[Layer]:
    """Return some layers at even distances, the last among them."""
    return [layers[-1 - at * len(layers) // count] for at in range(min(count, len(layers)))]


@pytest.mark.parametrize("name", NETWORKS)
def test_expanded_weights_are_the_response_to_impulses(name: str) -> None:
    network = made(*NETWORKS[name])
    averaging(network.module)
    graph = UnitGraph(network.layers, network.trace)  # type: ignore[arg-type]
    layers = [it for it in network.layers if graph.steps.is_activation(graph.nodes[it.node])]
    checked = 0
    for layer in [*some(layers, 5), network.layers[-1]]:
        origin = graph.origin(layer, 1)
        assert origin is not None
        for inputs in graph.inputs(layer, 1):
            if inputs.source is None:
                continue
            for channel in (0, inputs.source.channels - 1):
                source = UnitRef(inputs.source.name, channel)
                answer, place = impulse_response(network, graph, source, origin[1], origin[0].unit)
                expected = kernel_response(
                    inputs.kernel.weights[0, channel], inputs.kernel, place, answer
                )
                torch.testing.assert_close(answer, expected, atol=1e-6, rtol=1e-4)
                checked += bool(expected.abs().max() > 0)
    assert checked >= 6


@pytest.mark.parametrize("name", NETWORKS)
def test_what_a_unit_feeds_is_what_others_read(name: str) -> None:
    network = made(*NETWORKS[name])
    graph = UnitGraph(network.layers, network.trace)  # type: ignore[arg-type]
    layers = [it for it in network.layers if graph.steps.is_activation(graph.nodes[it.node])]
    checked = 0
    for layer in some(layers[:-1], 4):
        unit = graph.resolve(layer, 2)
        start = network.layer(unit.layer)
        for readers in graph.readers(start, unit.unit):
            for at in (0, len(readers.kernel.weights) - 1):
                back = {
                    it.source.name: it.kernel
                    for it in graph.inputs(readers.target, readers.first + at)
                    if it.source is not None
                }
                kernel = back[unit.layer]
                torch.testing.assert_close(
                    readers.kernel.weights[at, 0], kernel.weights[0, unit.unit]
                )
                assert (readers.kernel.start, readers.kernel.step) == (kernel.start, kernel.step)
                checked += 1
    assert checked >= 4


def test_fully_connected_weights_are_expanded_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    network = made(Forked)
    graph = UnitGraph(network.layers, network.trace)  # type: ignore[arg-type]
    (whole,) = graph.readers(network.layer("last"), 3)
    monkeypatch.setattr("core.networks.unit_graph.WEIGHTS_AT_A_TIME", 24)
    (parts,) = graph.readers(network.layer("last"), 3)
    assert torch.equal(whole.kernel.weights, parts.kernel.weights)
    assert whole.target == network.layers[-1] and len(whole.kernel.weights) == 4


def test_units_of_linear_layers_are_those_behind_the_activation_function() -> None:
    network = made(Forked)
    graph = UnitGraph(network.layers, network.trace)  # type: ignore[arg-type]
    expected = {
        ("one", 2): UnitRef("cat", 2),
        ("other.0", 1): UnitRef("cat", 4),
        ("other.1", 1): UnitRef("cat", 4),
        ("other.2", 1): UnitRef("cat", 4),
        ("cat", 4): UnitRef("cat", 4),
        ("stem.2", 3): UnitRef("stem.1", 3),
        ("head.2", 3): UnitRef(network.layers[-1].name, 3),
    }
    for (node, unit), wanted in expected.items():
        found = graph.resolve(network.layer(node), unit)
        assert (network.layer(found.layer), found.unit) == (
            network.layer(wanted.layer),
            wanted.unit,
        )


@pytest.mark.parametrize(
    ("make", "target", "unit", "source", "channel", "edit"),
    [
        (Forked, "cat", 4, "stem.1", 2, "other.0"),
        (Forked, "cat", 1, "stem.1", 5, "one"),
        (Forked, "last.2", 5, "cat", 6, "last.1"),
        (Forked, "head.2", 3, "last.2", 1, "head.2"),
        (Residual, "inner.2", 3, "stem.1", 1, "inner.0"),
    ],
)
def test_a_cut_equals_a_network_whose_kernel_is_edited(
    make: Callable[[], nn.Module], target: str, unit: int, source: str, channel: int, edit: str
) -> None:
    network, edited = made(make), made(make)
    graph = UnitGraph(network.layers, network.trace)  # type: ignore[arg-type]
    image = torch.rand(2, 3, 41, 38)
    layer = network.layer(target)
    part = graph.direct(layer, unit)
    assert part is not None
    seen = network.activations(image, [it.name for it in (*part.sources, layer)])
    before = {name: value.clone() for name, value in seen.items()}
    convolution = edited.module.get_submodule(edit)
    weight = convolution.weight
    row = unit - 3 if edit == "other.0" else unit
    group = row // (weight.shape[0] // getattr(convolution, "groups", 1))  # type: ignore[operator,union-attr]
    weight[row, channel - group * weight.shape[1]] = 0  # type: ignore[index,operator,union-attr]
    expected = edited.activations(image, [layer.name])[layer.name][:, unit]
    torch.testing.assert_close(part.run(seen), seen[layer.name][:, unit])
    cut = part.run(seen, (network.layer(source).name, channel))
    torch.testing.assert_close(cut, expected)
    assert not torch.allclose(cut, seen[layer.name][:, unit])
    assert all(torch.equal(seen[name], value) for name, value in before.items())


def test_a_cut_beside_a_residual_branch_leaves_the_branch() -> None:
    network = made(Residual)
    graph = UnitGraph(network.layers, network.trace)  # type: ignore[arg-type]
    module: Any = network.module
    image = torch.rand(2, 3, 40, 44)
    layer = network.layer("relu")
    part = graph.direct(layer, 3)
    assert part is not None and {it.name for it in part.sources} == {"inner.2", "stem.1"}
    seen = network.activations(image, [*(it.name for it in part.sources), layer.name])
    stem = seen["stem.1"].clone()
    stem[:, 2] = 0
    expected = torch.relu(module.outer(seen["inner.2"]) + module.short(stem))[:, 3]
    torch.testing.assert_close(part.run(seen, ("stem.1", 2)), expected)
    assert not torch.allclose(expected, seen[layer.name][:, 3])
