"""How strongly and how often units respond, compared with loops over the images of an index."""

from pathlib import Path

import numpy as np
import pytest

from core.analysis import unit_activity
from core.errors import UnknownName
from core.networks.network import Network
from tests.pages.collection import index_of


def test_as_loops_over_the_images_of_the_index(tiny: Network, tmp_path: Path) -> None:
    index = index_of(tiny, tmp_path)
    for layer in index.plan.layers:
        highest = unit_activity.highest_activations(index, layer.name)
        shares = unit_activity.response_shares(index, layer.name)
        assert highest.shape == shares.shape == (layer.channels,)
        for unit in range(layer.channels):
            # The sample has all 20 images.
            values = [float(it) for it in index.values(layer.name, unit)]
            assert len(values) == 20
            assert highest[unit] == np.float32(max(values))
            half = [it for it in values if max(values) > 0 and it >= max(values) / 2]
            assert shares[unit] == pytest.approx(len(half) / 20)
    with pytest.raises(UnknownName):
        unit_activity.response_shares(index, "nowhere")
