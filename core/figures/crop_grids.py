"""Grids of a unit's dataset examples, and figures that show them beside feature visualizations.

A figure has the layout of Zeiler and Fergus ("Visualizing and Understanding Convolutional
Networks", 2014): layer by layer, it shows some units, each with nine crops of its top dataset
examples. Beside the crops is a feature visualization of the unit (activation maximisation). Zeiler
and Fergus show a deconvolution of each crop there.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.analysis.crops import Crop, attribution_overlay, crop_hit
from core.figures.layout import INK, PALE, blank_sheet, draw_text, field_text
from core.images import image_io
from core.index.reader import Index
from core.networks.network import Network
from core.neurons import render_neurons

# Colour of the part of a receptive field that lies outside of the image.
OUTSIDE = (232, 232, 232)
# Colour of the outline of an effective receptive field.
OUTLINE = "#ffd400"
# What is written where no image excites a unit.
NOTHING = "nothing\nexcites it"
# Notes on crops: how much the crop is blended with white, and the size of the letters, which is the
# side of the crop divided by NOTE_SHARE, but at least NOTE_LEAST pixels.
PALENESS, NOTE_SHARE, NOTE_LEAST = 0.8, 10, 8
# Crops with a receptive field below this number of pixels are enlarged without smoothing, so that
# single pixels stay visible.
COARSE = 8
# Sizes in a figure, in pixels: side of a crop (TILE), gap between crops (SLIT), gap beside the
# feature visualization (GAP), and margin between units (MARGIN).
TILE, SLIT, GAP, MARGIN = 64, 2, 6, 30
TEXT, TITLE = 15, 22
# Number of rows, and of columns, of a unit's crops in a figure.
GRID = 3
SIDE = GRID * TILE + (GRID - 1) * SLIT


def draw_crop(part: Crop, side: int, clear: bool = False) -> Image.Image:
    """Draw a crop into a square that a full receptive field (``Crop.reach``) fills.

    Crops at a border of the image therefore have the same scale as other crops. The area outside of
    the image is light grey, or transparent if ``clear`` is set. If the crop has an ``outline``, it
    is drawn too. If it has a ``note``, the crop is pale and the note is written on it.

    Args:
        part: the crop.
        side: side of the square in pixels.
        clear: whether the area outside of the image is transparent.
    """
    canvas = _canvas((side, side), OUTSIDE, clear)
    scale = side / max(part.reach)
    how = Image.Resampling.NEAREST if max(part.reach) < COARSE else Image.Resampling.LANCZOS
    width, height = (max(1, round(it * scale)) for it in part.picture.size)
    # A receptive field that is not square is centred along its shorter side.
    row, col = (
        round((offset + (max(part.reach) - reach) / 2) * scale)
        for offset, reach in zip(part.offset, part.reach, strict=True)
    )
    canvas.paste(part.picture.resize((width, height), how), (col, row))
    if part.outline is not None:
        top, left, bottom, right = (round(it * scale) for it in part.outline)
        box = (col + left, row + top, col + right - 1, row + bottom - 1)
        ImageDraw.Draw(canvas).rectangle(box, outline=OUTLINE)
    return _write_note(canvas, part.note) if part.note else canvas


def _write_note(picture: Image.Image, note: str) -> Image.Image:
    """Return a pale copy of a square picture with lines of text in the middle."""
    pale = Image.blend(picture, Image.new(picture.mode, picture.size, "white"), PALENESS)
    side = picture.width
    size = max(NOTE_LEAST, side // NOTE_SHARE)
    font = ImageFont.load_default(size)
    ImageDraw.Draw(pale).multiline_text(
        (side / 2, side / 2), note, INK, font, anchor="mm", align="center"
    )
    return pale


def _canvas(size: tuple[int, int], colour: str | tuple[int, int, int], clear: bool) -> Image.Image:
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
    """Draw a grid of the crops that excite a unit most, the highest first, row by row.

    If no image excites the unit, one empty crop says so.

    Args:
        index: the index with the dataset examples.
        layer, unit: name of the layer, and index of the unit.
        side: side of each crop in pixels.
        network: the network of the index. It is needed to draw an attribution (``how``), and to
            outline the effective receptive field if the receptive field covers the whole image.
        count: number of crops, at most; by default all that the index has for a unit.
        by: the statistic by which the images are ranked, ``max`` or ``mean``.
        least: draw the crops that excite the unit least, the lowest first.
        how: attribution to draw into the crops, one of ``crops.OVERLAYS``; "" for none.
        clear: whether the space between and outside of the images is transparent.

    Raises:
        BadPicture, ExplorerError: as ``Index.top`` and ``crops.crop_hit``.
    """
    hits = (index.least if least else index.top)(layer, unit, by)[:count]
    if not hits:
        return _write_note(_canvas((2 * side, 2 * side), OUTSIDE, clear), NOTHING)
    across = math.ceil(math.sqrt(max(len(hits), 1)))
    down = math.ceil(max(len(hits), 1) / across)
    size = (across * (side + SLIT) - SLIT, down * (side + SLIT) - SLIT)
    canvas = _canvas(size, "white", clear)
    for at, hit in enumerate(hits):
        if network is not None and how:
            part = attribution_overlay(index, network, layer, unit, hit, how)
        else:
            part = crop_hit(index, layer, hit, None if network is None else (network, unit))
        row, col = divmod(at, across)
        canvas.paste(draw_crop(part, side, clear), (col * (side + SLIT), row * (side + SLIT)))
    return canvas


def most_distinctive(index: Index, layer: str, count: int) -> list[int]:
    """Return the units whose activation is most unusual for their top dataset examples.

    The measure is the mean activation for the k top images minus the mean activation for the random
    sample, in standard deviations of the sample.

    Returns:
        Indices of ``count`` units, in ascending order.
    """
    rows = index.plan.rows_of(layer)
    top, sample = (index.table(f"{it}/values", rows).astype(np.float64) for it in ("top", "sample"))
    deviation = sample.std(axis=1)
    best = np.where(np.isfinite(top), top, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        distinctness = (np.nanmean(best, axis=1) - sample.mean(axis=1)) / deviation
    distinctness[deviation == 0] = -np.inf
    return sorted(np.argsort(-distinctness, kind="stable")[:count].tolist())


@dataclass(frozen=True)
class FigureRow:
    """One layer of a figure.

    Attributes:
        title: title of the layer.
        units: (feature visualization, grid of crops, caption) of each unit.
    """

    title: str
    units: list[tuple[Image.Image, Image.Image, str]]


def draw_figure(
    network: Network,
    index: Index,
    units: Mapping[str, Sequence[int]],
    steps: int | None = None,
    columns: int = 4,
    listen: Callable[[float], None] = lambda share: None,
) -> Image.Image:
    """Draw feature visualizations of units beside the crops that excite them most.

    Args:
        network: the network of the index.
        index: an index that includes all layers of ``units``.
        units: indices of the units to draw, by layer.
        steps: number of optimiser steps for each feature visualization; by default what suits
            the layer.
        columns: number of units side by side.
        listen: called with the finished share of the work, from 0 to 1.

    Raises:
        BadPicture, ExplorerError: the network has other weights than the index, or as
            ``draw_crop_grid``.
    """
    index.require(network)
    figure_rows = []
    for at, (name, chosen) in enumerate(units.items()):
        layer = network.layer(name)
        visualizations: dict[int, Image.Image] = {}
        size = render_neurons.suggested_size(network, layer)
        recipe = render_neurons.plan(network, name, list(chosen), size=size, steps=steps)
        for progress in render_neurons.render(network, recipe):
            listen((at + progress.done / progress.total) / len(units))
            visualizations |= {it.part: image_io.to_picture(it.image) for it in progress.pictures}
        drawn = []
        for unit in chosen:
            resized = visualizations[unit].resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            crops = draw_crop_grid(index, name, unit, TILE, network, GRID * GRID)
            drawn.append((resized, crops, _caption(network, index, name, unit)))
        title = f"{name}: each neuron sees {field_text(layer)}"
        figure_rows.append(FigureRow(title, drawn))
    return _draw_figure_rows(figure_rows, columns)


def _caption(network: Network, index: Index, layer: str, unit: int) -> str:
    """Return a caption: class or number of a unit, and its activations for the nine top images.

    For example ``unit 12   31.5 to 24.8``: the highest activation, and the ninth.
    """
    hits = index.top(layer, unit)[: GRID * GRID]
    values = " to ".join(_short(hit.value) for hit in (*hits[:1], *hits[-1:])) or "no response"
    is_class = network.class_layer is not None and layer == network.class_layer.name
    return f"{network.labels[unit] if is_class else f'unit {unit}'}   {values}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _draw_figure_rows(figure_rows: Sequence[FigureRow], columns: int) -> Image.Image:
    cell_width, cell_height = 2 * SIDE + GAP + MARGIN, SIDE + TEXT + 2 * GAP + MARGIN // 2
    line_counts = [math.ceil(len(it.units) / columns) for it in figure_rows]
    across = max(min(columns, len(it.units)) for it in figure_rows)
    height = sum(TITLE + 2 * GAP + it * cell_height + MARGIN // 2 for it in line_counts)
    sheet, draw = blank_sheet(across * cell_width + MARGIN, height + MARGIN)
    top = MARGIN
    for figure_row, line_count in zip(figure_rows, line_counts, strict=True):
        draw_text(draw, (MARGIN, top), figure_row.title, TITLE)
        top += TITLE + 2 * GAP
        for at, (visualization, crops, caption) in enumerate(figure_row.units):
            row, col = divmod(at, columns)
            x, y = MARGIN + col * cell_width, top + row * cell_height
            sheet.paste(visualization, (x, y))
            sheet.paste(crops, (x + SIDE + GAP, y))
            draw_text(draw, (x, y + SIDE + GAP), caption, TEXT, PALE)
        top += line_count * cell_height + MARGIN // 2
    return sheet
