"""Training SketchNet from nothing: `python -m core.sketchnet.training.train --out DIR`.

First plain, on pictures made smaller; then with ever stronger one-step adversarial examples; then
the same at full size. A killed run goes on with `--resume` and, on a CPU, ends with the very same
weights: everything random comes from (seed, step).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from core.devices import DEVICES, resolve_device
from core.errors import ExplorerError
from core.sketchnet.model import WEIGHTS, save
from core.sketchnet.training import data
from core.sketchnet.training.evaluate import DEAD_COUNT, evaluate
from core.sketchnet.training.learning_curve import draw_curve
from core.sketchnet.training.settings import TrainingSettings
from core.sketchnet.training.trainer import Trainer
from core.sketchworld.seeds import EVALUATION_SEED
from core.sketchworld.world import CLASSES

RECORD_EPS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
CURVE = "curve.png"
STATE = "state.safetensors"  # the checkpoint's name
SAVE_EVERY = 100  # steps between two checkpoints


def train(
    settings: TrainingSettings,
    out: Path,
    resume: bool = False,
    workers: int = 2,
    stop_after: int | None = None,
    report_size: tuple[int, int, int] = (1000, 200, 2000),
    device: str = "cpu",
) -> Trainer:
    """Run a training, or what is left of it, and return it.

    Writes into `out`: the drawings, `state.safetensors` (checkpoint), `sketchnet.safetensors`
    (folded average, at every checkpoint), `log.txt`, and `curve.png` at each report. `stop_after`
    ends the run early at that step, checkpointed; `report_size` gives the drawings for accuracy,
    for the attack and for dead units at each report (none is made if the first is 0); `device` is
    one of `core.devices.DEVICES`. Raises ExplorerError when the folder holds a training and
    `resume` is false, or when there is no such device.
    """
    where = resolve_device(device)
    out.mkdir(parents=True, exist_ok=True)
    with _progress() as progress:
        drawing = progress.add_task("drawing", total=settings.drawings)
        for done in data.prepare(out, settings.seed, settings.drawings, workers):
            progress.advance(drawing, done)
        progress.update(drawing, completed=settings.drawings)
        run = _start(settings, out, resume, where)
        last = settings.steps if stop_after is None else min(stop_after, settings.steps)
        bar = progress.add_task("training", total=settings.steps, completed=run.step)
        while run.step < last:
            started = time.perf_counter()
            run.advance()
            run.seconds += time.perf_counter() - started
            told = f"training, loss {run.mean_loss:.3f}"
            progress.update(bar, completed=run.step, description=told)
            if run.step in settings.report_steps:
                _report(run, out, report_size)
            if run.step % SAVE_EVERY == 0 or run.step == last:
                run.write(out / STATE)
                save(run.averaged(), CLASSES, out / WEIGHTS.name)
                at = f"step {run.step}/{settings.steps} after {run.seconds:.0f} s"
                _log(out, f"{at}: loss {run.mean_loss:.4f}")
    return run


def _progress() -> Progress:
    """Return a bar with the time left on stderr, or nothing where nobody watches."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    quiet = not console.is_terminal
    return Progress(*columns, console=console, disable=quiet, speed_estimate_period=120)


def _start(settings: TrainingSettings, out: Path, resume: bool, device: torch.device) -> Trainer:
    """Return a new run, or the one that the folder's checkpoint holds."""
    run = Trainer(settings, data.open_set(out), device)
    state = out / STATE
    if state.is_file() and not resume:
        raise ExplorerError(
            f"{out} holds a training already; go on with --resume or choose another folder"
        )
    if state.is_file():
        run.read(state)
    asked = json.loads(json.dumps(dataclasses.asdict(settings)))
    if not run.schedules or run.schedules[-1]["settings"] != asked:
        run.schedules.append({"from_step": run.step, "settings": asked})
    return run


def _report(run: Trainer, out: Path, sizes: tuple[int, int, int]) -> None:
    """Measure the averaged weights, log a line about them and draw the learning curve."""
    count, attacked, dead = sizes
    if count == 0:
        return
    model = run.averaged().to(run.device)
    # A world of its own: the record's drawings stay unseen by whoever tunes the training.
    found = evaluate(model, EVALUATION_SEED + 1, count, attacked, dead_count=dead, half=True)
    found["step"], found["loss"], found["seconds"] = run.step, run.mean_loss, round(run.seconds)
    run.reports.append(found)
    _log(out, json.dumps(found))
    settings = run.settings
    draw_curve(out / CURVE, run.losses, run.reports, settings.steps, settings.eps)


def _log(out: Path, line: str) -> None:
    """Append a line, with the time, to the log."""
    now = datetime.now(timezone.utc).strftime("%H:%M:%S")
    with (out / "log.txt").open("a", encoding="utf-8") as file:
        file.write(f"{now} {line}\n")


def _hardware(device: torch.device) -> str:
    """Name what a run computes on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads, ability = torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()
    cpu = f"{platform.machine()} CPU, {threads} threads, {ability}"
    return cpu if device.type == "cpu" else f"{device.type} of a machine with {cpu}"


def record(
    run: Trainer, command: str, count: int = 4000, attacked: int = 500, dead: int = DEAD_COUNT
) -> dict[str, object]:
    """Return what is worth knowing about a finished run, as JSON values."""
    model = run.averaged().to(run.device)
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "command": command,
        "hardware": _hardware(run.device),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "schedules": run.schedules,
        "classes": len(CLASSES),
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(run.seconds),
        "measured": evaluate(model, EVALUATION_SEED, count, attacked, RECORD_EPS, dead),
        "reports": run.reports,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Train SketchNet from nothing on drawings of SketchWorld."""
    usual = TrainingSettings()
    parser = argparse.ArgumentParser(
        prog="python -m core.sketchnet.training.train", description=main.__doc__
    )
    parser.add_argument(
        "--out", type=Path, default=Path("sketchnet-run"), help="folder for everything written"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the folder's checkpoint")
    parser.add_argument(
        "--device", choices=DEVICES, default="auto", help="a GPU if there is one, else the CPU"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes that draw"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads that train")
    for name in ("seed", "drawings", "epochs", "batch", "rate", "eps", "small"):
        value = getattr(usual, name)
        parser.add_argument(
            f"--{name}", type=type(value), default=value, help=f"{value} if not given"
        )
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    names = {field.name for field in dataclasses.fields(TrainingSettings)}
    settings = TrainingSettings(
        **{name: value for name, value in vars(chosen).items() if name in names}
    )
    run = train(settings, chosen.out, chosen.resume, chosen.workers, device=chosen.device)
    words = sys.argv[1:] if arguments is None else list(arguments)
    command = " ".join(["python -m core.sketchnet.training.train", *words])
    (chosen.out / "record.json").write_text(json.dumps(record(run, command), indent=2) + "\n")


if __name__ == "__main__":
    main()
