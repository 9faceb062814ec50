"""Seeds of drawings that are used only for evaluation, never for training."""

from dataclasses import dataclass

# Seeds for network dissection: of the drawings on which concepts and thresholds are chosen, and of
# the drawings on which IoUs (intersection over union) are measured.
CHOOSING_SEED = 1_000_077
MEASURING_SEED = 1_000_033
# Seed of the drawings on which the accuracy of SketchNet is measured.
EVALUATION_SEED = 1_000_003


@dataclass(frozen=True)
class World:
    """A set of SketchWorld drawings: numbers 0 to `count - 1` with the seed `seed`."""

    seed: int
    count: int
