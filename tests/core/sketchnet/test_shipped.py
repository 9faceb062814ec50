"""Tests that the shipped weights are as accurate as their record."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from core.checkpoints.weights_files import read_checkpoint
from core.networks import registry
from core.sketchnet import labels
from core.sketchnet import model as sketchnet_model
from core.sketchnet.dissection import __main__, label_counts, network_dissection
from core.sketchnet.training import evaluate
from core.sketchnet.training.data import draw_batch
from core.sketchworld.seeds import World
from core.sketchworld.world import CLASSES

RECORD = sketchnet_model.WEIGHTS.with_name("record.json")
UNSEEN_SEED = 424_242  # of drawings that neither the training nor the record used

pytestmark = pytest.mark.skipif(
    not RECORD.is_file(), reason="no trained SketchNet in this checkout: core/sketchnet/record.json"
)


LABELLED = pytest.mark.skipif(
    not labels.LABELS.is_file(),
    reason="no labels in this checkout: core.sketchnet.dissection.__main__",
)


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(RECORD.read_text())
    return loaded


def test_the_weights_know_their_classes_and_are_small() -> None:
    assert read_checkpoint(sketchnet_model.WEIGHTS)[1] == CLASSES
    assert sketchnet_model.WEIGHTS.stat().st_size < 8_000_000


def test_unseen_drawings_are_named_right_as_the_record_says(record: dict[str, Any]) -> None:
    model = sketchnet_model.load()
    images, labels = draw_batch(UNSEEN_SEED, range(1000))
    share = evaluate.accuracy(model, images, labels)
    assert share >= 0.985  # below the record's 99 %, because a thousand drawings are a small sample
    assert share == pytest.approx(record["measured"]["accuracy"], abs=0.015)


def test_attacked_drawings_are_named_right_as_the_record_says(record: dict[str, Any]) -> None:
    model = sketchnet_model.load()
    images, labels = draw_batch(UNSEEN_SEED, range(100))
    share = evaluate.robust_accuracy(model, images, labels, 1.0)
    assert share >= 0.85
    assert share == pytest.approx(record["measured"]["pgd20_accuracy"]["1.0"], abs=0.08)


def test_the_command_measures_the_shipped_weights(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--count", "40", "--attacked", "10", "--attack-eps", "0.5", "--dead-count", "20"]
    evaluate.main([*few, "--seed", "77", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["seed"] == 77 and told["accuracy"] > 0.9
    assert set(told["dead_share"]) == set(labels.load().layers)


def test_few_units_are_dead(record: dict[str, Any]) -> None:
    images, _ = draw_batch(UNSEEN_SEED, range(300))
    dead = evaluate.dead_units(sketchnet_model.load(), images.split(100))
    assert dead.keys() == record["measured"]["dead_share"].keys()
    assert (
        max(dead.values()) < 0.1
    )  # on few drawings, more units are zero; the record is for ten thousand
    assert record["measured"]["dead_drawings"] == 10_000
    assert max(record["measured"]["dead_share"].values()) < 0.02


@LABELLED
def test_every_neuron_has_a_label_measured_on_these_weights() -> None:
    model, known = sketchnet_model.load(), labels.load()
    assert (
        known.weights
        == network_dissection.fingerprint_of(model)
        == registry.load("sketchnet").fingerprint
    )
    shown = {layer.name: layer.channels for layer in registry.load("sketchnet").shown}
    for layer, row in known.layers.items():
        assert shown[layer] == len(row)
        assert [label.unit for label in row] == list(range(len(row)))
    assert set(known.layers) == {name for name, _ in model.named_children() if "relu" in name}


@LABELLED
def test_labels_show_the_hierarchy() -> None:
    known = labels.load()
    found = label_counts.summary(known.layers)

    def share(layer: str, *kinds: str) -> float:
        return sum(found[layer].kinds.get(kind, 0) for kind in kinds) / found[layer].clear

    assert share("relu1a", "colour", "edge") > 0.9
    assert share("relu3a", "texture") > share("relu2b", "texture")
    assert share("relu3a", "texture") > share("relu5b", "texture")
    deep = ("texture", "shape", "part", "object", "scene")
    assert share("relu5b", *deep) == 1.0
    assert share("relu5b", "object", "part", "scene") > share("relu4a", "object", "part", "scene")


@LABELLED
def test_deep_neurons_have_clear_labels_that_an_untrained_network_has_not() -> None:
    known = labels.load()
    assert known.chosen_on.seed != known.measured_on.seed
    assert label_counts.share_of_last_stages(known.layers) >= 0.60
    few = World(424_242, 100)  # too few drawings for an exact share, but enough for the difference
    untrained, trained = (
        network_dissection.measure(
            model,
            few,
            network_dissection.dissect(model, replace(few, seed=424_243), known.quantiles),
        )
        for model in (__main__.random_network(), sketchnet_model.load())
    )
    shares = [
        label_counts.share_of_last_stages(network_dissection.to_labels(found))
        for found in (untrained, trained)
    ]
    assert shares[0] < 0.1 < 0.3 < shares[1]


@LABELLED
def test_labels_hold_on_other_drawings() -> None:
    known, layer = (
        labels.load(),
        "relu1b",
    )  # with so few drawings, each object is shown only about twice
    limits = torch.tensor([[label.threshold for label in known.layers[layer]]])
    found = network_dissection.overlaps(
        sketchnet_model.load(), World(424_242, 150), {layer: limits}
    )[layer]
    away = [
        abs(label.iou - float(found.iou[0, label.unit, network_dissection.COLUMNS[label.concept]]))
        for label in known.layers[layer]
        if label.iou >= labels.CLEAR
    ]
    assert sum(away) / len(away) < 0.05


@LABELLED
def test_the_clearest_neurons_of_a_concept_are_where_they_should_be() -> None:
    every = [label for row in labels.load().layers.values() for label in row]

    def clearest(word: str) -> str:
        return max((it for it in every if word in it.concept), key=lambda it: it.iou).layer

    assert clearest("eye") in ("relu4b", "relu5a", "relu5b")
    assert clearest("edge") in ("relu1a", "relu1b", "relu2a", "relu2b")
