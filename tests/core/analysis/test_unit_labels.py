"""Tests of labels of units, on the command line and for the pages."""

import dataclasses
import gc
import json
import weakref

import pytest
from typer.testing import CliRunner

from core.analysis import unit_labels, unit_names
from core.errors import ExplorerError
from core.networks import registry
from core.networks.network import Network
from core.sketchnet.labels import CLEAR
from explorer.cli import cli

RUNNER = CliRunner()


def test_labels_as_json_and_by_search() -> None:
    every = json.loads(RUNNER.invoke(cli, ["labels", "sketchnet", "--json"]).stdout)
    network = registry.load("sketchnet", device="cpu")
    counts = {layer.name: layer.channels for layer in network.layers}
    assert {(it["layer"], it["unit"]) for it in every} >= {
        (layer.name, unit) for layer in network.shown[:-1] for unit in range(layer.channels)
    }
    assert all(it["unit"] < counts[it["layer"]] for it in every)
    labelled = [it["iou"] for it in every if it["kind"] != "class"]
    assert all(0 <= it <= 1 for it in labelled)
    assert [it["concept"] for it in every if it["kind"] == "class"] == list(network.labels)
    stripes = json.loads(
        RUNNER.invoke(cli, ["labels", "sketchnet", "--search", "stripes", "--json"]).stdout
    )
    assert stripes and all("stripes" in it["concept"] for it in stripes)
    assert [it["why"] for it in stripes[:2]] == ['called "stripes"', 'the name has "stripes"']
    overlaps = [it["iou"] for it in stripes[1:] if it["iou"] is not None]
    assert overlaps == sorted(overlaps, reverse=True)
    clear = RUNNER.invoke(cli, ["labels", "sketchnet", "--least", "0.2", "--json"]).stdout
    assert {it["iou"] >= 0.2 for it in json.loads(clear)} == {True}


def test_names_of_sketchnet_are_known_without_loading_it() -> None:
    loaded = unit_labels.names_of(registry.load("sketchnet", device="cpu"))
    shipped = unit_names.shipped_names()
    assert (loaded.layers, loaded.named) == (shipped.layers, shipped.named)


def test_a_place_and_a_typing_error_are_found_on_the_command_line() -> None:
    done = RUNNER.invoke(cli, ["labels", "sketchnet", "--search", "relu4b:121", "--json"])
    assert [(it["layer"], it["unit"]) for it in json.loads(done.stdout)] == [("relu4b", 121)]
    done = RUNNER.invoke(cli, ["labels", "sketchnet", "--search", "strpies", "--json"])
    assert "nothing is called 'strpies'; this is like it: stripes" in done.stderr
    assert "stripes" in json.loads(done.stdout)[0]["concept"]


def test_classes_of_any_network_are_listed(tiny: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "load", lambda *_, **__: tiny)
    every = json.loads(RUNNER.invoke(cli, ["labels", "resnet18", "--json"]).stdout)
    last = tiny.shown[-1].name
    assert [(it["layer"], it["concept"]) for it in every] == [(last, it) for it in tiny.labels]
    found = RUNNER.invoke(cli, ["labels", "resnet18", "--search", "thre", "--json"]).stdout
    assert [it["unit"] for it in json.loads(found)] == [2]
    assert RUNNER.invoke(cli, ["labels", "resnet18", "--least", "0.2", "--json"]).stdout == "[]\n"


def test_labels_are_counted() -> None:
    every = json.loads(RUNNER.invoke(cli, ["labels", "sketchnet", "--json"]).stdout)
    counted = json.loads(RUNNER.invoke(cli, ["labels", "sketchnet", "--count", "--json"]).stdout)
    for layer, found in counted.items():
        clear = [it for it in every if it["layer"] == layer and it["iou"] >= CLEAR]
        assert found["clear"] == len(clear) == sum(found["concepts"].values())
    table = RUNNER.invoke(cli, ["labels", "sketchnet", "--count"]).stdout
    assert f"{counted['relu5b']['clear']}/{counted['relu5b']['units']}" in table
    refused = RUNNER.invoke(cli, ["labels", "sketchnet", "--count", "--search", "eye"])
    assert isinstance(refused.exception, ExplorerError)


def test_a_search_that_finds_nothing_says_so() -> None:
    done = RUNNER.invoke(cli, ["labels", "sketchnet", "--search", "unicorn"])
    assert done.exit_code == 0 and done.stdout == ""
    assert "no neuron fits 'unicorn'" in done.stderr


def test_other_weights_have_no_labels() -> None:
    network = registry.load("sketchnet", device="cpu")
    other = dataclasses.replace(network, fingerprint="0" * 16)
    assert unit_labels.labels_of(network) is not None
    assert unit_labels.labels_of(other) is None
    layer = network.layer("relu3b")
    assert unit_labels.unit_name(other, layer, 0) == ""
    assert {it.kind for it in unit_labels.names_of(other).named} == {"class"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["resnet18", "--count"], "there are no labels to count for resnet18"),
        (["sketchnett"], "no network 'sketchnett'"),
        (["sketchnet:mine"], "sketchnet:mine is a checkpoint of somebody's own"),
    ],
)
def test_networks_that_have_no_labels(words: list[str], message: str) -> None:
    with pytest.raises(ExplorerError, match=message):
        RUNNER.invoke(cli, ["labels", *words], catch_exceptions=False)


def test_a_neuron_is_named_by_its_class_or_by_a_clear_label() -> None:
    network = registry.load("sketchnet", device="cpu")
    logits = network.shown[-1]
    assert unit_labels.unit_name(network, logits, 0) == network.labels[0]
    known = unit_labels.labels_of(network)
    assert known is not None
    layer = network.layer("relu5b")
    for label in known.layers["relu5b"]:
        named = unit_labels.unit_name(network, layer, label.unit)
        assert named == (label.concept if label.iou >= CLEAR else "")


def test_the_clearest_neuron_of_a_layer_is_known() -> None:
    network = registry.load("sketchnet", device="cpu")
    unit = unit_labels.clearest_unit(network, "relu3b")
    known = unit_labels.labels_of(network)
    assert known is not None and unit is not None
    assert known.layers["relu3b"][unit].iou == max(it.iou for it in known.layers["relu3b"])
    other = dataclasses.replace(network, fingerprint="0" * 16)
    assert unit_labels.clearest_unit(other, "relu3b") is None


def test_names_keep_no_network_in_memory(tiny: Network) -> None:
    copy = dataclasses.replace(tiny)
    assert unit_labels.names_of(copy) is unit_labels.names_of(tiny)
    alive = weakref.ref(copy)
    del copy
    gc.collect()
    assert alive() is None
