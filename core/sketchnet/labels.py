"""Labels of SketchNet's units: the concept that each unit detects best.

The shipped labels were made by `python -m core.sketchnet.dissection`. The concept and the threshold
of a unit were chosen on some drawings, and their overlap was measured on others.
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
CLEAR = 0.1  # IoU from which on a label counts as clear
DIGITS = 4  # decimals of an IoU in the file
COLUMNS = ("concept", "iou", "threshold")  # of a unit's row in the file


@dataclass(frozen=True)
class Label:
    """The concept that one unit detects best, the kind of the concept, and the IoU from 0 to 1.

    The IoU is that of the concept's pixels and of the pixels where the unit's enlarged activation
    is at least `threshold`.
    """

    layer: str
    unit: int
    concept: str
    kind: str
    iou: float
    threshold: float = 0.0


@dataclass(frozen=True)
class Labels:
    """The labels of a network: for each layer one for every unit, in order.

    `weights` is the fingerprint of the dissected network, the same as that of its `Network`.
    Concepts and thresholds were chosen on the drawings `chosen_on`. The thresholds to choose from
    were those that the shares `quantiles` of all positions reach. IoUs were measured on the
    drawings `measured_on`.
    """

    weights: str
    chosen_on: World
    quantiles: tuple[float, ...]
    measured_on: World
    layers: Mapping[str, tuple[Label, ...]]

    def search(self, text: str, least: float = 0.0) -> list[Label]:
        """Return the labels that match a text, the highest IoU first.

        Each word of the text must be the beginning of a word of the concept or of its kind: "eye",
        "edge rising", "texture". Labels with an IoU below `least` are left out.
        """
        prefixes = text.lower().replace(",", " ").split()

        def matches(label: Label) -> bool:
            words = f"{label.concept} {label.kind}".replace(",", " ").split()
            return all(any(word.startswith(prefix) for word in words) for prefix in prefixes)

        labels = [
            label
            for row in self.layers.values()
            for label in row
            if label.iou >= least and matches(label)
        ]
        return sorted(labels, key=lambda label: (-label.iou, label.layer, label.unit))


def write(labels: Labels, path: Path = LABELS) -> None:
    """Write labels as JSON with a line for each unit; the file is replaced as a whole."""
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
    """Load the shipped labels, or those of a file that `write` wrote.

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
