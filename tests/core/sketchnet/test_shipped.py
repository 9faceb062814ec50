"""The weights that ship: as good as their record says."""

import json
from typing import Any

import pytest

from core.checkpoints import read_checkpoint
from core.sketchnet import evaluate, network
from core.sketchnet.world import CLASSES

RECORD = network.WEIGHTS.with_name("record.json")

pytestmark = pytest.mark.skipif(
    not RECORD.is_file(), reason="no trained SketchNet in this checkout: core/sketchnet/record.json"
)


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(RECORD.read_text())
    return loaded


def test_the_weights_know_their_classes_and_are_small() -> None:
    assert read_checkpoint(network.WEIGHTS)[1] == CLASSES
    assert network.WEIGHTS.stat().st_size < 8_000_000


def test_unseen_drawings_are_named_right_as_the_record_says(record: dict[str, Any]) -> None:
    model = network.load()
    images, labels = evaluate.drawings(
        424_242, 1000
    )  # a world that neither training nor record saw
    share = evaluate.accuracy(model, images, labels)
    assert share >= 0.98
    assert share == pytest.approx(record["measured"]["accuracy"], abs=0.015)


def test_attacked_drawings_are_named_right_as_the_record_says(record: dict[str, Any]) -> None:
    model = network.load()
    images, labels = evaluate.drawings(424_242, 100)
    share = evaluate.robust_accuracy(model, images, labels, 1.0)
    assert share == pytest.approx(record["measured"]["pgd20_accuracy"]["1.0"], abs=0.12)


def test_few_units_are_dead(record: dict[str, Any]) -> None:
    images, _ = evaluate.drawings(424_242, 300)
    dead = evaluate.dead_units(network.load(), images.split(100))
    assert dead.keys() == record["measured"]["dead_share"].keys()
    assert max(dead.values()) < 0.1
