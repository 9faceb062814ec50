"""Seeds of the drawings for evaluation, which are never used for training."""

from __future__ import annotations

from dataclasses import dataclass

# Seeds for network dissection: of the drawings on which concepts and thresholds are chosen, and of
# those on which the IoUs are measured.
CHOOSING_SEED = 1_000_077
MEASURING_SEED = 1_000_033
# Seed of the drawings on which the accuracy is measured.
EVALUATION_SEED = 1_000_003


@dataclass(frozen=True)
class World:
    """A set of drawings: the first `count` with the seed `seed`."""

    seed: int
    count: int
