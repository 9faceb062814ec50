"""Seconds to a finished default picture, and the share of the bare network in a step.

Every picture is made in a process of its own, and the sides take turns: the default loss, the loss
of Gram matrices, and the default of another checkout of the project. The exact loss of a picture
is the whole formula in float32, without the variation penalty.
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.style_sides import BareNetwork, Loss, StyleTask, own_steps
from core.images import image_io
from core.networks import registry
from core.networks.known_networks import SKETCHNET

WORKER = Path(__file__).with_name("style_picture_worker.py")
ROOT = Path(__file__).resolve().parents[1]
RUN = "import runpy, sys; runpy.run_path(sys.argv.pop(1))['main']()"
# Settings by name: the defaults of the command and of the page, a large picture, and one that is
# computed tile by tile.
SETTINGS: dict[str, dict[str, Any]] = {
    "page": {"size": 384, "steps": 20},
    "command": {"size": 512, "steps": 50},
    "large": {"size": 1024, "steps": 50},
    "tiled": {"size": 2048, "steps": 50},
}
# Those that are measured by default.
USUAL = ("page", "command", "large")
NETWORKS = (SKETCHNET, "squeezenet1_0", "vgg16")
DEFAULT, GRAM, BEFORE = "default", "gram", "before"
# `step_ratio`: number of rounds in which the explorer and the bare network take turns, and number
# of steps in a turn.
ROUNDS, TURN = 7, 6


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        content, style: files or names of a sample and of a painting.
        weights: file of each network by name; None for the network's own weights.
        settings: some names of ``SETTINGS``.
        rounds: number of pictures of each side.
        before: folder of another checkout of the project; None for none.
        folder: where the pictures go.
        steps: number of steps at each size, instead of that of the settings; 0 for theirs.
    """

    content: str
    style: str
    weights: Mapping[str, Path | None]
    settings: Sequence[str]
    rounds: int
    before: Path | None
    folder: Path
    steps: int = 0

    def settings_of(self, name: str) -> dict[str, Any]:
        """Return the settings of a recipe for one of ``settings``."""
        return SETTINGS[name] | ({"steps": self.steps} if self.steps else {})


def find_weights(names: Sequence[str], folder: Path | None) -> dict[str, Path | None]:
    """Return the weights file of each network: ``NAME.safetensors`` or ``NAME_*.safetensors``.

    It is None for SketchNet, and without a folder for every network.
    """
    found: dict[str, Path | None] = dict.fromkeys(names)
    for name in (it for it in names if folder is not None and it != SKETCHNET):
        patterns = (f"{name}.safetensors", f"{name}_*.safetensors")
        found[name] = next(itertools.chain(*(sorted(folder.glob(it)) for it in patterns)), None)
        if found[name] is None:
            raise FileNotFoundError(f"{folder} has no {patterns[0]} or {patterns[1]}")
    return found


def measure(plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield the figures of each network with each of the settings."""
    for name, weights in plan.weights.items():
        network = registry.load(name, weights)
        for setting in plan.settings:
            task = StyleTask.named(network, plan.content, plan.style, plan.settings_of(setting))
            size = task.subjects().size
            loss = Loss(task, size, whole=True)
            row: dict[str, Any] = {"network": name, "setting": setting, "size": size}
            row |= _sides(plan, name, setting, loss)
            for side, settings in ((DEFAULT, {}), (GRAM, {"loss": "gram"})):
                changed = plan.settings_of(setting) | settings
                task = StyleTask.named(network, plan.content, plan.style, changed)
                # The bare network has no tiles.
                if max(size) <= task.recipe.tile:
                    row[side]["step"] = step_ratio(task, size)
            yield row


def _sides(plan: Plan, name: str, setting: str, loss: Loss) -> dict[str, dict[str, Any]]:
    """Make the pictures of all sides in turns; return their figures by side."""
    sides: dict[str, tuple[Path, dict[str, Any]]] = {
        DEFAULT: (ROOT, {}),
        GRAM: (ROOT, {"loss": "gram"}),
    }
    if plan.before is not None:
        sides[BEFORE] = (plan.before, {})
    runs: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    files = {side: plan.folder / f"{name} {setting} {side}.png" for side in sides}
    for _ in range(plan.rounds):
        for side, (checkout, settings) in sides.items():
            work = {
                "network": name,
                "weights": plan.weights[name] and str(plan.weights[name]),
                "content": plan.content,
                "style": plan.style,
                "settings": plan.settings_of(setting) | settings,
                "out": str(files[side]),
            }
            runs[side].append(_picture(checkout, work))
    found: dict[str, dict[str, Any]] = {}
    for side, them in runs.items():
        picture = image_io.to_tensor(image_io.open_picture(files[side].read_bytes()))
        found[side] = {key: statistics.median(it[key] for it in them) for key in them[0]}
        found[side] |= {"all seconds": [it["seconds"] for it in them]}
        found[side] |= {"exact loss": loss.measured(picture)}
    ratios = zip(runs[GRAM], runs[DEFAULT], strict=True)
    found[DEFAULT]["of Gram"] = statistics.median(
        it["seconds"] / gr["seconds"] for gr, it in ratios
    )
    if BEFORE in runs:
        ratios = zip(runs[BEFORE], runs[DEFAULT], strict=True)
        faster = statistics.median(old["seconds"] / it["seconds"] for old, it in ratios)
        found[DEFAULT]["times as fast as before"] = faster
    return found


def _picture(checkout: Path, work: dict[str, Any]) -> dict[str, float]:
    """Make a picture with the code of a checkout; return its seconds and its peak of memory."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN, str(WORKER), json.dumps(work)],
        cwd=checkout,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def step_ratio(task: StyleTask, size: tuple[int, int]) -> dict[str, float]:
    """Time steps of the explorer and of the bare network in turns.

    The bare network runs unchanged and as the explorer rewrites it.

    Returns:
        Median seconds of a step by name, and the ratios of the bare network's seconds to those of
        the explorer.
    """
    own = own_steps(task, size)
    steps: dict[str, Callable[[], object]] = {
        "bare": BareNetwork(task, size),
        "rewritten": BareNetwork(task, size, rewritten=True),
        "step": lambda: next(own),
    }
    found: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(ROUNDS + 1):
        for name, step in steps.items():
            began = time.perf_counter()
            for _ in range(TURN):
                step()
            if number:  # The first round is a warm-up.
                found[name].append((time.perf_counter() - began) / TURN)
    seconds = {name: statistics.median(them) for name, them in found.items()}
    pairs = {name: zip(found[name], found["step"], strict=True) for name in ("bare", "rewritten")}
    return seconds | {
        f"{name} of step": statistics.median(limit / step for limit, step in them)
        for name, them in pairs.items()
    }


def print_pictures(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the figures of ``measure`` as a table."""
    columns = ("network", "setting", "side", "seconds", "memory", "exact loss", "bare of step")
    table = Table(*columns, "against the default")
    for row in rows:
        own = row[DEFAULT]
        for side in (it for it in (DEFAULT, GRAM, BEFORE) if it in row):
            found = row[side]
            share = found.get("step", {}).get("bare of step")
            ratio = {
                DEFAULT: "",
                GRAM: f"the default takes {own['of Gram']:.2f} of its time",
                BEFORE: f"the default is {own.get('times as fast as before', 0):.2f} times as fast",
            }[side]
            table.add_row(
                row["network"],
                f"{row['setting']}, {max(row['size'])} px",
                side,
                f"{found['seconds']:.1f}",
                f"{found['peak_mb']:.0f} MB",
                f"{found['exact loss']:.5f}",
                "" if share is None else f"{share:.2f}",
                ratio,
            )
    Console(width=150).print(table)
