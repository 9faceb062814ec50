"""Benchmark of the settings of L-BFGS for style: ``python -m benchmarks.style_optimiser``.

A style transfer starts from the content image and is optimised by L-BFGS at full size only. It is
repeated with other settings, each of which differs in one thing from what ships: the
preconditioner (see ``core.style.style_canvas.FrequencyPreconditioner``), the history, the first
step, the precision, or a start at half the size. The table gives the loss after some numbers of
steps, measured as in ``benchmarks.style``, and after how many steps a setting has the loss that
what ships has after 60 steps. Steps at half the size count as a quarter. Times are not measured.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any
from unittest import mock

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.style_sides import Loss, StyleTask, exact, explorer
from core.networks import registry
from core.optim import lbfgs
from core.style import style_canvas

STEPS = (10, 20, 40, 60, 80)  # steps after which the loss is measured
SHIPS = "as it ships"
# Frequency in cycles per pixel above which the other preconditioner damps all frequencies alike,
# and its factor for the contrast of red and blue.
EVEN_ABOVE, RED_BLUE = 0.1, 2.0
# Directions of colour: brightness, red against blue, and green against both; rows of length 1.
DIRECTIONS = (
    (3**-0.5, 3**-0.5, 3**-0.5),
    (2**-0.5, 0.0, -(2**-0.5)),
    (6**-0.5, -2 * 6**-0.5, 6**-0.5),
)


class ColourPreconditioner(style_canvas.FrequencyPreconditioner):
    """A preconditioner that is even at high frequencies, and moves red against blue further."""

    def __init__(self, size: tuple[int, int]) -> None:
        """Change the scale of each frequency, as the constants above say."""
        super().__init__(size)
        height, width = self.padded
        rows, cols = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
        high = (rows**2 + cols**2).sqrt() > EVEN_ABOVE
        self.scale = self.scale.where(~high, self.scale[~high].min())

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return gradients ``[N, 3, H, W]``, each direction of colour by itself."""
        turn = torch.tensor(DIRECTIONS).to(gradient)
        damped = super().__call__(torch.einsum("dc,nchw->ndhw", turn, gradient))
        damped[:, 1] *= RED_BLUE
        return torch.einsum("dc,ndhw->nchw", turn, damped).contiguous()


@dataclass(frozen=True)
class Setting:
    """What differs from what ships.

    Attributes:
        module, name, value: a constant of a module, and what replaces it; None for no other one.
        recipe: settings of the recipe that differ.
        context: what is in force meanwhile.
    """

    module: Any = None
    name: str = ""
    value: Any = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    context: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Replace the constant within a ``with`` block."""
        replaced = mock.patch.object(self.module, self.name, self.value) if self.module else None
        with replaced or contextlib.nullcontext(), self.context():
            yield


def settings(size: int) -> dict[str, Setting]:
    """Return all settings by their names in the table, for a longer side in pixels."""
    power = "PRECONDITIONER_POWER"
    return {
        SHIPS: Setting(),
        "no preconditioner": Setting(style_canvas, power, 0.0),
        "its exponent 0.25": Setting(style_canvas, power, 0.25),
        "its exponent 1": Setting(style_canvas, power, 1.0),
        "one for colours": Setting(style_canvas, "FrequencyPreconditioner", ColourPreconditioner),
        "8 pairs": Setting(lbfgs, "HISTORY", 8),
        "32 pairs": Setting(lbfgs, "HISTORY", 32),
        "first step 4 times": Setting(lbfgs, "FIRST_STEP", 4 * lbfgs.FIRST_STEP),
        "steps 0.8 times": Setting(recipe={"rate": 0.8}),
        "steps 1.2 times": Setting(recipe={"rate": 1.2}),
        "float32": Setting(context=exact),
        "begun at half the size": Setting(recipe={"smallest": size // 2, "scale": 2.0}),
    }


def losses_by_step(task: StyleTask, setting: Setting, loss: Loss) -> list[tuple[float, float]]:
    """Run a style transfer; return pairs of the steps so far and the loss, after each step.

    Steps at a smaller size count by their number of pixels.
    """
    # A copy of the network has no truncated networks of another precision.
    recipe = replace(task.recipe, **setting.recipe)
    task = replace(task, network=replace(task.network), recipe=recipe)
    done, found = 0.0, []
    with setting.applied():
        for image in explorer(task):
            done += image.shape[2] * image.shape[3] / loss.pixels
            if done > STEPS[-1] + 1e-6:
                break
            found.append((done, loss.measured(image)))
    return found


def loss_after(curve: list[tuple[float, float]], steps: float) -> float:
    """Return the lowest loss of a curve after at most some steps."""
    return min(value for done, value in curve if done <= steps + 1e-6)


def steps_to(curve: list[tuple[float, float]], loss: float) -> float | None:
    """Return after how many steps a curve has a loss; None if it never has."""
    return next((done for done, value in curve if value <= loss), None)


def main(
    content: Annotated[str, typer.Option(help="A file or a sample.")] = "coffee",
    style: Annotated[str, typer.Option(help="A file or a painting of ours.")] = "swirls",
    network: Annotated[str, typer.Option(help="The network's name.")] = "sketchnet",
    weights: Annotated[Path | None, typer.Option(help="Its checkpoint.")] = None,
    size: Annotated[int, typer.Option(help="Longer side in pixels.")] = 256,
    loss: Annotated[str, typer.Option(help="gram or wasserstein.")] = "gram",
    only: Annotated[str, typer.Option(help="Names of settings, with commas.")] = "",
    out: Annotated[Path | None, typer.Option("--json", help="Write figures there.")] = None,
) -> None:
    """Optimise with several settings, and compare."""
    own = {"loss": loss, "size": size, "smallest": size, "steps": STEPS[-1]}
    task = StyleTask.named(registry.load(network, weights), content, style, own)
    measure = Loss(task, task.subjects().size)
    known = settings(size)
    chosen = [SHIPS, *(it for it in known if it != SHIPS and (not only or it in only.split(",")))]
    found = {name: losses_by_step(task, known[name], measure) for name in chosen}
    goal = loss_after(found[SHIPS], STEPS[-2])
    table = Table("L-BFGS", *(f"{step} steps" for step in STEPS), f"{goal:.6f} after")
    for name, curve in found.items():
        reached = steps_to(curve, goal)
        table.add_row(
            name,
            *(f"{loss_after(curve, step):.6f}" for step in STEPS),
            "never" if reached is None else f"{reached:.0f} steps",
        )
    Console(width=120).print(table)
    if out is not None:
        content_json = {"network": network, "curves": found}
        out.write_text(json.dumps(content_json, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    typer.run(main)
