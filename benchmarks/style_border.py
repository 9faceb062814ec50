"""Lines along the border of style pictures: ``python -m benchmarks.style_border``.

Photographs, half of them with dark, flat parts at the border, are rendered, and the mean gradient
across each line parallel to the border is measured: the mean absolute difference between the pixels
at distance ``d - 1`` and ``d`` from the border, over all four sides and all channels. It is divided
by the mean over the lines at ``ELSEWHERE``.

A photograph has lines of its own, which remain in part: ``rocket`` has one of 2.5 times the mean at
8 pixels. How much remains in a picture is measured at ``ELSEWHERE`` by least squares, and that much
is subtracted. The rest is averaged over the pairs. A seam is a line whose gradient is larger than
those elsewhere.

border    the largest mean gradient of a line at most ``NEAR`` pixels from the border
at        the distance of that line in pixels
chance    the largest of as many lines that are elsewhere: how large it would be without a seam
with      the largest near the border, with the photographs' own lines
"""

import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.machine import processor_name
from core import allocator
from core.images import image_io
from core.networks import registry
from core.networks.network import Network
from core.style import transfer
from explorer.cli.command_io import open_image, split_names

# Three photographs with dark, even parts at the border, and others. With four pairs alone, single
# lines elsewhere reach 1.06 to 1.19 by chance.
CONTENTS = (
    "rocket,galaxies,retina,rocket,astronaut,coffee,village,cat,galaxies,retina,rocket,coffee"
)
STYLES = "swirls,dots,swirls,mosaic,swirls,mosaic,dots,glass,swirls,mosaic,glass,woodcut"
# Lines up to this distance in pixels count as near the border.
NEAR = 24
# Distances in pixels of the lines that others are compared with.
ELSEWHERE = range(32, 80)


def profile(image: Tensor) -> Tensor:
    """Return the relative mean gradient across each line parallel to the border.

    Args:
        image: ``[1, C, H, W]``; both sides are longer than twice the largest distance.

    Returns:
        ``[D]``: the value at index ``d - 1`` is that between the pixels at distance ``d - 1`` and
        ``d`` from the border, for all distances up to the end of ``ELSEWHERE``.
    """
    sides = (image, image.flip(2), image.mT, image.mT.flip(2))
    lines = [it[:, :, : ELSEWHERE.stop].diff(dim=2).abs() for it in sides]  # [1, C, D, W or H]
    gradients = torch.cat([it.mean(1)[0] for it in lines], 1).mean(1)
    return gradients / gradients[ELSEWHERE.start - 1 :].mean()


def without_photograph(painted: Tensor, photograph: Tensor) -> Tensor:
    """Return the profile of a picture ``[D]`` without the lines that its photograph has.

    Both profiles are 1 on average at ``ELSEWHERE``. The share of the photograph's profile that is
    subtracted is the slope of the regression of the picture's on it there.
    """
    own, lines = (it - 1 for it in (painted, photograph))
    elsewhere = slice(ELSEWHERE.start - 1, None)
    slope = (own[elsewhere] @ lines[elsewhere]) / lines[elsewhere].square().sum()
    return painted - slope * lines


def summarise(profiles: Sequence[Tensor], photographs: Sequence[Tensor]) -> dict[str, float]:
    """Return ``border``, ``at``, ``chance`` and ``with`` of several pictures.

    Args:
        profiles: the profiles of the pictures, ``[D]`` each.
        photographs: the profiles of their photographs.
    """
    pairs = zip(profiles, photographs, strict=True)
    mean = torch.stack([without_photograph(*it) for it in pairs]).mean(0)
    near, elsewhere = mean[:NEAR], mean[ELSEWHERE.start - 1 :]
    return {
        "border": float(near.max()),
        "at": int(near.argmax()) + 1,
        "chance": float(elsewhere[:NEAR].max()),
        "with": float(torch.stack(list(profiles)).mean(0)[:NEAR].max()),
    }


def render(
    network: Network, pair: tuple[str, str], settings: dict[str, Any]
) -> tuple[Tensor, Tensor, float]:
    """Render a pair.

    Returns:
        The picture and the photograph, ``[1, 3, H, W]`` each, and the seconds that it took.
    """
    pictures = [open_image(it) for it in pair]
    inputs = {image_io.fingerprint(it): image_io.encode_png(it) for it in pictures}
    content, style = (image_io.fingerprint(it) for it in pictures)
    recipe = transfer.plan(network, content=content, styles=(style,), **settings)
    began = time.perf_counter()
    *_, last = transfer.render(network, recipe, inputs)
    seconds = time.perf_counter() - began
    photograph = transfer.open_inputs(recipe, inputs, network.device, network.channels).content
    if photograph is None:
        raise ValueError("there is no photograph to compare with")
    return last.pictures[0].image[None], photograph.cpu(), seconds


def main(
    network: Annotated[str, typer.Option(help="The network that renders.")] = "sketchnet",
    weights: Annotated[Path | None, typer.Option(help="Its checkpoint.")] = None,
    contents: Annotated[str, typer.Option(help="Files or samples, with commas.")] = CONTENTS,
    styles: Annotated[str, typer.Option(help="Paintings, one for each content.")] = STYLES,
    sizes: Annotated[str, typer.Option(help="Longer sides in pixels.")] = "256,512",
    loss: Annotated[str | None, typer.Option(help="The style loss.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps at each size.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Where the pictures go.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures there.")] = None,
) -> None:
    """Render all pairs at each size, and print the largest gradients near the border."""
    allocator.keep_freed_memory()
    loaded = registry.load(network, weights, device="cpu")
    pairs = list(zip(split_names(contents), split_names(styles), strict=True))
    table = Table("network", "size", "border", "at", "chance", "with", "seconds")
    rows = []
    for size in map(int, split_names(sizes)):
        profiles, photographs, seconds = [], [], []
        for pair in pairs:
            settings = {"size": size, "steps": steps, "loss": loss}
            image, photograph, spent = render(loaded, pair, settings)
            profiles.append(profile(image))
            photographs.append(profile(photograph))
            seconds.append(spent)
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                stems = " ".join(Path(it).stem for it in pair)
                image_io.to_picture(image).save(folder / f"{network} {size} {stems}.png")
        found = summarise(profiles, photographs)
        spent = statistics.median(seconds)
        table.add_row(
            network,
            f"{size} px",
            f"{found['border']:.2f}",
            f"{found['at']} px",
            f"{found['chance']:.2f}",
            f"{found['with']:.2f}",
            f"{spent:.1f}",
        )
        mean = torch.stack(profiles).mean(0)
        rows.append({"size": size, **found, "seconds": spent, "profile": mean.tolist()})
    Console(width=100).print(table)
    if json_file is not None:
        report = {"processor": processor_name(), "network": network, "rows": rows}
        json_file.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    typer.run(main)
