"""What each neuron of SketchNet stands for, as measured: the labels that ship with its weights.

Made by `python -m core.sketchnet.dissect`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.checkpoints import fingerprint
from core.errors import ExplorerError
from core.sketchnet.concepts import CONCEPTS
from core.sketchnet.dissection import NAMES, Overlap
from core.sketchnet.network import MEAN, STD, WEIGHTS, SketchNet
from core.sketchnet.world import SIZE

LABELS = WEIGHTS.with_name("labels.json")
CLEAR = 0.1  # a label with less IoU than this says little
DIGITS = 4  # of an IoU in the file


@dataclass(frozen=True)
class Label:
    """The concept that one neuron picks out best, its kind, and how well: IoU from 0 to 1."""

    layer: str
    unit: int
    concept: str
    kind: str
    iou: float


@dataclass(frozen=True)
class Labels:
    """The labels of a network: of each layer one for every neuron, in order.

    `weights` is the fingerprint of the network that was dissected, the same as its `Network` has;
    `seed`, `drawings` and `quantile` say how.
    """

    weights: str
    seed: int
    drawings: int
    quantile: float
    layers: Mapping[str, tuple[Label, ...]]

    def search(self, text: str, least: float = 0.0) -> list[Label]:
        """Return the labels that a text finds, the best IoU first.

        Each word of the text must begin a word of the concept or of its kind: "eye", "edge rising",
        "texture". Labels with an IoU below `least` are left out.
        """
        wanted = text.lower().replace(",", " ").split()

        def fits(label: Label) -> bool:
            words = f"{label.concept} {label.kind}".replace(",", " ").split()
            return all(any(word.startswith(part) for word in words) for part in wanted)

        every = [label for labels in self.layers.values() for label in labels]
        found = [label for label in every if label.iou >= least and fits(label)]
        return sorted(found, key=lambda label: (-label.iou, label.layer, label.unit))


def best(found: Mapping[str, Overlap]) -> dict[str, tuple[Label, ...]]:
    """Return the best concept of every unit, by layer."""
    layers = {}
    for layer, overlap in found.items():
        ious, places = overlap.iou.max(dim=1)
        layers[layer] = tuple(
            Label(layer, unit, NAMES[place], CONCEPTS[NAMES[place]], round(iou, DIGITS))
            for unit, (place, iou) in enumerate(zip(places.tolist(), ious.tolist(), strict=True))
        )
    return layers


def fingerprint_of(model: SketchNet) -> str:
    """Name a SketchNet's weights as `core.networks` does."""
    return fingerprint(model.state_dict(), "sketchnet", MEAN, STD, (SIZE, SIZE))


def write(labels: Labels, path: Path = LABELS) -> None:
    """Write labels as JSON, a line for each neuron, in one piece or not at all."""
    head = {
        "weights": labels.weights,
        "seed": labels.seed,
        "drawings": labels.drawings,
        "quantile": labels.quantile,
    }
    lines = [f" {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
    layers = [
        f"  {json.dumps(layer)}: [\n"
        + ",\n".join(f"   {json.dumps([label.concept, label.iou])}" for label in row)
        + "\n  ]"
        for layer, row in labels.layers.items()
    ]
    text = "\n".join(["{", *lines, ' "layers": {', ",\n".join(layers), " }", "}"]) + "\n"
    partial = path.with_suffix(".part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def load(path: Path = LABELS) -> Labels:
    """Read the labels that ship, or those of a file that `write` wrote.

    Raises ExplorerError when there is no such file or it holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        layers = {
            layer: tuple(
                Label(layer, unit, concept, CONCEPTS[concept], float(iou))
                for unit, (concept, iou) in enumerate(row)
            )
            for layer, row in content["layers"].items()
        }
        return Labels(
            str(content["weights"]),
            int(content["seed"]),
            int(content["drawings"]),
            float(content["quantile"]),
            layers,
        )
    except FileNotFoundError:
        raise ExplorerError(f"there is no labels file {path}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExplorerError(f"{path.name} holds no labels of SketchNet: {error}") from error
