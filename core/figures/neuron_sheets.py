"""Sheets of SketchNet's units: feature visualizations beside the drawings that excite them most.

`python -m core.figures.neuron_sheets --out DIR` writes one sheet for each layer, with the sixteen
units whose labels have the highest IoU.
"""

import argparse
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from rich.console import Console
from rich.progress import track
from torch import Tensor

from core.figures.layout import PALE, blank_sheet, draw_text, field_text
from core.files import make_folder, write_files
from core.images import image_io
from core.networks import registry
from core.networks.layers import Layer
from core.networks.network import Network
from core.neurons import render_neurons
from core.sketchnet import labels as sketch_labels
from core.sketchnet.labels import Label
from core.sketchnet.training.data import draw_batch
from core.sketchworld.seeds import MEASURING_SEED
from core.sketchworld.world import SIZE

NEURONS = 16  # units on a sheet
MOST_ALIKE = 2  # units with the same concept on a sheet, at most
COUNT = 2000  # drawings among which those with the highest activations are searched
BATCH = 100
BEST = 4  # drawings beside each feature visualization
LEAST_CROP = 11  # side of a crop in pixels, at least; smaller crops show too little of a drawing

COLUMNS = 4
TILE, INSET = 112, 54  # sides of a feature visualization and of the drawings, in pixels
GAP, MARGIN = 4, 18
TEXT, TITLE = 14, 20


@dataclass(frozen=True)
class SheetUnit:
    """One unit on a sheet.

    Attributes:
        label: label of the unit.
        picture: feature visualization of the unit, [3, size, size].
        crops: receptive fields of the maxima in the drawings that excite it most, [3, h, w] each.
    """

    label: Label
    picture: Tensor
    crops: tuple[Tensor, ...]


def best_labelled(row: Sequence[Label], count: int = NEURONS) -> list[Label]:
    """Return `count` labels with the highest IoU, at most `MOST_ALIKE` of the same concept."""
    concept_counts: Counter[str] = Counter()
    chosen = []
    for label in sorted(row, key=lambda label: (-label.iou, label.unit)):
        concept_counts[label.concept] += 1
        if concept_counts[label.concept] <= MOST_ALIKE:
            chosen.append(label)
    return chosen[:count]


def best_drawings(
    network: Network, chosen: dict[str, list[int]], seed: int = MEASURING_SEED, count: int = COUNT
) -> dict[str, list[list[tuple[int, int, int]]]]:
    """Find the drawings for which some units have the highest activations.

    `chosen` maps layer names to units. The result maps layer names to one list for each unit, with
    the `BEST` drawings in which the unit's maximum is highest, the highest first. Each drawing is
    (index of the drawing, row and column of the maximum in the layer).
    """
    maxima: dict[str, list[Tensor]] = {layer: [] for layer in chosen}
    positions: dict[str, list[Tensor]] = {layer: [] for layer in chosen}
    widths = {}
    for start in range(0, count, BATCH):
        images, _ = draw_batch(seed, range(start, min(start + BATCH, count)))
        for layer, activation in network.activations(images, list(chosen)).items():
            values = activation[:, chosen[layer]].float()
            widths[layer] = values.shape[-1]
            highest, position = values.flatten(2).max(dim=2)
            maxima[layer].append(highest)
            positions[layer].append(position)
    best = {}
    for layer, width in widths.items():
        order = torch.cat(maxima[layer]).argsort(dim=0, descending=True, stable=True)[:BEST]
        position = torch.cat(positions[layer]).gather(0, order)
        best[layer] = [
            [(int(k), *divmod(int(at), width)) for k, at in pairs]
            for pairs in torch.stack([order, position], dim=2).transpose(0, 1)
        ]
    return best


def crop_to_field(layer: Layer, image: Tensor, row: int, col: int) -> Tensor:
    """Crop an image [3, H, W] to the receptive field of a layer's position.

    The crop is square and at least `LEAST_CROP` pixels wide. Where it would extend beyond a border
    of the image, it is moved to lie inside.
    """
    top, left, bottom, right = layer.receptive_box(row, col, clipped=False)
    side = min(max(bottom - top, LEAST_CROP), SIZE)
    rows = _window((top + bottom) / 2, side, image.shape[1])
    cols = _window((left + right) / 2, side, image.shape[2])
    return image[:, rows][:, :, cols]


def _window(centre: float, side: int, extent: int) -> Tensor:
    """Return `side` consecutive indices around a centre, moved to lie in `0 .. extent - 1`."""
    first = min(max(round(centre - side / 2), 0), max(extent - side, 0))
    return torch.arange(first, min(first + side, extent))


def render_units(
    network: Network, layer: Layer, units: Sequence[int], seed: int = 0, size: int | None = None
) -> list[Tensor]:
    """Render feature visualizations [3, size, size] of units with the default settings.

    If `size` is None, it is `render_neurons.suggested_size` of the layer.
    """
    recipe = render_neurons.plan(network, layer.name, units=list(units), size=size, seed=seed)
    steps = render_neurons.render(network, recipe)
    return [picture.image for step in steps for picture in step.pictures]


def build_units(
    network: Network, layers: Sequence[str], count: int = COUNT
) -> Iterator[tuple[str, list[SheetUnit]]]:
    """Yield for each layer its name, and the units to draw on the sheet of this layer."""
    known = sketch_labels.load()
    rows = {layer: best_labelled(known.layers[layer]) for layer in layers}
    chosen = {layer: [label.unit for label in row] for layer, row in rows.items()}
    maxima = best_drawings(network, chosen, known.measured_on.seed, count)
    for name, row in rows.items():
        layer = network.layer(name)
        rendered = render_units(network, layer, chosen[name])
        crops = [_crops(layer, known.measured_on.seed, it) for it in maxima[name]]
        yield name, [SheetUnit(*each) for each in zip(row, rendered, crops, strict=True)]


def _crops(layer: Layer, seed: int, maxima: list[tuple[int, int, int]]) -> tuple[Tensor, ...]:
    images, _ = draw_batch(seed, [index for index, _, _ in maxima])
    return tuple(
        crop_to_field(layer, image, row, col)
        for image, (_, row, col) in zip(images, maxima, strict=True)
    )


def draw_sheet(title: str, units: Sequence[SheetUnit]) -> Image.Image:
    """Draw units in rows, each with its label below."""
    width = TILE + GAP + 2 * INSET + GAP + MARGIN
    height = TILE + 2 * (TEXT + GAP) + GAP + MARGIN
    rows = -(-len(units) // COLUMNS)
    sheet, draw = blank_sheet(COLUMNS * width + MARGIN, rows * height + 2 * MARGIN + TITLE)
    draw_text(draw, (MARGIN, MARGIN), title, TITLE)
    for at, unit in enumerate(units):
        row, col = divmod(at, COLUMNS)
        _draw_unit(sheet, draw, unit, MARGIN + col * width, 2 * MARGIN + TITLE + row * height)
    return sheet


def _draw_unit(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, unit: SheetUnit, left: int, top: int
) -> None:
    """Draw one unit with its upper left corner at (left, top)."""
    sheet.paste(_tile(unit.picture, TILE), (left, top))
    for at, image in enumerate(unit.crops):
        row, col = divmod(at, 2)
        corner = (left + TILE + GAP + col * (INSET + GAP), top + row * (INSET + GAP))
        sheet.paste(_tile(image, INSET), corner)
    label = unit.label
    below = top + TILE + GAP
    draw_text(draw, (left, below), label.concept, TEXT)
    details = f"unit {label.unit}, {label.kind}, IoU {label.iou:.2f}"
    draw_text(draw, (left, below + TEXT + GAP), details, TEXT - 1, PALE)


def _tile(image: Tensor, side: int) -> Image.Image:
    """Convert an image [3, h, w] to a square picture; small ones are enlarged unsmoothed."""
    picture = image_io.to_picture(image)
    coarse = picture.width * 2 < side
    how = Image.Resampling.NEAREST if coarse else Image.Resampling.LANCZOS
    return picture.resize((side, side), how)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write sheets of the best-labelled neurons of SketchNet's layers."""
    parser = argparse.ArgumentParser(
        prog="python -m core.figures.neuron_sheets", description=main.__doc__
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder to write into")
    parser.add_argument("--layers", nargs="+", help="which layers; all that have labels by default")
    parser.add_argument("--count", type=int, default=COUNT, help="drawings to choose from")
    chosen = parser.parse_args(arguments)
    network = registry.load("sketchnet")
    layers = chosen.layers or list(sketch_labels.load().layers)
    make_folder(chosen.out)
    console = Console(stderr=True)
    sheets: dict[Path, bytes] = {}
    for name, units in track(
        build_units(network, layers, chosen.count),
        "drawing",
        len(layers),
        console=console,
        disable=not console.is_terminal,
    ):
        field = field_text(network.layer(name))
        title = f"{name}: the best-labelled neurons, each sees {field}"
        buffer = io.BytesIO()
        draw_sheet(title, units).save(buffer, "PNG", optimize=True)
        sheets[chosen.out / f"neurons-{name}.png"] = buffer.getvalue()
    write_files(sheets)


if __name__ == "__main__":
    main()
