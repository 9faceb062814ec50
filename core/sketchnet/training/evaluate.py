"""Evaluation of a SketchNet: accuracy on unseen and on adversarial drawings, and dead units.

`python -m core.sketchnet.training.evaluate` prints the results of the shipped network.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from core.sketchnet.model import WEIGHTS, SketchNet, device_of, load, relu_outputs
from core.sketchnet.training.adversarial import logits, pgd
from core.sketchnet.training.data import draw_batch
from core.sketchworld.seeds import EVALUATION_SEED

BATCH = 100
DEAD_COUNT = 10_000  # drawings; a unit is dead if it is zero at all positions of all of them


def _batches(model: SketchNet, images: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of images and labels on the model's device."""
    device = device_of(model)
    for some, truth in zip(torch.split(images, BATCH), torch.split(labels, BATCH), strict=True):
        yield some.to(device), truth.to(device)


@torch.no_grad()
def accuracy(model: SketchNet, images: Tensor, labels: Tensor, half: bool = False) -> float:
    """Return the share, from 0 to 1, of images that the model classifies correctly.

    With `half`, the network computes in bfloat16.
    """
    correct = 0
    for some, truth in _batches(model, images, labels):
        correct += int((logits(model, some, half).argmax(1) == truth).sum())
    return correct / len(labels)


def robust_accuracy(
    model: SketchNet, images: Tensor, labels: Tensor, eps: float, seed: int = 0, half: bool = False
) -> float:
    """Return the accuracy on adversarial images from `adversarial.pgd` with L2 norm up to `eps`.

    The attack has 20 steps (PGD-20). `seed` is the seed of the attack's random start. With
    `half`, the network computes in bfloat16.
    """
    generator = torch.Generator(device_of(model)).manual_seed(seed)
    attacked = [
        pgd(model, some, truth, eps, generator, half=half)
        for some, truth in _batches(model, images, labels)
    ]
    return accuracy(model, torch.cat(attacked), labels, half)


@torch.no_grad()
def dead_units(model: SketchNet, batches: Iterable[Tensor]) -> dict[str, float]:
    """Return, for each ReLU, the share of channels that are zero at all positions of all images."""
    alive: dict[str, Tensor] = {}
    for images in batches:
        for name, values in relu_outputs(model, images.to(device_of(model))):
            positive = (values > 0).any(dim=0).flatten(1).any(dim=1)
            alive[name] = alive[name] | positive if name in alive else positive
    return {name: 1.0 - float(channels.float().mean()) for name, channels in alive.items()}


def evaluate(
    model: SketchNet,
    seed: int = EVALUATION_SEED,
    count: int = 1000,
    attacked: int = 300,
    eps: Sequence[float] = (1.0,),
    dead_count: int = DEAD_COUNT,
    half: bool = False,
) -> dict[str, object]:
    """Evaluate a folded network in eval mode, and return the results as JSON values.

    Accuracies and shares of dead units are from 0 to 1.

    Args:
        model: the network.
        seed: seed of the world from which all drawings come.
        count: number of drawings for the accuracy.
        attacked: number of drawings for the accuracy on adversarial images (PGD-20).
        eps: largest L2 norms of the attacks; the accuracy is measured for each.
        dead_count: number of drawings for the share of dead units.
        half: whether the network computes in bfloat16 for the accuracies.
    """
    images, labels = draw_batch(seed, range(max(count, attacked)))
    image_batches = (
        draw_batch(seed, range(start, min(start + BATCH, dead_count)))[0]
        for start in range(0, dead_count, BATCH)
    )
    robust = {
        str(e): robust_accuracy(model, images[:attacked], labels[:attacked], e, half=half)
        for e in eps
    }
    return {
        "seed": seed,
        "drawings": count,
        "accuracy": accuracy(model, images[:count], labels[:count], half),
        "attacked_drawings": attacked,
        "pgd20_accuracy": robust,
        "dead_drawings": dead_count,
        "dead_share": dead_units(model, image_batches),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print how good a SketchNet is."""
    parser = argparse.ArgumentParser(
        prog="python -m core.sketchnet.training.evaluate", description=main.__doc__
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="a safetensors file")
    parser.add_argument(
        "--seed", type=int, default=EVALUATION_SEED, help="which world to draw from"
    )
    parser.add_argument("--count", type=int, default=1000, help="drawings for accuracy")
    parser.add_argument("--attacked", type=int, default=300, help="drawings to attack")
    parser.add_argument(
        "--attack-eps", type=float, nargs="*", default=[1.0], help="L2 radii in [0, 1] units"
    )
    parser.add_argument(
        "--dead-count", type=int, default=DEAD_COUNT, help="drawings to count dead units on"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    results = evaluate(
        load(chosen.weights),
        chosen.seed,
        chosen.count,
        chosen.attacked,
        chosen.attack_eps,
        chosen.dead_count,
    )
    lines = [f"{name}: {value}" for name, value in results.items()]
    sys.stdout.write((json.dumps(results, indent=2) if chosen.json else "\n".join(lines)) + "\n")


if __name__ == "__main__":
    main()
