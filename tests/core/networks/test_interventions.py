"""Units multiplied by factors: against networks whose weights were edited by hand."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from core.errors import ExplorerError, UnknownName
from core.networks import registry
from core.networks.hooks import HookedExtractor
from core.networks.interventions import Continuation, with_units_switched
from core.networks.network import Network
from core.networks.tracing import never_trace
from core.recipes.switched_units import SwitchedUnit
from tests.conftest import as_network, tiny_module

FACTORS = (0.0, 0.5, 1.0, 2.0, 3.0)
SIZE = (24, 20)


class Fire(nn.Module):
    """A squeeze and two expansions of different widths, concatenated, as in SqueezeNet."""

    def __init__(self) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(5, 3, 1)
        self.narrow, self.wide = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 6, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, image: Tensor) -> Tensor:
        squeezed = self.relu(self.squeeze(image))
        return torch.cat([self.relu(self.narrow(squeezed)), self.relu(self.wide(squeezed))], 1)


class Block(nn.Module):
    """A residual block with batch normalisation, as in a ResNet; its sum has 10 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(10, 10, 3, padding=1, bias=False), nn.BatchNorm2d(10)
        self.conv2, self.bn2 = nn.Conv2d(10, 10, 3, padding=1, bias=False), nn.BatchNorm2d(10)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, image: Tensor) -> Tensor:
        inner = self.relu(self.bn1(self.conv1(image)))
        out = self.bn2(self.conv2(inner))
        out += image
        return self.relu(out)


class Mixed(nn.Module):
    """A stem, a fire module, a residual block, and a head that reads what the block gives."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.relu = nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.ReLU(inplace=True)
        self.fire, self.block = Fire(), Block()
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(10, 4)

    def forward(self, image: Tensor) -> Tensor:
        inner = self.block(self.fire(self.relu(self.stem(image))))
        logits: Tensor = self.head(self.pool(inner).flatten(1))
        return logits


class Tokens(nn.Module):
    """Patches as tokens ``[N, T, C]`` with a residual multilayer perceptron."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 4, stride=4)
        self.norm = nn.LayerNorm(6)
        self.up, self.act, self.down = nn.Linear(6, 9), nn.GELU(), nn.Linear(9, 6)
        self.head = nn.Linear(6, 4)

    def forward(self, image: Tensor) -> Tensor:
        tokens = self.patches(image).flatten(2).transpose(1, 2)
        tokens = tokens + self.down(self.act(self.up(self.norm(tokens))))
        logits: Tensor = self.head(tokens.mean(1))
        return logits


def lively(module: nn.Module, seed: int = 3) -> nn.Module:
    """Give a module random weights and statistics, in float64 with no symmetry to hide errors."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            random = torch.randn(value.shape, generator=generator) * 0.4
            positive = name.endswith("running_var") or ("bn" in name and name.endswith("weight"))
            value.copy_(random.abs() + 0.3 if positive else random)
    return module.eval()


def of(module: nn.Module, traced: bool = True) -> Network:
    if not traced:
        never_trace(module)
    return as_network(lively(module), SIZE)


def in_double(network: Network) -> Network:
    """Return a copy in float64, whose layers are the same."""
    return replace(network, module=copy.deepcopy(network.module).double())


def logits(network: Network, image: Tensor) -> Tensor:
    """Return the output of the truncated network for images, in the precision of its weights."""
    layer = network.layers[-1].name
    extractor = network.extractor([layer])
    with torch.no_grad():
        first = next(network.module.parameters())
        normalised = (image.to(first.dtype) - 0.5) / 0.25
        result: Tensor = extractor.body(normalised)[layer]
    return result


def edited(network: Network, path: str, edit: Callable[[nn.Module], None]) -> Network:
    """Return a copy of a network of which one module's weights were changed by hand."""
    module = copy.deepcopy(network.module)
    with torch.no_grad():
        edit(module.get_submodule(path))
    return replace(network, module=module)


def scaled_row(unit: int, factor: float) -> Callable[[nn.Module], None]:
    """Scale what a convolution or a linear layer computes for a unit."""

    def edit(part: nn.Module) -> None:
        part.weight[unit] *= factor  # type: ignore[index, operator]
        if part.bias is not None:
            part.bias[unit] *= factor  # type: ignore[index, operator]

    return edit


def scaled_column(unit: int, factor: float) -> Callable[[nn.Module], None]:
    """Scale what the next layer reads of a unit."""

    def edit(part: nn.Module) -> None:
        part.weight[:, unit] *= factor  # type: ignore[index, operator]

    return edit


@pytest.fixture(params=["traced", "hooked"])
def traced(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "traced")


@pytest.fixture
def image() -> Tensor:
    return torch.rand(3, 3, *SIZE, generator=torch.Generator().manual_seed(1))


# A unit after a ReLU is scaled by scaling its row before, as the factor is not negative; one of a
# concatenation, a sum or a pool by scaling the column of what reads it.
EDITS: list[tuple[str, int, str, Callable[[int, float], Callable[[nn.Module], None]], int]] = [
    ("stem", 2, "stem", scaled_row, 2),
    ("relu", 4, "stem", scaled_row, 4),
    ("fire.squeeze", 1, "fire.squeeze", scaled_row, 1),
    ("fire.wide", 5, "fire.wide", scaled_row, 5),
    ("block.bn1", 3, "block.bn1", scaled_row, 3),
    ("block.conv2", 7, "block.conv2", scaled_row, 7),
    ("block.bn2", 6, "block.bn2", scaled_row, 6),
    ("pool", 8, "head", scaled_column, 8),
    ("head", 2, "head", scaled_row, 2),
]


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(("layer", "unit", "path", "how", "at"), EDITS)
def test_a_switched_network_equals_one_with_edited_weights(
    layer: str,
    unit: int,
    path: str,
    how: Callable[[int, float], Callable[[nn.Module], None]],
    at: int,
    factor: float,
    traced: bool,
    image: Tensor,
) -> None:
    network = in_double(of(Mixed(), traced))
    assert (network.trace is not None) == traced
    node = next(it.name for it in network.layers if layer in (it.name, it.node))
    changed = with_units_switched(network, [SwitchedUnit(node, unit, factor)])
    wanted = logits(edited(network, path, how(at, factor)), image)
    found = logits(changed, image)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    if factor != 1:
        assert not torch.allclose(found, logits(network, image))


def by_hand(network: Network, image: Tensor, layer: str, unit: int, factor: float) -> Tensor:
    """Compute the logits of ``Mixed`` with a unit scaled, from its formula."""
    module = network.module
    assert isinstance(module, Mixed)

    def scale(name: str, value: Tensor) -> Tensor:
        factors = torch.ones(value.shape[1], dtype=value.dtype)
        factors[unit] = factor if name == layer else 1.0
        return value * factors.view(1, -1, 1, 1)

    relu = nn.functional.relu
    with torch.no_grad():
        stem = relu(module.stem((image.double() - 0.5) / 0.25))
        squeezed = relu(module.fire.squeeze(stem))
        wide, narrow = relu(module.fire.wide(squeezed)), relu(module.fire.narrow(squeezed))
        fire = scale("fire", torch.cat([narrow, wide], 1))
        inner = scale("inner", relu(module.block.bn1(module.block.conv1(fire))))
        added = scale("sum", module.block.bn2(module.block.conv2(inner)) + fire)
        block = scale("block", relu(added))
        result: Tensor = module.head(block.mean((2, 3)))
    return result


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(
    ("layer", "node", "unit"),
    [
        ("fire", "fire.cat", 1),
        ("fire", "fire.cat", 8),
        ("inner", "block.relu", 4),
        ("sum", "block.add", 9),
        ("block", "block.relu_1", 0),
    ],
)
def test_units_of_concatenations_and_sums_are_their_channels(
    layer: str, node: str, unit: int, factor: float, image: Tensor
) -> None:
    network = in_double(of(Mixed()))
    name = next(it.name for it in network.layers if it.node in (node, node.replace("add", "iadd")))
    found = logits(with_units_switched(network, [SwitchedUnit(name, unit, factor)]), image)
    wanted = by_hand(network, image, layer, unit, factor)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    kept, fresh = start(network, name, image)
    torch.testing.assert_close(
        fresh.finish(kept, {unit: factor})[network.layers[-1].name], wanted, rtol=1e-6, atol=1e-6
    )


def start(network: Network, name: str, image: Tensor) -> tuple[tuple[Tensor, ...], Continuation]:
    """Return what is kept of images, in the precision of the weights, and the continuation."""
    continuation = Continuation(network, network.layer(name), [network.layers[-1]])
    assert continuation._parts is not None
    first = next(network.module.parameters())
    with torch.no_grad():
        kept = continuation._parts.before((image.to(first.dtype) - 0.5) / 0.25)
    return kept, continuation


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("layer", ["up", "act", "add"])
def test_units_of_tokens_are_features_of_all_tokens(
    layer: str, factor: float, image: Tensor
) -> None:
    network = in_double(of(Tokens()))
    unit = 4
    found = next(it for it in network.layers if it.node == layer)
    assert found.axis == 2  # [N, T, C]
    changed = with_units_switched(network, [SwitchedUnit(found.name, unit, factor)])
    module = network.module
    assert isinstance(module, Tokens)
    with torch.no_grad():
        factors = torch.ones(found.channels, dtype=torch.float64)
        factors[unit] = factor
        tokens = module.patches((image.double() - 0.5) / 0.25).flatten(2).transpose(1, 2)
        up = module.up(module.norm(tokens)) * (factors if layer == "up" else 1)
        inner = module.act(up) * (factors if layer == "act" else 1)
        summed = (tokens + module.down(inner)) * (factors if layer == "add" else 1)
        wanted = module.head(summed.mean(1))
    torch.testing.assert_close(logits(changed, image), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", [Mixed, Tokens, tiny_module])
def test_a_factor_of_one_changes_no_bit(
    make: Callable[[], nn.Module], traced: bool, image: Tensor
) -> None:
    network = of(make(), traced)
    names = [it.name for it in network.layers]
    before = network.activations(image, names)
    ones = [SwitchedUnit(it.name, 0, 1.0) for it in network.layers]
    after = with_units_switched(network, ones).activations(image, names)
    assert all(torch.equal(before[it], after[it]) for it in names)
    for layer in network.layers:
        continuation = Continuation(network, layer, [network.layers[-1]])
        found = continuation.finish(continuation.begin(image), {0: 1.0})[names[-1]]
        assert torch.equal(found, before[names[-1]])


@pytest.mark.parametrize("make", [Mixed, Tokens, tiny_module])
def test_only_the_unit_and_what_reads_it_change(
    make: Callable[[], nn.Module], traced: bool, image: Tensor
) -> None:
    network = of(make(), traced)
    names = [it.name for it in network.layers]
    before = network.activations(image, names)
    for at, layer in enumerate(network.layers):
        after = with_units_switched(network, [SwitchedUnit(layer.name, 1, 0.5)]).activations(
            image, names
        )
        for name in names[:at]:
            assert torch.equal(before[name], after[name])
        others = [it for it in range(layer.channels) if it != 1]
        assert torch.equal(before[layer.name][:, others], after[layer.name][:, others])
        torch.testing.assert_close(after[layer.name][:, 1], before[layer.name][:, 1] * 0.5)


@pytest.mark.parametrize("make", [Mixed, Tokens, tiny_module])
def test_continuing_from_a_layer_equals_a_run_from_the_image(
    make: Callable[[], nn.Module], traced: bool, image: Tensor
) -> None:
    network = of(make(), traced)
    outputs = network.layers[1::2]
    for layer in network.layers:
        continuation = Continuation(network, layer, outputs)
        kept = continuation.begin(image)
        copies = [it.clone() if isinstance(it, Tensor) else it for it in kept]
        found = continuation.finish(kept, {0: 0.0, 2: 1.5})
        changed = [SwitchedUnit(layer.name, 0), SwitchedUnit(layer.name, 2, 1.5)]
        wanted = with_units_switched(network, changed).activations(image, list(found))
        for name, value in wanted.items():
            torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-5)
        for one, other in zip(kept, copies, strict=True):
            assert not isinstance(one, Tensor) or torch.equal(one, other)


def test_several_layers_at_once_and_one_after_the_other(tiny: Network, image: Tensor) -> None:
    first, last = tiny.layers[1].name, tiny.layers[3].name
    both = [SwitchedUnit(first, 2), SwitchedUnit(last, 5, 2.0)]
    once = with_units_switched(tiny, both)
    twice = with_units_switched(with_units_switched(tiny, both[:1]), both[1:])
    assert once.switched == twice.switched == tuple(sorted(both))
    name = tiny.layers[-1].name
    assert torch.equal(
        once.activations(image, [name])[name], twice.activations(image, [name])[name]
    )
    with pytest.raises(ExplorerError, match="named twice"):
        with_units_switched(once, both[:1])


def test_gradients_pass_through_a_switched_unit(tiny: Network, image: Tensor) -> None:
    layer, last = tiny.layers[1].name, tiny.layers[-1].name
    single = edited(tiny, "0", scaled_row(2, 0.5))
    switched = with_units_switched(tiny, [SwitchedUnit(layer, 2, 0.5)])
    found = []
    for network in (single, switched):
        leaf = image.clone().requires_grad_()
        network.extractor([last], for_gradients=True)(leaf)[last].sum().backward()
        assert leaf.grad is not None
        found.append(leaf.grad)
    torch.testing.assert_close(found[0], found[1], rtol=0.02, atol=1e-3)


def test_the_network_itself_is_not_changed(traced: bool, image: Tensor) -> None:
    network = of(Mixed(), traced)
    names = [it.name for it in network.layers]
    before = network.activations(image, names)
    switched = with_units_switched(network, [SwitchedUnit(names[3], 0)])
    switched.activations(image, names)
    assert switched.fingerprint == network.fingerprint
    after = network.activations(image, names)
    assert all(torch.equal(before[it], after[it]) for it in names)
    assert not any(part._forward_hooks for part in network.module.modules())


def test_bad_units_are_refused(tiny: Network) -> None:
    with pytest.raises(UnknownName):
        with_units_switched(tiny, [SwitchedUnit("relu9", 0)])
    with pytest.raises(ExplorerError, match="there is no unit 5"):
        with_units_switched(tiny, [SwitchedUnit(tiny.layers[0].name, 5)])
    continuation = Continuation(tiny, tiny.layers[0], [tiny.layers[-1]])
    kept = continuation.begin(torch.rand(1, 3, *SIZE))
    with pytest.raises(ExplorerError, match="there is no unit 5"):
        continuation.finish(kept, {5: 0.0})
    with pytest.raises(ExplorerError, match="factor"):
        continuation.finish(kept, {0: 3.5})


@pytest.mark.parametrize("layer", ["relu2a", "relu4b", "relu5b"])
def test_sketchnet_equals_itself_with_edited_weights(layer: str) -> None:
    network = registry.load("sketchnet", device="cpu")
    image = torch.rand(2, 3, *network.input_size, generator=torch.Generator().manual_seed(2))
    double = in_double(network)
    trace = network.trace
    assert trace is not None
    node = next(it for it, name in trace.names.items() if name == network.layer(layer).node)
    # The unit is zero if its normalisation, or its convolution if there is none, gives zero.
    (source,) = node.all_input_nodes
    for unit in (0, 7):
        wanted = logits(edited(double, str(source.target), scaled_row(unit, 0.0)), image)
        found = logits(with_units_switched(double, [SwitchedUnit(layer, unit)]), image)
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


def test_a_module_with_several_outputs_goes_on_with_the_scaled_one(image: Tensor) -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, value: Tensor) -> dict[str, tuple[Tensor, int]]:
            return {"both": (self.conv(value), 2)}

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair, self.head = Pair(), nn.Conv2d(4, 2, 1)

        def forward(self, value: Tensor) -> Tensor:
            found, count = self.pair(value)["both"]
            result: Tensor = self.head(found) * count
            return result

    module = Reader().eval()
    network = of(module, traced=False)
    output = network.layers[-1]
    scaled = with_units_switched(network, [SwitchedUnit("pair.conv", 1)])
    body = scaled.extractor([output.name]).body
    assert isinstance(body, HookedExtractor)
    other = edited(network, "pair.conv", scaled_row(1, 0.0))
    torch.testing.assert_close(logits(scaled, image), logits(other, image))
