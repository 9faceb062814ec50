"""What tests of devices share: networks on a device that does not exist, and what they make."""

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from core import dreams, images, networks, neurons, style
from core.datasets.sources import SketchWorldSource
from core.index import build
from core.index.reader import Index, open_index
from core.networks import wrapping
from core.networks.network import Network
from tests.core.fake_device import FakeDevice
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
KINDS = ("cuda", "mps")

Kind = pytest.mark.parametrize("kind", KINDS)


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


@functools.cache
def cpu_pictures(what: str) -> list[Tensor]:
    """Return some of ``PICTURES`` as the CPU makes them."""
    name, pictures, settings = PICTURES[what]
    return pictures(wrapped(name, None), **settings)


def indexed(network: Network, out: Path, count: int, **options: Any) -> Index:
    source = SketchWorldSource(count)
    plan = build.plan_index(network, source, [OWN_MODULES[network.name].layer], k=3)
    started = build.open_accumulator(plan, source, out)
    list(build.build_index(network, source, started, out, workers=1, **options))
    return open_index(out)
