"""The tables of all networks' tensors, and which networks a file fits."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision import models

from core.checkpoints.contents import FileContent
from core.checkpoints.declared import DeclaredTensor, contiguous_stride
from core.checkpoints.matching import COUNTERS, NetworkShapes
from core.networks import known_timm, parameter_shapes
from core.networks.parameter_shapes import FACTS, TIMM_FACTS, networks_that_fit, read_table

Shapes = Mapping[str, tuple[int, ...]]


def content_of(shapes: Shapes, prefix: str = "") -> FileContent:
    """Return the content of a file with tensors of some shapes."""
    tensors = {
        f"{prefix}{name}": DeclaredTensor("float32", shape, contiguous_stride(shape), 0)
        for name, shape in shapes.items()
    }
    return FileContent(
        tensors=dict(tensors), holders=dict.fromkeys(tensors, 0), folders={0: prefix.rstrip(".")}
    )


def shapes_in(module: nn.Module) -> Shapes:
    return {name: tuple(it.shape) for name, it in module.state_dict().items()}


@pytest.fixture
def with_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_timm, "is_installed", lambda: True)


@pytest.mark.parametrize("name", ["squeezenet1_1", "regnet_y_400mf", "mnasnet0_5"])
def test_the_table_has_what_torchvision_builds(name: str) -> None:
    module = models.get_model(name, weights=None)
    assert read_table(FACTS).shapes(name).shapes == shapes_in(module)


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "vit_tiny_patch16_224",
        "swin_tiny_patch4_window7_224",
        "vit_small_patch14_dinov2",
    ],
)
def test_the_table_has_what_timm_builds(name: str) -> None:
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        module = timm.create_model(name)
    found = read_table(TIMM_FACTS).shapes(f"timm.{name}")
    assert found.shapes == shapes_in(module)
    assert found.classes == module.num_classes


def test_every_network_of_timm_with_published_weights_is_in_the_table() -> None:
    named = {name for name, it in known_timm.read_facts()[1].items() if it.hub}
    assert set(read_table(TIMM_FACTS).networks) == named


@pytest.mark.parametrize("file", [FACTS, TIMM_FACTS], ids=["ours", "timm"])
def test_no_file_of_a_network_lacks_its_first_tensor(file: Path) -> None:
    table = read_table(file)
    for name in table.networks:
        first, network = table.first_tensor(name), table.shapes(name)
        assert first == next(iter(network.shapes)) and not first.endswith(COUNTERS)
        assert first.partition(".")[0] != network.head_module, name


@pytest.mark.parametrize("name", ["it.json", "it.json.gz"])
def test_what_is_written_is_read_again_and_equal_modules_are_one_line(
    name: str, tmp_path: Path
) -> None:
    shapes: Shapes = {
        "scale": (),
        "a.one.weight": (4, 3),
        "a.two.weight": (4, 3),
        "b.one.weight": (4, 3),
        "b.two.weight": (4, 3),
        "head": (2, 4),
    }
    others = {it: NetworkShapes(it, shapes, 2) for it in ("first", "second")}
    parameter_shapes.write_shapes(others, tmp_path / name)
    written = (tmp_path / name).read_bytes()
    parameter_shapes.write_shapes(others, tmp_path / name)
    assert (tmp_path / name).read_bytes() == written
    table = read_table(tmp_path / name)
    assert {it: table.shapes(it) for it in table.networks} == others
    # The module with the weight, the one with two of them, and the network.
    assert len(table.modules) == 3


def fitting(shapes: Shapes, **options: str) -> list[str]:
    return list(networks_that_fit(content_of(shapes), **options))


@pytest.mark.usefixtures("with_timm")
def test_a_file_of_timm_is_known_below_any_prefix_and_without_its_head() -> None:
    shapes = dict(read_table(TIMM_FACTS).shapes("timm.vit_tiny_patch16_224").shapes)
    assert "timm.vit_tiny_patch16_224" in fitting(shapes)
    assert fitting(shapes) == list(networks_that_fit(content_of(shapes, "state_dict.module.")))
    headless = {name: shape for name, shape in shapes.items() if not name.startswith("head.")}
    assert "timm.vit_tiny_patch16_224" in fitting(headless)
    other = {**shapes, "head.weight": (7, 192), "head.bias": (7,)}
    assert "timm.vit_tiny_patch16_224" in fitting(other)
    assert not fitting({**shapes, "blocks.3.norm1.weight": (191,)})
    del shapes["blocks.3.norm1.weight"]
    assert not fitting(shapes)


@pytest.mark.usefixtures("with_timm")
def test_of_networks_with_the_same_tensors_the_likeliest_comes_first() -> None:
    shapes = read_table(FACTS).shapes("resnet50").shapes
    both = fitting(shapes)
    assert both[:2] == ["resnet50", "timm.resnet50"]
    lite = read_table(TIMM_FACTS).shapes("timm.tf_efficientnet_lite0").shapes
    twins = ["timm.efficientnet_lite0", "timm.tf_efficientnet_lite0"]
    assert fitting(lite) == twins
    assert fitting(lite, file_name="tf_efficientnet_lite0-0aa007d2.pth") == twins[::-1]


def test_without_timm_no_network_of_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_timm, "is_installed", lambda: False)
    assert fitting(read_table(FACTS).shapes("resnet50").shapes) == ["resnet50"]
    assert not fitting(read_table(TIMM_FACTS).shapes("timm.tf_efficientnet_lite0").shapes)


def slow_fits(shapes: Shapes, tables: Iterable[Path]) -> set[str]:
    """Return the networks that have the same tensors, by comparing all of them."""
    return {
        name
        for file in tables
        for name in read_table(file).networks
        if read_table(file).shapes(name).shapes == shapes
    }


@pytest.mark.usefixtures("with_timm")
@pytest.mark.parametrize(
    "name", ["timm.resnet18", "timm.vit_base_patch32_clip_224", "timm.convnext_tiny", "timm.vgg11"]
)
def test_no_network_with_the_same_tensors_is_left_out(name: str) -> None:
    shapes = read_table(TIMM_FACTS).shapes(name).shapes
    assert slow_fits(shapes, (FACTS, TIMM_FACTS)) <= set(fitting(shapes))
