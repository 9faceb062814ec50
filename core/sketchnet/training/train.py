"""Training of SketchNet from scratch: `python -m core.sketchnet.training.train --out DIR`.

Training begins with unmodified images at a reduced size. Then the images are replaced by one-step
adversarial examples with a growing radius, at last at full size. A run that was killed can be
continued with `--resume`. On a CPU, the continued run ends with exactly the same weights as a run
without interruption, because all random numbers are derived from the seed and the step.
"""

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
from core.files import write_file
from core.sketchnet.model import WEIGHTS, save
from core.sketchnet.training import data
from core.sketchnet.training.evaluate import DEAD_COUNT, evaluate
from core.sketchnet.training.learning_curve import draw_curve
from core.sketchnet.training.settings import TrainingSettings
from core.sketchnet.training.trainer import Trainer
from core.sketchworld.seeds import EVALUATION_SEED
from core.sketchworld.world import CLASSES

RECORD_EPS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)  # L2 radii of the attacks for `record.json`
CURVE = "curve.png"  # file name of the learning curve
STATE = "state.safetensors"  # file name of the checkpoint
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
    """Train a network, or continue an interrupted training, and return the trainer.

    Args:
        settings: the settings of the run.
        out: folder for the drawings, `state.safetensors` (checkpoint), `sketchnet.safetensors`
            (folded running average of the weights, written with each checkpoint), `log.txt`, and
            `curve.png` (learning curve, written at each evaluation).
        resume: whether to continue from the checkpoint in `out`, if there is one.
        workers: number of processes that draw the training set.
        stop_after: step after which the run ends early and writes a checkpoint; None for all steps.
        report_size: three numbers of drawings for each evaluation: for the accuracy, for the
            accuracy under attack, and for dead units. There are no evaluations if the first is 0.
        device: one of `core.devices.DEVICES`.

    Raises:
        ExplorerError: `out` has a checkpoint and `resume` is false, or the device is not available.
    """
    torch_device = resolve_device(device)
    out.mkdir(parents=True, exist_ok=True)
    with _progress() as progress:
        drawing = progress.add_task("drawing", total=settings.drawings)
        for done in data.prepare(out, settings.seed, settings.drawings, workers):
            progress.advance(drawing, done)
        progress.update(drawing, completed=settings.drawings)
        run = _start(settings, out, resume, torch_device)
        last = settings.steps if stop_after is None else min(stop_after, settings.steps)
        bar = progress.add_task("training", total=settings.steps, completed=run.step)
        while run.step < last:
            started = time.perf_counter()
            run.advance()
            run.seconds += time.perf_counter() - started
            description = f"training, loss {run.mean_loss:.3f}"
            progress.update(bar, completed=run.step, description=description)
            if run.step in settings.report_steps:
                _report(run, out, report_size)
            if run.step % SAVE_EVERY == 0 or run.step == last:
                run.write(out / STATE)
                save(run.averaged(), CLASSES, out / WEIGHTS.name)
                state = f"step {run.step}/{settings.steps} after {run.seconds:.0f} s"
                _log(out, f"{state}: loss {run.mean_loss:.4f}")
    return run


def _progress() -> Progress:
    """Return a progress bar with the remaining time, which is shown on stderr.

    The bar is disabled if stderr is not a terminal.
    """
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
    """Return a trainer at step 0, or at the step of the checkpoint in `out`.

    Raises ExplorerError when `out` has a checkpoint and `resume` is false.
    """
    run = Trainer(settings, data.open_set(out), device)
    state = out / STATE
    if state.is_file() and not resume:
        raise ExplorerError(
            f"{out} holds a training already; go on with --resume or choose another folder"
        )
    if state.is_file():
        run.read(state)
    settings_json = json.loads(json.dumps(dataclasses.asdict(settings)))
    if not run.schedules or run.schedules[-1]["settings"] != settings_json:
        run.schedules.append({"from_step": run.step, "settings": settings_json})
    return run


def _report(run: Trainer, out: Path, sizes: tuple[int, int, int]) -> None:
    """Evaluate the averaged weights, log the results and write the learning curve.

    `sizes` is `report_size` of `train`.
    """
    count, attacked, dead = sizes
    if count == 0:
        return
    model = run.averaged().to(run.device)
    # The seed differs from that of `record`. So settings are never tuned on the drawings on which
    # the final results are measured.
    report = evaluate(model, EVALUATION_SEED + 1, count, attacked, dead_count=dead, half=True)
    report["step"], report["loss"], report["seconds"] = run.step, run.mean_loss, round(run.seconds)
    run.reports.append(report)
    _log(out, json.dumps(report))
    settings = run.settings
    draw_curve(out / CURVE, run.losses, run.reports, settings.steps, settings.eps)


def _log(out: Path, line: str) -> None:
    """Append a line to the file `log.txt`, after the present time in UTC."""
    now = datetime.now(timezone.utc).strftime("%H:%M:%S")
    with (out / "log.txt").open("a", encoding="utf-8") as file:
        file.write(f"{now} {line}\n")


def _hardware(device: torch.device) -> str:
    """Return the name of the GPU, or a description of the CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads, capability = torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()
    cpu = f"{platform.machine()} CPU, {threads} threads, {capability}"
    return cpu if device.type == "cpu" else f"{device.type} of a machine with {cpu}"


def record(
    run: Trainer, command: str, count: int = 4000, attacked: int = 500, dead: int = DEAD_COUNT
) -> dict[str, object]:
    """Evaluate a finished run, and return settings, machine and results as JSON values.

    Args:
        run: the trainer after the last step.
        command: command line of the run.
        count: number of drawings for the accuracy.
        attacked: number of drawings for the accuracy on adversarial images.
        dead: number of drawings for the share of dead units.
    """
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
    defaults = TrainingSettings()
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
    names = ("seed", "drawings", "epochs", "batch", "rate", "eps", "small")
    for name in names:
        value = getattr(defaults, name)
        parser.add_argument(
            f"--{name}", type=type(value), default=value, help=f"{value} if not given"
        )
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    settings = TrainingSettings(**{name: getattr(chosen, name) for name in names})
    run = train(settings, chosen.out, chosen.resume, chosen.workers, device=chosen.device)
    words = sys.argv[1:] if arguments is None else list(arguments)
    command = " ".join(["python -m core.sketchnet.training.train", *words])
    text = json.dumps(record(run, command), indent=2) + "\n"
    write_file(chosen.out / "record.json", text.encode())


if __name__ == "__main__":
    main()
