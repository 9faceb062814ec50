"""Devices: what runs where, with one that does not exist (``fake_device`` says what that shows)."""

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import devices, dreams, images, networks, neurons, style
from core.analysis import attribution, probe
from core.datasets.sources import SketchWorldSource
from core.errors import ExplorerError
from core.images import colours
from core.index import build, scanner
from core.index.reader import Index, open_index
from core.index.scanner import Scanner
from core.networks import network as network_module
from core.networks import registry, wrapping
from core.networks.graph_passes.fold_stride import FoldedConvolution
from core.networks.graph_passes.fuse_relu import FusedConvolution
from core.networks.network import Network
from core.neurons import render_neurons
from tests.core.fake_device import DeviceTensor, FakeDevice
from tests.core.own_modules import OWN_MODULES, SIZE
from tests.core.own_modules import build as build_module

# What some versions of PyTorch lack on MPS, of what the library itself uses.
LACKING = {
    "aten::_linalg_eigh",
    "aten::linalg_inv_ex",
    "aten::_upsample_bicubic2d_aa",
    "aten::_upsample_bilinear2d_aa",
    "aten::grid_sampler_2d_backward",
    "aten::_fft_c2r",
    "aten::_fft_r2c",
    "aten::polar",
    "aten::avg_pool2d",
    "aten::index_copy",
}
# Mean difference of two pictures, in the full range, after a few steps from the same start. The CPU
# computes other kernels for itself than for the device.
CLOSE = 0.005
KINDS = ("cuda", "mps")

Kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def _full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (devices, network_module):
        monkeypatch.setattr(module, "has_fast_bfloat16", lambda device: False)
    # Every test has another device.
    monkeypatch.setattr(devices, "_agreed", {})


def wrapped(name: str, fake: FakeDevice | None, device: str = "auto") -> Network:
    """Wrap one of ``OWN_MODULES`` for a device; for the CPU if it is None."""
    given = {"name": name, "channels": OWN_MODULES[name].channels}
    module = build_module(name)
    with pytest.MonkeyPatch.context() as patch:
        target = torch.device("cpu") if fake is None else fake.device
        patch.setattr(wrapping, "resolve_device", lambda name: target)
        return networks.wrap(module, SIZE, 0.45, 0.25, device=device, **given)  # type: ignore[arg-type]


def photograph(channels: int = 3) -> Tensor:
    """Return an image with odd sides, ``[1, C, 45, 61]``."""
    torch.manual_seed(1)
    return F.interpolate(torch.rand(1, channels, 5, 7), (45, 61), mode="bilinear")


def given_pictures(channels: int = 3) -> tuple[list[str], dict[str, bytes]]:
    """Return three images and a mask that two of them make, encoded."""
    one = photograph(channels)
    mask = torch.zeros(1, 3 if channels == 3 else 1, 45, 61)
    mask[..., :30] = 1
    pairs = [images.encode_image(it) for it in (one, one.flip(1, 3) ** 2, one.roll(3, 3), mask)]
    return [name for name, _ in pairs], dict(pairs)


def finished(steps: Iterator[Any]) -> list[Tensor]:
    return [picture.image for step in steps for picture in step.pictures]


def neuron_pictures(network: Network, steps: int = 3, **settings: Any) -> list[Tensor]:
    names, inputs = given_pictures(network.channels)
    if settings.pop("from_image", False):
        settings["image"] = names[0]
    layer, units = OWN_MODULES[network.name].layer, settings.pop("units", (0, 2))
    recipe = neurons.plan(network, layer, units, size=35, steps=steps, **settings)
    return finished(neurons.render(network, recipe, inputs))


def dream_pictures(network: Network, steps: int = 2, **settings: Any) -> list[Tensor]:
    names, inputs = given_pictures(network.channels)
    for role, at in (("guide", 1), ("mask", 3)):
        if settings.pop(f"with_{role}", False):
            settings[role] = names[at]
    if settings.pop("with_clip", False):
        settings["clip"] = (names[2],)
    layer = OWN_MODULES[network.name].layer
    settings = {"size": 61, "octaves": 1, **settings}
    recipe = dreams.plan(network, [layer], names[0], steps=steps, **settings)
    return finished(dreams.render(network, recipe, inputs))


def style_pictures(network: Network, steps: int = 3, **settings: Any) -> list[Tensor]:
    names, inputs = given_pictures(network.channels)
    own = OWN_MODULES[network.name]
    first = next(it.name for it in network.layers if it.size)
    layer = own.layer if own.positions else first
    settings = {"content": names[0], "styles": (names[1],), **settings}
    if settings.pop("with_masks", False):
        settings |= {"styles": (names[1], names[2]), "masks": (names[3], "")}
    layers = {"content_layers": (layer,), "style_layers": (first, layer)}
    recipe = style.plan(network, size=61, smallest=61, steps=steps, **layers, **settings)
    return finished(style.render(network, recipe, inputs))


PICTURES: Mapping[str, tuple[str, Callable[..., list[Tensor]], dict[str, Any]]] = {
    "fourier": ("small", neuron_pictures, {}),
    "pixels": ("small", neuron_pictures, {"canvas": "pixels", "blur": 0.1, "count": 2}),
    "maco": ("small", neuron_pictures, {"canvas": "maco"}),
    "maco from a picture": ("small", neuron_pictures, {"canvas": "maco", "from_image": True}),
    "fourier from a picture": ("small", neuron_pictures, {"from_image": True}),
    "least": ("small", neuron_pictures, {"negative": True}),
    "caricature": (
        "small",
        neuron_pictures,
        {"objective": "caricature", "units": (), "from_image": True},
    ),
    "a fixed size": ("fixed", neuron_pictures, {}),
    "tokens": ("tokens", neuron_pictures, {}),
    "hooks": ("untraceable", neuron_pictures, {}),
    "grey": ("grey", neuron_pictures, {}),
    "dream": ("small", dream_pictures, {"with_mask": True}),
    "colours kept": ("segmentation", dream_pictures, {"keep_colours": True}),
    "guided": ("small", dream_pictures, {"with_guide": True}),
    "zoom": ("small", dream_pictures, {"frames": 2, "zoom": 1.05, "turn": 2.0}),
    "clip": ("small", dream_pictures, {"with_clip": True}),
    "wasserstein": ("small", style_pictures, {"loss": "wasserstein"}),
    "gram": ("segmentation", style_pictures, {"loss": "gram", "method": "adam"}),
    "regions": ("small", style_pictures, {"with_masks": True, "pooling": "average"}),
    "matched": ("small", style_pictures, {"colours": "matched"}),
    "light": ("small", style_pictures, {"colours": "light"}),
}


@Kind
@pytest.mark.parametrize("what", PICTURES)
def test_a_device_makes_the_pictures_of_the_cpu(kind: str, what: str) -> None:
    name, pictures, settings = PICTURES[what]
    expected = pictures(wrapped(name, None), **settings)
    with FakeDevice(kind) as fake:
        found = pictures(wrapped(name, fake), **settings)
    assert len(found) == len(expected) > 0
    assert fake.seen["aten::convolution"] and fake.seen["aten::convolution_backward"]
    for one, other in zip(found, expected, strict=True):
        assert type(one) is Tensor
        assert float((one - other).abs().mean()) < CLOSE


@pytest.mark.parametrize("what", PICTURES)
def test_the_cpu_does_what_mps_lacks(what: str) -> None:
    name, pictures, settings = PICTURES[what]
    expected = pictures(wrapped(name, None), **settings)
    with FakeDevice("mps", LACKING) as fake:
        network = wrapped(name, fake)
        assert network.device.type == "mps"
        found = pictures(network, **settings)
    for one, other in zip(found, expected, strict=True):
        assert float((one - other).abs().mean()) < CLOSE


def test_the_cpu_does_what_mps_computes_wrongly_and_only_that() -> None:
    def odd(result: Tensor) -> bool:
        return bool(result.shape[-1] % 2)

    def image(side: int) -> Tensor:
        network = wrapped("small", None)
        return render_neurons.create_canvas(
            network, neurons.plan(network, "4", [0], size=side), None, {}
        )()

    expected = {side: image(side) for side in (34, 35)}
    with FakeDevice("mps", wrong={"aten::_fft_c2r": odd}) as fake:
        network = wrapped("small", fake)
        for side, wanted in expected.items():
            recipe = neurons.plan(network, "4", [0], size=side)
            canvas = render_neurons.create_canvas(network, recipe, None, {})
            for _ in range(2):
                ran = fake.seen["aten::_fft_c2r"]
                found = canvas()
                torch.testing.assert_close(found.detach().cpu(), wanted)
            # The second time it is known that the device must not compute it.
            assert (fake.seen["aten::_fft_c2r"] == ran) == (side == 35)


# How often the host waits for a GPU in each step. Neurons and dreams ask whether a unit is dead,
# and L-BFGS for the loss, the curvature, dot products and the length of a direction. Adam asks
# nothing; the losses are numbers in the curves.
@pytest.mark.parametrize(
    ("what", "most"),
    [
        ("fourier", 1),
        ("pixels", 1),
        ("maco", 1),
        ("dream", 1),
        ("guided", 1),
        ("gram", 1),
        ("wasserstein", 5),
        ("regions", 5),
    ],
)
def test_the_host_seldom_waits_for_a_gpu(what: str, most: int) -> None:
    name, pictures, settings = PICTURES[what]
    waited = []
    with FakeDevice("cuda") as fake:
        network = wrapped(name, fake)
        for steps in (3, 3, 6):
            fake.waits.clear()
            pictures(network, steps=steps, **settings)
            waited.append(fake.waits.copy())
    _, few, many = waited
    assert many.total() - few.total() <= 3 * most, many - few


def test_dead_units_are_redirected_without_waiting_for_each_relu() -> None:
    module = build_module("small")
    with torch.no_grad():
        module[0].bias -= 100  # type: ignore[index]
    with FakeDevice("cuda") as fake, pytest.MonkeyPatch.context() as patch:
        patch.setattr(wrapping, "resolve_device", lambda name: fake.device)
        network = networks.wrap(module, SIZE, 0.45, 0.25, name="small")
        fake.waits.clear()
        neuron_pictures(network, steps=8)
    assert not [place for place in fake.waits if "redirected_relu" in place]


def indexed(network: Network, out: Path, count: int, **options: Any) -> Index:
    source = SketchWorldSource(count)
    plan = build.plan_index(network, source, [OWN_MODULES[network.name].layer], k=3)
    started = build.open_accumulator(plan, source, out)
    list(build.build_index(network, source, started, out, workers=1, **options))
    return open_index(out)


@Kind
def test_an_index_of_a_device_is_that_of_the_cpu_and_fills_its_groups(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = indexed(wrapped("small", None), tmp_path / "cpu", 70)
    scan, measure, sizes, waits = Scanner.scan, Scanner._measure, [], []
    fake = FakeDevice(kind)

    def in_thread(self: Scanner, *given: Any) -> Any:
        # The scan runs in another thread, where the device is not known.
        before = fake.waits.total()
        with fake:
            found = scan(self, *given)
        waits.append(fake.waits.total() - before)
        return found

    def counted(self: Scanner, pixels: list[Any], *given: Any) -> None:
        sizes.append(len(pixels))
        measure(self, pixels, *given)

    monkeypatch.setattr(Scanner, "scan", in_thread)
    monkeypatch.setattr(Scanner, "_measure", counted)
    with fake:
        found = indexed(wrapped("small", fake), tmp_path / "device", 70, batch=8)
    assert sorted(sizes) == [70 - 2 * scanner.GPU_GROUP_SIZE] + [scanner.GPU_GROUP_SIZE] * 2
    # The pictures go to the device, their values and the positions of maxima come back.
    assert max(waits) <= (3 if kind == "cuda" else 5)
    for unit in range(9):
        for one, other in zip(expected.top("4", unit), found.top("4", unit), strict=True):
            assert one.picture == other.picture and one.box == other.box
            assert one.value == pytest.approx(other.value, rel=1e-4, abs=1e-5)


@Kind
def test_probe_and_attribution_agree_with_the_cpu(kind: str, tmp_path: Path) -> None:
    plain = wrapped("small", None)
    index = indexed(plain, tmp_path / "index", 9)
    picture = index.picture(index.top("4", 1)[0].picture)

    def measured(network: Network) -> list[Tensor]:
        result = probe.probe_image(network, picture, index)
        responses = result.responses(network.layer("4"), index, count=9)
        responses = sorted(responses, key=lambda it: it.unit)
        place = (responses[0].row, responses[0].col)
        return [
            torch.tensor([it.value for it in responses]),
            attribution.heatmap(network, result.image, "4", 1),
            attribution.project(network, result.image, "4", 1, *place),
            torch.tensor(
                attribution.effective_field(network, result.image, "4", 1, *place)
            ).float(),
        ]

    expected = measured(plain)
    with FakeDevice(kind) as fake:
        found = measured(wrapped("small", fake))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


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


def test_the_device_of_these_tests_can_fail() -> None:
    with FakeDevice("mps", {"aten::sin"}) as fake:
        here = torch.rand(3, 4).to(fake.device)
        with pytest.raises(TypeError, match="float64"):
            here.double()
        with pytest.raises(TypeError, match="float64"):
            torch.zeros(2, dtype=torch.float64, device=fake.device)
        with pytest.raises(NotImplementedError, match="aten::sin"):
            here.sin()
        with pytest.raises(RuntimeError, match="same device"):
            here + torch.rand(4)
        with pytest.raises(TypeError, match="numpy"):
            here.numpy()
        assert fake.waits.total() == 1  # the numbers were sent
        assert float(here.sum()) > 0 and here.tolist() and len(here.nonzero()) == 12
        assert here[here > 2].numel() == 0 and here[torch.tensor([1])].shape == (1, 4)
        assert fake.waits.total() == 6
    with FakeDevice("cuda") as fake:
        here = torch.rand(3, 4).to(fake.device, non_blocking=True).requires_grad_()
        assert not fake.waits
        (here.double() ** 2).sum().backward()
        assert isinstance(here.grad, DeviceTensor)
        kernel = torch.rand(2, 3, 3, 3)
        with pytest.raises(AssertionError, match="for CPUs only"):
            torch.ops.mkldnn._convolution_pointwise(
                torch.rand(1, 3, 5, 5).to(fake.device),
                kernel.to(fake.device),
                None,
                [0, 0],
                [1, 1],
                [1, 1],
                1,
                "none",
                [],
                "",
            )


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
