"""Tests of labels of units, on the command line and for the pages."""

import dataclasses
import json

import pytest
from typer.testing import CliRunner

from core.analysis import unit_labels
from core.errors import ExplorerError
from core.networks import registry
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
    assert all(it["unit"] < counts[it["layer"]] and 0 <= it["iou"] <= 1 for it in every)
    stripes = json.loads(
        RUNNER.invoke(cli, ["labels", "sketchnet", "--search", "stripes", "--json"]).stdout
    )
    assert stripes and all("stripes" in it["concept"] for it in stripes)
    assert [it["iou"] for it in stripes] == sorted((it["iou"] for it in stripes), reverse=True)
    clear = RUNNER.invoke(cli, ["labels", "sketchnet", "--least", "0.2", "--json"]).stdout
    assert {it["iou"] >= 0.2 for it in json.loads(clear)} == {True}


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
    assert "no neuron picks out 'unicorn'" in done.stderr


def test_other_weights_have_no_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    network = registry.load("sketchnet", device="cpu")
    other = dataclasses.replace(network, fingerprint="0" * 16)
    assert unit_labels.labels_of(network) is not None
    assert unit_labels.labels_of(other) is None
    layer = network.layer("relu3b")
    assert unit_labels.unit_name(other, layer, 0) == ""
    monkeypatch.setattr(registry, "load", lambda *_, **__: other)
    with pytest.raises(ExplorerError, match="there are no labels for sketchnet"):
        RUNNER.invoke(cli, ["labels", "sketchnet"], catch_exceptions=False)


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
