"""What is known of networks that are not loaded is what loading them shows."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision

from core.errors import ExplorerError, UnknownName
from core.networks import known_networks, torchvision_models
from core.networks.known_networks import SKETCHNET, KnownNetwork
from core.networks.known_timm import PREFIX
from explorer.prebuilt.known_networks import describe_classifier, describe_sketchnet

REMAKE = "run `python -m explorer.prebuilt.known_networks`"


@pytest.fixture
def another_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    known_networks.catalogue.cache_clear()
    monkeypatch.setattr(known_networks, "torchvision_version", lambda: "0.0.1+cpu")


def test_the_table_is_that_of_the_installed_torchvision() -> None:
    assert known_networks.torchvision_version() == torchvision.__version__
    assert known_networks.read_facts()[0] == torchvision.__version__.partition("+")[0], REMAKE


def test_every_network_has_its_parameters_file_and_layers() -> None:
    every = known_networks.known_networks()
    known = {name: it for name, it in every.items() if not name.startswith(PREFIX)}
    assert list(known) == [SKETCHNET, *torchvision_models.list_classifiers()], REMAKE
    assert all(it.layers and it.input_size != (0, 0) for it in known.values()), REMAKE
    del known[SKETCHNET]
    for name, it in known.items():
        asked = known_networks.published_facts(name)
        assert replace(it, input_size=(0, 0), layers=()) == asked, (name, REMAKE)


@pytest.mark.parametrize(
    "name", ["squeezenet1_0", "googlenet", "resnet18", "vit_b_32", "swin_t", "maxvit_t"]
)
def test_layers_are_those_of_the_built_network(name: str) -> None:
    assert known_networks.known_networks()[name] == describe_classifier(name), REMAKE


def test_sketchnet_is_known() -> None:
    assert known_networks.known_networks()[SKETCHNET] == describe_sketchnet(), REMAKE


def test_a_written_table_is_read_again(tmp_path: Path) -> None:
    some = {name: known_networks.known_networks()[name] for name in (SKETCHNET, "swin_t", "vgg11")}
    known_networks.write_facts("9.8.7", some, tmp_path / "facts.json")
    assert known_networks.read_facts(tmp_path / "facts.json") == ("9.8.7", some)


@pytest.mark.usefixtures("another_torchvision")
def test_another_version_of_torchvision_is_asked_itself() -> None:
    known = known_networks.known_networks()
    known_networks.catalogue.cache_clear()
    assert known[SKETCHNET].layers
    assert known["alexnet"] == KnownNetwork(61_100_840, "alexnet-owt-7be5be79.pth", 233.087)


@pytest.mark.parametrize(
    "settings",
    [{}, {"XDG_CACHE_HOME": "/some/cache"}, {"TORCH_HOME": "~/torch"}, {"TORCH_HOME": "here"}],
)
def test_weights_are_looked_for_where_torch_puts_them(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert known_networks.weights_folder() == Path(torch.hub.get_dir()) / "checkpoints"


def test_a_name_is_split_into_architecture_and_title() -> None:
    assert known_networks.find_architecture("resnet18") == "resnet18"
    assert known_networks.find_architecture("resnet18:birds", own_weights=True) == "resnet18"
    with pytest.raises(ExplorerError, match="checkpoint of somebody's own"):
        known_networks.find_architecture("resnet18:birds")
    with pytest.raises(UnknownName, match="did you mean 'resnet18'"):
        known_networks.find_architecture("resnet81")
