"""Pictures of what excites neurons: grids of crops, and figures that lay them beside ideal ones.

A figure is laid out as Zeiler and Fergus drew theirs ("Visualizing and Understanding Convolutional
Networks", 2014): layer by layer, each neuron with its nine best crops. Beside these stands what the
neuron wants to see (activation maximisation), where they had a projection of each crop.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.analysis.crops import Crop, attribution_overlay, crop_hit
from core.figures.layout import (
    COARSE,
    GAP,
    INK,
    MARGIN,
    MARK,
    NINE,
    OUTSIDE,
    PALE,
    SLIT,
    TEXT,
    TILE,
    TITLE,
)
from core.images import image_io
from core.index.reader import Index
from core.networks.network import Network
from core.neurons import render_neurons
from core.recipes.neuron import STEPS


def draw_crop(part: Crop, side: int, clear: bool = False) -> Image.Image:
    """Draw a crop as a square: all of a layer's crops of one picture at one scale.

    What would lie outside of the picture stays light grey, or transparent if ``clear``; an
    effective field is outlined.
    """
    paper = _paper((side, side), OUTSIDE, clear)
    scale = side / max(part.reach)
    how = Image.Resampling.NEAREST if max(part.reach) < COARSE else Image.Resampling.LANCZOS
    width, height = (max(1, round(it * scale)) for it in part.picture.size)
    # Narrower than the square, it stands in the middle.
    row, col = (
        round((offset + (max(part.reach) - reach) / 2) * scale)
        for offset, reach in zip(part.offset, part.reach, strict=True)
    )
    paper.paste(part.picture.resize((width, height), how), (col, row))
    if part.outline is not None:
        top, left, bottom, right = (round(it * scale) for it in part.outline)
        pen = ImageDraw.Draw(paper)
        pen.rectangle((col + left, row + top, col + right - 1, row + bottom - 1), outline=MARK)
    return paper


def _paper(size: tuple[int, int], colour: str | tuple[int, int, int], clear: bool) -> Image.Image:
    return Image.new("RGBA", size) if clear else Image.new("RGB", size, colour)


def draw_crop_grid(
    index: Index,
    layer: str,
    unit: int,
    side: int = 112,
    network: Network | None = None,
    count: int | None = None,
    by: str = "max",
    least: bool = False,
    how: str = "",
    clear: bool = False,
) -> Image.Image:
    """Draw the crops that excite a unit most as a grid, the best first, row by row.

    Args:
        index: where to look.
        layer, unit: the neuron.
        side: of each crop in pixels.
        network: to outline effective fields where a layer sees the whole picture.
        count: how many crops; by default all that the index has.
        by: the statistic.
        least: draw those that excite it least.
        how: which evidence to show in the crops, one of ``crops.EVIDENCE``, with the network.
        clear: whether what is between and outside of the pictures is transparent.

    Raises:
        ExplorerError: as ``Index.top`` and ``crops.crop``.
    """
    hits = (index.least if least else index.top)(layer, unit, by)[:count]
    across = math.ceil(math.sqrt(max(len(hits), 1)))
    down = math.ceil(max(len(hits), 1) / across)
    size = (across * (side + SLIT) - SLIT, down * (side + SLIT) - SLIT)
    paper = _paper(size, "white", clear)
    for at, hit in enumerate(hits):
        if network is not None and how:
            part = attribution_overlay(index, network, layer, unit, hit, how)
        else:
            part = crop_hit(index, layer, hit, None if network is None else (network, unit))
        row, col = divmod(at, across)
        paper.paste(draw_crop(part, side, clear), (col * (side + SLIT), row * (side + SLIT)))
    return paper


def most_distinctive(index: Index, layer: str, count: int) -> list[int]:
    """Choose units for a figure: those whose best pictures stand out most from all others.

    By how many standard deviations of a sample of pictures the mean of the k best lies above the
    mean of the sample; in the order of their numbers.
    """
    rows = index.plan.rows_of(layer)
    top, sample = (index.table(f"{it}/values", rows).astype(np.float64) for it in ("top", "sample"))
    spread = sample.std(axis=1)
    best = np.where(np.isfinite(top), top, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        outstanding = (np.nanmean(best, axis=1) - sample.mean(axis=1)) / spread
    outstanding[spread == 0] = -np.inf
    return sorted(np.argsort(-outstanding, kind="stable")[:count].tolist())


@dataclass(frozen=True)
class FigureRow:
    """One layer of a figure: its title, and each unit's ideal picture, crops and caption."""

    title: str
    units: list[tuple[Image.Image, Image.Image, str]]


def draw_figure(
    network: Network,
    index: Index,
    units: Mapping[str, Sequence[int]],
    steps: int = STEPS,
    columns: int = 4,
    listen: Callable[[float], None] = lambda share: None,
) -> Image.Image:
    """Draw units of some layers: what each wants to see, beside the crops that excite it most.

    Args:
        network: the network of the index.
        index: an index with those layers.
        units: by layer.
        steps: of ascent for each picture.
        columns: units side by side.
        listen: called with the share that is done.

    Raises:
        ExplorerError: the network has other weights than the index, or as ``grid``.
    """
    index.require(network)
    bands = []
    for at, (name, chosen) in enumerate(units.items()):
        layer = network.layer(name)
        ideals: dict[int, Image.Image] = {}
        size = render_neurons.suggested_size(network, layer)
        recipe = render_neurons.plan(network, name, list(chosen), size=size, steps=steps)
        for progress in render_neurons.render(network, recipe):
            listen((at + progress.done / progress.total) / len(units))
            ideals |= {it.part: image_io.to_picture(it.image) for it in progress.pictures}
        side = NINE * TILE + (NINE - 1) * SLIT
        drawn = []
        for unit in chosen:
            ideal = ideals[unit].resize((side, side), Image.Resampling.LANCZOS)
            crops = draw_crop_grid(index, name, unit, TILE, network, NINE * NINE)
            drawn.append((ideal, crops, _caption(network, index, name, unit)))
        field = layer.receptive_field
        seen = "the whole picture" if field is None else f"{field[0]} x {field[1]} pixels"
        bands.append(FigureRow(f"{name}: each neuron sees {seen}", drawn))
    return _lay_out(bands, columns)


def _caption(network: Network, index: Index, layer: str, unit: int) -> str:
    """Name a unit, by its class if it stands for one, and tell its nine highest values."""
    hits = index.top(layer, unit)[: NINE * NINE]
    values = " to ".join(_short(hit.value) for hit in (hits[0], hits[-1]))
    is_class = layer == network.shown[-1].name and unit < len(network.labels)
    return f"{network.labels[unit] if is_class else f'unit {unit}'}   {values}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _lay_out(bands: Sequence[FigureRow], columns: int) -> Image.Image:
    side = NINE * TILE + (NINE - 1) * SLIT
    cell = (2 * side + GAP + MARGIN, side + TEXT + 2 * GAP + MARGIN // 2)
    rows = [math.ceil(len(band.units) / columns) for band in bands]
    across = max(min(columns, len(band.units)) for band in bands)
    high = sum(TITLE + 2 * GAP + row * cell[1] + MARGIN // 2 for row in rows)
    paper = Image.new("RGB", (across * cell[0] + MARGIN, high + MARGIN), "white")
    pen = ImageDraw.Draw(paper)
    top = MARGIN
    for band, count in zip(bands, rows, strict=True):
        pen.text((MARGIN, top), band.title, INK, ImageFont.load_default(TITLE))
        top += TITLE + 2 * GAP
        for at, (ideal, crops, caption) in enumerate(band.units):
            row, col = divmod(at, columns)
            x, y = MARGIN + col * cell[0], top + row * cell[1]
            paper.paste(ideal, (x, y))
            paper.paste(crops, (x + side + GAP, y))
            pen.text((x, y + side + GAP), caption, PALE, ImageFont.load_default(TEXT))
        top += count * cell[1] + MARGIN // 2
    return paper
