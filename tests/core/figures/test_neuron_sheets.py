"""Tests of neuron sheets: the choice of labels and drawings, and the command."""

from pathlib import Path

import pytest
import torch

from core.figures import neuron_sheets
from core.networks import registry
from core.networks.network import Network
from core.sketchnet import labels as sketch_labels
from core.sketchnet.labels import Label, Labels
from core.sketchnet.model import SketchNet, save
from core.sketchnet.training.data import as_tensor
from core.sketchworld.seeds import World
from core.sketchworld.world import CLASSES, batch

TINY = (3, 5, 4, 6, 7)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    path = tmp_path_factory.mktemp("net") / "sketchnet.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        save(SketchNet(len(CLASSES), widths=TINY).eval(), CLASSES, path)
    return registry.load("sketchnet", path, "cpu")


def test_the_best_labels_are_chosen_but_no_concept_too_often() -> None:
    row = [
        Label("relu1a", unit, concept, "edge", iou)
        for unit, (concept, iou) in enumerate(
            [("a", 0.1), ("b", 0.9), ("b", 0.8), ("b", 0.7), ("c", 0.2), ("a", 0.3)]
        )
    ]
    assert [label.unit for label in neuron_sheets.best_labelled(row, 4)] == [1, 2, 5, 4]


def test_the_best_drawings_are_those_of_a_search_one_by_one(network: Network) -> None:
    chosen = {"relu2a": [4, 1], "relu5b": [0]}
    found = neuron_sheets.best_drawings(network, chosen, seed=4, count=9)
    for layer, units in chosen.items():
        for unit, spots in zip(units, found[layer], strict=True):
            peaks = []
            for index in range(9):
                image = as_tensor(batch(4, [index])[0])
                values = network.activations(image, [layer])[layer][0, unit]
                at = int(values.argmax())
                peaks.append((float(values.max()), index, divmod(at, values.shape[1])))
            peaks.sort(key=lambda peak: -peak[0])
            assert len(spots) == neuron_sheets.BEST
            assert [index for index, _, _ in spots] == [index for _, index, _ in peaks[:4]]
            assert [(row, col) for _, row, col in spots] == [at for *_, at in peaks[:4]]


def test_a_crop_is_what_a_place_sees(network: Network) -> None:
    image = torch.arange(3 * 64 * 64, dtype=torch.float32).view(3, 64, 64)
    layer = network.layer("relu3a")
    top, left, bottom, right = layer.receptive_box(7, 8)
    found = neuron_sheets.crop_to_field(layer, image, 7, 8)
    assert torch.equal(found, image[:, top:bottom, left:right])
    corner = neuron_sheets.crop_to_field(layer, image, 0, 15)
    assert corner.shape == found.shape
    assert torch.equal(corner[:, 0, -1], image[:, 0, -1])
    small = neuron_sheets.crop_to_field(network.layer("relu1a"), image, 30, 20)
    assert small.shape == (3, neuron_sheets.LEAST_CROP, neuron_sheets.LEAST_CROP)
    assert neuron_sheets.crop_to_field(network.layer("relu5b"), image, 0, 0).shape == image.shape


def test_the_command_writes_a_sheet_a_layer(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {
        layer: tuple(
            Label(layer, unit, "circle", "shape", 0.1 * unit)
            for unit in range(network.layer(layer).channels)
        )
        for layer in ("relu1a", "relu4b")
    }
    known = Labels(network.fingerprint, World(3, 9), (0.01,), World(4, 9), rows)
    monkeypatch.setattr(sketch_labels, "load", lambda: known)
    monkeypatch.setattr(registry, "load", lambda name: network)
    monkeypatch.setattr(
        neuron_sheets,
        "render_units",
        lambda net, layer, units: [torch.rand(3, 40, 40) for _ in units],
    )
    neuron_sheets.main(["--out", str(tmp_path), "--count", "9"])
    assert {path.name for path in tmp_path.iterdir()} == {
        "neurons-relu1a.png",
        "neurons-relu4b.png",
    }
