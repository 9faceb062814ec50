"""Coherent matches: neighbouring cells of an image are matched to neighbouring cells of a painting.

With the nearest match alone, all cells of an even region, such as a sky, have the same match, which
becomes a pattern of dots. So neighbours prefer matches that continue each other, and avoid equal
ones. Changes of single cells alone end in pairs of cells that repeat. So whole blocks of cells
change first, and single cells after that.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from core.devices import indices_on
from core.images.tiles import Box

# Weight of the neighbours in a match, and number of sweeps, see ``make_coherent``.
COHERENCE, SWEEPS = 0.3, 6
# Sides in cells of the blocks that change at once. With blocks of 16 cells, moons and stars of the
# painting appear where the photograph has none.
BLOCKS = (8, 4)
# Largest loss of the mean cosine in a block that changes. With a larger one, blocks would change
# that are not even, and houses would dissolve.
MOST_LOSS = 0.1
# Steps to the four neighbours of a cell, (down, right).
NEIGHBOURS = ((-1, 0), (1, 0), (0, -1), (0, 1))


def make_coherent(
    columns: Tensor, candidates: Tensor, size: tuple[int, int], matches: Tensor
) -> Tensor:
    """Return matches of which more are side by side in the painting, like their cells in the image.

    ``COHERENCE`` times the share of a cell's four neighbours that are matched to the neighbours of
    its match is added to the cosine of the cell. The same is subtracted for neighbours that have
    the same match.

    First, blocks of cells are tried as a whole: all cells of a block continue the match of the one
    in its middle, if the sum over the block is larger then (``BLOCKS``; as an even region has many
    matches that are about as good, the best of them are side by side). Then single cells adopt, in
    turns, the match that continues that of a neighbour if the sum is larger for it (iterated
    conditional modes, Besag 1986; the proposals are those of PatchMatch, Barnes et al. 2009).

    Args:
        columns: columns of the image, ``[rows, cols, D]``.
        candidates: columns of the painting's cells, row by row, ``[M, D]``.
        size: number of (rows, columns) of cells of the painting.
        matches: indices of the painting's cells, ``[rows, cols]``.
    """
    for block in BLOCKS:
        for shift in (0, block // 2):
            matches = _move_blocks(columns, candidates, size, matches, block, shift)
    return _move_cells(columns, candidates, size, matches)


def _move_blocks(
    columns: Tensor,
    candidates: Tensor,
    size: tuple[int, int],
    matches: Tensor,
    block: int,
    shift: int,
) -> Tensor:
    """Return matches of which whole blocks continue the match in their middle.

    Args:
        columns, candidates, size, matches: see ``make_coherent``.
        block: side of the blocks in cells.
        shift: number of cells by which blocks begin before the first row and the first column.
    """
    numbers, middles = [], []
    for length in matches.shape:
        at = torch.arange(length)
        number = (at + shift) // block
        numbers.append(indices_on(matches.device, number))
        middle = (number * block - shift + block // 2).clamp(0, length - 1)
        middles.append(indices_on(matches.device, middle))
    (rows, cols) = middles
    middle = matches[rows[:, None], cols]
    down, right = (torch.arange(len(it), device=matches.device) - it for it in (rows, cols))
    row, col = middle // size[1] + down[:, None], middle % size[1] + right
    inside = (row >= 0) & (row < size[0]) & (col >= 0) & (col < size[1])
    proposed = torch.where(inside, row * size[1] + col, matches)
    cosines = (columns * (candidates[proposed] - candidates[matches])).sum(-1)
    agreement = _agreement(proposed, size) - _agreement(matches, size)
    fits, gain = F.avg_pool2d(
        torch.stack([cosines, cosines + agreement])[:, None],
        block,
        padding=shift,
        ceil_mode=True,
        count_include_pad=False,
    )[:, 0]
    taken = ((gain > 0) & (fits > -MOST_LOSS))[numbers[0][:, None], numbers[1]]
    return torch.where(taken, proposed, matches)


def _agreement(matches: Tensor, size: tuple[int, int]) -> Tensor:
    """Return what is added to the cosine of each cell for its neighbours, ``[rows, cols]``."""
    beside, following = _neighbours(matches, size)
    agreeing = (following == matches).sum(0) - (beside == matches).sum(0)
    return agreeing * (COHERENCE / len(NEIGHBOURS))


def _move_cells(
    columns: Tensor, candidates: Tensor, size: tuple[int, int], matches: Tensor
) -> Tensor:
    """Return matches of which single cells continue those of their neighbours.

    The arguments are those of ``make_coherent``.
    """
    shape = matches.shape
    parity = (torch.arange(shape[0])[:, None] + torch.arange(shape[1])).flatten() % 2
    flat, current = columns.flatten(0, 1), matches.flatten().clone()
    cosines = (flat * candidates[current]).sum(1)
    turns = [indices_on(matches.device, (parity == it).nonzero()[:, 0]) for it in (0, 1)]
    for cells in turns * SWEEPS:
        # Cells of one turn are no neighbours of each other, so all can change at once.
        beside, following = (
            it.flatten(1)[:, cells] for it in _neighbours(current.view(shape), size)
        )
        for proposed in following:
            asked = ((proposed >= 0) & (proposed != current[cells])).nonzero()[:, 0]
            old, new = current[cells[asked]], proposed[asked]
            found = (flat[cells[asked]] * candidates[new]).sum(1)
            before, after = (
                (following[:, asked] == it).sum(0) - (beside[:, asked] == it).sum(0)
                for it in (old, new)
            )
            gain = found - cosines[cells[asked]] + COHERENCE / len(following) * (after - before)
            taken = cells[asked[gain > 0]]
            current[taken], cosines[taken] = new[gain > 0], found[gain > 0]
    return current.view(shape)


def _neighbours(matches: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the matches of the neighbours of each cell, and the matches that continue them.

    Args:
        matches: indices of a painting's cells, ``[rows, cols]``.
        size: number of (rows, columns) of cells of the painting.

    Returns:
        For each of ``NEIGHBOURS`` its match, ``[4, rows, cols]``, and the cell of the painting
        beside this match, ``[4, rows, cols]``; -1 if there is no such neighbour or no such cell.
    """
    beside = torch.full((len(NEIGHBOURS), *matches.shape), -1, device=matches.device)
    following = beside.clone()
    for at, (down, right) in enumerate(NEIGHBOURS):
        own = _shifted(matches.shape, (-down, -right))
        theirs = matches[_shifted(matches.shape, (down, right))]
        rows, cols = theirs // size[1] - down, theirs % size[1] - right
        inside = (rows >= 0) & (rows < size[0]) & (cols >= 0) & (cols < size[1])
        beside[at][own] = theirs
        following[at][own] = torch.where(inside, rows * size[1] + cols, -1)
    return beside, following


def _shifted(shape: Sequence[int], shift: tuple[int, int]) -> Box:
    """Return the cells whose place minus ``shift`` is a cell, too."""
    rows, cols = (
        slice(max(0, step), length + min(0, step))
        for length, step in zip(shape, shift, strict=True)
    )
    return rows, cols
