"""Comparison of the style losses: ``python -m benchmarks.style_losses --sheet sheet.png``.

Pairs of a photograph and a painting are rendered with each style loss and otherwise default
settings. The sheet shows the photograph, the painting and the results, one row for each pair. Look
at it: the measures do not show whether a picture is good.

content   activations of the judge network at its default content layers: squared distance from the
          photograph's, relative to their energy. The judge need not be the network that renders
edges     share of the photograph's edges that are kept (``style_grid_measures.edges_kept``)
patches   distance of patches of pixels from those of the painting, relative to that of the
          photograph's patches (``patch_distance``). No loss uses patches of pixels
colours   the same for single pixels, that is, for colours alone
time      seconds relative to the loss ``gram``, as the losses take turns pair by pair

Twelve pairs of the project's samples and of files in a folder, each with a labelled sheet:

    python -m benchmarks.style_losses --twelve FOLDER --kept KEPT --size 512

With ``--kept``, pictures and measures are kept there by the key of their recipe, and used again
when the command is run again, so that it goes on where it was stopped.
"""

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.machine import processor_name
from core import allocator, paintings
from core.datasets import samples
from core.experiments.style_grid_measures import edges_kept
from core.figures.layout import blank_sheet, draw_text
from core.images import image_io
from core.images.resize import halve
from core.networks import registry
from core.networks.network import Network
from core.recipes.style import LOSSES, StyleRecipe
from core.style import loss_builder, losses, transfer
from core.style.border import padding_for
from core.style.loss_builder import StyleInputs
from core.style.losses import LayerWindow
from explorer.cli.command_io import open_image, split_names

CONTENTS, STYLES = "astronaut,cat,coffee,village", "swirls,mosaic,glass,dots"
# Photographs and paintings by the names of their files, which may be in subfolders, or of samples.
TWELVE = (
    ("tubingen", "starry_night_google"),
    ("golden_gate", "the_scream"),
    ("astronaut", "shipwreck"),
    ("hoovertowernight", "starry_night_google"),
    ("tubingen", "the_scream"),
    ("cat", "mosaic"),
    ("village", "glass"),
    ("coffee", "dots"),
    ("golden_gate", "woodcut"),
    ("rocket", "swirls"),
    ("astronaut", "the_scream"),
    ("n02980441_castle", "shipwreck"),
)
# Side of the patches in pixels, and the number of sizes at which they are compared: each size is
# half of the one before, so patches cover 5, 10 and 20 pixels.
PATCH, SIZES = 5, 3
# Number of random directions of the sliced distance, number of quantiles, and the seed of the
# directions.
DIRECTIONS, QUANTILES, SEED = 128, 256, 0
# Layout of the sheet in pixels.
GAP, HEADING = 6, 26


@dataclass(frozen=True)
class Measures:
    """The measures of one result, see the module's docstring."""

    content: float
    edges: float
    patches: float
    colours: float
    seconds: float


@dataclass(frozen=True)
class Pair:
    """A photograph and a painting, rendered with each loss.

    Attributes:
        content, style: names of both images.
        pictures: the photograph, the painting and the results in the order of the losses.
        measures: measures by name of the loss.
    """

    content: str
    style: str
    pictures: tuple[Image.Image, ...]
    measures: Mapping[str, Measures]


def patch_distance(image: Tensor, painting: Tensor, side: int, sizes: int = SIZES) -> float:
    """Return the sliced Wasserstein distance between the patches of pixels of two images.

    Patches are projected on random directions. For each direction the distance is the root of the
    mean squared difference of quantiles (Rabin, Peyre, Delon and Bernot 2011). The result is the
    mean over directions and sizes, in units of the range of pixels.

    Args:
        image, painting: ``[1, 3, H, W]`` in ``[0, 1]``, of any sizes.
        side: side of the patches in pixels.
        sizes: number of sizes at which patches are compared; each is half of the one before.
    """
    generator = torch.Generator().manual_seed(SEED)
    directions = torch.randn(DIRECTIONS, 3, side, side, generator=generator)
    directions /= directions.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    # The kernels have a sum of squares of 1. Divided by the root of the number of values in a
    # patch, the distance of two patches that differ by 1 everywhere is about 1.
    found = []
    for _ in range(sizes):
        one, other = (
            _quantiles(F.conv2d(it, directions)[0].flatten(1)) for it in (image, painting)
        )
        found.append(float((one - other).square().mean(1).sqrt().mean()) / (3**0.5 * side))
        image, painting = halve(image), halve(painting)
    return statistics.mean(found)


def _quantiles(values: Tensor) -> Tensor:
    """Return evenly spaced quantiles of each row, ``[K, P]`` to ``[K, QUANTILES]``."""
    places = torch.linspace(0, values.shape[1] - 1, QUANTILES, dtype=torch.float64)
    return values.sort(1).values[:, places.round().long()]


def measure(
    judge: Network, layers: Sequence[str], inputs: StyleInputs, image: Tensor, painting: Tensor
) -> dict[str, float]:
    """Return all measures of a result but its time, by name.

    Args:
        judge: the network that measures content.
        layers: its layers.
        inputs: the opened images.
        image: the result, ``[1, 3, H, W]``.
        painting: the painting in the size in which it is the target, ``[1, 3, h, w]``.
    """
    photograph = inputs.content
    if photograph is None:
        raise ValueError("there is no photograph to compare with")
    padding = padding_for(judge, layers)
    before, after = (judge.activations(padding(it), layers) for it in (photograph, image))
    terms = [losses.content(it, before[it]) for it in layers]
    content = [float(it.loss(it.sums(after[it.layer], LayerWindow()))) for it in terms]

    def relative(side: int, sizes: int) -> float:
        usual = patch_distance(photograph, painting, side, sizes)
        return patch_distance(image, painting, side, sizes) / usual if usual else 1.0

    return {
        "content": statistics.mean(content),
        "edges": edges_kept(photograph, image),
        "patches": relative(PATCH, SIZES),
        "colours": relative(1, 1),
    }


def compare(
    network: Network,
    judge: Network,
    pair: tuple[str, str],
    chosen: Sequence[str],
    settings: Mapping[str, Any],
    kept: Path | None = None,
) -> Pair:
    """Render a pair with each loss, and measure the results.

    ``kept`` is for ``paint``, and keeps the measures, too, by recipe and judge.
    """
    pictures = [open_image(it) for it in pair]
    inputs = {image_io.fingerprint(it): image_io.encode_png(it) for it in pictures}
    content, style = (image_io.fingerprint(it) for it in pictures)
    layers = transfer.plan(judge, content=content).content_layers
    shown: list[Image.Image] = []
    measures = {}
    for loss in chosen:
        recipe = transfer.plan(network, content=content, styles=(style,), loss=loss, **settings)
        image, seconds = paint(network, recipe, inputs, kept)
        opened = transfer.open_inputs(recipe, inputs, torch.device("cpu"), network.channels)
        painting = loss_builder.resize_style(recipe, opened.styles[0], opened.size)
        known = None if kept is None else kept / f"{recipe.key} {judge.fingerprint}.json"
        if known is not None and known.is_file():
            found = json.loads(known.read_text("utf-8"))
        else:
            found = measure(judge, layers, opened, image, painting)
            if known is not None:
                known.write_text(json.dumps(found) + "\n", "utf-8")
        measures[loss] = Measures(**found, seconds=seconds)
        if not shown and opened.content is not None:
            shown = [image_io.to_picture(it) for it in (opened.content, painting)]
        shown.append(image_io.to_picture(image))
        print(*pair, loss, f"{seconds:.1f} s", flush=True)
    return Pair(*pair, tuple(shown), measures)


def paint(
    network: Network, recipe: StyleRecipe, inputs: Mapping[str, bytes], kept: Path | None
) -> tuple[Tensor, float]:
    """Return the picture of a recipe, ``[1, 3, H, W]``, and the seconds that it took.

    Args:
        network: the network.
        recipe: the recipe.
        inputs: the encoded images of the recipe.
        kept: folder in which pictures are kept, by the key of their recipe; None for none.
    """
    stem = recipe.key if kept is None else kept / recipe.key
    picture, seconds = Path(f"{stem}.png"), Path(f"{stem}.txt")
    if kept is not None and seconds.is_file():
        found = image_io.to_tensor(image_io.open_picture(picture.read_bytes()))
        return found, float(seconds.read_text("utf-8"))
    began = time.perf_counter()
    *_, last = transfer.render(network, recipe, inputs)
    spent = time.perf_counter() - began
    image = last.pictures[0].image[None]
    if kept is not None:
        picture.write_bytes(image_io.encode_png(image_io.to_picture(image)))
        seconds.write_text(f"{spent}\n", "utf-8")
    return image, spent


def find_pictures(folder: Path) -> list[tuple[str, str]]:
    """Return the pairs ``TWELVE`` as paths of files in a folder, or names of samples.

    Raises:
        FileNotFoundError: the folder has no file of that name, and there is no such sample.
    """
    files = {it.stem: str(it) for it in sorted(folder.rglob("*")) if it.is_file()}

    def find(name: str) -> str:
        if name not in files and name not in (*samples.SAMPLES, *paintings.PAINTINGS):
            raise FileNotFoundError(f"{folder} has no picture {name}")
        return files.get(name, name)

    return [(find(content), find(style)) for content, style in TWELVE]


def draw_sheet(pairs: Sequence[Pair], chosen: Sequence[str]) -> Image.Image:
    """Draw all pictures: one row for each pair, one column for each loss, with measures."""
    width = max(it.width for pair in pairs for it in pair.pictures)
    heights = [HEADING + max(it.height for it in pair.pictures) for pair in pairs]
    columns = 2 + len(chosen)
    sheet, draw = blank_sheet(columns * (width + GAP), sum(heights) + GAP * len(pairs))
    top = 0
    for pair, height in zip(pairs, heights, strict=True):
        titles = [Path(it).stem for it in (pair.content, pair.style)]
        titles += [f"{it}: {_describe(pair.measures[it])}" for it in chosen]
        for column, (title, picture) in enumerate(zip(titles, pair.pictures, strict=True)):
            left = column * (width + GAP)
            draw_text(draw, (left + GAP, top + GAP // 2), title, HEADING - 2 * GAP)
            sheet.paste(picture, (left, top + HEADING))
        top += height + GAP
    return sheet


def _describe(found: Measures) -> str:
    return f"content {found.content:.2f}, edges {found.edges:.0%}, patches {found.patches:.2f}"


def average(pairs: Sequence[Pair], loss: str, baseline: str) -> dict[str, float]:
    """Return mean measures of a loss; the time is relative to the loss ``baseline``."""
    rows = [asdict(pair.measures[loss]) for pair in pairs]
    found = {name: statistics.mean(it[name] for it in rows) for name in rows[0]}
    del found["seconds"]
    ratios = [pair.measures[loss].seconds / pair.measures[baseline].seconds for pair in pairs]
    return {**found, "time": statistics.median(ratios)}


def _figures(pair: Pair) -> dict[str, Any]:
    """Return the names and the measures of a pair, for JSON."""
    names = {"content": pair.content, "style": pair.style}
    return names | {name: asdict(found) for name, found in pair.measures.items()}


def main(
    network: Annotated[str, typer.Option(help="The network that renders.")] = "sketchnet",
    weights: Annotated[Path | None, typer.Option(help="Its checkpoint.")] = None,
    judge: Annotated[str, typer.Option(help="The network that measures content.")] = "sketchnet",
    judge_weights: Annotated[Path | None, typer.Option(help="Its checkpoint.")] = None,
    contents: Annotated[str, typer.Option(help="Files or samples, with commas.")] = CONTENTS,
    styles: Annotated[str, typer.Option(help="Paintings, one for each content.")] = STYLES,
    only: Annotated[str, typer.Option(help="Some of the losses.")] = ",".join(LOSSES),
    size: Annotated[int, typer.Option(help="Longer side in pixels.", min=64)] = 256,
    steps: Annotated[int | None, typer.Option(help="Steps at each size.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Where the sheet goes.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures there.")] = None,
    twelve: Annotated[
        Path | None, typer.Option(help="Render the twelve pairs; the folder of their files.")
    ] = None,
    first: Annotated[int | None, typer.Option(help="Only so many pairs.", min=1)] = None,
    kept: Annotated[
        Path | None, typer.Option(help="Keep pictures there, with a sheet for each pair.")
    ] = None,
) -> None:
    """Render each pair with each loss, measure, and print a row for each loss."""
    allocator.keep_freed_memory()
    chosen = split_names(only)
    named = list(zip(split_names(contents), split_names(styles), strict=True))
    names = (named if twelve is None else find_pictures(twelve))[:first]
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
    loaded = registry.load(network, weights, device="cpu")
    judging = registry.load(judge, judge_weights, device="cpu")
    settings = {"size": size, "steps": steps}
    pairs = []
    for number, pair in enumerate(names, 1):
        pairs.append(compare(loaded, judging, pair, chosen, settings, kept))
        if kept is not None:
            stems = " ".join(Path(it).stem for it in pair)
            draw_sheet(pairs[-1:], chosen).save(kept / f"{network} {number:02} {stems}.png")
    rows = {loss: average(pairs, loss, chosen[0]) for loss in chosen}
    table = Table("loss", *rows[chosen[0]])
    for loss, row in rows.items():
        table.add_row(loss, *(f"{it:.3f}" for it in row.values()))
    Console(width=100).print(table)
    if sheet is not None:
        draw_sheet(pairs, chosen).save(sheet)
    if json_file is not None:
        report = {
            "processor": processor_name(),
            "network": network,
            "judge": judge,
            "size": size,
            "means": rows,
            "pairs": [_figures(it) for it in pairs],
        }
        json_file.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    typer.run(main)
