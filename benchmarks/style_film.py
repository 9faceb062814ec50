"""Flicker of painted films: ``python -m benchmarks.style_film``.

Drawn scenes with known motion (``benchmarks.moving_scenes``) are painted in two ways: as a film,
and frame by frame, each frame as a single style transfer with the same seed. Columns:

flicker    root mean square difference, in percent of the range, between a painted frame and the one
           before, moved by the exact motion, where the same is visible in both by the drawing
long       the same for frames that are ``LONG`` apart
style      the style losses relative to frame by frame: 1.05 is 5 % more loss, so less style
strength   share of the film's own distance from the painting's style that is gone, relative to
           frame by frame; the losses of the unpainted frame are where single transfers start
content    the same for the content losses
light      mean of the last frames, minus that of the same frames frame by frame, in percent
contrast   standard deviation of the last frames relative to frame by frame
colour     mean distance of their colours from grey, relative to frame by frame
detail     mean squared difference of neighbouring pixels, relative: below 1 is smeared
time       seconds relative to frame by frame

``--flow`` measures the estimated motion alone: its mean error in pixels, and how much of what is
visible in both frames, and of what is not, counts as visible.

``--sheet`` draws frames of both ways below each other. Look at it: no figure shows ghosts.
"""

import json
import statistics
import time
from collections.abc import Sequence
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
from benchmarks.moving_scenes import SIZE, Scene, scenes
from core import allocator
from core.figures.layout import blank_sheet, draw_text
from core.images import image_io, motion
from core.networks import registry
from core.networks.network import Network
from core.recipes.style_film import StyleFilmRecipe
from core.style import film, transfer
from explorer.cli.command_io import open_image, split_names

# Distance in frames of the column ``long``, and the share of the film that counts as its end.
LONG, END = 6, 0.25
# The rim of a frame, in pixels, where new things come in and nothing is to be found.
BORDER = 8
# Layout of the sheet in pixels, and how many frames it shows.
GAP, HEADING, SHOWN = 4, 22, 6


@dataclass(frozen=True)
class Painted:
    """A painted film.

    Attributes:
        frames: ``[T, 3, H, W]`` in ``[0, 1]``.
        losses: for each frame its losses at the end, by name.
        starts: for each frame the same at the start; of a single transfer, those of its content.
        seconds: how long it took.
    """

    frames: Tensor
    losses: tuple[dict[str, float], ...]
    starts: tuple[dict[str, float], ...]
    seconds: float


@dataclass(frozen=True)
class Measures:
    """The measures of a film, see the module's docstring."""

    flicker: float
    long: float
    style: float
    strength: float
    content: float
    light: float
    contrast: float
    colour: float
    detail: float
    time: float


def warp_error(scene: Scene, frames: Tensor, apart: int = 1) -> float:
    """Return the root mean square difference of frames from moved earlier ones, in percent.

    Args:
        scene: the drawn scene, with its exact motion.
        frames: painted frames, ``[T, 3, SIZE, SIZE]`` in ``[0, 1]``.
        apart: number of frames between both.
    """
    squares = []
    for number in range(apart, len(frames)):
        places, visible = scene.motion(number, apart)
        before, now = frames[number - apart : number - apart + 1], frames[number : number + 1]
        moved = F.grid_sample(
            before, places, "bicubic", padding_mode="reflection", align_corners=False
        )
        seen = visible.expand_as(now)
        squares.append(float((moved - now).square()[seen].mean()))
    return 100 * statistics.fmean(squares) ** 0.5


def paint_film(network: Network, pictures: Sequence[Image.Image], **settings: Any) -> Painted:
    """Paint pictures as a film."""
    inputs = _inputs(pictures, settings)
    first, *rest = (image_io.fingerprint(it) for it in pictures)
    recipe = film.plan(
        network, content=first, clip=tuple(rest), frames=len(pictures), **_named(settings)
    )
    began = time.perf_counter()
    found = [it for step in film.render(network, recipe, inputs) for it in step.pictures]
    return _painted([(it.image, it.facts["losses"]) for it in found], began)


def paint_single(network: Network, pictures: Sequence[Image.Image], **settings: Any) -> Painted:
    """Paint each picture by itself, with the same seed."""
    inputs = _inputs(pictures, settings)
    own = ("keep", "frame_steps")
    usual = {it: settings[it] for it in settings if it not in own}
    began, found = time.perf_counter(), []
    for picture in pictures:
        name = image_io.fingerprint(picture)
        recipe = transfer.plan(network, content=name, **_named(usual))
        *_, last = transfer.render(network, recipe, inputs)
        # Rounded as the frames of a film are.
        image = image_io.from_bytes(image_io.to_bytes(last.pictures[0].image[None]))[0]
        found.append((image, last.pictures[0].facts["losses"]))
    return _painted(found, began)


def _inputs(pictures: Sequence[Image.Image], settings: dict[str, Any]) -> dict[str, bytes]:
    opened = (*pictures, settings["painting"])
    return {image_io.fingerprint(it): image_io.encode_png(it) for it in opened}


def _named(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings with the painting's fingerprint in its place."""
    own = {name: it for name, it in settings.items() if name != "painting"}
    return {**own, "styles": (image_io.fingerprint(settings["painting"]),)}


def _painted(found: Sequence[tuple[Tensor, Any]], began: float) -> Painted:
    losses = [json.loads(str(it)) for _, it in found]
    starts, ends = (
        tuple({name: float(it[when]) for name, it in each.items()} for each in losses)
        for when in ("start", "end")
    )
    frames = torch.stack([it for it, _ in found])
    return Painted(frames, ends, starts, time.perf_counter() - began)


def measure(scene: Scene, painted: Painted, single: Painted) -> Measures:
    """Return the measures of a film beside those of the same frames painted one by one."""
    last = max(1, round(END * len(painted.frames)))
    end, other = (it.frames[-last:] for it in (painted, single))

    def total(losses: dict[str, float], kind: str) -> float:
        return sum(it for name, it in losses.items() if name.startswith(kind))

    def relative(kind: str) -> float:
        pairs = zip(painted.losses, single.losses, strict=True)
        return statistics.fmean(total(one, kind) / total(two, kind) for one, two in pairs)

    def strength(side: Painted) -> float:
        pairs = zip(side.losses, single.starts, strict=True)
        return statistics.fmean(
            1 - total(it, "style") / total(start, "style") for it, start in pairs
        )

    return Measures(
        flicker=warp_error(scene, painted.frames),
        long=warp_error(scene, painted.frames, min(LONG, len(painted.frames) - 1)),
        style=relative("style"),
        strength=strength(painted) / strength(single),
        content=relative("content"),
        light=100 * float(end.mean() - other.mean()),
        contrast=float(end.std() / other.std()),
        colour=_chroma(end) / _chroma(other),
        detail=_detail(end) / _detail(other),
        time=painted.seconds / single.seconds,
    )


def _chroma(frames: Tensor) -> float:
    return float((frames - frames.mean(1, keepdim=True)).square().sum(1).sqrt().mean())


def _detail(frames: Tensor) -> float:
    return float(sum(frames.diff(dim=it).square().mean() for it in (2, 3)))


def flow_errors(scene: Scene, smooth: bool, number: int = 6) -> dict[str, float]:
    """Return how far the estimated motion between two frames of a scene is from the exact one.

    Args:
        scene: the drawn scene.
        smooth: which flow is measured, see ``motion.optical_flow``.
        number: number of the later frame.
    """
    before, now = scene.frame(number - 1), scene.frame(number)
    places, visible = scene.motion(number)
    backward, forward = (motion.optical_flow(*it, smooth) for it in ((now, before), (before, now)))
    found, seen, _ = motion.visibility(before, now, backward, forward)
    apart = (found - places).square().sum(3).sqrt()[:, None] * (SIZE / 2)
    inner = torch.zeros_like(visible)
    inner[..., BORDER:-BORDER, BORDER:-BORDER] = True
    hidden = ~visible & inner
    return {
        "error": float(apart[visible].mean()),
        "visible": float(seen[visible].mean()),
        "hidden": float(seen[hidden].mean()) if bool(hidden.any()) else 0.0,
    }


def print_flows() -> None:
    """Measure both kinds of flow in each scene, and print a table."""
    table = Table("scene", "flow", "error", "visible", "hidden")
    for scene in scenes():
        for smooth in (False, True):
            found = flow_errors(scene, smooth)
            name = "smooth" if smooth else "in windows"
            table.add_row(scene.name, name, *(f"{it:.3f}" for it in found.values()))
    Console(width=100).print(table)


def draw_sheet(rows: Sequence[tuple[str, Tensor]]) -> Image.Image:
    """Draw frames of films, one film a row."""
    numbers = torch.linspace(0, len(rows[0][1]) - 1, SHOWN).round().int().tolist()
    sheet, draw = blank_sheet(len(numbers) * (SIZE + GAP), len(rows) * (SIZE + HEADING + GAP))
    for at, (title, frames) in enumerate(rows):
        top = at * (SIZE + HEADING + GAP)
        draw_text(draw, (GAP, top + GAP), title, HEADING - 2 * GAP)
        for column, number in enumerate(numbers):
            picture = image_io.to_picture(frames[number])
            sheet.paste(picture, (column * (SIZE + GAP), top + HEADING))
    return sheet


def main(
    network: Annotated[str, typer.Option(help="The network that renders.")] = "sketchnet",
    weights: Annotated[Path | None, typer.Option(help="Its checkpoint.")] = None,
    styles: Annotated[str, typer.Option(help="Paintings, with commas.")] = "swirls,mosaic",
    frames: Annotated[int, typer.Option(help="Frames of each scene.", min=2)] = 8,
    steps: Annotated[int, typer.Option(help="Steps at each size.", min=1)] = 20,
    frame_steps: Annotated[
        int, typer.Option(help="Steps of later frames.", min=1)
    ] = StyleFilmRecipe.frame_steps,
    keep: Annotated[
        str, typer.Option(help="Weights of the temporal loss, with commas.")
    ] = f"{StyleFilmRecipe.keep:g}",
    only: Annotated[str, typer.Option(help="Some of the scenes; all by default.")] = "",
    flow: Annotated[bool, typer.Option("--flow", help="Measure the motion alone.")] = False,
    sheet: Annotated[Path | None, typer.Option(help="Where the sheet goes.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures there.")] = None,
) -> None:
    """Paint each scene as a film and frame by frame, measure, and print a table."""
    if flow:
        print_flows()
        return
    allocator.keep_freed_memory()
    loaded = registry.load(network, weights, device="cpu")
    table = Table("scene", "painting", "painted", *Measures.__annotations__)
    rows: list[dict[str, Any]] = []
    shown: list[tuple[str, Tensor]] = []
    chosen = [it for it in scenes() if not only or it.name in split_names(only)]
    for style in split_names(styles):
        painting = open_image(style)
        for scene in chosen:
            drawn = [image_io.to_picture(scene.frame(it)) for it in range(frames)]
            settings = {"painting": painting, "size": SIZE, "steps": steps}
            single = paint_single(loaded, drawn, **settings)
            sides = {"frame by frame": single}
            for weight in split_names(keep):
                own = {"keep": float(weight), "frame_steps": frame_steps}
                sides[f"film, keep {weight}"] = paint_film(loaded, drawn, **settings, **own)
            for name, painted in sides.items():
                found = asdict(measure(scene, painted, single))
                rows.append({"scene": scene.name, "style": style, "painted": name, **found})
                table.add_row(scene.name, style, name, *(f"{it:.3g}" for it in found.values()))
                shown.append((f"{scene.name}, {style}, {name}", painted.frames))
                print(scene.name, style, name, f"{found['flicker']:.3g}", flush=True)
    Console(width=150).print(table)
    means = _means(rows)
    print(json.dumps(means, indent=2))
    if sheet is not None:
        draw_sheet(shown).save(sheet)
    if json_file is not None:
        report = {
            "processor": processor_name(),
            "network": network,
            "frames": frames,
            "steps": steps,
            "frame_steps": frame_steps,
            "means": means,
            "rows": rows,
        }
        json_file.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


def _means(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the mean of each measure over scenes and paintings, for each way of painting."""
    names = list(dict.fromkeys(it["painted"] for it in rows))
    return {
        name: {
            field: statistics.fmean(it[field] for it in rows if it["painted"] == name)
            for field in Measures.__annotations__
        }
        for name in names
    }


if __name__ == "__main__":
    typer.run(main)
