"""Gradient steps beside plain PyTorch, for any network: ``python -m benchmarks.network_steps``.

A step is one pass of images forward to some layers and their gradient back to the images, the work
that neurons, dreams and styles repeat. The explorer's side is the extractor that they use, with its
rewritten graph. The plain sides run the same truncated network as its library wrote it: in float32
and in bfloat16, in contiguous and in channels-last memory. All sides of a network take turns in
every round, and a round compares the explorer with the plain side that is best over all rounds. A
plain side that is far slower at first takes no part in the rounds. Weights are random: they do not
change the time.

The ratio is the explorer's time by that of the best plain side: at most 1 means that the network is
no slower here than in plain PyTorch. On a processor with bfloat16, the explorer is also timed in
the precision that it does not choose, to show whether that would be the better choice.
"""

import copy
import functools
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any
from unittest import mock

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.machine import processor_name
from core.devices import has_fast_bfloat16
from core.errors import ExplorerError
from core.networks import known_networks, layers, torchvision_models
from core.networks import network as network_module
from core.networks.depth_sampling import evenly_spaced
from core.networks.known_timm import PREFIX
from core.networks.layers import Layer
from core.networks.network import FeatureExtractor, Network
from core.networks.wrapping import wrap
from core.style import defaults

# One network of each family that has its own operations.
FAMILIES = (
    *("alexnet", "vgg11", "squeezenet1_1", "resnet18", "resnext50_32x4d", "densenet121"),
    *("googlenet", "inception_v3", "mobilenet_v2", "mobilenet_v3_small", "mnasnet0_5"),
    *("shufflenet_v2_x1_0", "efficientnet_b0", "efficientnet_v2_s", "regnet_y_400mf"),
    *("convnext_tiny", "vit_b_32", "swin_t", "timm.resnetv2_50", "timm.repvgg_a0"),
    *("timm.ghostnet_100", "timm.mixer_s32_224", "timm.mobilenetv3_small_100"),
    *("timm.tf_efficientnet_lite0", "timm.vit_tiny_patch16_224", "timm.regnety_002"),
)
# The explorer's sides: in the precision that it chooses, and in the other one.
EXPLORER, OTHER = "explorer", "explorer, other precision"
# The plain sides: precision, and memory format.
PLAIN = {
    "float32": (torch.float32, torch.contiguous_format),
    "float32, channels last": (torch.float32, torch.channels_last),
    "bfloat16": (torch.bfloat16, torch.contiguous_format),
    "bfloat16, channels last": (torch.bfloat16, torch.channels_last),
}
# What is timed: images at once, their side in pixels, and which layers are read.
KINDS = {"neurons": (8, 112), "dream": (1, 256), "style": (1, 256)}
SEED = 0
# A plain side whose first steps take so many times as long as those of the best one is left out.
HOPELESS = 2.0

Step = Callable[[], None]


@functools.lru_cache(1)
def load(name: str) -> Network:
    """Return a network with random weights, the same each time."""
    torch.manual_seed(SEED)
    if name.startswith(PREFIX):
        from core.networks import timm_models

        module, settings = timm_models.build(name), timm_models.preprocessing(name)
        _, height, width = settings["input_size"]
        size, mean, std = (height, width), settings["mean"], settings["std"]
    else:
        preset = torchvision_models.published_weights(name).transforms()
        module = torchvision_models.build(name, device="cpu")
        size, mean, std = (preset.crop_size[0],) * 2, preset.mean, preset.std
    return wrap(module, size, mean, std, name=f"random-{name}", device="cpu")


def chosen_layers(network: Network, kind: str) -> list[Layer]:
    """Return the layers of a step: those of a style, or one at two thirds of the depth."""
    if kind == "style":
        return defaults.style_layers(network)
    shown = network.shown[:-1] or network.shown
    return [evenly_spaced(shown, 4)[-2] if len(shown) > 3 else shown[-1]]


def explorer_step(
    network: Network, chosen: Sequence[Layer], images: Tensor, in_half: bool | None = None
) -> Step:
    """Return the explorer's step, in bfloat16 or in float32 if ``in_half`` tells which."""
    forced = mock.patch.object(network_module, "_suits_half", lambda *_: in_half)
    with nullcontext() if in_half is None else forced:
        extractor = FeatureExtractor(network, list(chosen), for_gradients=True)

    def step() -> None:
        leaf = images.detach().requires_grad_()
        descend(extractor(leaf).values(), leaf)

    return step


def plain_step(
    network: Network,
    chosen: Sequence[Layer],
    images: Tensor,
    precision: torch.dtype,
    memory: torch.memory_format,
) -> Step:
    """Return the step of the same truncated network without a rewritten graph."""
    # Each side has weights of its own, since converting them changes the module.
    body = copy.deepcopy(layers.build_extractor(network.module, network.trace, list(chosen)))
    body = body.to(memory_format=memory)  # type: ignore[call-overload]
    mean, std = (torch.tensor(it).view(1, -1, 1, 1) for it in (network.mean, network.std))
    half = precision == torch.bfloat16
    if half:
        # Else autocast would convert the weights at every step.
        body = body.bfloat16()

    def step() -> None:
        leaf = images.detach().requires_grad_()
        given = ((leaf - mean) / std).to(precision).contiguous(memory_format=memory)
        with torch.autocast("cpu", torch.bfloat16) if half else nullcontext():
            found = body(given)
        descend(found.values(), leaf)

    return step


def descend(activations: Any, leaf: Tensor) -> None:
    """Compute the gradient of the mean of all activations with respect to the images."""
    loss = sum(it.float().mean() for it in activations)
    torch.autograd.grad(loss, leaf)


def measure(steps: Mapping[str, Step], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Time each step in turns; return the seconds of a step in each round.

    Args:
        steps: the steps by side; one that fails is left out, and so is a plain one that takes more
            than ``HOPELESS`` times as long as the best plain one before the rounds.
        rounds: number of rounds.
        seconds: least time of a side in a round; quick steps are repeated.
    """
    times: dict[str, list[float]] = {}
    first = {}
    for side, step in steps.items():
        try:
            step()
            started = time.perf_counter()
            step()
        # Some operations have no kernel for bfloat16.
        except (RuntimeError, TypeError, ExplorerError):
            continue
        first[side] = time.perf_counter() - started
    most = HOPELESS * min((first[side] for side in PLAIN if side in first), default=math.inf)
    repeats = {
        side: max(1, round(seconds / took))
        for side, took in first.items()
        if side not in PLAIN or took <= most
    }
    for _ in range(rounds):
        for side, number in repeats.items():
            started = time.perf_counter()
            for _ in range(number):
                steps[side]()
            times.setdefault(side, []).append((time.perf_counter() - started) / number)
    return times


def compare(name: str, kind: str, rounds: int, seconds: float) -> dict[str, Any]:
    """Measure one network and one kind of step; return its row."""
    network = load(name)
    chosen = chosen_layers(network, kind)
    count, side = KINDS[kind]
    generator = torch.Generator().manual_seed(SEED)
    size = (side, side) if network.size_step([it.name for it in chosen]) else network.input_size
    images = torch.rand(count, 3, *size, generator=generator)
    in_half = network.extractor([it.name for it in chosen], for_gradients=True).in_half
    sides = {EXPLORER: explorer_step(network, chosen, images)}
    if has_fast_bfloat16(network.device):
        sides[OTHER] = explorer_step(network, chosen, images, not in_half)
    for title, (precision, memory) in PLAIN.items():
        sides[title] = plain_step(network, chosen, images, precision, memory)
    times = measure(sides, rounds, seconds)
    plain = [times[title] for title in PLAIN if title in times]
    best = min(plain, key=statistics.median)
    own = times[EXPLORER]
    ratios = [mine / other for mine, other in zip(own, best, strict=True)]
    return {
        "network": name,
        "kind": kind,
        "layers": [it.name for it in chosen],
        "images": list(images.shape),
        "in_half": in_half,
        "milliseconds": {title: 1000 * statistics.median(it) for title, it in times.items()},
        "best_plain": next(title for title, it in times.items() if it is best),
        "ratio": statistics.median(ratios),
    }


def show(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print a line for each network and kind, and those that are slower than plain PyTorch."""
    sides = EXPLORER, OTHER, *PLAIN
    titles = (f"{it}, ms" for it in sides)
    table = Table("network", "step", "explorer computes in", *titles, "ratio")
    for row in rows:
        times = row["milliseconds"]
        cells = (f"{times[it]:.1f}" if it in times else "" for it in sides)
        precision = "bfloat16" if row["in_half"] else "float32"
        table.add_row(row["network"], row["kind"], precision, *cells, f"{row['ratio']:.2f}")
    console.print(table)
    slow = [f"{it['network']} {it['kind']} {it['ratio']:.2f}" for it in rows if it["ratio"] > 1.03]
    console.print(f"Slower than plain PyTorch by more than 3%: {', '.join(slow) or 'none'}")


def main(
    only: Annotated[str, typer.Option(help="Names of networks; one of each family if empty.")] = "",
    kinds: Annotated[str, typer.Option(help=f"Of: {', '.join(KINDS)}.")] = ",".join(KINDS),
    rounds: Annotated[int, typer.Option(min=1)] = 7,
    seconds: Annotated[float, typer.Option(help="Least time of a side in a round.")] = 0.2,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Keep the rows here, and go on with them.")
    ] = None,
) -> None:
    """Time steps of the explorer and of plain PyTorch, and print their ratio."""
    console = Console()
    done: list[dict[str, Any]] = []
    if json_file is not None and json_file.is_file():
        done = json.loads(json_file.read_text("utf-8"))["rows"]
    present = {(it["network"], it["kind"]) for it in done}
    chosen = [known_networks.find_architecture(it) for it in only.split(",") if it]
    for name in chosen or FAMILIES:
        for kind in kinds.split(","):
            if (name, kind) in present:
                continue
            row = compare(name, kind, rounds, seconds)
            done.append(row)
            console.print(f"{name} {kind}: {row['ratio']:.2f} of {row['best_plain']}")
            if json_file is not None:
                facts = {"processor": processor_name(), "threads": torch.get_num_threads()}
                facts |= {"torch": torch.__version__, "load": os.getloadavg()[0], "rows": done}
                json_file.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    show(done, console)


if __name__ == "__main__":
    typer.run(main)
