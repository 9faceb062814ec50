"""A plot of a training run: training loss, and accuracy on unseen drawings.

The plot is drawn with Pillow, so that training needs no packages beyond those of the explorer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from core.files import replacing

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 560, 360  # size of one panel, in pixels of the written PNG
FINE = 2  # the plot is drawn this many times as large and then reduced, for smooth lines
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 48, 52  # margins of a panel in pixels
TEXT, THIN, THICK = 15, 1, 3  # font size and line widths in pixels
INK, PALE = "#333333", "#dddddd"
BLUE, RED, ORANGE = "#2166ac", "#b2182b", "#e08214"


@dataclass(frozen=True)
class CurveLine:
    """One line of a panel: name, colour, points (step, value), and whether points have markers."""

    name: str
    colour: str
    points: Points
    marked: bool = False


@dataclass(frozen=True)
class CurvePanel:
    """One plot of values over training steps.

    Attributes:
        title: title of the plot.
        lines: lines of the plot.
        steps: largest step on the x axis, which begins at 0.
        foot: value at the lower end of the y axis.
        top: value at the upper end of the y axis.
        ticks: values with a grid line and a label on the y axis.
        log: whether the y axis is logarithmic.
    """

    title: str
    lines: tuple[CurveLine, ...]
    steps: int
    foot: float
    top: float
    ticks: tuple[float, ...]
    log: bool = False

    def height_of(self, y: float) -> float:
        """Return the height of the value `y` in the plot, from 0 at `foot` to 1 at `top`."""
        if self.log:
            foot, top, y = math.log(self.foot), math.log(self.top), math.log(max(y, self.foot))
        else:
            foot, top = self.foot, self.top
        return min(max((y - foot) / (top - foot), 0.0), 1.0)


def draw_curve(
    path: Path, losses: Points, reports: Sequence[dict[str, Any]], steps: int, eps: float
) -> None:
    """Write the learning curve of a training run as PNG.

    Args:
        path: path of the PNG.
        losses: pairs of a step and the training loss at this step.
        reports: results of `evaluate`, each with the key "step" for the step of the evaluation.
        steps: number of steps of the whole run.
        eps: largest L2 norm of the adversarial perturbations in training.
    """
    clean = [(float(r["step"]), 100.0 * float(r["accuracy"])) for r in reports]
    lines = [CurveLine("clean", BLUE, clean, marked=True)]
    radii = list(reports[-1]["pgd20_accuracy"]) if reports else []
    for radius, colour in zip(radii, (RED, ORANGE), strict=False):
        points = [
            (float(r["step"]), 100.0 * float(r["pgd20_accuracy"][radius]))
            for r in reports
            if radius in r["pgd20_accuracy"]
        ]
        lines.append(CurveLine(f"attacked, eps {radius}", colour, points, marked=True))
    panels = (
        CurvePanel(
            f"training loss, adversarial to eps {eps:g}",
            (CurveLine("loss", BLUE, losses),),
            steps,
            foot=0.02,
            top=5.0,
            ticks=(0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
            log=True,
        ),
        CurvePanel(
            "unseen drawings named right, %",
            tuple(lines),
            steps,
            foot=0.0,
            top=100.0,
            ticks=(0.0, 20.0, 40.0, 60.0, 80.0, 100.0),
        ),
    )
    sheet = Image.new("RGB", (len(panels) * WIDTH * FINE, HEIGHT * FINE), "white")
    for number, panel in enumerate(panels):
        _draw_panel(ImageDraw.Draw(sheet), panel, number * WIDTH * FINE)
    with replacing(path) as partial:
        sheet.resize((len(panels) * WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(partial)


def _draw_panel(draw: ImageDraw.ImageDraw, panel: CurvePanel, left: int) -> None:
    """Draw one panel whose left edge is at the x coordinate `left`."""
    font = ImageFont.load_default(TEXT * FINE)
    width, height = (WIDTH - LEFT - RIGHT) * FINE, (HEIGHT - TOP - BOTTOM) * FINE
    x0, y0 = left + LEFT * FINE, TOP * FINE + height

    def pixel(step: float, value: float) -> tuple[float, float]:
        return x0 + width * step / max(panel.steps, 1), y0 - height * panel.height_of(value)

    draw.text((x0, TOP * FINE // 2), panel.title, INK, font, "lm")
    for tick in panel.ticks:
        draw.line([pixel(0, tick), pixel(panel.steps, tick)], PALE, THIN * FINE)
        x, y = pixel(0, tick)
        draw.text((x - 8 * FINE, y), f"{tick:g}", INK, font, "rm")
    for step in _round_steps(panel.steps):
        x, y = pixel(step, panel.foot)
        draw.text((x, y + 8 * FINE), f"{step:,}", INK, font, "mt")
    draw.text((x0 + width, y0 + 30 * FINE), "steps", INK, font, "rt")
    for number, line in enumerate(panel.lines):
        points = [pixel(*point) for point in line.points]
        if len(points) > 1:
            draw.line(points, line.colour, THICK * FINE, joint="curve")
        for x, y in points if line.marked else ():
            radius = THICK * FINE
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], line.colour)
        if len(panel.lines) > 1:
            legend = (x0 + width - 8 * FINE, y0 - (14 + 20 * number) * FINE)
            draw.text(legend, line.name, line.colour, font, "rm")


def _round_steps(steps: int) -> range:
    """Return about four to ten evenly spaced round numbers from 0 to at most `steps`."""
    interval = 10 ** max(math.floor(math.log10(max(steps, 1))), 0)
    while steps / interval < 4 and interval > 1:
        interval //= 2
    return range(0, steps + 1, interval)
