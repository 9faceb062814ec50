"""Matches of the cells of an image to cells of paintings, for the loss of ``core.style.nearest``.

The match of a cell is the cell of the painting whose column has the largest cosine with that of the
cell (``core.style.image_cells`` has columns), or nearly so: neighbours prefer neighbouring matches
(``core.style.match_coherence``).
Columns are compared in chunks, which bounds memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.devices import indices_on
from core.images.tiles import Box, Tiles
from core.networks.network import Network
from core.style.image_cells import ImageCells, columns_of, positions_in_cell, scaling_of
from core.style.match_coherence import make_coherent

# Largest number of a painting's cells with which each cell is compared. Of larger paintings, evenly
# spaced cells are taken, so that the time is in proportion to the number of pixels of the image.
CANDIDATES = 4096
# Random numbers up to this are added to cosines, so that the cells of an even region, whose columns
# are all but equal, are matched to many places that resemble them about as much as the best does.
TIE = 0.1
# Number of columns that are matched at a time.
CHUNK = 256
# Number of groups of candidates, see ``nearest_columns``.
GROUPS = 8


@dataclass(frozen=True)
class PaintingCells:
    """The cells of a painting, row by row.

    Attributes:
        size: number of (rows, columns) of cells.
        values: activations of each layer, ``[M, K, C]`` by layer name; see ``CellValues``.
        columns: the columns, scaled to a length of 1, ``[M, D]``.
    """

    size: tuple[int, int]
    values: Mapping[str, Tensor]
    columns: Tensor

    def match(self, columns: Tensor, box: Box) -> tuple[Tensor, Tensor]:
        """Return for each column of an image its cosine and its match, ``[rows, cols]`` each.

        Args:
            columns: ``[rows, cols, D]``.
            box: the (rows, columns) of the image's cells that these are.
        """
        count = len(self.columns)
        spaced = torch.linspace(0, count - 1, min(count, CANDIDATES), dtype=torch.float64)
        chosen = indices_on(columns.device, spaced.round().long())
        found = nearest_columns(columns.flatten(0, 1), self.columns[chosen], _draws(box))
        first = chosen[found].view(columns.shape[:2])
        matches = make_coherent(columns, self.columns, self.size, first)
        cosines = (columns * self.columns[matches]).sum(-1)
        return cosines, matches


def _draws(box: Box) -> Tensor:
    """Return for each cell in (rows, columns) which random numbers it uses, see ``TIE``: ``[P]``.

    It depends only on the place of the cell in the image, and differs between near cells.
    """
    rows, cols = (torch.arange(it.start, it.stop) for it in box)
    return ((rows[:, None] * 37 + cols) % CHUNK).flatten()


@dataclass(frozen=True)
class StyleCells:
    """Matches of the cells of an image to cells of paintings.

    Attributes:
        values: activations of each layer in cells of paintings, ``[M, K, C]`` by layer name, where
            K is the number of positions of the layer in a cell, row by row.
        matches: for each cell of the image the index of a cell in ``values``, ``[rows, cols]``.
        within: number of (rows, columns) of positions of each layer in a cell; K is their product.
    """

    values: Mapping[str, Tensor]
    matches: Tensor
    within: Mapping[str, tuple[int, int]]


def match_cells(
    network: Network,
    names: Sequence[str],
    query: Tensor,
    paintings: Sequence[tuple[Tensor, float]],
    mask: Tensor | None,
    tiles: Tiles,
) -> StyleCells:
    """Match the cells of an image to those of paintings.

    Args:
        network: the network.
        names: names of the style layers.
        query: the image, ``[1, 3, H, W]``.
        paintings: the paintings ``[1, 3, h, w]``, and their weights. Each painting is matched to a
            share of the cells that is in proportion to its weight.
        mask: region whose cells are matched, ``[1, 1, H, W]``; None for the whole image. Outside
            the region, matches have no meaning.
        tiles: tiles in which activations are computed.
    """
    used = [(image, share) for image, share in paintings if share > 0]
    found = [_painting_cells(network, names, image, tiles) for image, _ in used]
    read = ImageCells(network, names, query, tiles)
    size = read.size
    best = query.new_zeros(len(found), *size)
    matches = torch.zeros(len(found), *size, dtype=torch.long, device=query.device)
    scaling = scaling_of(read)
    for box, values in read:
        columns = columns_of(values, scaling)
        for number, painting in enumerate(found):
            best[number][box], matches[number][box] = painting.match(columns, box)
    owners = torch.zeros(size, dtype=torch.long, device=query.device)
    within = torch.ones(size, dtype=torch.bool) if mask is None else _covered(mask, size)
    cells = indices_on(query.device, within)
    owners[cells] = divide(best[:, cells], [share for _, share in used])
    first = torch.tensor([0, *(len(it.columns) for it in found[:-1])]).cumsum(0)
    first = indices_on(query.device, first)
    values = {name: torch.cat([it.values[name] for it in found]) for name in names}
    within_cell = {name: positions_in_cell(network.layer(name)) for name in names}
    return StyleCells(values, matches.gather(0, owners[None])[0] + first[owners], within_cell)


def nearest_columns(columns: Tensor, candidates: Tensor, draws: Tensor | None = None) -> Tensor:
    """Return for each column ``[P, D]`` the index of the candidate with the largest dot product.

    Args:
        columns: ``[P, D]``.
        candidates: ``[M, D]``.
        draws: for each column the number, below ``CHUNK``, of the random numbers that are added to
            its products, ``[P]``; None to add none.

    Returns:
        The indices, ``[P]``.
    """
    # Products are computed in groups, each by one thread, so that their rounding errors do not
    # depend on the number of threads. The first candidates are repeated to fill the last group.
    count = len(candidates)
    repeated = torch.arange(-(-count // GROUPS) * GROUPS, device=candidates.device) % count
    groups = candidates[repeated].view(GROUPS, -1, candidates.shape[1])
    noise = None
    if draws is not None and TIE:
        shape = (GROUPS, groups.shape[1], CHUNK)
        noise = TIE * torch.rand(shape, generator=torch.Generator().manual_seed(0))
        noise = noise.to(candidates)
    found = []
    for at, part in enumerate(torch.split(columns, CHUNK)):
        products = torch.matmul(groups, part.T.expand(GROUPS, -1, -1))  # [GROUPS, M / GROUPS, p]
        if noise is not None and draws is not None:
            chosen = draws[at * CHUNK : at * CHUNK + len(part)]
            products += noise[..., indices_on(noise.device, chosen)]
        found.append(products.flatten(0, 1).argmax(0))
    return torch.cat(found) % count


def divide(scores: Tensor, shares: Sequence[float]) -> Tensor:
    """Divide cells among paintings, each of which gets its share of the cells.

    The first painting gets the cells whose score is largest compared with their best score for any
    later painting, and so on.

    Args:
        scores: how well each cell fits each painting, ``[K, P]``.
        shares: relative number of cells of each painting; all are positive.

    Returns:
        The index of a painting for each cell, ``[P]``.
    """
    owners = torch.full_like(scores[0], len(shares) - 1, dtype=torch.long)
    left = torch.arange(scores.shape[1], device=scores.device)
    for painting in range(len(shares) - 1):
        gain = scores[painting, left] - scores[painting + 1 :, left].amax(0)
        order = left[gain.argsort(descending=True, stable=True)]
        count = round(len(left) * shares[painting] / sum(shares[painting:]))
        owners[order[:count]] = painting
        left = order[count:].sort().values
    return owners


def _covered(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Return which cells a mask ``[1, 1, H, W]`` covers anywhere, bool ``[rows, cols]``."""
    return F.adaptive_max_pool2d(mask.cpu(), size)[0, 0] > 0


def _painting_cells(
    network: Network, names: Sequence[str], painting: Tensor, tiles: Tiles
) -> PaintingCells:
    """Return the cells of a painting ``[1, 3, H, W]``."""
    read = ImageCells(network, names, painting, tiles)
    size, scaling = read.size, scaling_of(read)
    values: dict[str, Tensor] = {}
    columns: Tensor | None = None
    for box, found in read:
        own = columns_of(found, scaling)
        columns = own.new_zeros(*size, own.shape[2]) if columns is None else columns
        columns[box] = own
        for name, it in found.items():
            values.setdefault(name, it.new_zeros(*size, *it.shape[2:]))[box] = it
    if columns is None:
        raise ValueError("a painting has no cells")
    flat = {name: it.flatten(0, 1) for name, it in values.items()}
    return PaintingCells(size, flat, columns.flatten(0, 1))
