"""Benchmark of the steps of feature visualisations: ``python -m benchmarks.steps``.

The same units are maximised with several settings of Adam: number of steps, learning rate, decay
rates of the two moments, length of the final phase in which the steps become smaller (cooldown),
and damping (epsilon). The first setting is the baseline. A clean activation is the value of the
objective for the finished image, without random transforms.

For each layer and each setting, the table gives

- the median, over units and seeds, of the clean activation relative to that of the baseline, and
  the tenth percentile, because a setting may fail for a few units only;
- the share of saturated colour values, that is, of values outside of ``DARKEST .. LIGHTEST``;
- the share of the images' variance in high frequencies (``core.neurons.fine_grain``);
- for the logits of SketchNet, the number of class pictures that the judge names correctly
  (``benchmarks.judge``).
"""

import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks import judge
from core import allocator
from core.datasets import samples
from core.errors import ExplorerError
from core.images import image_io
from core.networks import registry
from core.networks.network import Network
from core.neurons import render_neurons
from core.neurons.recipe_objective import build_objective
from core.optim.ascent import AscentSettings
from core.optim.canvases import DARKEST, LIGHTEST
from core.recipes.neuron import LAYER_OBJECTIVES, NeuronRecipe

LAYERS = {
    registry.SKETCHNET: "relu1b,relu2b,relu3b,relu4b,relu5b,logits",
    "squeezenet1_0": "features.1,features.4,features.7,features.12",
}
# Settings by default: those of the explorer until November 2026, its present ones, and fewer steps.
SETTINGS = ("64,0.25,0.9,0.999", "32,0.5,0.3,0.99", "28,0.56,0.3,0.99")
SIDE = 128  # side of a picture on the sheet, in pixels
TABLE_WIDTH = 132
NO_INPUTS: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True)
class Setting:
    """Settings of an ascent; ``damping`` None for the canvas's default."""

    steps: int
    rate: float
    first: float
    second: float
    cooldown: float = 0.5
    damping: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Setting":
        """Read a setting such as ``32,0.5,0.3,0.99``, with cooldown and damping if given."""
        try:
            steps, *others = text.split(",")
            return cls(int(steps), *map(float, others))
        except (TypeError, ValueError) as error:
            raise ExplorerError(
                f"{text!r} is no setting; write steps, learning rate, two betas and, if you like, "
                "cooldown and damping, such as 32,0.5,0.3,0.99"
            ) from error


@dataclass(frozen=True)
class Made:
    """The images that one setting made, ``[N, 3, H, W]``, their values, and the CPU seconds."""

    images: Tensor
    values: tuple[float, ...]
    fineness: tuple[float, ...]
    seconds: float


def make(
    network: Network,
    recipe: NeuronRecipe,
    setting: Setting,
    inputs: Mapping[str, bytes] = NO_INPUTS,
) -> Made:
    """Render a recipe with another setting than the recipe's own."""
    pictures, began = [], time.process_time()
    image = render_neurons.open_recipe_image(network, recipe, inputs)
    for part in recipe.parts():
        objective = build_objective(network, part, image)
        canvas = render_neurons.create_canvas(network, part, image, inputs)
        canvas.betas = (setting.first, setting.second)
        settings = AscentSettings(setting.steps, setting.rate, setting.damping, setting.cooldown)
        for _ in render_neurons.climb(network, part, objective, canvas, settings):
            pass
        pictures += render_neurons.measure_final(network, part, objective, canvas)
    seconds = time.process_time() - began
    images = torch.stack([it.image for it in pictures])
    return Made(
        images,
        tuple(it.activation for it in pictures),
        tuple(it.fineness for it in pictures),
        seconds,
    )


def compare(
    recipe: NeuronRecipe, sides: Sequence[list[Made]], settings: Sequence[Setting], judged: bool
) -> list[dict[str, Any]]:
    """Return what was measured of one layer, for each setting.

    Args:
        recipe: recipe of the layer; only its names are used.
        sides: for each setting, what it made with each seed.
        settings: the settings; the first one is the baseline.
        judged: whether the images are SketchNet's class pictures, all of them, for the judge.
    """
    arbiter = judge.load() if judged else None
    baseline = [value for made in sides[0] for value in made.values]
    sign = -1 if recipe.negative else 1
    rows = []
    for setting, some in zip(settings, sides, strict=True):
        values = [value for made in some for value in made.values]
        ratios = sorted(
            value / before
            for value, before in zip(values, baseline, strict=True)
            if sign * before > 0
        )
        images = torch.cat([made.images for made in some])
        row = {
            "layer": recipe.layer,
            **asdict(setting),
            "pictures": len(values),
            "compared": len(ratios),
            "ratio": statistics.median(ratios),
            "tenth": ratios[len(ratios) // 10],
            "saturated": float(((images < DARKEST) | (images > LIGHTEST)).float().mean()),
            "fineness": statistics.mean(it for made in some for it in made.fineness),
            "cpu_seconds": sum(made.seconds for made in some) / len(values),
        }
        if arbiter is not None:
            named = [judge.answers(arbiter, made.images) for made in some]
            row["named"] = sum(int((it == torch.arange(len(it))).sum()) for it in named)
        rows.append(row)
    return rows


def show(rows: Sequence[dict[str, Any]], console: Console) -> None:
    """Print the table."""
    table = Table("layer", "setting", "pictures", "clean", "10 %", "saturated", "fine")
    table.add_column("named")
    table.add_column("CPU s each")
    for row in rows:
        damping = "" if row["damping"] is None else f", damping {row['damping']:g}"
        setting = (
            f"{row['steps']} x {row['rate']:g}, betas {row['first']:g} {row['second']:g}, "
            f"cooldown {row['cooldown']:g}{damping}"
        )
        table.add_row(
            row["layer"],
            setting,
            str(row["pictures"]),
            f"{row['ratio']:.3f}",
            f"{row['tenth']:.3f}",
            f"{row['saturated']:.2%}",
            f"{row['fineness']:.3f}",
            str(row.get("named", "")),
            f"{row['cpu_seconds']:.3f}",
        )
    console.print(table)


def sheet(sides: Sequence[list[Made]], columns: int) -> Tensor:
    """Return the first seed's first ``columns`` images of each setting, one row per setting."""
    rows = [made[0].images[:columns] for made in sides]
    return torch.cat([torch.nn.functional.interpolate(it, (SIDE, SIDE)) for it in rows])


def spread(first: int, count: int, channels: int) -> list[int]:
    """Return at most ``count`` units, at equal distances from ``first`` on."""
    count = min(count, channels)
    return [(first + index * channels // count) % channels for index in range(count)]


def main(
    network: Annotated[str, typer.Option(help="The network's name.")] = registry.SKETCHNET,
    weights: Annotated[Path | None, typer.Option(help="A checkpoint.")] = None,
    layers: Annotated[str, typer.Option(help="Some of its layers, separated by commas.")] = "",
    units: Annotated[int, typer.Option(help="Units of each layer, spread evenly.", min=1)] = 16,
    first: Annotated[int, typer.Option(help="The first of them.", min=0)] = 0,
    size: Annotated[int | None, typer.Option(help="Height and width.", min=16)] = None,
    seeds: Annotated[str, typer.Option(help="Separated by commas.")] = "0",
    canvas: Annotated[str, typer.Option(help="fourier, pixels or maco.")] = "fourier",
    objective: Annotated[str, typer.Option(help="As of the command neurons.")] = "channel",
    negative: Annotated[bool, typer.Option("--negative", help="Minimise it.")] = False,
    sample: Annotated[
        str, typer.Option(help="One of our pictures, for a caricature or an inversion: cat.")
    ] = "",
    count: Annotated[int, typer.Option(help="Pictures of each unit.", min=1)] = 1,
    settings: Annotated[
        list[str] | None, typer.Option("--try", help="steps,rate,beta,beta[,cooldown[,damping]]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A PNG: a row for each setting.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Compare settings at every layer."""
    allocator.keep_freed_memory()
    loaded = registry.load(network, weights)
    tried = [Setting.parse(text) for text in settings or SETTINGS]
    inputs = [samples.picture(sample)] if sample else []
    encoded = {image_io.fingerprint(it): image_io.encode_png(it) for it in inputs}
    own: dict[str, Any] = {
        "canvas": canvas,
        "objective": objective,
        "negative": negative,
        "count": count,
        "image": next(iter(encoded), ""),
    }
    rows: list[dict[str, Any]] = []
    tiles: list[Tensor] = []
    for name in (layers or LAYERS.get(network, loaded.shown[-1].name)).split(","):
        layer = loaded.layer(name)
        logits = network == registry.SKETCHNET and layer.name == "logits"
        chosen = [] if objective in LAYER_OBJECTIVES else spread(first, units, layer.channels)
        if logits:
            chosen = list(range(layer.channels))  # the judge is asked about every class
        recipes = [
            render_neurons.plan(loaded, layer.name, chosen, size, seed=int(seed), **own)
            for seed in seeds.split(",")
        ]
        sides = [[make(loaded, recipe, it, encoded) for recipe in recipes] for it in tried]
        judged = logits and objective == "channel" and not negative and count == 1
        rows += compare(recipes[0], sides, tried, judged)
        tiles.append(sheet(sides, units * count))
        if json_file is not None:
            json_file.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        if out is not None:
            columns = len(tiles[0]) // len(tried)
            image_io.to_picture(image_io.montage(torch.cat(tiles), columns=columns)).save(out)
    show(rows, Console(width=TABLE_WIDTH))


if __name__ == "__main__":
    try:
        typer.run(main)
    except ExplorerError as error:
        sys.exit(f"error: {error}")
