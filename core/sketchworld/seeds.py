"""Seeds of the sets of drawings that no training draws from."""

from __future__ import annotations

from dataclasses import dataclass

# Of worlds that neither training nor its record draws from: one to choose concepts and thresholds
# on, one to measure on.
CHOOSING_SEED = 1_000_077
MEASURING_SEED = 1_000_033
# Of the world whose drawings measure accuracy.
EVALUATION_SEED = 1_000_003


@dataclass(frozen=True)
class World:
    """Some drawings: the first `count` of the world `seed`."""

    seed: int
    count: int
