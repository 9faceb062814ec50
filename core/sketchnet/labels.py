"""Labels of SketchNet's units: the concept, such as "eye" or "red", that each unit detects best.

The shipped labels were made by `python -m core.sketchnet.dissection`. The concept and the threshold
of a unit were chosen on one set of drawings. The overlap (IoU) of the unit's activation with the
concept was then measured on another set.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from core.checkpoints.outline import open_file
from core.errors import ExplorerError
from core.files import write_file
from core.sketchworld.concepts import CONCEPTS
from core.sketchworld.seeds import World

LABELS = Path(__file__).with_name("labels.json")
WEIGHTS_FILE = Path(__file__).with_name("sketchnet.safetensors")
CLEAR = 0.1  # smallest IoU (intersection over union) of a label that counts as clear
DIGITS = 4  # decimals of an IoU in the labels file
COLUMNS = ("concept", "iou", "threshold")  # columns of the labels file; each row is a unit


@dataclass(frozen=True)
class Label:
    """The concept that one unit detects best.

    Attributes:
        layer: name of the layer, such as "relu4b".
        unit: index of the unit in the layer.
        concept: name of the concept, such as "eye".
        kind: kind of the concept, such as "part".
        iou: intersection over union, from 0 to 1, of two sets of pixels: those that show the
            concept, and those where the unit is active. The unit's activation map is enlarged to
            the size of the drawing for this.
        threshold: smallest activation that counts as active.
    """

    layer: str
    unit: int
    concept: str
    kind: str
    iou: float
    threshold: float = 0.0


@dataclass(frozen=True)
class Labels:
    """The labels of all units of a network.

    Attributes:
        weights: fingerprint of the dissected network, equal to `Network.fingerprint`.
        chosen_on: drawings on which concepts and thresholds were chosen.
        quantiles: shares from 0 to 1. Each share gives one candidate threshold for each unit: the
            activation that the unit reaches at this share of all positions. 0.01 means 1 %.
        measured_on: drawings on which IoUs were measured.
        layers: labels by layer name; `layers["relu4b"][7]` is the label of unit 7 of relu4b.
    """

    weights: str
    chosen_on: World
    quantiles: tuple[float, ...]
    measured_on: World
    layers: Mapping[str, tuple[Label, ...]]


def write(labels: Labels, path: Path = LABELS) -> None:
    """Write labels as JSON with a line for each unit; an existing file is replaced atomically."""
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
    write_file(path, text.encode())


def read_classes(path: Path = WEIGHTS_FILE) -> tuple[str, ...]:
    """Return the names of the classes, in the order of the logits, from the head of a weights file.

    Raises BadCheckpoint when the file cannot be read.
    """
    return next(iter(open_file(path).content.classes), ())


def load(path: Path = LABELS) -> Labels:
    """Load labels from a file that `write` wrote, by default the shipped labels.

    Raises ExplorerError when the file does not exist or does not contain labels.
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
