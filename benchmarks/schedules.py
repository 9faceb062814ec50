"""Benchmark of schedules: ``python -m benchmarks.schedules --weights FILE``.

Two schedules that may save work are compared with plain optimisation.

*Stopping early*: each unit is optimised separately and stops as soon as its activation hardly grows
any more. This is the best case, as if a converged unit could leave a batch at no cost.

*Coarse to fine*: a part of the work is done at half the height and width, where a step costs a
quarter. Then the image is brought to full size in one of two ways: it is enlarged, or it is padded
by reflection, which keeps the size of its patterns.

Work is counted in steps at full size. A clean activation is the activation of a unit for the
finished image, without random transforms. A schedule is useful if it reaches a higher clean
activation than plain optimisation with the same work.
"""

import json
import statistics
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from core import allocator
from core.errors import ExplorerError
from core.images import image_io
from core.networks import registry
from core.networks.network import Network
from core.optim import objectives
from core.optim.ascent import AscentSettings, ascend
from core.optim.canvases import Fourier
from core.optim.transforms import RandomAffine

LAYERS = {
    "squeezenet1_0": "features.4,features.7,features.12,logits",
    registry.SKETCHNET: "relu3b,relu5b,logits",
}
# Share of the work that is done at half the size. A step there is a quarter of a step at full size.
COARSE = 0.25
PATIENCE = 32  # ``AscentSettings.patience`` of stopping early


class Trial:
    """Some units of one layer, which are optimised by different schedules."""

    def __init__(self, network: Network, layer: str, units: list[int], size: int) -> None:
        self.network, self.layer, self.units, self.size = network, layer, units, size

    def optimise(
        self, units: list[int], settings: AscentSettings, size: int, start: Tensor | None = None
    ) -> tuple[Tensor, int]:
        """Maximise the activation of units, starting from the images ``start`` if they are given.

        Returns:
            The images ``[N, 3, size, size]``, and the number of steps.
        """
        canvas = Fourier((size, size), units, self.network.device)
        if start is not None:
            canvas.set_image(start)
        generator = torch.Generator().manual_seed(0)
        objective = objectives.channels(self.layer, units)
        steps = 0
        for _ in ascend(self.network, objective, canvas, settings, RandomAffine(), generator):
            steps += 1
        image: Tensor = canvas().detach()
        return image, steps

    def straight(self, steps: int) -> tuple[Tensor, float]:
        """Optimise by the plain schedule; return the images and the work in steps."""
        return self.optimise(self.units, AscentSettings(steps, patience=0), self.size)

    def stopping(self, steps: int) -> tuple[Tensor, float]:
        """Optimise each unit until its activation converges, for at most ``steps`` steps.

        Returns:
            The images, and the mean number of steps over units.
        """
        settings = AscentSettings(steps, patience=PATIENCE)
        each = [self.optimise([unit], settings, self.size) for unit in self.units]
        return torch.cat([it for it, _ in each]), statistics.mean(taken for _, taken in each)

    def coarse(self, steps: int, mirrored: bool) -> tuple[Tensor, float]:
        """Optimise at half the size for a part of the work, then at full size.

        Args:
            steps: work of both parts together, in steps at full size.
            mirrored: whether images are padded by reflection to full size; otherwise enlarged.

        Returns:
            The images, and the work in steps at full size.
        """
        settings = AscentSettings(round(4 * COARSE * steps), patience=0)
        small, _ = self.optimise(self.units, settings, self.size // 2)
        if mirrored:
            quarter = self.size // 4
            start = F.pad(small, (quarter,) * 4, mode="reflect")
        else:
            start = F.interpolate(small, (self.size, self.size), mode="bilinear").clamp(0, 1)
        fine = replace(settings, steps=steps - round(COARSE * steps), redirect_relu_steps=0)
        return self.optimise(self.units, fine, self.size, start)[0], float(steps)

    def clean(self, image: Tensor) -> float:
        """Return the median over units of the activation of each unit for its image."""
        seen = self.network.activations(image, [self.layer])
        return float(objectives.channels(self.layer, self.units)(seen).median())


def main(
    weights: Annotated[Path | None, typer.Option(help="A checkpoint.")] = None,
    network: Annotated[str, typer.Option(help="The network's name.")] = "squeezenet1_0",
    layers: Annotated[str, typer.Option(help="Its layers, separated by commas.")] = "",
    units: Annotated[int, typer.Option(help="How many units of each.", min=1)] = 8,
    size: Annotated[int, typer.Option(help="Height and width.", min=64)] = 128,
    steps: Annotated[int, typer.Option(help="Steps of the straight way.", min=16)] = 64,
    long: Annotated[int, typer.Option(help="Steps after which the patient stop.", min=64)] = 512,
    out: Annotated[Path | None, typer.Option(help="A PNG: a row for each way.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Try all ways at every layer."""
    allocator.keep_freed_memory()
    loaded = registry.load(network, weights)
    rows: list[dict[str, Any]] = []
    tiles = []
    for name in (layers or LAYERS[network]).split(","):
        layer = loaded.shown[-1] if name == "logits" else loaded.layer(name)
        trial = Trial(loaded, layer.name, [8 * unit for unit in range(units)], size)
        ways = {
            f"straight, {steps}": trial.straight(steps),
            f"enlarged, {steps}": trial.coarse(steps, mirrored=False),
            f"mirrored, {steps}": trial.coarse(steps, mirrored=True),
        }
        if long:
            stopped = trial.stopping(long)
            ways[f"stopping, {long} at most"] = stopped
            ways["straight, as long as those"] = trial.straight(round(stopped[1]))
            ways[f"straight, {long}"] = trial.straight(long)
        for way, (image, work) in ways.items():
            found = {"layer": layer.name, "way": way, "work": work, "clean": trial.clean(image)}
            rows.append(found)
            tiles.append(image)
    table = Table("layer", "way", "work in steps", "clean activation")
    for row in rows:
        table.add_row(row["layer"], row["way"], f"{row['work']:.0f}", f"{row['clean']:.4g}")
    Console().print(table)
    if out is not None:
        image_io.to_picture(image_io.montage(torch.cat(tiles), columns=units)).save(out)
    if json_file is not None:
        json_file.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        typer.run(main)
    except ExplorerError as error:
        sys.exit(f"error: {error}")
