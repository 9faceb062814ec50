"""What each neuron of SketchNet stands for, as measured: the labels that ship with its weights.

Made by `python -m core.sketchnet.dissection.__main__`. The concept and the activation from which
on a neuron counts as firing were chosen on some drawings; their overlap was measured on others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import ExplorerError
from core.sketchworld.concepts import CONCEPTS
from core.sketchworld.seeds import World

LABELS = Path(__file__).with_name("labels.json")
CLEAR = 0.1  # a label with less IoU than this says little
DIGITS = 4  # of an IoU in the file
COLUMNS = ("concept", "iou", "threshold")  # of a neuron's row in the file


@dataclass(frozen=True)
class Label:
    """The concept that one neuron picks out best, its kind, and how well: IoU from 0 to 1.

    The neuron's pixels are those where its enlarged activation is `threshold` or more.
    """

    layer: str
    unit: int
    concept: str
    kind: str
    iou: float
    threshold: float = 0.0


@dataclass(frozen=True)
class Labels:
    """The labels of a network: of each layer one for every neuron, in order.

    `weights` is the fingerprint of the network that was dissected, the same as its `Network` has.
    Concepts and thresholds are the best of those drawings that were `chosen_on`, thresholds out of
    those that `quantiles` of all positions there reach; IoUs are of the drawings `measured_on`.
    """

    weights: str
    chosen_on: World
    quantiles: tuple[float, ...]
    measured_on: World
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


def write(labels: Labels, path: Path = LABELS) -> None:
    """Write labels as JSON, a line for each neuron, in one piece or not at all."""
    head = {
        "weights": labels.weights,
        "chosen_on": asdict(labels.chosen_on),
        "quantiles": labels.quantiles,
        "measured_on": asdict(labels.measured_on),
        "columns": COLUMNS,
    }
    lines = [f" {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
    layers = [
        f"  {json.dumps(layer)}: [\n"
        + ",\n".join(f"   {json.dumps([getattr(label, c) for c in COLUMNS])}" for label in row)
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
                Label(layer, unit, concept, CONCEPTS[concept], float(iou), float(threshold))
                for unit, (concept, iou, threshold) in enumerate(row)
            )
            for layer, row in content["layers"].items()
        }
        return Labels(
            str(content["weights"]),
            World(**content["chosen_on"]),
            tuple(content["quantiles"]),
            World(**content["measured_on"]),
            layers,
        )
    except FileNotFoundError:
        raise ExplorerError(f"there is no labels file {path}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExplorerError(f"{path.name} holds no labels of SketchNet: {error}") from error
