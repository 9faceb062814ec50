"""How fast and how far styles are painted: ``python -m benchmarks.style --weights FILE``.

Every side gets the same time, and its picture is measured by one common cost at the final size,
outside of that time: the explorer's costs of content and style without weights on the image
itself, in float32. Printed are the costs reached over time, when each side first reached what the
tutorial ended with, and a step of the explorer beside the bare network's forward and backward.
"""

import json
import platform
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.style_sides import SIDES, Loss, Task, limit, step_time
from core import images, memory, networks, paintings, samples, styles

# Costs are measured at these fractions of the time, and at the end.
MARKS = (0.02, 0.05, 0.1, 0.2, 0.33, 0.5, 0.75, 1.0)


def run(name: str, task: Task, loss: Loss, seconds: float) -> list[tuple[float, float]]:
    """Let a side paint for so long; give (seconds, cost) at the marks."""
    marks = [seconds * it for it in MARKS]
    found: list[tuple[float, float]] = []
    spent, began = 0.0, time.perf_counter()
    image = None
    for image in SIDES[name](task):
        spent += time.perf_counter() - began
        while marks and spent >= marks[0]:
            marks.pop(0)
            if not marks or spent < marks[0]:
                found.append((spent, loss.measured(image)))
        if not marks:
            break
        began = time.perf_counter()
    if marks and image is not None:
        # It was done before its time was up.
        found.append((spent, loss.measured(image)))
    if image is not None:
        images.to_picture(image.clamp(0, 1)).save(FOLDER / f"{name}.png")
    return found
