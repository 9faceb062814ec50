"""Matches of cells, compared with slow references that compare every cell with every other."""

import dataclasses
import itertools

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from core import devices
from core.images.tiles import Tiles
from core.networks import network as network_module
from core.networks.network import Network
from core.style import cell_matching, image_cells, match_coherence
from core.style.image_cells import CELL
from tests.conftest import as_network, tiny_module

Array = npt.NDArray[np.float64]
WHOLE = Tiles(1024, 64)


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in float32 on every processor; in half precision near matches may change."""
    for module in (devices, network_module):
        monkeypatch.setattr(module, "has_fast_bfloat16", lambda device: False)


def noise(height: int, width: int, seed: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def reference_columns(network: Network, image: Tensor, names: list[str]) -> Array:
    """Compute columns by loops, for an image whose sides are multiples of a cell."""
    rows, cols = image.shape[2] // CELL, image.shape[3] // CELL
    layers = []
    for name, seen in network.activations(image, names).items():
        step = CELL // network.layer(name).stride[0]  # type: ignore[index]
        values = seen[0].double().numpy()
        cells = np.zeros((rows, cols, len(values)))
        for row, col in itertools.product(range(rows), range(cols)):
            part = values[:, row * step : (row + 1) * step, col * step : (col + 1) * step]
            cells[row, col] = part.mean((1, 2))
        cells -= cells.mean((0, 1))
        layers.append(cells / np.sqrt((cells**2).sum(2).mean()))
    joined = np.concatenate(layers, 2).reshape(rows * cols, -1)
    return joined / np.linalg.norm(joined, axis=1, keepdims=True)


def test_each_cell_is_matched_as_by_brute_force(
    tiny: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_coherence, "BLOCKS", ())
    monkeypatch.setattr(match_coherence, "SWEEPS", 0)
    monkeypatch.setattr(cell_matching, "TIE", 0.0)
    image, painting, names = noise(24, 36, 1), noise(32, 20, 2), ["1", "3"]
    found = cell_matching.match_cells(tiny, names, image, [(painting, 1.0)], None, WHOLE)
    cosines = reference_columns(tiny, image, names) @ reference_columns(tiny, painting, names).T
    assert found.matches.shape == (6, 9)
    assert found.matches.flatten().tolist() == cosines.argmax(1).tolist()
    seen = tiny.activations(painting, names)
    best = int(found.matches[2, 3])
    row, col = divmod(best, 5)
    fine = seen["1"][0, :, row * 4 : row * 4 + 4, col * 4 : col * 4 + 4]
    torch.testing.assert_close(found.values["1"][best], fine.flatten(1).T)
    coarse = seen["3"][0, :, row * 2 : row * 2 + 2, col * 2 : col * 2 + 2]
    torch.testing.assert_close(found.values["3"][best], coarse.flatten(1).T)


@pytest.mark.parametrize("count", [1, 5, 8, 61])
def test_columns_are_matched_in_chunks(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell_matching, "CHUNK", 7)
    generator = torch.Generator().manual_seed(count)
    columns, candidates = (torch.randn(it, 6, generator=generator) for it in (30, count))
    found = cell_matching.nearest_columns(columns, candidates)
    expected = [max(range(count), key=lambda it: float(one @ candidates[it])) for one in columns]
    assert found.tolist() == expected


def test_an_image_matches_itself_cell_by_cell(tiny: Network) -> None:
    image = noise(40, 28, 3)
    found = cell_matching.match_cells(tiny, ["1", "3"], image, [(image, 1.0)], None, WHOLE)
    assert torch.equal(found.matches, torch.arange(70).view(10, 7))


def test_tiles_change_no_match() -> None:
    network = as_network(tiny_module()[:4])  # type: ignore[arg-type]
    image, painting = noise(143, 217, 4), noise(90, 110, 5)
    whole, tiled = (
        cell_matching.match_cells(network, ["1", "3"], image, [(painting, 1.0)], None, tiles)
        for tiles in (WHOLE, Tiles(160, 32))
    )
    # Neighbours in another tile do not count, so a few cells at the borders of tiles may differ.
    assert float((whole.matches == tiled.matches).float().mean()) > 0.9
    torch.testing.assert_close(whole.values["3"], tiled.values["3"], rtol=1e-4, atol=1e-4)


def test_the_cells_of_an_even_region_have_many_matches() -> None:
    generator = torch.Generator().manual_seed(0)
    even = torch.nn.functional.normalize(torch.ones(9) + 0.01 * torch.randn(9), dim=0)
    candidates = torch.randn(64, 9, generator=generator)
    candidates[:20] = even + 0.02 * torch.randn(20, 9, generator=generator)
    candidates = torch.nn.functional.normalize(candidates, dim=-1)
    box = (slice(0, 6), slice(0, 8))
    found = cell_matching.nearest_columns(
        even.expand(48, -1), candidates, cell_matching._draws(box)
    )
    assert int(found.max()) < 20 and len(found.unique()) > 10
    # A cell's match depends on its place in the image alone, not on the tile.
    part = cell_matching._draws((slice(2, 4), slice(3, 8)))
    again = cell_matching.nearest_columns(even.expand(10, -1), candidates, part)
    assert torch.equal(again, found.view(6, 8)[2:4, 3:8].flatten())


def test_cells_are_divided_among_paintings() -> None:
    scores = torch.tensor([[0.9, 0.1, 0.5, 0.4], [0.8, 0.7, 0.1, 0.3]])
    assert cell_matching.divide(scores, [1, 1]).tolist() == [1, 1, 0, 0]
    assert cell_matching.divide(scores, [3, 1]).tolist() == [0, 1, 0, 0]
    three = torch.rand(3, 60, generator=torch.Generator().manual_seed(0))
    owners = cell_matching.divide(three, [1, 2, 3])
    assert owners.bincount().tolist() == [10, 20, 30]


def test_outside_a_region_no_cell_counts_for_a_share(tiny: Network) -> None:
    image, mask = noise(40, 40, 6), torch.zeros(1, 1, 40, 40)
    mask[..., :20] = 1
    paintings = [(noise(24, 24, 7), 1.0), (noise(28, 28, 8), 1.0), (noise(20, 20, 9), 0.0)]
    found = cell_matching.match_cells(tiny, ["1"], image, paintings, mask, WHOLE)
    first = (found.matches[:, :5] < 36).float().mean()
    assert float(first) == 0.5 and len(found.values["1"]) == 36 + 49


def test_a_cell_has_as_many_positions_as_the_stride_says(tiny: Network) -> None:
    layer = tiny.layer("3")
    assert image_cells.positions_in_cell(layer) == (2, 2)
    assert image_cells.positions_in_cell(dataclasses.replace(layer, stride=(1, 3))) == (4, 1)
    assert image_cells.positions_in_cell(dataclasses.replace(layer, stride=(8, 4))) == (1, 1)
    assert image_cells.positions_in_cell(dataclasses.replace(layer, stride=None)) == (1, 1)
