"""Benchmark of class pictures: an independent network, the judge, classifies them.

A class picture is an image that maximises the logit of a class. It may be noise that only the same
network responds to. So the class picture of each class of SketchNet is given to a judge that shares
nothing with SketchNet except the classes. The judge has another architecture (residual, depthwise,
maximum pooling, SiLU). It is trained on another world, with strong augmentation and without
adversarial examples. The measure is the share of class pictures whose class gets the judge's
highest logit.

`python -m benchmarks.judge train` trains the judge, `python -m benchmarks.judge` evaluates.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.progress import Progress
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.strange import distort
from core.figures.neuron_sheets import render_units
from core.images import image_io
from core.networks import registry
from core.sketchnet.training.data import as_tensor, resize
from core.sketchworld.world import CLASSES, SIZE, batch

WEIGHTS = Path(__file__).with_name("judge.safetensors")
WIDTHS = (32, 64, 112, 176)
# Seeds of worlds: of the drawings on which the judge is trained (SketchNet was trained on world 0),
# and of unseen drawings for its accuracy.
WORLD = 7_000_003
UNSEEN = 7_000_004
# Settings of the training.
DRAWINGS, EPOCHS, BATCH = 40_000, 6, 64
RATE, DECAY, SMOOTHING = 2e-3, 0.02, 0.05
PAPER_GAP, TILE, TEXT = 6, 96, 13  # sizes in pixels for `verdict_sheet`


class Block(nn.Module):
    """A residual block with a depthwise 5 x 5 convolution and a pointwise 1 x 1 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.SiLU(),
        )

    def forward(self, values: Tensor) -> Tensor:
        out: Tensor = values + self.body(values)
        return out


class Judge(nn.Sequential):
    """A classifier of images in [0, 1], float32 [N, 3, 64, 64]; returns logits [N, classes]."""

    def __init__(self, classes: int = len(CLASSES), widths: Sequence[int] = WIDTHS) -> None:
        parts: list[nn.Module] = [
            nn.Conv2d(3, widths[0], 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.SiLU(),
            Block(widths[0]),
        ]
        for before, width in pairwise(widths):
            parts += [
                nn.MaxPool2d(2),
                nn.Conv2d(before, width, 1, bias=False),
                nn.BatchNorm2d(width),
                Block(width),
                Block(width),
            ]
        parts += [
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.1),
            nn.Linear(widths[-1], classes),
        ]
        super().__init__(*parts)

    def forward(self, values: Tensor) -> Tensor:
        out: Tensor = super().forward(values * 4.0 - 2.0)
        return out


def train(
    out: Path,
    drawings: int = DRAWINGS,
    epochs: int = EPOCHS,
    widths: Sequence[int] = WIDTHS,
    seed: int = 1,
) -> Judge:
    """Train a judge from random weights, and write the trained weights to `out`.

    All random numbers come from `seed`. The global random generator is left unchanged.
    """
    drawn, labels = batch(WORLD, range(drawings))
    # Dropout uses the global random generator, so it is seeded here and restored afterwards.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = Judge(widths=widths).to(memory_format=torch.channels_last)
        _learn(judge, drawn, labels, epochs, torch.Generator().manual_seed(seed))
    judge.eval()
    tensors = {name: value.contiguous() for name, value in judge.state_dict().items()}
    save_file(tensors, out, {"classes": json.dumps(CLASSES), "widths": json.dumps(list(widths))})
    return judge


def _learn(
    judge: Judge,
    drawn: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    epochs: int,
    generator: torch.Generator,
) -> None:
    """Train a judge on drawings; each drawing is augmented differently in each epoch."""
    steps_each = max(len(drawn) // BATCH, 1)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps_each * epochs)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("training", total=steps_each * epochs)
        for _ in range(epochs):
            order = torch.randperm(len(drawn), generator=generator)
            for chosen in order.split(BATCH)[:steps_each]:
                distorted = distort(as_tensor(drawn[chosen.numpy()]), generator)
                truth = torch.from_numpy(labels[chosen.numpy()])
                with torch.autocast("cpu", torch.bfloat16):
                    answer = judge(distorted)
                loss = F.cross_entropy(answer.float(), truth, label_smoothing=SMOOTHING)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                told = f"training, loss {float(loss.detach()):.2f}"
                progress.update(bar, advance=1, description=told)


def load(path: Path = WEIGHTS) -> Judge:
    """Load a judge in eval mode from a file that `train` wrote."""
    state = load_file(path)
    widths = [len(value) for name, value in state.items() if value.ndim == 4 and value.shape[1] > 1]
    judge = Judge(len(state[max(state, key=_place)]), sorted(set(widths)))
    judge.load_state_dict(state)
    return judge.eval()


def _place(name: str) -> int:
    """Return the number at the start of a weight's name: 4 for "4.body.0.weight"."""
    return int(name.split(".")[0])


@torch.no_grad()
def answers(judge: Judge, shown: Tensor) -> Tensor:
    """Return the class with the judge's highest logit for each image, int64 [N].

    The images are [N, 3, H, W] in [0, 1] and are resized to 64 x 64 pixels.
    """
    return torch.cat([judge(resize(some, SIZE)).argmax(dim=1) for some in shown.split(BATCH)])


def accuracy(judge: Judge, count: int = 2000) -> float:
    """Return the share of `count` unseen drawings that the judge classifies correctly."""
    drawn, labels = batch(UNSEEN, range(count))
    return float((answers(judge, as_tensor(drawn)) == torch.from_numpy(labels)).float().mean())


def class_pictures(weights: Path | None, size: int | None = None, seed: int = 0) -> Tensor:
    """Render the class pictures of a SketchNet, [classes, 3, size, size].

    Each maximises the logit of one class. `weights` is a checkpoint; None for the shipped weights.
    """
    network = registry.load("sketchnet", weights)
    layer = network.layer("logits")
    return torch.stack(render_units(network, layer, range(layer.channels), seed, size))


def verdict_sheet(shown: Tensor, guesses: Tensor) -> Image.Image:
    """Draw all class pictures with the names of their classes.

    If the judge's guess is wrong, the guessed class is written below.
    """
    columns = 12
    cell = (TILE + PAPER_GAP, TILE + 2 * TEXT + 2 * PAPER_GAP)
    rows = -(-len(shown) // columns)
    paper = Image.new("RGB", (columns * cell[0] + PAPER_GAP, rows * cell[1] + PAPER_GAP), "white")
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(TEXT)
    for place, (picture, guess) in enumerate(zip(shown, guesses.tolist(), strict=True)):
        left = PAPER_GAP + (place % columns) * cell[0]
        top = PAPER_GAP + (place // columns) * cell[1]
        tile = image_io.to_picture(picture).resize((TILE, TILE), Image.Resampling.LANCZOS)
        paper.paste(tile, (left, top))
        pen.text((left, top + TILE + 2), CLASSES[place], "#222222", font)
        if guess != place:
            pen.text((left, top + TILE + 2 + TEXT), f"not {CLASSES[guess]}", "#b2182b", font)
    return paper


def judge_network(
    judge: Judge, weights: Path | None, size: int | None, seed: int, sheet: Path | None
) -> dict[str, object]:
    """Return JSON values: how many class pictures of a SketchNet the judge classifies correctly.

    If `sheet` is given, `verdict_sheet` is written to this path.
    """
    shown = class_pictures(weights, size, seed)
    guesses = answers(judge, shown)
    wrong = {
        CLASSES[place]: CLASSES[guess]
        for place, guess in enumerate(guesses.tolist())
        if place != guess
    }
    if sheet is not None:
        verdict_sheet(shown, guesses).save(sheet, optimize=True)
    return {
        "classes": len(CLASSES),
        "recognised": len(CLASSES) - len(wrong),
        "share": round(1 - len(wrong) / len(CLASSES), 4),
        "size": shown.shape[-1],
        "seed": seed,
        "mistaken": wrong,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate the image that maximises each class of SketchNet, or train the judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge", description=main.__doc__)
    parser.add_argument("task", nargs="?", choices=("judge", "train"), default="judge")
    parser.add_argument("--judge", type=Path, default=WEIGHTS, help="the judge's weights")
    parser.add_argument("--weights", type=Path, help="a SketchNet; the shipped one if not given")
    parser.add_argument(
        "--size", type=int, help="side of the pictures in pixels; the project's default"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the pictures")
    parser.add_argument("--sheet", type=Path, help="a PNG of pictures and answers to write")
    parser.add_argument("--drawings", type=int, default=DRAWINGS, help="to train on")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of training")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    if chosen.task == "train":
        judge = train(chosen.judge, chosen.drawings, chosen.epochs)
        found: dict[str, object] = {}
    else:
        judge = load(chosen.judge)
        found = judge_network(judge, chosen.weights, chosen.size, chosen.seed, chosen.sheet)
    found["judge_accuracy"] = round(accuracy(judge), 4)
    lines = [f"{name}: {value}" for name, value in found.items()]
    sys.stdout.write((json.dumps(found, indent=2) if chosen.json else "\n".join(lines)) + "\n")


if __name__ == "__main__":
    main()
