"""Which channels respond together."""

import numpy as np
import pytest
import torch

from core.networks.network import Network
from core.style.gram_matrix import ChannelCorrelations, channel_correlations


@pytest.fixture
def blocks() -> ChannelCorrelations:
    """Return six channels: 0, 2, 4 active at the same positions, 1, 5 at others, 3 nowhere."""
    generator = torch.Generator().manual_seed(1)
    left, right = (torch.rand(400, generator=generator) for _ in range(2))
    seen = torch.stack([left, right, 2 * left, 0 * left, left.sqrt(), right * 0.5])
    seen[:, 200:] *= torch.tensor([0.0, 1, 0, 0, 0, 1])[:, None]
    seen[:, :200] *= torch.tensor([1.0, 0, 1, 1, 1, 0])[:, None]
    return ChannelCorrelations("a", seen @ seen.T / 400)


def test_cosines_are_those_of_the_activations(tiny: Network) -> None:
    image = torch.rand(1, 3, 24, 31, generator=torch.Generator().manual_seed(2))
    found = channel_correlations(tiny, image, "3")
    seen = tiny.activations(image, ["3"])["3"][0].flatten(1).double().numpy()
    alive = found.active.numpy()
    for i, j in np.ndindex(7, 7):
        sizes = np.linalg.norm(seen[i]) * np.linalg.norm(seen[j])
        wanted = seen[i] @ seen[j] / sizes if alive[i] and alive[j] else 0
        assert float(found.cosines[i, j]) == pytest.approx(wanted, abs=1e-5)


def test_like_company_stands_together(blocks: ChannelCorrelations) -> None:
    order = blocks.order()
    assert sorted(order) == [0, 1, 2, 4, 5]
    assert set(order[:3]) in ({0, 2, 4}, {1, 5, order[2]}) and {1, 5} in (
        set(order[:2]),
        set(order[3:]),
    )


def test_pairs_come_by_their_cosine(blocks: ChannelCorrelations) -> None:
    best = blocks.pairs(2)
    assert {it[:2] for it in best} == {(0, 2), (1, 5)}
    assert all(cosine == pytest.approx(1, abs=1e-5) for *_, cosine in best)


def test_what_differs_most_between_two_pictures(blocks: ChannelCorrelations) -> None:
    other = blocks.gram.clone()
    other[0, 2] = other[2, 0] = 0
    (first, second, more), *_ = blocks.differing_pairs(ChannelCorrelations("a", other), 3)
    assert (first, second) == (0, 2) and more == pytest.approx(1, abs=1e-5)
