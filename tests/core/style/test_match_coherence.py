"""Coherent matches of cells, compared with loops over cells and their neighbours."""

import itertools

import pytest
import torch
from torch import Tensor

from core.style import cell_matching, match_coherence
from core.style.match_coherence import NEIGHBOURS


def energy(columns: Tensor, candidates: Tensor, size: tuple[int, int], matches: Tensor) -> float:
    """Compute what ``make_coherent`` makes larger, by loops; a pair of neighbours counts twice."""
    rows, cols = matches.shape
    total = 0.0
    for row, col in itertools.product(range(rows), range(cols)):
        match = int(matches[row, col])
        total += float(columns[row, col] @ candidates[match])
        for down, right in NEIGHBOURS:
            if 0 <= row + down < rows and 0 <= col + right < cols:
                total -= match_coherence.COHERENCE / 8 * (matches[row + down, col + right] == match)
                other = divmod(int(matches[row + down, col + right]), size[1])
                own = divmod(match, size[1])
                if other == (own[0] + down, own[1] + right):
                    total += match_coherence.COHERENCE / 8
    return total


def smooth_columns(size: tuple[int, int], seed: int, noise: float = 0.0) -> Tensor:
    """Return columns ``[rows, cols, 6]`` of length 1 that change slowly, with a little noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, 6, 3, 3, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bilinear")[0].permute(1, 2, 0)
    smooth = smooth + noise * torch.randn(smooth.shape, generator=generator)
    return torch.nn.functional.normalize(smooth, dim=-1)


def coherent(matches: Tensor) -> float:
    """Return the share of cells whose right neighbour is matched to the next cell."""
    return float((matches.diff(dim=1) == 1).float().mean())


@pytest.mark.parametrize("blocks", [(), (4,), (8, 4)])
def test_neighbours_are_matched_to_neighbours_where_that_costs_little(
    blocks: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_coherence, "BLOCKS", blocks)
    size = (17, 19)
    columns = smooth_columns(size, 0)
    candidates = columns.flatten(0, 1)
    query = columns[1:12, 2:16] + 0.05 * torch.randn(
        11, 14, 6, generator=torch.Generator().manual_seed(1)
    )
    query = torch.nn.functional.normalize(query, dim=-1)
    first = cell_matching.nearest_columns(query.flatten(0, 1), candidates).view(11, 14)
    found = match_coherence.make_coherent(query, candidates, size, first)
    assert energy(query, candidates, size, found) > energy(query, candidates, size, first)
    assert coherent(found) > coherent(first)


def test_an_even_region_is_no_repetition_of_a_few_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    size = (24, 24)
    candidates = smooth_columns(size, 2, 0.02).flatten(0, 1)
    even = smooth_columns((1, 1), 2)[0, 0].expand(20, 20, 6)
    even = torch.nn.functional.normalize(candidates[300] + 0 * even, dim=-1)
    first = torch.full((20, 20), 300)
    found = match_coherence.make_coherent(even, candidates, size, first)
    monkeypatch.setattr(match_coherence, "BLOCKS", ())
    cell_by_cell = match_coherence.make_coherent(even, candidates, size, first)
    # Cell by cell, pairs of cells repeat: half of all neighbours are side by side.
    assert coherent(cell_by_cell) < 0.65 and coherent(found) > 0.75
    assert len(found.unique()) > 2 * len(cell_by_cell.unique())


@pytest.mark.parametrize(("block", "shift"), [(4, 0), (4, 2), (8, 4), (3, 1)])
def test_blocks_are_moved_where_their_sum_grows(block: int, shift: int) -> None:
    rows, cols, size = 11, 13, (10, 9)
    generator = torch.Generator().manual_seed(block)
    columns = smooth_columns((rows, cols), 3, 0.1)
    candidates = smooth_columns(size, 4, 0.1).flatten(0, 1)
    matches = torch.randint(0, len(candidates), (rows, cols), generator=generator)
    matches[:6, :7] = 40
    found = match_coherence._move_blocks(columns, candidates, size, matches, block, shift)

    def value(of: Tensor, row: int, col: int) -> float:
        match = int(of[row, col])
        total = float(columns[row, col] @ candidates[match])
        for down, right in NEIGHBOURS:
            if 0 <= row + down < rows and 0 <= col + right < cols:
                other = int(of[row + down, col + right])
                row_apart = other // size[1] - match // size[1]
                col_apart = other % size[1] - match % size[1]
                agrees = (row_apart, col_apart) == (down, right)
                total += match_coherence.COHERENCE / 4 * (agrees - (other == match))
        return total

    proposed, members = matches.clone(), {}
    for row, col in itertools.product(range(rows), range(cols)):
        number = ((row + shift) // block, (col + shift) // block)
        members.setdefault(number, []).append((row, col))
        middle = [
            min(max(it * block - shift + block // 2, 0), length - 1)
            for it, length in zip(number, (rows, cols), strict=True)
        ]
        match = int(matches[middle[0], middle[1]])
        at = (match // size[1] + row - middle[0], match % size[1] + col - middle[1])
        if 0 <= at[0] < size[0] and 0 <= at[1] < size[1]:
            proposed[row, col] = at[0] * size[1] + at[1]
    moved = 0
    for places in members.values():
        gain = sum(value(proposed, *it) - value(matches, *it) for it in places)
        fits = [
            float(columns[it] @ (candidates[proposed[it]] - candidates[matches[it]]))
            for it in places
        ]
        taken = gain > 0 and sum(fits) / len(fits) > -match_coherence.MOST_LOSS
        expected = proposed if taken else matches
        moved += taken
        assert [int(found[it]) for it in places] == [int(expected[it]) for it in places]
    assert 0 < moved < len(members)
