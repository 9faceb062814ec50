"""Modules that no library has made, through everything that the library does with networks."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from core import dreams, images, networks, neurons, style
from core.analysis import attribution, probe
from core.datasets.image_source import ImageSource
from core.datasets.sources import SketchWorldSource
from core.datasets.tensor_source import TensorSource
from core.errors import BadPicture, ExplorerError
from core.images import image_io
from core.index import build
from core.index.reader import open_index
from core.networks.block_graph import block_graph
from core.networks.network import Network
from tests.core.own_modules import OWN_MODULES, SIZE
from tests.core.own_modules import build as build_module

Name = pytest.mark.parametrize("name", OWN_MODULES)


@pytest.fixture
def network(name: str) -> Network:
    channels = OWN_MODULES[name].channels
    return networks.wrap(
        build_module(name), SIZE, 0.45, 0.25, name=name, channels=channels, device="cpu"
    )


@pytest.fixture
def picture(network: Network) -> Tensor:
    """An image of a size that no layer was made for, with the network's channels."""
    torch.manual_seed(1)
    coarse = torch.rand(1, network.channels, 5, 7)
    return torch.nn.functional.interpolate(coarse, (44, 61), mode="bilinear")


@Name
def test_layers_and_fields(name: str, network: Network) -> None:
    own = OWN_MODULES[name]
    depths = [layer.depth for layer in network.shown]
    assert depths == sorted(depths) and depths[-1] == 1.0 and len(depths) >= 3
    layer = network.layer(own.layer)
    image = torch.rand(1, own.channels, *SIZE, requires_grad=True)
    output = network.extractor([layer.name])(image)[layer.name]
    row, col = (side // 2 for side in layer.size or (0, 0))
    values = output[0, :, row, col] if layer.size else output[0, :, 0]
    # Normalised channels have a constant sum, so they get different weights.
    value = values @ torch.linspace(1, 2, layer.channels)
    (gradient,) = torch.autograd.grad(value, image)
    rows, cols = gradient[0].abs().sum(0).nonzero().T
    top, left, bottom, right = layer.receptive_box(row, col)
    assert len(rows) and top <= rows.min() and rows.max() < bottom
    assert left <= cols.min() and cols.max() < right
    graph = block_graph(network)
    assert graph.traced == own.traced and graph.nodes[0].shape == (own.channels, *SIZE)
    assert {it.name for it in graph.nodes} >= {network.shown[0].name, network.shown[-1].name}


@Name
@pytest.mark.parametrize("canvas", ["fourier", "pixels", "maco"])
def test_neurons(name: str, network: Network, canvas: str) -> None:
    layer = network.layer(OWN_MODULES[name].layer)
    recipe = neurons.plan(network, layer.name, [0, 2], size=48, steps=6, canvas=canvas)
    short = neurons.plan(network, layer.name, [0, 2], size=48, steps=1, canvas=canvas)
    (*_, last), (*_, early) = (neurons.render(network, it) for it in (recipe, short))
    for found, before in zip(last.pictures, early.pictures, strict=True):
        assert found.image.shape == (network.channels, 48, 48)
        assert found.image.min() >= 0 and found.image.max() <= 1
        # The magnitudes of MACO leave tiny networks little freedom.
        assert canvas == "maco" or found.activation > before.activation
    if network.channels == 4:
        with pytest.raises(BadPicture, match="an image of 4 channels is no picture"):
            image_io.to_picture(last.pictures[0].image)
    else:
        assert image_io.to_picture(last.pictures[0].image).mode == "RGB"


@Name
def test_dreams(name: str, network: Network, picture: Tensor) -> None:
    layer = OWN_MODULES[name].layer
    fingerprint, data = images.encode_image(picture)
    recipe = dreams.plan(
        network, [layer], fingerprint, size=61, steps=3, octaves=2, frames=2, zoom=1.05
    )
    *_, last = dreams.render(network, recipe, {fingerprint: data})
    (dream,) = last.pictures
    assert dream.image.shape == (network.channels, 44, 61)
    assert float(dream.facts["activation"]) > 1 and float(dream.facts["change"]) > 0.01
    kept = dreams.plan(network, [layer], fingerprint, size=61, steps=2, keep_colours=True)
    *_, last = dreams.render(network, kept, {fingerprint: data})
    assert last.pictures[0].image.shape == dream.image.shape


@Name
@pytest.mark.parametrize("colours", ["style", "matched", "light"])
def test_style(name: str, network: Network, picture: Tensor, colours: str) -> None:
    own = OWN_MODULES[name]
    fingerprint, data = images.encode_image(picture)
    other, painting = images.encode_image(picture.flip(1, 3) ** 2)
    first = next(it.name for it in network.layers if it.size)
    layer = own.layer if own.positions else first
    settings = {"content_layers": (layer,), "style_layers": (first, layer)}
    recipe = style.plan(
        network,
        content=fingerprint,
        styles=(other,),
        size=61,
        smallest=61,
        steps=3,
        colours=colours,
        **settings,
    )
    *_, last = style.render(network, recipe, {fingerprint: data, other: painting})
    assert last.pictures[0].image.shape == (network.channels, 44, 61)
    # The default layers have positions.
    assert style.plan(network, content=fingerprint, styles=(other,)).style_layers


@Name
def test_index_and_probe(name: str, network: Network, tmp_path: Path) -> None:
    layer = network.layer(OWN_MODULES[name].layer)
    source: ImageSource = SketchWorldSource(6)
    torch.manual_seed(3)
    tensors = torch.rand(6, network.channels, 37, 50)
    if network.channels not in (1, 3):
        source = TensorSource(tensors, list("abcdef"))
    plan, out = build.plan_index(network, source, [layer.name], k=3), tmp_path / "own.index"
    list(build.build_index(network, source, build.open_accumulator(plan, source, out), out))
    index = open_index(out)
    best = index.top(layer.name, 1)[0]
    assert best.value == max(it.value for it in index.top(layer.name, 1))
    top, left, bottom, right = best.box
    assert 0 <= top < bottom <= best.size[0] and 0 <= left < right <= best.size[1]
    if isinstance(source, TensorSource):
        probed = source.image(source.find(best.picture))
        with pytest.raises(ExplorerError, match="are tensors, which have no pictures"):
            index.picture(best.picture)
    else:
        probed = index.picture(best.picture)
    result = probe.probe_image(network, probed, index)
    responses = result.responses(layer, index, count=layer.channels)
    found = next(it for it in responses if it.unit == 1)
    assert found.value == pytest.approx(best.value, rel=1e-4, abs=1e-5)
    assert (found.row, found.col) == (best.row, best.col) and found.percentile is not None
    assert len(result.classes) == OWN_MODULES[name].classes
    heat = attribution.heatmap(network, result.image, layer.name, 1)
    assert heat.shape == SIZE
    field = attribution.effective_field(network, result.image, layer.name, 1, found.row, found.col)
    assert field[0] < field[2] <= SIZE[0] and field[1] < field[3] <= SIZE[1]


@pytest.mark.parametrize("name", ["grey"])
def test_a_grey_network_takes_pictures_in_colour(name: str, network: Network) -> None:
    colour = torch.rand(1, 3, *SIZE)
    luma = (colour * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    one, other = (network.activations(it, ["4"])["4"] for it in (colour, luma))
    assert torch.allclose(one, other, atol=1e-5)
    signal = attribution.project(network, colour, "4", 1, 8, 10)
    assert signal.shape == (1, *SIZE)
    with pytest.raises(BadPicture, match=r"takes images of 1 channels, .*, and this one has 4"):
        network.activations(torch.rand(1, 4, *SIZE), ["4"])


@pytest.mark.parametrize("name", ["bands"])
def test_a_network_of_bands_takes_no_pictures(name: str, network: Network) -> None:
    fingerprint, data = images.encode_image(torch.rand(1, 3, 40, 40))
    recipe = dreams.plan(network, ["4"], fingerprint, size=40, steps=2)
    with pytest.raises(BadPicture, match="a network of 4 channels takes no pictures"):
        list(dreams.render(network, recipe, {fingerprint: data}))
