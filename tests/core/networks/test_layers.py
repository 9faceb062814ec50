"""The catalogue of layers, finding layers, and reading their activations."""

import pytest
import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models import convnext, swin_transformer, vision_transformer

from core.errors import ExplorerError, UnknownName
from core.networks import layers
from core.networks.tracing import trace


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, stride=(2, 1)), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4)
    ).eval()


def initialised(size: tuple[int, int]) -> nn.Sequential:
    module = small()
    with torch.no_grad():
        module(torch.zeros(1, 3, *size))
    return module


def meta_squeezenet() -> nn.Module:
    with torch.device("meta"):
        return models.squeezenet1_0().eval()


def test_entries() -> None:
    module = initialised((11, 8))
    conv, relu, flat, logits = layers.list_layers(module, (11, 8))
    assert (conv.name, conv.node, conv.index, conv.channels) == ("0", "0", 1, 5)
    assert (conv.size, conv.stride, conv.receptive_field) == ((5, 6), (2, 1), (3, 3))
    assert (conv.shown, relu.shown, flat.shown, logits.shown) == (False, True, False, True)
    assert (conv.depth, relu.depth, logits.depth) == (0.25, 0.5, 1.0)
    assert conv.input_size == (11, 8)
    assert (flat.channels, flat.size, flat.stride, flat.receptive_field) == (150, None, None, None)


def test_the_network_is_left_as_it_was() -> None:
    module = initialised((11, 8))
    module[1].inplace = True
    before = {name: value.clone() for name, value in module.state_dict().items()}
    own = {part: dict(vars(part)) for part in module.modules()}
    wanted = layers.list_layers(module, (11, 8))
    layers.build_extractor(module, trace(module), wanted, redirect_relu=True)(
        torch.rand(2, 3, 11, 8)
    )
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert {part: dict(vars(part)) for part in module.modules()} == own


def test_activations_are_those_of_the_network() -> None:
    module = initialised((11, 8))
    image = torch.rand(2, 3, 11, 8)
    found = layers.build_extractor(module, trace(module), layers.list_layers(module, (11, 8)))(
        image
    )
    x = image
    for name, part in module.named_children():
        x = part(x)
        assert torch.equal(found[name], x)
    assert list(found) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("features.7", "features.7.cat"),
        ("features.7.cat", "features.7.cat"),
        ("features.7.expand1x1", "features.7.expand1x1"),
        ("features.1", "features.1"),
        ("features", "features.12.cat"),
        ("classifier", "classifier.3"),
        ("logits", "flatten"),
        ("flatten", "flatten"),
    ],
)
def test_find(name: str, node: str) -> None:
    catalogue = layers.list_layers(meta_squeezenet(), (224, 224))
    assert layers.find_layer(catalogue, name, "squeezenet1_0").node == node


def test_find_names_the_nearest() -> None:
    catalogue = layers.list_layers(meta_squeezenet(), (224, 224))
    with pytest.raises(UnknownName) as caught:
        layers.find_layer(catalogue, "fetures.7", "squeezenet1_0")
    text = "no layer 'fetures.7' in squeezenet1_0; did you mean 'features.7'?"
    assert str(caught.value) == text
    with pytest.raises(UnknownName):
        layers.find_layer(catalogue, "feature", "squeezenet1_0")


def test_a_place_outside_the_layer_is_refused() -> None:
    conv = layers.list_layers(initialised((11, 8)), (11, 8))[0]
    assert conv.receptive_box(4, 5) == (8, 5, 11, 8)
    assert conv.receptive_box(5, 6, clipped=False) == (10, 6, 13, 9)
    for row, col in ((5, 0), (0, 6), (-1, 0)):
        with pytest.raises(ExplorerError, match=r"layer 0 has 5 rows and 6 columns"):
            conv.receptive_box(row, col)


def test_a_picture_that_does_not_fit_is_refused_in_one_line() -> None:
    with pytest.raises(ExplorerError, match=r"takes no pictures of 3 x 2 pixels: ") as caught:
        layers.list_layers(initialised((11, 8)), (3, 2))
    assert "\n" not in str(caught.value)


def test_training_mode_is_refused() -> None:
    with pytest.raises(ExplorerError, match="training mode"):
        layers.list_layers(initialised((11, 8)).train(), (11, 8))


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(ExplorerError, match="no layer"):
        layers.list_layers(nn.Sequential().eval(), (11, 8))


def channels_of(module: nn.Module, size: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    """Check that every layer has its channels on axis 1; return the shapes of the shown ones."""
    module.eval()
    catalogue = layers.list_layers(module, size)
    with torch.no_grad():
        found = layers.build_extractor(module, trace(module), catalogue)(torch.rand(2, 3, *size))
    for layer in catalogue:
        value = found[layer.name]
        assert value.shape[:2] == (2, layer.channels), layer.name
        assert layer.size is None or value.shape[2:] == layer.size
    return {layer.name: tuple(found[layer.name].shape) for layer in catalogue if layer.shown}


def test_vision_transformer_gives_channels_then_tokens() -> None:
    module = vision_transformer.VisionTransformer(32, 8, 2, 2, 12, 20, num_classes=7)
    shapes = channels_of(module, (32, 32))
    assert shapes == {
        "conv_proj": (2, 12, 4, 4),
        "encoder.layers.encoder_layer_0": (2, 12, 17),
        "encoder.layers.encoder_layer_1": (2, 12, 17),
        "heads.head": (2, 7),
    }


def test_swin_gives_channels_then_rows_and_columns() -> None:
    module = swin_transformer.SwinTransformer([4, 4], 8, [1, 2], [2, 2], [2, 2], num_classes=7)
    shapes = channels_of(module, (24, 40))
    assert shapes == {
        "features.0": (2, 8, 6, 10),
        "features.1.0": (2, 8, 6, 10),
        "features.2": (2, 16, 3, 5),
        "features.3.0": (2, 16, 3, 5),
        "features.3.1": (2, 16, 3, 5),
        "head": (2, 7),
    }
    catalogue = layers.list_layers(module, (24, 40))
    merged = layers.find_layer(catalogue, "features.2", "swin")
    assert (merged.stride, merged.receptive_field) == ((8, 8), (16, 16))


def test_convnext_gives_channels_first_inside_its_blocks() -> None:
    setting = [convnext.CNBlockConfig(6, 9, 1), convnext.CNBlockConfig(9, None, 1)]
    module = convnext.ConvNeXt(setting, num_classes=7)
    shapes = channels_of(module, (24, 40))
    assert shapes["features.1.0"] == (2, 6, 6, 10)
    catalogue = layers.list_layers(module.eval(), (24, 40))
    # The wide layer inside the block works on [N, H, W, C].
    wide = layers.find_layer(catalogue, "features.1.0.block.3", "convnext")
    assert (wide.channels, wide.axis, wide.size) == (24, 3, (6, 10))


class Unstable(nn.Module):
    """Control flow that depends on values, which cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        self.tokens, self.last = nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() < -1e9:
            raise ValueError("too dark")
        x = self.block(x).flatten(2).transpose(1, 2)
        return self.last(self.tokens(x).mean(1))


def test_a_network_that_cannot_be_traced_is_watched() -> None:
    torch.manual_seed(0)
    module = Unstable().eval()
    catalogue = layers.list_layers(module, (7, 9))
    assert [layer.name for layer in catalogue] == ["block.0", "block.1", "block", "tokens", "last"]
    assert [layer.name for layer in catalogue if layer.shown] == ["block.1", "last"]
    assert [layer.channels for layer in catalogue] == [4, 4, 4, 6, 2]
    assert {layer.receptive_field for layer in catalogue} == {None}
    assert catalogue[0].size == (5, 7)
    image = torch.rand(2, 3, 7, 9)
    found = layers.build_extractor(module, trace(module), catalogue[:4])(image)
    assert found["block.0"].shape == (2, 4, 5, 7)
    assert found["tokens"].shape == (2, 6, 35)
    assert torch.equal(found["block.1"], module.block(image))
