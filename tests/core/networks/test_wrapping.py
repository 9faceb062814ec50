"""Networks of modules of one's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from core import dreams, images, networks, neurons, style
from core.analysis import probe, unit_labels
from core.errors import BadCheckpoint, ExplorerError
from core.experiments import concept_growth
from core.networks import known_networks, registry
from core.networks import network as network_module
from core.networks.network import FeatureExtractor, Network
from core.networks.tracing import trace, values_in
from core.sketchnet import model as sketchnet
from core.sketchworld import world as sketchworld
from tests.core.networks.test_registry import random_weights, saved
from tests.core.own_modules import OWN_MODULES, SIZE, build, small


def wrapped(name: str, **settings: Any) -> Network:
    """Wrap one of ``OWN_MODULES``."""
    channels = OWN_MODULES[name].channels
    options = {"channels": channels, "device": "cpu", **settings}
    return networks.wrap(build(name), SIZE, 0.45, 0.25, **options)


def pictures(network: Network, layer: str, photograph: Tensor) -> list[Tensor]:
    """Render a neuron, a dream and a style transfer, each in a few steps."""
    name, data = images.encode_image(photograph)
    inputs = {name: data}
    neuron = neurons.plan(network, layer, [1], size=32, steps=4)
    dream = dreams.plan(network, [layer], name, size=64, steps=2, octaves=2)
    layers = {"content_layers": (layer,), "style_layers": (layer,)}
    painted = style.plan(
        network, content=name, styles=(name,), size=64, smallest=64, steps=2, **layers
    )
    rendered = [
        *neurons.render(network, neuron),
        *dreams.render(network, dream, inputs),
        *style.render(network, painted, inputs),
    ]
    return [it.image for progress in rendered for it in progress.pictures]


@pytest.mark.parametrize("name", ["sketchnet", "squeezenet1_1"])
def test_a_wrapped_network_makes_the_same_pictures_as_a_loaded_one(
    name: str, tmp_path: Path, photograph: Tensor
) -> None:
    if name == "sketchnet":
        loaded, module, layer = registry.load(name, device="cpu"), sketchnet.load(), "relu2a"
    else:
        state = random_weights(name)
        loaded = registry.load(name, saved(tmp_path / "own.safetensors", state), "cpu")
        module, layer = models.get_model(name, weights=None), "features.4"
        module.load_state_dict(state)
    wrapped = networks.wrap(
        module, loaded.input_size, loaded.mean, loaded.std, loaded.labels, "mine", device="cpu"
    )
    assert wrapped.layers == loaded.layers and wrapped.labels == loaded.labels
    own, other = (pictures(it, layer, photograph) for it in (wrapped, loaded))
    assert len(own) == 3
    for one, two in zip(own, other, strict=True):
        assert torch.equal(one, two)


def facts(module: nn.Module) -> dict[str, Any]:
    """Describe all that a user may notice of a module."""
    found: dict[str, Any] = {}
    for path, part in module.named_modules():
        found[path] = type(part), part.training, dict(part._forward_hooks)
        found[f"{path} attributes"] = {
            name: repr(value) for name, value in vars(part).items() if name[:1] != "_"
        }
    for name, value in (*module.named_parameters(), *module.named_buffers()):
        kept = value.dtype, value.stride(), value.requires_grad, value.data_ptr(), value.grad
        found[f"{name} values"] = kept
        found[f"{name} bits"] = value.detach().reshape(-1).view(torch.uint8).tolist()
    return found


def vision_transformer() -> nn.Module:
    torch.manual_seed(0)
    return models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=3)


@pytest.mark.parametrize(
    "make", [lambda: build("unet"), lambda: small(3).half(), vision_transformer]
)
def test_a_module_is_never_changed(
    make: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch, photograph: Tensor
) -> None:
    module = make().train()
    next(module.children()).register_forward_hook(lambda part, args, output: None)
    before = facts(module)
    network = networks.wrap(module, (32, 32), 0.5, 0.5, name="mine", device="cpu")
    own = facts(network.module)
    with monkeypatch.context() as patch:
        # As where bfloat16 is fast, so that the weights of a rewritten graph are converted.
        patch.setattr(network_module, "has_fast_bfloat16", lambda device: True)
        rewritten = FeatureExtractor(network, network.shown, for_gradients=True)
    assert torch.bfloat16 in {it.dtype for it in rewritten.parameters()}
    pictures(network, next(it.name for it in network.layers if it.size), photograph)
    assert facts(module) == before and facts(network.module) == own
    assert {it.dtype for it in network.module.parameters()} == {torch.float32}


def test_training_goes_on_without_changing_the_network() -> None:
    module = small(3)
    network = networks.wrap(module, SIZE, 0.5, 0.5, device="cpu")
    image, last = torch.rand(1, 3, *SIZE), network.shown[-1].name
    before = network.activations(image, [last])[last]
    with torch.no_grad():
        for it in module.parameters():
            it.add_(1.0)
    assert torch.equal(network.activations(image, [last])[last], before)


@pytest.mark.parametrize("name", OWN_MODULES)
def test_a_wrapped_network_computes_what_its_module_computes(name: str) -> None:
    own = OWN_MODULES[name]
    module, network = build(name), wrapped(name)
    assert network.name == type(module).__name__.lower()
    assert (trace(network.module) is not None) == own.traced
    assert len(network.labels) == own.classes
    output = network.layer(network.shown[-1].name)
    assert network.size_step([output.name]) == own.step
    image = torch.rand(2, own.channels, *SIZE)
    with torch.no_grad():
        bare = values_in(module.eval()((image - 0.45) / 0.25), Tensor)
    found = network.activations(image, [output.name])[output.name]
    assert any(it.shape == found.shape and torch.allclose(it, found, atol=1e-5) for it in bare)
    layer = network.layer(own.layer)
    assert layer.shown and (layer.size is not None) == own.positions
    # Images of other sizes are fitted, for every layer.
    odd = network.activations(torch.rand(2, own.channels, 51, 29), [layer.name, output.name])
    assert odd[layer.name].shape[:2] == (2, layer.channels)


def test_tokens_come_with_their_images_first() -> None:
    network, module = wrapped("tokens"), build("tokens").eval()
    image = torch.rand(2, 3, *SIZE)
    layer = network.layer("blocks.layers.1")
    assert (layer.batch_axis, layer.axis, layer.channels) == (1, 2, 8)
    tokens = network.activations(image, [layer.name])[layer.name]
    with torch.no_grad():
        patches = module.patches((image - 0.45) / 0.25).flatten(2).permute(2, 0, 1)
        expected = module.blocks(patches + module.positions)  # [T, N, C]
    assert torch.allclose(tokens, expected.permute(1, 2, 0), atol=1e-5)


def test_a_layer_before_a_fixed_one_takes_images_of_any_size() -> None:
    network = wrapped("fixed")
    assert network.size_step(["features.1"]) == 1 and network.size_step(["head"]) == 0
    assert network.activations(torch.rand(1, 3, 100, 70), ["features.1"])["features.1"].shape == (
        *(1, 6, 50, 35),
    )
    chosen = wrapped("fixed", fixed_size=True)
    assert chosen.activations(torch.rand(1, 3, 100, 70), ["features.1"])["features.1"].shape == (
        *(1, 6, 16, 20),
    )


class Remembering(nn.Module):
    """Keeps what it computed last, as modules do for a later look."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.last = small(3), torch.zeros(1)

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.body(x)
        return self.last


def test_what_a_module_remembers_is_in_nobodys_way() -> None:
    module = Remembering()
    module(torch.rand(1, 3, *SIZE))
    kept = module.last
    network = networks.wrap(module, SIZE, 0.5, 0.5, device="cpu")
    assert module.last is kept and trace(network.module) is not None
    # No proxy of the tracing stays behind.
    assert type(network.module.last) is Tensor


class Padded(nn.Module):
    """Writes into a view of a tensor, which a graph without writing gets wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        x[:, :2].add_(5.0)
        out: Tensor = self.head(x.mean((2, 3)))
        return out


def test_what_would_compute_otherwise_is_not_traced() -> None:
    module = Padded().eval()
    network = networks.wrap(module, SIZE, 0.0, 1.0, device="cpu")
    assert trace(network.module) is None
    image, last = torch.rand(1, 3, *SIZE), network.shown[-1].name
    assert last == "head"
    with torch.no_grad():
        assert torch.allclose(network.activations(image, [last])[last], module(image), atol=1e-5)


class Failing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("a path\nand more")


class Textual(nn.Module):
    def forward(self, x: Tensor) -> str:
        return "cat"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"module": torch.relu}, "a module of PyTorch is wanted, not a builtin"),
        ({"module": torch.jit.ScriptModule()}, "a TorchScript module hides its layers"),
        ({"input_size": 64}, r"input_size is 64; it must be \(height, width\)"),
        ({"input_size": (64, 0)}, r"input_size is \(64, 0\)"),
        ({"mean": (0.5, 0.5)}, r"mean is \(0.5, 0.5\); it must be a number, or 3 numbers"),
        ({"mean": "grey"}, "mean is 'grey'"),
        ({"mean": float("nan")}, "mean is nan"),
        ({"std": 0}, "std is 0; it must be above 0"),
        ({"channels": 0}, "channels is 0; it must be a number from 1 to 64"),
        ({"channels": 4}, r"does not take images of 4 x 32 x 40 \(channels, height, width\)"),
        ({"name": "resnet18"}, "resnet18 is a known network already"),
        ({"name": "sketchnet"}, "sketchnet is a known network already"),
        ({"name": "my:net"}, "name is 'my:net'; it must have letters"),
        ({"name": "../net"}, "name is '../net'"),
        ({"labels": ["cat", "dog"]}, r"2 labels, and the output of the module is \[1, 5\]"),
        ({"module": Failing()}, r"failing does not take images .* width\): a path$"),
        ({"module": Textual()}, "textual returns no tensor"),
    ],
)
def test_what_cannot_be_wrapped_is_said_in_a_sentence(settings: dict[str, Any], words: str) -> None:
    given = {"module": small(3), "input_size": SIZE, "mean": 0.5, "std": 0.5, "device": "cpu"}
    with pytest.raises(ExplorerError, match=words):
        networks.wrap(**{**given, **settings})


def test_wrappers_of_pytorch_are_taken_off() -> None:
    class Compiled(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self._orig_mod = module

    module = Compiled(nn.DataParallel(small(3)))
    plain, taken = (
        networks.wrap(it, SIZE, 0.5, 0.5, name="mine", device="cpu")
        for it in (module._orig_mod.module, module)
    )
    assert taken.fingerprint == plain.fingerprint and taken.layers == plain.layers


def test_labels_are_those_that_are_given() -> None:
    names = ["a", "b", "c", "d", "e"]
    assert wrapped("small", labels=names).labels == tuple(names)
    assert wrapped("small", labels=()).labels == ()
    assert wrapped("small").labels[1] == "class 1"
    assert wrapped("segmentation", labels=["sky", "land", "sea"]).labels == ("sky", "land", "sea")
    assert not registry.knows_drawings_only(wrapped("unet"))
    assert registry.knows_drawings_only(wrapped("small", labels=sketchworld.CLASSES[:5]))


class Later(nn.Module):
    """Computes its logits first, and then features of another branch."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU())
        self.head = nn.Linear(6, 4)
        self.branch = nn.Sequential(nn.Conv2d(6, 7, 3), nn.ReLU())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.body(x)
        return self.head(x.mean((2, 3))), self.branch(x)


def test_classes_come_from_the_logits_and_not_from_the_last_layer() -> None:
    torch.manual_seed(0)
    network = networks.wrap(Later(), SIZE, 0.5, 0.5, labels=list("abcd"), device="cpu")
    assert network.shown[-1].name == "branch.1"
    assert network.class_layer == network.layer("head")
    result = probe.probe_image(network, torch.rand(1, 3, *SIZE), layers=["body.1"])
    assert result.activations.keys() == {"body.1", "head"}
    best = int(result.activations["head"].argmax())
    assert result.classes[0][0] == network.labels[best]
    assert unit_labels.unit_name(network, network.layer("head"), 2) == "c"
    assert unit_labels.unit_name(network, network.layer("branch.1"), 2) == ""


def test_a_network_without_class_outputs_names_no_classes() -> None:
    network = wrapped("unet")
    assert network.labels == () and network.class_layer is None
    result = probe.probe_image(network, torch.rand(1, 3, *SIZE))
    assert result.classes == ()
    assert result.activations.keys() == {it.name for it in network.shown}
    assert concept_growth.respond(network, torch.rand(1, 3, *SIZE)).classes == ()


def test_a_registered_network_takes_class_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (known_networks, registry):
        monkeypatch.setattr(module, "_own", {})
    registry.register("named", lambda: wrapped("small"))
    names = ["oak", "elm", "ash", "yew", "fir"]
    assert registry.load("named", device="cpu", classes=names).labels == tuple(names)
    assert registry.load("named", device="cpu").labels[0] == "class 0"
    with pytest.raises(BadCheckpoint, match="there are 2 class names, the last 'elm', and named"):
        registry.load("named", device="cpu", classes=names[:2])
