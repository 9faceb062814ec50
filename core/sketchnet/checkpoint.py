"""Checkpoints of a training run.

One safetensors file, with counters as JSON in its metadata, so that the two cannot come apart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor


@dataclass(frozen=True)
class State:
    """What a run needs to go on: weights, their running average, momenta and JSON counters."""

    model: dict[str, Tensor]
    average: dict[str, Tensor]
    momenta: dict[str, Tensor]
    notes: dict[str, Any]


def write_state(path: Path, state: State) -> None:
    """Write a checkpoint in one piece or not at all."""
    tensors = {}
    for kind in ("model", "average", "momenta"):
        for name, value in getattr(state, kind).items():
            tensors[f"{kind}/{name}"] = value.detach().contiguous().clone()
    partial = path.with_suffix(".part")
    save_file(tensors, partial, {"notes": json.dumps(state.notes)})
    partial.replace(path)


def read_state(path: Path) -> State:
    """Read a checkpoint."""
    kinds: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "momenta": {}}
    with safe_open(path, "pt") as file:
        notes = json.loads(file.metadata()["notes"])
        for key in file.keys():  # noqa: SIM118
            kind, name = key.split("/", 1)
            kinds[kind][name] = file.get_tensor(key)
    return State(kinds["model"], kinds["average"], kinds["momenta"], notes)
