"""Units that respond to no image: they have no top dataset examples."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import UnknownName
from core.figures import crop_grids
from core.index.reader import Index
from core.networks.network import Network
from tests.conftest import as_network, tiny_module
from tests.core.analysis.test_crops import indexed
from tests.core.picture_folders import fill

COUNT = 12
DEAD, RARE = 3, 4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, Index]:
    """Return a network with a dead unit and a unit that responds to few images, and an index."""
    module = tiny_module()
    first = module[0]
    assert isinstance(first, nn.Conv2d) and first.bias is not None
    first.weight.data[DEAD].zero_()
    first.bias.data[DEAD] = -1.0
    folder = tmp_path_factory.mktemp("dead")
    place = str(fill(folder / "pictures", COUNT))
    values = indexed(as_network(module), place, folder / "before").values("1", RARE)
    first.bias.data[RARE] -= float(values[-3:-1].mean())  # only the two best images stay above 0
    network = as_network(module)
    return network, indexed(network, place, folder / "index")


def test_a_dead_unit_has_no_top_images(made: tuple[Network, Index]) -> None:
    _, index = made
    assert index.top("1", DEAD) == ()
    assert [index.dead("1", unit) for unit in range(5)] == [False] * DEAD + [True, False]
    assert len(index.least("1", DEAD)) == 9 and index.values("1", DEAD).max() == 0
    with pytest.raises(UnknownName, match="no statistic 'median'"):
        index.top("1", DEAD, "median")


def test_images_that_leave_a_unit_at_zero_do_not_excite_it(made: tuple[Network, Index]) -> None:
    _, index = made
    for layer in ("1", "3"):
        for unit in range(index.layer(layer).channels):
            values = index.values(layer, unit)
            best = np.sort(values[values > 0])[::-1][:9]
            assert [hit.value for hit in index.top(layer, unit)] == best.tolist()
    assert len(index.top("1", RARE)) == 2


def test_a_constant_unit_is_dead_only_at_zero_or_below(tmp_path: Path) -> None:
    module = tiny_module()
    last = module[6]
    assert isinstance(last, nn.Linear)
    last.weight.data[:3].zero_()
    last.bias.data[:] = torch.tensor([-5.0, 0.0, 5.0, -5.0])
    place = str(fill(tmp_path / "pictures", COUNT))
    index = indexed(as_network(module), place, tmp_path / "index")
    assert [index.dead("6", unit) for unit in range(4)] == [True, True, False, False]
    assert [len(index.top("6", unit)) for unit in range(4)] == [0, 0, 9, 9]
    one = indexed(as_network(module), str(fill(tmp_path / "one", 1)), tmp_path / "index of one")
    assert [one.dead("6", unit) for unit in range(4)] == [False, True, False, False]


def test_crops_of_a_dead_unit_say_that_nothing_excites_it(made: tuple[Network, Index]) -> None:
    network, index = made
    grid = np.asarray(crop_grids.draw_crop_grid(index, "1", DEAD, 56).convert("L"), float)
    assert grid.shape == (112, 112) and grid.min() < 60 < 200 < np.median(grid)
    figure = crop_grids.draw_figure(network, index, {"1": [DEAD, 0]}, steps=1)
    assert figure.width > 400
