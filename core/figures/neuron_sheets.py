"""Portraits of SketchNet's neurons: what each wants to see, beside the drawings it likes best.

`python -m core.figures.neuron_sheets --out DIR` writes one sheet a layer, of its sixteen
best-labelled neurons.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.progress import track
from torch import Tensor

from core.images import image_io
from core.networks import registry
from core.networks.layers import Layer
from core.networks.network import Network
from core.neurons import render_neurons
from core.sketchnet import labels as sketch_labels
from core.sketchnet.labels import Label
from core.sketchnet.training.data import as_tensor
from core.sketchworld.seeds import MEASURING_SEED
from core.sketchworld.world import SIZE, batch

NEURONS = 16
ALIKE = 2  # at most so many of a layer's neurons with the same label, so that more is seen
COUNT = 2000  # drawings among which the best are looked for
BATCH = 100
BEST = 4  # drawings beside each neuron's picture
LEAST_CROP = 11  # pixels; of a smaller receptive field nobody could tell what it shows

COLUMNS = 4
TILE, INSET = 112, 54  # sides of a neuron's picture and of the drawings beside it, in pixels
GAP, MARGIN = 4, 18
TEXT, TITLE = 14, 20
INK, PALE = "#222222", "#777777"


@dataclass(frozen=True)
class SheetUnit:
    """One neuron: its label, its picture [3, size, size] and crops [3, h, w] of drawings."""

    label: Label
    picture: Tensor
    crops: tuple[Tensor, ...]


def best_labelled(row: Sequence[Label], count: int = NEURONS) -> list[Label]:
    """Return the labels with the highest IoU, no concept more often than `ALIKE` times."""
    seen: Counter[str] = Counter()
    chosen = []
    for label in sorted(row, key=lambda label: (-label.iou, label.unit)):
        seen[label.concept] += 1
        if seen[label.concept] <= ALIKE:
            chosen.append(label)
    return chosen[:count]


def best_drawings(
    network: Network, chosen: dict[str, list[int]], seed: int = MEASURING_SEED, count: int = COUNT
) -> dict[str, list[list[tuple[int, int, int]]]]:
    """Find the drawings of a world that excite some units most: (index, row, col) of each peak.

    `chosen` holds units by layer; the result has, for each of them, the `BEST` drawings by their
    highest activation, the best first.
    """
    peaks: dict[str, list[Tensor]] = {layer: [] for layer in chosen}
    places: dict[str, list[Tensor]] = {layer: [] for layer in chosen}
    wide = {}
    for start in range(0, count, BATCH):
        drawn, _ = batch(seed, range(start, min(start + BATCH, count)))
        for layer, values in network.activations(as_tensor(drawn), list(chosen)).items():
            some = values[:, chosen[layer]].float()
            wide[layer] = some.shape[-1]
            peak, place = some.flatten(2).max(dim=2)
            peaks[layer].append(peak)
            places[layer].append(place)
    found = {}
    for layer in chosen:
        order = torch.cat(peaks[layer]).argsort(dim=0, descending=True, stable=True)[:BEST]
        place = torch.cat(places[layer]).gather(0, order)
        found[layer] = [
            [(int(k), int(at) // wide[layer], int(at) % wide[layer]) for k, at in pairs]
            for pairs in torch.stack([order, place], dim=2).transpose(0, 1)
        ]
    return found


def crop(layer: Layer, image: Tensor, row: int, col: int) -> Tensor:
    """Return what one place of a layer sees of an image [3, H, W], with edge pixels repeated."""
    top, left, bottom, right = layer.receptive_box(row, col, clipped=False)
    side = min(max(bottom - top, LEAST_CROP), SIZE)
    rows, cols = (
        _window(middle, side, extent)
        for middle, extent in zip(
            ((top + bottom) / 2, (left + right) / 2), image.shape[1:], strict=True
        )
    )
    return image[:, rows][:, :, cols]


def _window(middle: float, side: int, extent: int) -> Tensor:
    """Return `side` pixels about a middle, moved inside the picture where they would leave it."""
    first = min(max(round(middle - side / 2), 0), max(extent - side, 0))
    return torch.arange(first, min(first + side, extent))


def pictures(
    network: Network, layer: Layer, units: Sequence[int], seed: int = 0, size: int | None = None
) -> list[Tensor]:
    """Draw what some units of a layer want to see, [3, size, size], with the project's settings.

    By default as large as suits the layer.
    """
    recipe = render_neurons.plan(network, layer.name, units=list(units), size=size, seed=seed)
    steps = render_neurons.render(network, recipe)
    return [picture.image for step in steps for picture in step.pictures]


def build_units(
    network: Network, layers: Sequence[str], count: int = COUNT
) -> Iterator[tuple[str, list[SheetUnit]]]:
    """Yield the portraits of each layer's best-labelled neurons."""
    known = sketch_labels.load()
    rows = {layer: best_labelled(known.layers[layer]) for layer in layers}
    chosen = {layer: [label.unit for label in row] for layer, row in rows.items()}
    liked = best_drawings(network, chosen, known.measured_on.seed, count)
    for name, row in rows.items():
        layer = network.layer(name)
        drawn = pictures(network, layer, chosen[name])
        crops = [_crops(layer, known.measured_on.seed, spots) for spots in liked[name]]
        yield name, [SheetUnit(*each) for each in zip(row, drawn, crops, strict=True)]


def _crops(layer: Layer, seed: int, spots: list[tuple[int, int, int]]) -> tuple[Tensor, ...]:
    drawn, _ = batch(seed, [index for index, _, _ in spots])
    return tuple(
        crop(layer, image, row, col)
        for image, (_, row, col) in zip(as_tensor(drawn), spots, strict=True)
    )


def draw_sheet(title: str, people: Sequence[SheetUnit]) -> Image.Image:
    """Lay portraits out as one picture, each with its label beneath."""
    cell = (TILE + GAP + 2 * INSET + GAP, TILE + 2 * (TEXT + GAP) + GAP)
    rows = -(-len(people) // COLUMNS)
    paper = Image.new(
        "RGB",
        (
            COLUMNS * (cell[0] + MARGIN) + MARGIN,
            rows * (cell[1] + MARGIN) + MARGIN + TITLE + MARGIN,
        ),
        "white",
    )
    pen = ImageDraw.Draw(paper)
    pen.text((MARGIN, MARGIN), title, INK, ImageFont.load_default(TITLE))
    for place, portrait in enumerate(people):
        left = MARGIN + (place % COLUMNS) * (cell[0] + MARGIN)
        top = 2 * MARGIN + TITLE + (place // COLUMNS) * (cell[1] + MARGIN)
        _draw_unit(paper, pen, portrait, left, top)
    return paper


def _draw_unit(
    paper: Image.Image, pen: ImageDraw.ImageDraw, portrait: SheetUnit, left: int, top: int
) -> None:
    """Draw one portrait with its upper left corner at (left, top)."""
    paper.paste(_tile(portrait.picture, TILE), (left, top))
    for k, found in enumerate(portrait.crops):
        across, down = k % 2, k // 2
        at = (left + TILE + GAP + across * (INSET + GAP), top + down * (INSET + GAP))
        paper.paste(_tile(found, INSET), at)
    label = portrait.label
    below = top + TILE + GAP
    pen.text((left, below), label.concept, INK, ImageFont.load_default(TEXT))
    told = f"unit {label.unit}, {label.kind}, IoU {label.iou:.2f}"
    pen.text((left, below + TEXT + GAP), told, PALE, ImageFont.load_default(TEXT - 1))


def _tile(image: Tensor, side: int) -> Image.Image:
    """Return an image [3, h, w] as a square picture; few pixels stay squares."""
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
    chosen.out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    for name, people in track(
        build_units(network, layers, chosen.count),
        "drawing",
        len(layers),
        console=console,
        disable=not console.is_terminal,
    ):
        seen = network.layer(name).receptive_field
        field = "the whole picture" if seen is None else f"{seen[0]} x {seen[1]} pixels"
        title = f"{name}: the best-labelled neurons, each sees {field}"
        draw_sheet(title, people).save(chosen.out / f"neurons-{name}.png", optimize=True)


if __name__ == "__main__":
    main()
