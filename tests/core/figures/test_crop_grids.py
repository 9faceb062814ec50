"""Tests of crop grids and figures, and of a probe against an index."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.analysis import crops
from core.analysis import probe as analysis
from core.analysis.crops import Crop
from core.errors import ExplorerError
from core.figures import crop_grids
from core.index import reader
from core.index.reader import Index
from core.networks.network import Network
from core.sketchworld.world import CLASSES
from tests.core.analysis.test_crops import indexed
from tests.core.picture_folders import fill, photograph


@pytest.fixture
def index(tiny: Network, tmp_path: Path) -> Index:
    return indexed(tiny, str(fill(tmp_path / "pictures", 15)), tmp_path / "index")


def test_a_border_crop_stands_where_it_was_in_its_field() -> None:
    part = Crop(Image.new("RGB", (20, 10), "red"), (0, 0, 10, 20), (20, 20), (10, 0), False)
    drawn = np.asarray(crop_grids.draw_crop(part, 40))
    assert (drawn[20:] == (255, 0, 0)).all() and (drawn[:20] == crop_grids.OUTSIDE).all()


def test_a_wide_picture_stands_in_the_middle_with_its_outline() -> None:
    whole = Image.new("RGB", (40, 20), "blue")
    part = Crop(whole, (0, 0, 20, 40), (20, 40), (0, 0), True, outline=(5, 10, 15, 30))
    drawn = np.asarray(crop_grids.draw_crop(part, 40))
    assert (drawn[:10] == crop_grids.OUTSIDE).all() and (drawn[30:] == crop_grids.OUTSIDE).all()
    assert tuple(drawn[15, 10]) == (255, 212, 0) and tuple(drawn[20, 20]) == (0, 0, 255)


def test_a_grid_shows_the_best_first(tiny: Network, index: Index) -> None:
    grid = crop_grids.draw_crop_grid(index, "3", 2, side=30)
    assert grid.size == (94, 94)
    best = crops.crop_hit(index, "3", index.top("3", 2)[0])
    assert np.array_equal(np.asarray(grid)[:30, :30], np.asarray(crop_grids.draw_crop(best, 30)))
    assert crop_grids.draw_crop_grid(index, "3", 2, side=30, count=2).size == (62, 30)
    least = crop_grids.draw_crop_grid(index, "3", 2, side=30, count=1, least=True)
    worst = crops.crop_hit(index, "3", index.least("3", 2)[0])
    assert np.array_equal(np.asarray(least), np.asarray(crop_grids.draw_crop(worst, 30)))
    assert crop_grids.draw_crop_grid(index, "6", 1, side=30, network=tiny).size == (94, 94)


def test_a_figure_has_a_band_for_each_layer(tiny: Network, index: Index) -> None:
    chosen = {name: crop_grids.most_distinctive(index, name, 3) for name in ("1", "6")}
    assert [len(units) for units in chosen.values()] == [3, 3]
    heard: list[float] = []
    figure = crop_grids.draw_figure(tiny, index, chosen, steps=2, columns=2, listen=heard.append)
    assert heard == sorted(heard) and heard[-1] == 1
    narrow = crop_grids.draw_figure(tiny, index, {"1": chosen["1"]}, steps=2, columns=2)
    assert figure.height > 1.7 * narrow.height and figure.width == narrow.width


def test_a_probe_ranks_neurons_by_how_unusual_they_are(tiny: Network, index: Index) -> None:
    picture = photograph(4)
    found = analysis.probe(tiny, picture, index, count=4)
    assert set(found.layers) == {layer.name for layer in tiny.shown}
    assert [name for name, _ in found.classes] and len(found.classes) == 4
    assert sum(share for _, share in found.classes) == pytest.approx(1)
    for name, answers in found.layers.items():
        shares = [answer.percentile for answer in answers]
        assert shares == sorted(shares, reverse=True)
        for answer in answers:
            assert answer.percentile == index.percentile(name, answer.unit, answer.value)
            # The image is in the index, so its value is one of those in the tables.
            hits = [hit for hit in index.top(name, answer.unit) if "004" in hit.picture]
            for hit in hits:
                assert hit.value == pytest.approx(answer.value, rel=0.1)
    plain = analysis.probe(tiny, picture, layers=["3"], count=7)
    values = [answer.value for answer in plain.layers["3"]]
    assert list(plain.layers) == ["3"] and values == sorted(values, reverse=True)
    assert plain.layers["3"][0].percentile is None


def test_an_index_of_other_weights_is_refused(index: Index) -> None:
    from core.networks import registry

    other = registry.load("sketchnet", device="cpu")
    with pytest.raises(ExplorerError, match="was made with weights"):
        analysis.probe(other, photograph(1), index)
    with pytest.raises(ExplorerError, match="was made with weights"):
        crop_grids.draw_figure(other, index, {"3": [1]}, steps=1)


def test_sketchnet_finds_its_own_classes(tmp_path: Path) -> None:
    from core.networks import registry

    network = registry.load("sketchnet", device="cpu")
    index = indexed(network, "sketchworld:300", tmp_path / "index")
    right = 0
    for unit in range(0, len(CLASSES), 8):
        right += index.label(index.top("logits", unit)[0].picture) == CLASSES[unit]
    assert right >= 8
    assert reader.open_index(tmp_path / "index").count == 300


def test_clear_paper_shows_what_lies_behind(tiny: Network, index: Index) -> None:
    part = Crop(Image.new("RGB", (20, 10), "red"), (0, 0, 10, 20), (20, 20), (10, 0), False)
    drawn = np.asarray(crop_grids.draw_crop(part, 40, clear=True))
    assert (drawn[20:] == (255, 0, 0, 255)).all() and (drawn[:20, :, 3] == 0).all()
    clear, plain = (
        crop_grids.draw_crop_grid(index, "3", 2, side=30, clear=it) for it in (True, False)
    )
    assert clear.mode == "RGBA" and clear.size == plain.size
    assert np.asarray(clear)[15, 30:32, 3].max() == 0
    seen = np.asarray(clear)[..., 3] == 255
    assert np.array_equal(np.asarray(clear)[seen][:, :3], np.asarray(plain)[seen])
