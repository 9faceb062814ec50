"""Tests of dissection against a slow reference from the paper, and of labels and their file."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import ExplorerError
from core.sketchnet import labels
from core.sketchnet.dissection import __main__ as dissect_command
from core.sketchnet.dissection import label_counts, network_dissection
from core.sketchnet.labels import Label, Labels
from core.sketchnet.model import SketchNet, load, normalise, save
from core.sketchworld import seeds
from core.sketchworld.concepts import CONCEPTS
from core.sketchworld.seeds import World
from core.sketchworld.world import CLASSES, SIZE, draw

QUANTILE = 0.03
WORLD, OTHER = World(5, 7), World(6, 5)
TINY = (3, 5, 4, 6, 7)


@pytest.fixture(scope="module")
def model() -> SketchNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        net = SketchNet(4, widths=TINY).eval()
    with torch.no_grad():
        net.get_parameter("conv3a.bias")[1] = -1e6  # a dead unit
    return net


def maps(model: SketchNet, layer: str, world: World = WORLD) -> list[np.ndarray]:
    """Return a layer's activations for each drawing, one drawing at a time: [units, h, w]."""
    found = []
    for index in range(world.count):
        image = torch.from_numpy(draw(world.seed, index).image).permute(2, 0, 1)[None] / 255
        values = normalise(image)
        for name, module in model.named_children():
            values = module(values)
            if name == layer:
                break
        found.append(values[0].detach().numpy())
    return found


def enlarged(values: np.ndarray) -> np.ndarray:
    """Return a map enlarged bilinearly to the size of a drawing, with values at cell centres."""
    for axis in (0, 1):
        old = values.shape[axis]
        at = (np.arange(SIZE) + 0.5) * old / SIZE - 0.5
        values = np.apply_along_axis(
            lambda v, at=at: np.interp(at, np.arange(len(v)), v), axis, values
        )
    return values


def truths(world: World) -> dict[str, np.ndarray]:
    """Return the pixels of each concept in a world's drawings, [drawings, SIZE, SIZE]."""
    none = np.zeros((SIZE, SIZE), dtype=bool)
    drawn = [draw(world.seed, index, masks=True) for index in range(world.count)]
    known = [{**drawing.masks, **drawing.colours} for drawing in drawn]
    return {
        name: np.stack([each.get(name, none) for each in known])
        for name in network_dissection.NAMES
    }


@pytest.mark.parametrize("layer", ["relu1b", "relu3a", "relu5b"])
def test_overlaps_are_those_of_the_paper(model: SketchNet, layer: str) -> None:
    tally = network_dissection.count_activations(model, WORLD)[layer]
    quantiles = (0.2, QUANTILE, 0.01)
    limits = torch.stack([network_dissection.thresholds(tally, quantile) for quantile in quantiles])
    found = network_dissection.overlaps(model, WORLD, {layer: limits})[layer]
    every, shown = maps(model, layer), truths(WORLD)
    assert found.shown.tolist() == [shown[name].sum() for name in network_dissection.NAMES]
    for unit in range(found.both.shape[1]):
        values = np.sort(np.concatenate([each[unit].ravel() for each in every]))[::-1]
        large = np.stack([enlarged(each[unit]) for each in every])
        for level, quantile in enumerate(quantiles):
            limit = values[min(int(quantile * len(values)), len(values) - 1)]
            # thresholds are bin edges: the count lies between those of the neighbouring edges
            low, high = ((large >= max(limit * f, 1e-6)) for f in (0.99, 1.02))
            assert high.sum() <= int(found.fired[level, unit]) <= low.sum()
            for place, name in enumerate(network_dissection.NAMES):
                both = int(found.both[level, unit, place])
                assert (high & shown[name]).sum() <= both <= (low & shown[name]).sum()


@pytest.mark.parametrize("layer", ["relu1a", "relu3a", "relu5b"])
def test_labels_are_chosen_on_some_drawings_and_measured_on_others(
    model: SketchNet, layer: str
) -> None:
    quantiles = (0.01, 0.1, QUANTILE)
    chosen = network_dissection.dissect(model, WORLD, quantiles)
    found = network_dissection.measure(model, OTHER, chosen)[layer]
    tally = network_dissection.count_activations(model, WORLD)[layer]
    tried = [network_dissection.thresholds(tally, quantile).tolist() for quantile in quantiles]
    here, there = (maps(model, layer, world) for world in (WORLD, OTHER))
    shown, shown_there = truths(WORLD), truths(OTHER)
    for unit, (concept, limit, iou) in enumerate(
        zip(found.concepts.tolist(), found.limits.tolist(), found.iou.tolist(), strict=True)
    ):
        large, other = (
            np.stack([enlarged(each[unit]) for each in every]) for every in (here, there)
        )
        known = {
            (name, row[unit]): iou_of(large >= row[unit], shown[name])
            for name in network_dissection.NAMES
            for row in tried
        }
        name = network_dissection.NAMES[concept]
        assert known[name, limit] == pytest.approx(max(known.values()), abs=1e-3)
        assert known[name, limit] == pytest.approx(float(chosen[layer].iou[unit]), abs=1e-3)
        assert iou == pytest.approx(iou_of(other >= limit, shown_there[name]), abs=1e-3)


def iou_of(one: np.ndarray, other: np.ndarray) -> float:
    """Return intersection over union of two sets of pixels."""
    return float((one & other).sum() / max((one | other).sum(), 1))


def test_several_limits_count_as_each_alone(model: SketchNet) -> None:
    tally = network_dissection.count_activations(model, WORLD)
    limits = {
        name: torch.stack(
            [network_dissection.thresholds(each, q) for q in (0.3, 0.05, 0.05, 0.001)]
        )
        for name, each in tally.items()
    }
    together = network_dissection.overlaps(model, WORLD, limits)
    for level in range(4):
        alone = network_dissection.overlaps(
            model, WORLD, {name: each[level : level + 1] for name, each in limits.items()}
        )
        for name, overlap in alone.items():
            assert torch.equal(together[name].both[level], overlap.both[0])
            assert torch.equal(together[name].fired[level], overlap.fired[0])
            assert torch.equal(together[name].shown, overlap.shown)


def test_thresholds_are_reached_by_the_share_that_was_asked_for(model: SketchNet) -> None:
    for layer, tally in network_dissection.count_activations(model, WORLD).items():
        every = np.stack(maps(model, layer))  # [N, units, h, w]
        assert tally.sum() == every.size
        limits = network_dissection.thresholds(tally, QUANTILE)
        for unit, limit in enumerate(limits.tolist()):
            values = every[:, unit]
            assert (values >= limit).mean() <= QUANTILE
            if (
                limit > network_dissection.SMALLEST
            ):  # with the next lower edge, too many values would reach it
                assert (values >= limit * 0.992).mean() > QUANTILE


def test_a_dead_unit_has_no_label(model: SketchNet) -> None:
    chosen = network_dissection.dissect(model, WORLD, [QUANTILE, 0.01])
    found = network_dissection.measure(model, OTHER, chosen)
    assert (
        network_dissection.to_labels(chosen)["relu3a"][1].iou
        == network_dissection.to_labels(found)["relu3a"][1].iou
        == 0.0
    )


def test_overlaps_of_sets_known_by_hand() -> None:
    overlap = network_dissection.Overlap(
        both=torch.tensor([[[2, 0], [3, 1]]]),
        fired=torch.tensor([[4, 0]]),
        shown=torch.tensor([6, 0]),
    )
    expected = torch.tensor([2 / 8, 0.0], dtype=torch.float64)
    torch.testing.assert_close(overlap.iou[0, 0], expected)


def test_the_best_of_every_concept_and_limit_is_chosen() -> None:
    overlap = network_dissection.Overlap(
        # of two limits, two units and three concepts
        both=torch.tensor([[[9, 2, 0], [0, 0, 4]], [[5, 2, 0], [0, 0, 3]]]),
        fired=torch.tensor([[30, 4], [6, 3]]),
        shown=torch.tensor([10, 2, 8]),
    )
    limits = torch.tensor([[0.5, 1.5], [2.5, 3.5]])
    (found,) = network_dissection.choose({"relu1a": overlap}, {"relu1a": limits}).values()
    assert found.concepts.tolist() == [0, 2]
    assert found.limits.tolist() == [2.5, 1.5]  # 5/11 beats 9/31 and 2/6; 4/8 beats 3/8
    assert found.iou.tolist() == [5 / 11, 4 / 8]


def test_dissection_is_the_same_each_time_and_leaves_the_network_alone(model: SketchNet) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, again = (network_dissection.dissect(model, World(9, 4), [0.01, 0.02]) for _ in range(2))
    for layer, choice in first.items():
        assert torch.equal(choice.concepts, again[layer].concepts)
        assert torch.equal(choice.limits, again[layer].limits)
        assert torch.equal(choice.iou, again[layer].iou)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def some_labels() -> Labels:
    row = (
        Label("relu1a", 0, "vertical edge, lighter left", "edge", 0.2, 0.10009765625),
        Label("relu1a", 1, "eye", "part", 0.05),
        Label("relu1a", 2, "concentric rings", "shape", 0.3),
    )
    deep = (Label("relu5b", 0, "eye", "part", 0.4), Label("relu5b", 1, "key", "object", 0.25))
    layers = {"relu1a": row, "relu5b": deep}
    return Labels("0123456789abcdef", World(3, 20), (0.01, 0.02), World(4, 10), layers)


def test_labels_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    labels.write(some_labels(), path)
    assert labels.load(path) == some_labels()
    assert json.loads(path.read_text())["layers"]["relu5b"][1] == ["key", 0.25, 0.0]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "[]", '{"layers": {"a": [["no such thing", 0.1, 1]]}}', "{}"])
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
    dissect_command.main([*few, "--seed", "8", "--quantiles", "0.05", "0.01", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["quantiles"] == [0.05, 0.01]
    layers = told["layers"]
    assert [layers[name]["units"] for name in ("relu1a", "relu5b")] == [TINY[0], TINY[-1]]
    written = labels.load(out)
    assert written.chosen_on == World(seeds.CHOOSING_SEED, 3)
    assert (written.measured_on, written.quantiles) == (World(8, 3), (0.05, 0.01))
    assert told["measured_on"] == {"seed": 8, "count": 3}
    clear = [label for label in written.layers["relu4b"] if label.iou >= labels.CLEAR]
    assert layers["relu4b"]["clear"] == len(clear) == sum(layers["relu4b"]["kinds"].values())
    assert told["last_stages_clear"] == round(label_counts.share_of_last_stages(written.layers), 4)
    measured = network_dissection.overlaps(
        load(weights),
        World(8, 3),
        {
            name: torch.tensor([[label.threshold for label in row]])
            for name, row in written.layers.items()
        },
    )
    for name, row in written.layers.items():
        for label in row:  # the file contains all that is needed to measure the IoU again
            place = network_dissection.COLUMNS[label.concept]
            assert label.iou == round(float(measured[name].iou[0, label.unit, place]), 4)
    dissect_command.main([*few[:4], "--random"])
    assert "of the neurons of the last two stages" in capsys.readouterr().out


def replace_head() -> SketchNet:
    """Return a tiny network with an output for each of SketchWorld's classes."""
    return SketchNet(len(CLASSES), widths=TINY).eval()


def test_summaries_count_only_clear_labels() -> None:
    known = some_labels()
    row = [replace(label, layer="relu5b") for label in known.layers["relu1a"]]
    found = label_counts.summary({"relu5b": row})["relu5b"]
    assert found.clear == 2
    assert found.kinds == {"edge": 1, "shape": 1}
    assert label_counts.share_of_last_stages({"relu5b": row}) == pytest.approx(2 / 3)
    assert all(kind in CONCEPTS.values() for kind in ("edge", "shape"))


def test_counts_are_told_by_layer_kind_and_concept() -> None:
    told = label_counts.describe_counts(some_labels().layers)
    row = next(line for line in told.splitlines() if line.startswith("relu1a "))
    assert row.split() == ["relu1a", "2/3", "1", "1"]
    assert "relu1a: vertical edge, lighter left 1; concentric rings 1" in told
    assert "100.0% of the neurons of the last two stages" in told
