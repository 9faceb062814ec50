"""The nearest-neighbour style loss, which keeps the shapes of the photograph.

The losses of ``core.style.losses`` compare statistics of a whole layer, so a pattern of the
painting may appear anywhere. Here every cell of the image has its own target: the activations in
the cell of the painting that resembles it most (Kolkin, Kucera, Paris, Sykora, Shechtman and
Shakhnarovich, "Neural Neighbor Style Transfer", 2022). Shapes are kept because all layers of a cell
have targets from one place of the painting, which was chosen for what the photograph shows there.

For each layer the loss is the mean over positions and channels of ``(F - T)^2``, divided by the
mean of ``T^2``. ``F`` are the image's activations, and ``T`` those of the painting in the matched
cells (``core.style.cell_matching``).

Cells alone make pale pictures: each is matched to what resembles the photograph, so large parts of
the painting are never used, and its strongest colours are missing. So ``STATISTICS`` of the style
loss is the default loss, which compares statistics of whole layers (``core.style.losses``).

The steps at a size are divided into rounds, and cells are matched when a round begins. In the first
round of all, the photograph's cells are matched; in every other round, those of an average of the
photograph and the image so far. So strokes that have begun to appear attract more of the same. The
larger the weight of content, the larger is that of the photograph in this average.

Departures from the paper:

- the layers of a column have the same influence on a match
- neighbouring cells prefer neighbouring matches, so that whole strokes are taken over and even
  regions do not become a repetition of a few cells (``core.style.match_coherence``)
- a layer with several positions in a cell has a target for each of them, instead of their mean
- differences are squared instead of cosines, and the optimiser is that of the other losses
- statistics of layers bring the painting's colours, which the paper corrects at the end
- cells of the image and of the paintings are not rotated
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from core.devices import indices_on
from core.fixed_order import mean_per_image
from core.images.tiles import Box
from core.optim.objectives import TINY
from core.style.cell_matching import StyleCells
from core.style.losses import LayerWindow, LossTerm
from core.style.moments import Sums, squared_distance

# Weight of content relative to style at which the photograph and the image so far have the same
# weight in the average that is matched.
EVEN_BALANCE = 0.5
# Share of a loss of statistics in the style loss, see the module's docstring.
STATISTICS = 0.6
# Largest number of rounds at each size, and least number of steps in a round. L-BFGS begins anew in
# each, with a small step, so pictures of shorter rounds are grey.
ROUNDS, ROUND_STEPS = 3, 16


def style_loss(
    layer: str,
    cells: StyleCells,
    layer_size: tuple[int, int],
    mask: Tensor | None = None,
    name: str = "",
) -> LossTerm:
    """Return the nearest-neighbour loss of a layer: ``mean (F - T)^2 / mean T^2``.

    Args:
        layer: name of the layer, with activations ``[N, C, H, W]``.
        cells: the matched cells.
        layer_size: number of (rows, columns) of positions of the layer for the whole image.
        mask: weight of each position of the whole layer, ``[H, W]``; None for 1 everywhere.
        name: name of the term; by default derived from the layer.
    """
    values = cells.values[layer].flatten(0, 1)  # [M * K, C]
    matches = _matched_positions(cells.matches, layer_size, cells.within[layer])
    energies = values.square().mean(1)[matches[0].flatten()]
    energy = mean_per_image(energies[None])[0].clamp(min=TINY)
    count = math.prod(layer_size) * (1.0 if mask is None else float(mean_per_image(mask[None])))
    remembered: dict[str, Tensor] = {}

    def target(box: Box) -> Tensor:
        # All steps at a size without tiles have the same target.
        if str(box) not in remembered:
            remembered.clear()
            gathered = values[matches[:, box[0], box[1]]].mean(0)  # [rows, cols, C]
            remembered[str(box)] = gathered.permute(2, 0, 1)[None]
        return remembered[str(box)]

    def squared_error(activations: Tensor, window: LayerWindow) -> Sums:
        weight = None if mask is None else mask[window.whole].clamp(min=0).sqrt()
        return (squared_distance(activations, target(window.whole), window.within, weight),)

    def loss(sums: Sums) -> Tensor:
        return sums[0] / (values.shape[1] * max(count, TINY)) / energy.to(sums[0])

    return LossTerm(name or f"style {layer}", layer, squared_error, loss)


def matched_image(photograph: Tensor, current: Tensor | None, balance: float) -> Tensor:
    """Return the image whose cells are matched.

    Args:
        photograph: ``[1, 3, H, W]`` in ``[0, 1]``.
        current: the image so far, of the same size; None to match the photograph alone.
        balance: weight of content relative to style. The larger it is, the larger is the weight of
            the photograph in the average of both images.
    """
    if current is None:
        return photograph
    return current.lerp(photograph, balance / (balance + EVEN_BALANCE))


def rounds(steps: int) -> int:
    """Return the number of rounds into which the steps at a size are divided."""
    return min(ROUNDS, max(1, steps // ROUND_STEPS))


def _matched_positions(matches: Tensor, size: tuple[int, int], within: tuple[int, int]) -> Tensor:
    """Return for each position of a layer which positions of matched cells are its target.

    Args:
        matches: match of each cell, ``[rows, cols]``.
        size: number of (rows, columns) of positions of the layer.
        within: number of (rows, columns) of positions in a cell.

    Returns:
        ``[L, H, W]``: cell times K plus position in the cell, where K is the number of positions in
        a cell. Positions of a fine layer have one target each (L is 1). A position of a coarse
        layer covers L cells, and its target is the mean of theirs.
    """
    (rows, row), (cols, col) = (
        _cells_of_positions(*axis) for axis in zip(size, matches.shape, within, strict=True)
    )
    rows, row, cols, col = (indices_on(matches.device, it) for it in (rows, row, cols, col))
    cells = matches[rows[:, None, :, None], cols[None, :, None, :]]  # [H, W, k, l]
    place = row[:, None] * within[1] + col
    found = cells.flatten(2) * (within[0] * within[1]) + place[..., None]
    return found.permute(2, 0, 1)


def _cells_of_positions(positions: int, cells: int, within: int) -> tuple[Tensor, Tensor]:
    """Return the cells that each position covers along one axis, and its place in the first.

    Args:
        positions: number of positions of the layer.
        cells: number of cells.
        within: number of positions in a cell; 1 for a coarse layer.

    Returns:
        The cells, ``[positions, k]``, and the places from 0 to ``within - 1``, ``[positions]``.
    """
    blocks = -(-positions // within)
    covered = max(1, round(cells / blocks))
    centres = torch.arange(blocks * covered, dtype=torch.float64).add_(0.5)
    found = (centres * (cells / (blocks * covered))).long().clamp(max=cells - 1)
    at = torch.arange(positions)
    return found.view(blocks, covered)[at // within], at % within
