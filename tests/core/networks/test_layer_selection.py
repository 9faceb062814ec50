"""The layers that are shown by default, for torchvision's networks and others."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models

from core.networks import layers


def shown(module: nn.Module, size: tuple[int, int] = (224, 224)) -> list[str]:
    return [layer.name for layer in layers.list_layers(module.eval(), size) if layer.shown]


def build(name: str) -> nn.Module:
    """Build a torchvision network without memory for its weights."""
    slow = name in ("googlenet", "inception_v3")
    # RegNet's constructor computes its widths with tensors.
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        module: nn.Module = models.get_model(
            name, weights=None, **({"init_weights": False} if slow else {})
        )
    return module


SHOWN_LAYERS = {
    "alexnet": "features.1 features.4 features.7 features.9 features.11 classifier.2 classifier.5 "
    "classifier.6",
    "vgg11": "features.1 features.4 features.7 features.9 features.12 features.14 features.17 "
    "features.19 classifier.1 classifier.4 classifier.6",
    "squeezenet1_0": "features.1 features.3 features.4 features.5 features.7 features.8 features.9 "
    "features.10 features.12 classifier.2 logits",
    "resnet18": "relu layer1.0 layer1.1 layer2.0 layer2.1 layer3.0 layer3.1 layer4.0 layer4.1 fc",
    "googlenet": "conv1 conv2 conv3 inception3a "
    + " ".join(f"inception3b.branch{i}" for i in (1, 2, 3, 4))
    + " inception3b inception4a inception4b inception4c inception4d "
    + " ".join(f"inception4e.branch{i}" for i in (1, 2, 3, 4))
    + " inception4e inception5a "
    + " ".join(f"inception5b.branch{i}" for i in (1, 2, 3, 4))
    + " inception5b fc",
    "densenet121": "features.relu0 "
    + " ".join(f"features.denseblock1.denselayer{i}" for i in (1, 3, 4, 6))
    + " features.denseblock1 features.transition1 "
    + " ".join(f"features.denseblock2.denselayer{i}" for i in (1, 5, 8, 12))
    + " features.denseblock2 features.transition2 "
    + " ".join(f"features.denseblock3.denselayer{i}" for i in (1, 9, 16, 24))
    + " features.denseblock3 features.transition3 "
    + " ".join(f"features.denseblock4.denselayer{i}" for i in (1, 6, 11, 16))
    + " features.denseblock4 relu classifier",
    "mobilenet_v3_small": " ".join(f"features.{i}" for i in range(13))
    + " classifier.1 classifier.3",
    "efficientnet_b0": "features.0 features.1.0 features.2.0 features.2.1 features.3.0 "
    "features.3.1 features.4.0 features.4.1 features.4.2 features.5.0 features.5.1 features.5.2 "
    "features.6.0 features.6.1 features.6.2 features.6.3 features.7.0 features.8 classifier.1",
    "shufflenet_v2_x0_5": "conv1.2 stage2.0 stage2.1 stage2.2 stage2.3 stage3.0 stage3.1 stage3.2 "
    "stage3.3 stage3.4 stage3.5 stage3.6 stage3.7 stage4.0 stage4.1 stage4.2 stage4.3 conv5.2 fc",
    "efficientnet_v2_s": "features.0 features.1.0 features.1.1 features.2.0 features.2.3 "
    "features.3.0 features.3.3 features.4.0 features.4.5 features.5.0 features.5.8 features.6.0 "
    "features.6.14 features.7 classifier.1",
    "maxvit_t": "stem.0 stem.1 "
    + " ".join(f"blocks.{i}.layers.{j}" for i, many in enumerate((2, 2, 5, 2)) for j in range(many))
    + " classifier.4 classifier.5",
    "vit_b_32": "conv_proj "
    + " ".join(f"encoder.layers.encoder_layer_{i}" for i in range(12))
    + " heads.head",
    "swin_t": "features.0 features.1.0 features.1.1 features.2 features.3.0 features.3.1 "
    "features.4 "
    + " ".join(f"features.5.{i}" for i in range(6))
    + " features.6 features.7.0 features.7.1 head",
}


@pytest.mark.parametrize("name", SHOWN_LAYERS)
def test_torchvision(name: str) -> None:
    assert shown(build(name)) == SHOWN_LAYERS[name].split()


@pytest.mark.parametrize(
    "name", ["inception_v3", "mnasnet0_5", "regnet_y_400mf", "mobilenet_v2", "convnext_tiny"]
)
def test_what_holds_for_every_ladder(name: str) -> None:
    catalogue = layers.list_layers(build(name).eval(), (224, 224))
    ladder = [layer for layer in catalogue if layer.shown]
    assert len({layer.node for layer in ladder}) == len({layer.name for layer in ladder})
    assert len({layer.node for layer in catalogue}) == len(catalogue)
    assert 10 < len(ladder) < 30
    assert ladder[-1].channels == 1000
    assert ladder[-1].size is None
    operations = [layer.node.rpartition(".")[2] for layer in ladder]
    assert not [it for it in operations if "drop" in it or "pool" in it]


def test_depth_climbs_in_equal_steps_from_image_to_logits() -> None:
    catalogue = layers.list_layers(build("resnet18").eval(), (224, 224))
    depths = [layer.depth for layer in catalogue]
    assert depths == sorted(set(depths))
    assert 0 < depths[0] < depths[-1] == 1
    ladder = [layer.depth for layer in catalogue if layer.shown]
    assert ladder == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.act(self.conv(x))


class Tutorial(nn.Module):
    """The small network of many tutorials."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3)
        self.pool, self.fc = nn.MaxPool2d(2), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = F.relu(self.conv2(x)).mean((2, 3))
        return F.log_softmax(self.fc(x), dim=1)


class Swish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


class Wrapper(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x - 0.5)


class Looped(nn.Module):
    """Stages in a list, each of two blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(nn.Sequential(Block(), Block()) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(x)
        return x


def test_functions_at_the_root_are_shown() -> None:
    assert shown(Tutorial(), (20, 22)) == ["relu", "relu_1", "logits"]


def test_blocks_go_by_their_path_and_activations_inside_stay_hidden() -> None:
    first = nn.Sequential(nn.Conv2d(3, 4, 1), Swish())
    module = nn.Sequential(first, nn.Sequential(Block(), Block()), Looped(), nn.Conv2d(4, 2, 1))
    stages = ["2.stages.0.0", "2.stages.0.1", "2.stages.1.0", "2.stages.1.1"]
    assert shown(module, (9, 7)) == ["0.1", "1.0", "1.1", *stages, "3"]


def test_a_wrapper_is_looked_into() -> None:
    inner = shown(build("resnet18"))
    assert shown(Wrapper(build("resnet18"))) == [f"network.{name}" for name in inner]


def test_without_blocks_and_activations_weights_are_shown() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3), nn.Flatten(), nn.Linear(5, 2))
    assert shown(module, (5, 5)) == ["0", "1", "3"]
