"""Class selectivity, against a slow reference and on networks with random weights."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.analysis import class_selectivity as selectivity
from core.analysis import unit_labels
from core.errors import ExplorerError, UnknownName
from core.networks import registry
from core.networks.network import Network
from core.sketchnet import model as sketchnet
from core.sketchnet.dissection.__main__ import random_network
from core.sketchworld.world import CLASSES
from tests.core.analysis.test_crops import indexed
from tests.core.picture_folders import fill, photograph


def slow_share(values: list[float], classes: list[int]) -> float:
    """Compute epsilon squared with sums over single values."""
    mean = sum(values) / len(values)
    total = sum((value - mean) ** 2 for value in values)
    within = 0.0
    for each in set(classes):
        own = [value for value, name in zip(values, classes, strict=True) if name == each]
        within += sum((value - sum(own) / len(own)) ** 2 for value in own)
    count = len(set(classes))
    expected = (count - 1) * within / (len(values) - count)
    return (total - within - expected) / total


numbers = st.lists(st.tuples(st.integers(0, 4), st.integers(-50, 50)), min_size=6, max_size=40)


@settings(max_examples=60, deadline=None)
@given(numbers, st.integers(0, 3))
def test_it_is_what_the_formula_says(pairs: list[tuple[int, int]], shift: int) -> None:
    classes, values = [it for it, _ in pairs], [float(it) for _, it in pairs]
    if not 2 <= len(set(classes)) < len(classes) or len(set(values)) == 1:
        return
    rows = np.array([values, [7.0] * len(values)], np.float32)
    share, constant = selectivity.explained_share(rows, classes)
    assert share == pytest.approx(slow_share(values, classes), abs=1e-6)
    assert constant == 0
    other = selectivity.explained_share(3 * rows[:1] + shift, [10 - it for it in classes])
    assert other[0] == pytest.approx(share, abs=1e-6)


def test_it_is_one_for_a_class_detector_and_zero_for_noise() -> None:
    generator = np.random.default_rng(0)
    classes = generator.integers(0, 40, 1000)
    noise = generator.normal(size=(50, 1000))
    rows = np.concatenate([(classes == 3)[None] * 5.0, noise]).astype(np.float32)
    share = selectivity.explained_share(rows, classes)
    assert share[0] == pytest.approx(1)
    assert abs(share[1:].mean()) < 0.01 and np.abs(share[1:]).max() < 0.05


def test_a_collection_without_classes_says_what_to_do(tiny: Network, tmp_path: Path) -> None:
    two = indexed(tiny, str(fill(tmp_path / "two", 12)), tmp_path / "index")
    with pytest.raises(ExplorerError, match="a folder for each class"):
        selectivity.class_selectivity(two, "1")
    with pytest.raises(UnknownName, match="no layer 'nope'"):
        selectivity.class_selectivity(two, "nope")


def test_only_classes_with_enough_images_are_compared(tiny: Network, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    for number in range(116):
        name = f"class {number % 4}" if number < 112 else "rare" if number < 114 else ""
        (folder / name).mkdir(parents=True, exist_ok=True)
        photograph(number).save(folder / name / f"{number}.png")
    index = indexed(tiny, str(folder), tmp_path / "index")
    found = selectivity.class_selectivity(index, "3")
    assert (found.classes, found.images, found.shares.shape) == (4, 112, (7,))
    labels = np.array(index.sample_labels)
    kept = np.char.startswith(labels, "class")
    values = index.table("sample/values", index.plan.rows_of("3"))[:, kept]
    expected = [slow_share(row, labels[kept].tolist()) for row in values.astype(float).tolist()]
    assert found.shares == pytest.approx(expected, abs=1e-5)


def test_labelled_units_get_the_badge_and_random_weights_do_not(tmp_path: Path) -> None:
    trained = registry.load("sketchnet", device="cpu")
    sketchnet.save(random_network(0), CLASSES, tmp_path / "random.safetensors")
    random = registry.load("sketchnet", tmp_path / "random.safetensors", "cpu")
    shares: dict[str, dict[str, list[float]]] = {}
    for name, network in (("trained", trained), ("random", random)):
        index = indexed(network, "sketchworld:500", tmp_path / name)
        shares[name] = {
            layer.name: selectivity.class_selectivity(index, layer.name).shares.tolist()
            for layer in network.shown[:-1]
        }
    labels = unit_labels.clear_labels(trained)
    reached = [shares["trained"][it.layer][it.unit] >= selectivity.SELECTIVE for it in labels]
    assert np.mean(reached) >= 0.7
    assert max(max(row) for row in shares["random"].values()) < selectivity.SELECTIVE
    every = np.concatenate([np.array(row) for row in shares["random"].values()])
    assert np.mean(every >= selectivity.LIKE_RANDOM) <= 0.05
