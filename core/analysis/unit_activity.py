"""How strongly, and how often, the units of a layer respond to the images of an index."""

import numpy as np
import numpy.typing as npt

from core.index.reader import Index

# A unit responds to an image if its activation is at least this share of its highest activation.
# Above zero would be no measure: nearly every image excites every unit of the first layers a little
# somewhere, so that 69 to 100 % of SketchNet's units from relu1a to relu4a would respond to all
# images.
RESPONDS = 0.5


def highest_activations(index: Index, layer: str) -> npt.NDArray[np.float32]:
    """Return the highest activation of each unit for any image of the index, ``[C]``.

    Raises:
        UnknownName: the index has no such layer.
    """
    values: npt.NDArray[np.float32] = index.table("top/values", index.plan.rows_of(layer))[:, 0]
    return values


def response_shares(index: Index, layer: str) -> npt.NDArray[np.float64]:
    """Return how often each unit responds: a share of the images from 0 to 1, ``[C]``.

    These are the images of the index's random sample that excite it to at least ``RESPONDS`` times
    its highest activation, somewhere in the image. The share of a unit that no image excites is 0.

    Raises:
        UnknownName: the index has no such layer.
    """
    values = index.table("sample/values", index.plan.rows_of(layer))
    highest = highest_activations(index, layer)[:, None]
    # Values that are no numbers are places of the sample that are not filled.
    responds = (values >= RESPONDS * highest) & (highest > 0)
    shares: npt.NDArray[np.float64] = responds.sum(1) / np.maximum(np.isfinite(values).sum(1), 1)
    return shares
