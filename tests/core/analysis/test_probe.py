"""Tests of responses at one position, and of sampled images between the extremes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.analysis import probe
from core.datasets import sources
from core.images.center_crop import CenterCrop
from core.index.reader import Index
from core.networks.network import Network
from tests.core.analysis.test_crops import indexed
from tests.core.picture_folders import fill, photograph

COUNT = 15


@pytest.fixture
def index(tiny: Network, tmp_path: Path) -> Index:
    return indexed(tiny, str(fill(tmp_path / "pictures", COUNT)), tmp_path / "index")


def test_the_position_at_a_place_has_its_field_around_it(tiny: Network) -> None:
    for layer in tiny.shown:
        if layer.spans is None or layer.size is None:
            assert probe.nearest_position(layer, 11, 7) == (0, 0)
            continue
        rows, cols = layer.size
        for pixel in [(0, 0), (11, 7), (23, 19), (5, 18)]:
            # Slow reference: the centre of each position's receptive field, not cut at borders.
            distances = {}
            for row in range(rows):
                for col in range(cols):
                    top, left, bottom, right = layer.receptive_box(row, col, clipped=False)
                    middle = ((top + bottom) / 2, (left + right) / 2)
                    distances[row, col] = np.hypot(
                        middle[0] - pixel[0] - 0.5, middle[1] - pixel[1] - 0.5
                    )
            found = probe.nearest_position(layer, *pixel)
            assert distances[found] == min(distances.values())


def test_neurons_are_ranked_by_what_they_answer_at_a_place(tiny: Network, index: Index) -> None:
    sight = probe.probe_image(tiny, photograph(4), index)
    layer = tiny.shown[1]
    answers = sight.responses(layer, None, 7, at=(13, 4))
    row, col = probe.nearest_position(layer, 13, 4)
    own = tiny.activations(sight.image, [layer.name])[layer.name][0, :, row, col]
    assert [it.unit for it in answers] == own.argsort(descending=True, stable=True).tolist()
    assert [it.value for it in answers] == pytest.approx([float(own[it.unit]) for it in answers])
    assert {(it.row, it.col) for it in answers} == {(row, col)}
    compared = sight.responses(layer, index, 7, at=(13, 4))
    for it in compared:
        assert it.percentile == index.percentile(layer.name, it.unit, it.value)


def test_what_a_picture_excites_at_most_is_at_some_place(tiny: Network) -> None:
    sight = probe.probe_image(tiny, photograph(2))
    layer = tiny.shown[0]
    for best in sight.responses(layer, count=3):
        top, left, bottom, right = layer.receptive_box(best.row, best.col, clipped=False)
        pixel = ((top + bottom) // 2, (left + right) // 2)
        there = {it.unit: it.value for it in sight.responses(layer, None, 5, at=pixel)}
        assert there[best.unit] == best.value


def test_between_are_the_pictures_of_those_percentiles(tiny: Network, index: Index) -> None:
    source = sources.find_source(index.images.source.text)
    everything = {}
    for entry in source.entries():
        picture, size = source.open(entry, tiny.input_size)
        pixels = CenterCrop(size, tiny.input_size).network_input(picture)
        image = torch.from_numpy(np.array(pixels))[None].permute(0, 3, 1, 2) / 255
        own = tiny.activations(image, ["3"])["3"][0, 2]
        everything[entry.name] = own
    ordered = sorted(everything, key=lambda name: float(everything[name].max()))
    found = index.between("3", 2, [0, 50, 100, 100])
    assert [it.picture for it in found] == [ordered[0], ordered[7], ordered[14]]
    assert np.array_equal(index.values("3", 2), np.sort(index.values("3", 2)))
    assert len(index.values("3", 2)) == COUNT
    for it in found:
        hit = probe.locate_maximum(index, tiny, "3", 2, it)
        own = everything[it.picture]
        assert it.value == pytest.approx(float(own.max()), rel=1e-4)
        assert (hit.row, hit.col) == divmod(int(own.argmax()), own.shape[1])
    best, located = index.top("3", 2)[0], probe.locate_maximum(index, tiny, "3", 2, found[-1])
    assert (best.picture, best.row, best.col, best.box) == (
        located.picture,
        located.row,
        located.col,
        located.box,
    )
