"""Nothing that is done with a network changes the module, neither the caller's nor the copy."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models
from torchvision.models import vision_transformer

from core import devices, dreams, images, networks, neurons, style
from core.analysis import attribution, probe
from core.datasets.sources import SketchWorldSource
from core.index import build as index_build
from core.index.reader import open_index
from core.networks import connectivity, tracing
from core.networks import network as network_module
from core.networks.block_graph import block_graph
from core.networks.network import Network
from core.networks.tracing import Trace, trace
from tests.core.own_modules import OWN_MODULES, SIZE
from tests.core.own_modules import build as build_module


class Borrowed(nn.Module):
    """Uses a part of a module that it also calls, as some networks do with shared weights."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.BatchNorm1d(8, affine=False)
        self.register_buffer("shift", torch.rand(8), persistent=False)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.shift
        tokens = self.attention(tokens, tokens, tokens, need_weights=False)[0]
        tokens = F.linear(tokens, self.attention.in_proj_weight[:8])
        tokens = torch.relu(self.attention.out_proj(tokens))
        pooled = self.norm(tokens.mean(1)) + self.norm.running_mean
        logits: Tensor = self.head(pooled)
        return logits


class Hooked(nn.Module):
    """A network whose hooks change what it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.act = nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(inplace=True)
        self.two, self.pool = nn.Conv2d(6, 9, 3, padding=1), nn.MaxPool2d(2)
        self.head = nn.Linear(9, 5)
        self.one.register_forward_hook(lambda part, args, out: out * 0.5 + 0.1)
        self.act.register_forward_hook(lambda part, args, out: out - 0.2)
        self.two.register_forward_pre_hook(lambda part, args: (args[0].abs(),))
        self.pool.register_forward_hook(lambda part, args, out: -out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.two(self.act(self.one(x)))
        logits: Tensor = self.head(self.pool(torch.relu(x)).mean((2, 3)))
        return logits


def transformer() -> nn.Module:
    return vision_transformer.VisionTransformer(32, 8, 2, 2, 12, 20, num_classes=5)


@dataclass(frozen=True)
class Explored:
    """A module, the size of its images, and a layer in its middle."""

    module: nn.Module
    size: tuple[int, int]
    layer: str
    channels: int = 3


def built(name: str) -> Explored:
    if name in OWN_MODULES:
        own = OWN_MODULES[name]
        return Explored(build_module(name), SIZE, own.layer, own.channels)
    torch.manual_seed(0)
    others = {
        "borrowed": (Borrowed, (32, 40), "relu"),
        "hooked": (Hooked, SIZE, "two"),
        "transformer": (transformer, (32, 32), "encoder.layers.encoder_layer_0"),
        "squeezenet": (lambda: models.squeezenet1_1(num_classes=5), (64, 64), "features.4"),
        "resnet": (lambda: models.resnet18(num_classes=5), (64, 64), "layer2.0"),
        "mobilenet": (lambda: models.mobilenet_v3_small(num_classes=5), (64, 64), "features.3"),
    }
    build, size, layer = others[name]
    return Explored(build(), size, layer)


NAMES = (*OWN_MODULES, "borrowed", "hooked", "transformer", "squeezenet", "resnet", "mobilenet")


def state(module: nn.Module) -> dict[str, Any]:
    """Return all that could change in a module, by a name that says what it is."""
    found: dict[str, Any] = {}
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name, value in tensors.items():
        found[f"tensor {name}"] = (
            id(value),
            value.dtype,
            value.device,
            value.stride(),
            value.data_ptr(),
            value._version,
            value.requires_grad,
            value.grad is None,
            value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes(),
        )
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            found[f"attribute {path}.{name}"] = (type(value), _contents(value))
        found[f"class of {path}"] = type(part)
    found["state dict"] = list(module.state_dict())
    return found


def trace_state(traced: Trace | None) -> dict[str, Any]:
    """Return all that could change in a trace, which all extractors of a network share."""
    if traced is None:
        return {}
    found: dict[str, Any] = {"graph": str(traced.graph), "names": list(traced.names.values())}
    for path, part in traced.parts.items():
        inside = state(part) if isinstance(part, nn.Module) else {"": (id(part), part._version)}
        found |= {f"{path}: {name}": value for name, value in inside.items()}
    return found


def _contents(value: Any) -> Any:
    """Return what is in a dict (of hooks, parameters or submodules), a set, or another value."""
    if isinstance(value, dict):
        return [(key, id(it)) for key, it in value.items()]
    return sorted(map(str, value)) if isinstance(value, set) else repr(value)[:200]


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return sorted(name for name in before.keys() | now if before.get(name, 0) != now.get(name, 1))


def explore(network: Network, layer: str, folder: Path) -> Iterator[str]:
    """Do everything that the library does with a network; yield what was done."""
    torch.manual_seed(1)
    picture = F.interpolate(torch.rand(1, network.channels, 5, 7), (44, 61), mode="bilinear")
    name, data = images.encode_image(picture)
    other, painting = images.encode_image(picture.flip(1, 3) ** 2)
    inputs = {name: data, other: painting}
    shown = network.shown[-1].name
    for settings in ({}, {"negative": True}, {"canvas": "maco"}, {"count": 2, "blur": 0.1}):
        if "negative" in settings and network.trace is None:
            continue
        recipe = neurons.plan(network, layer, [0, 2], size=40, steps=3, **settings)  # type: ignore[arg-type]
        list(neurons.render(network, recipe))
        yield f"neurons {settings}"
    list(neurons.render(network, neurons.plan(network, shown, [1], size=40, steps=2)))
    yield "neurons of the last layer"
    dream = dreams.plan(network, [layer], name, size=61, steps=2, octaves=1)
    list(dreams.render(network, dream, inputs))
    yield "dream"
    places = [it.name for it in network.layers if it.size]
    if places:
        for pooling in ("own", "average", "max"):
            layers = {"content_layers": places[-1:], "style_layers": (places[0], places[-1])}
            painted = style.plan(
                network,
                content=name,
                styles=(other,),
                size=61,
                smallest=61,
                steps=2,
                pooling=pooling,
                **layers,
            )
            list(style.render(network, painted, inputs))
            yield f"style with {pooling} pooling"
    block_graph(network)
    connectivity.strongest_inputs(network, network.layer(layer), 0)
    network.least_size([layer])
    yield "graph, connections and sizes"
    if network.channels not in (1, 3):
        return
    source, out = SketchWorldSource(3), folder / "an.index"
    plan = index_build.plan_index(network, source, [layer], k=2)
    started = index_build.open_accumulator(plan, source, out)
    list(index_build.build_index(network, source, started, out, workers=1))
    yield "index"
    index = open_index(out)
    result = probe.probe_image(network, index.picture(index.top(layer, 0)[0].picture), index)
    attribution.heatmap(network, result.image, layer, 1)
    attribution.effective_field(network, result.image, layer, 1, 0, 0)
    if not attribution.projection_problem(network, layer):
        attribution.project(network, result.image, layer, 1, 0, 0)
    yield "probe"


@pytest.mark.parametrize("half", [False, True], ids=["single", "half"])
@pytest.mark.parametrize("name", NAMES)
def test_no_module_changes(
    name: str, half: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (devices, network_module):
        monkeypatch.setattr(place, "has_fast_bfloat16", lambda device: half)
    explored = built(name)
    module = explored.module
    original = state(module)
    network = networks.wrap(
        module,
        explored.size,
        0.45,
        0.25,
        name=f"my_{name}",
        channels=explored.channels,
        device="cpu",
    )
    assert not differences(original, state(module)), "wrap"
    copied, traced = state(network.module), trace_state(network.trace)
    for what in explore(network, explored.layer, tmp_path):
        assert not differences(original, state(module)), what
        assert not differences(copied, state(network.module)), what
        assert not differences(traced, trace_state(network.trace)), what


def test_a_change_is_noticed() -> None:
    for change in (
        lambda it: it[0].weight.data.mul_(2),
        lambda it: it[0].to(torch.bfloat16),
        lambda it: it[0].to(memory_format=torch.channels_last),
        lambda it: it[1].register_forward_hook(print),
        lambda it: setattr(it[1], "inplace", False),
        lambda it: it.train(False),
        lambda it: it.append(nn.ReLU()),
        lambda it: it[3].register_buffer("running_mean", it[3].running_mean, persistent=False),
    ):
        module = build_module("small")
        before = state(module)
        assert not differences(before, state(module))
        change(module)
        assert differences(before, state(module))


def test_a_network_is_traced_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    explored, traced = built("small"), list[nn.Module]()
    given = {"device": "cpu", "name": "my_small"}
    network = networks.wrap(explored.module, explored.size, 0.45, 0.25, **given)  # type: ignore[arg-type]

    def counted(module: nn.Module) -> Trace | None:
        traced.append(module)
        return trace(module)

    monkeypatch.setattr(tracing, "trace", counted)
    for _ in explore(network, explored.layer, tmp_path):
        assert traced.count(network.module) <= 1
    assert network.module in traced


def test_a_part_of_a_part_is_not_deleted_in_the_network() -> None:
    torch.manual_seed(0)
    module = Borrowed().eval()
    traced = trace(module)
    assert isinstance(traced, Trace)
    graph = traced.assemble(traced.graph)
    before = state(module)
    graph.delete_all_unused_submodules()
    for path in ("attention.out_proj", "attention"):
        graph.set_submodule(path, nn.Identity())
    assert not differences(before, state(module))
    image = torch.rand(1, 3, 32, 40)
    torch.testing.assert_close(traced.assemble(traced.graph)(image), module(image))


@pytest.mark.parametrize("half", [False, True], ids=["single", "half"])
def test_hooks_run_wherever_gradients_are_computed(
    half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (devices, network_module):
        monkeypatch.setattr(place, "has_fast_bfloat16", lambda device: half)
    torch.manual_seed(0)
    network = networks.wrap(Hooked(), SIZE, 0.5, 0.25, name="hooked", device="cpu")
    image = torch.rand(2, 3, *SIZE)
    names = ["one", "act", "two", "pool", "head"]
    expected = network.activations(image, names)
    for redirected in (False, True):
        found = network.extractor(names, redirected, for_gradients=True)(image)
        for name in names:
            apart = (found[name].float() - expected[name]).norm() / expected[name].norm()
            assert float(apart) < (0.02 if half else 1e-5), name
    alone = network.extractor(["two"], for_gradients=True, units={"two": (1, 4)})
    assert not alone.kept_channels
