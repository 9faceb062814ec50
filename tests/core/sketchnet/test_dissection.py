"""Dissection: against a slow one written from the paper; labels, their file and their search."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import ExplorerError
from core.sketchnet import dissect as command
from core.sketchnet import dissection, labels
from core.sketchnet.concepts import CONCEPTS
from core.sketchnet.labels import Label, Labels
from core.sketchnet.network import SketchNet, normalise, save
from core.sketchnet.world import CLASSES, SIZE, draw

SEED, COUNT, QUANTILE = 5, 7, 0.03
TINY = (3, 5, 4, 6, 7)


@pytest.fixture(scope="module")
def model() -> SketchNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        net = SketchNet(4, widths=TINY).eval()
    with torch.no_grad():
        net.get_parameter("conv3a.bias")[1] = -1e6  # a dead unit
    return net


def maps(model: SketchNet, layer: str) -> list[np.ndarray]:
    """Return a layer's activations for each drawing, one drawing at a time: [units, h, w]."""
    found = []
    for index in range(COUNT):
        image = torch.from_numpy(draw(SEED, index).image).permute(2, 0, 1)[None] / 255
        values = normalise(image)
        for name, module in model.named_children():
            values = module(values)
            if name == layer:
                break
        found.append(values[0].detach().numpy())
    return found


def enlarged(values: np.ndarray) -> np.ndarray:
    """Enlarge one map to the size of a drawing, bilinearly, each value at its cell's centre."""
    for axis in (0, 1):
        old = values.shape[axis]
        at = (np.arange(SIZE) + 0.5) * old / SIZE - 0.5
        values = np.apply_along_axis(
            lambda v, at=at: np.interp(at, np.arange(len(v)), v), axis, values
        )
    return values


@pytest.mark.parametrize("layer", ["relu1b", "relu3a", "relu5b"])
def test_dissection_is_that_of_the_paper(model: SketchNet, layer: str) -> None:
    found = dissection.dissect(model, SEED, COUNT, [QUANTILE])[QUANTILE][layer]
    every = maps(model, layer)
    truths = [draw(SEED, index, masks=True) for index in range(COUNT)]
    for unit in range(found.both.shape[0]):
        values = np.sort(np.concatenate([each[unit].ravel() for each in every]))[::-1]
        limit = values[min(int(QUANTILE * len(values)), len(values) - 1)]
        fires = np.stack([enlarged(each[unit]) for each in every])
        # bins make the limit inexact: the counts lie between those of its neighbours
        low, high = ((fires >= max(limit * f, 1e-6)) for f in (0.99, 1.02))
        assert high.sum() <= int(found.fired[unit]) <= low.sum()
        for place, concept in enumerate(dissection.NAMES):
            none = np.zeros((SIZE, SIZE), dtype=bool)
            known = [{**truth.masks, **truth.colours}.get(concept, none) for truth in truths]
            shown = np.stack(known)
            assert int(found.shown[place]) == shown.sum()
            assert (high & shown).sum() <= int(found.both[unit, place]) <= (low & shown).sum()


def test_thresholds_are_reached_by_the_share_that_was_asked_for(model: SketchNet) -> None:
    counts = dissection.count_activations(model, SEED, COUNT)
    for layer, tally in counts.items():
        every = np.stack(maps(model, layer))  # [N, units, h, w]
        assert tally.sum() == every.size
        limits = dissection.thresholds(tally, QUANTILE)
        for unit, limit in enumerate(limits.tolist()):
            values = every[:, unit]
            assert (values >= limit).mean() <= QUANTILE
            if limit > dissection.SMALLEST:  # the next bin would be too much
                assert (values >= limit * 0.992).mean() > QUANTILE


def test_a_dead_unit_has_no_label(model: SketchNet) -> None:
    found = dissection.dissect(model, SEED, 3, [QUANTILE])[QUANTILE]
    assert int(found["relu3a"].fired[1]) == 0
    assert labels.best(found)["relu3a"][1].iou == 0.0


def test_overlaps_of_sets_known_by_hand() -> None:
    overlap = dissection.Overlap(
        both=torch.tensor([[2, 0], [3, 1]]),
        fired=torch.tensor([4, 0]),
        shown=torch.tensor([6, 0]),
    )
    expected = torch.tensor([[2 / 8, 0.0], [3 / 3, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(overlap.iou[0], expected[0])


def test_dissection_is_the_same_each_time_and_leaves_the_network_alone(model: SketchNet) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, again = (dissection.dissect(model, 9, 4, [0.01])[0.01] for _ in range(2))
    for layer, overlap in first.items():
        assert torch.equal(overlap.both, again[layer].both)
        assert torch.equal(overlap.fired, again[layer].fired)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def some_labels() -> Labels:
    row = (
        Label("relu1a", 0, "vertical edge, lighter left", "edge", 0.2),
        Label("relu1a", 1, "eye", "part", 0.05),
        Label("relu1a", 2, "concentric rings", "shape", 0.3),
    )
    deep = (Label("relu5b", 0, "eye", "part", 0.4), Label("relu5b", 1, "key", "object", 0.25))
    return Labels("0123456789abcdef", 3, 20, 0.01, {"relu1a": row, "relu5b": deep})


def test_labels_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    labels.write(some_labels(), path)
    assert labels.load(path) == some_labels()
    assert json.loads(path.read_text())["layers"]["relu5b"][1] == ["key", 0.25]
    assert list(tmp_path.iterdir()) == [path]


def test_labels_are_found_by_words() -> None:
    known = some_labels()
    assert [(found.layer, found.unit) for found in known.search("Eye")] == [
        ("relu5b", 0),
        ("relu1a", 1),
    ]
    assert [found.concept for found in known.search("ring")] == ["concentric rings"]
    assert [found.unit for found in known.search("left edge")] == [0]
    assert [found.concept for found in known.search("object")] == ["key"]
    assert known.search("ey", least=0.1)[0].layer == "relu5b"
    assert known.search("") == sorted(
        (each for row in known.layers.values() for each in row), key=lambda each: -each.iou
    )
    assert known.search("dragon") == []


@pytest.mark.parametrize("text", ["", "[]", '{"layers": {"a": [["no such thing", 0.1]]}}', "{}"])
def test_files_that_hold_no_labels_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    with pytest.raises(ExplorerError, match="no labels file"):
        labels.load(path)
    path.write_text(text)
    with pytest.raises(ExplorerError, match="holds no labels"):
        labels.load(path)


def test_the_command_writes_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, weights = tmp_path / "labels.json", tmp_path / "net.safetensors"
    save(replace_head(), CLASSES, weights)
    few = ["--weights", str(weights), "--count", "3", "--out", str(out)]
    command.main([*few, "--quantile", "0.05", "0.01", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert list(told["quantiles"]) == ["0.05", "0.01"]
    layers = told["quantiles"]["0.05"]["layers"]
    assert [layers[name]["units"] for name in ("relu1a", "relu5b")] == [TINY[0], TINY[-1]]
    written = labels.load(out)
    assert (written.drawings, written.quantile) == (3, 0.05)
    clear = [label for label in written.layers["relu4b"] if label.iou >= labels.CLEAR]
    assert layers["relu4b"]["clear"] == len(clear) == sum(layers["relu4b"]["kinds"].values())
    command.main([*few[:4], "--random"])
    assert "of the neurons of the last two stages" in capsys.readouterr().out


def replace_head() -> SketchNet:
    """Return a tiny network that knows SketchWorld's classes."""
    return SketchNet(len(CLASSES), widths=TINY).eval()


def test_summaries_count_only_clear_labels() -> None:
    known = some_labels()
    row = [replace(label, layer="relu5b") for label in known.layers["relu1a"]]
    found = command.summary({"relu5b": row})["relu5b"]
    assert found.clear == 2
    assert found.kinds == {"edge": 1, "shape": 1}
    assert command.share_of_last_stages({"relu5b": row}) == pytest.approx(2 / 3)
    assert all(kind in CONCEPTS.values() for kind in ("edge", "shape"))
