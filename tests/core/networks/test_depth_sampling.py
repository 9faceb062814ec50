"""Choice of layers by depth, for several numbers of layers."""

import pytest

from core.networks.depth_sampling import ends_of_equal_parts, evenly_spaced, nearest_to_depth
from core.networks.network import Network

# Expected indices, by (number of items, count).
WITH_ENDS = {
    (1, 1): [0],
    (1, 4): [0],
    (2, 1): [0],
    (2, 2): [0, 1],
    (3, 2): [0, 2],
    (5, 3): [0, 2, 4],
    (6, 4): [0, 2, 3, 5],
    (7, 5): [0, 2, 3, 4, 6],
    (8, 4): [0, 2, 5, 7],
    (12, 5): [0, 3, 6, 8, 11],
    (16, 8): [0, 2, 4, 6, 9, 11, 13, 15],
    (20, 6): [0, 4, 8, 11, 15, 19],
    (4, 9): [0, 1, 2, 3],
}
ENDS_OF_PARTS = {
    (1, 1): [0],
    (1, 4): [0],
    (2, 1): [1],
    (2, 2): [0, 1],
    (3, 2): [1, 2],
    (5, 3): [1, 2, 4],
    (6, 4): [1, 2, 3, 5],
    (7, 5): [0, 2, 3, 5, 6],
    (8, 4): [1, 3, 5, 7],
    (12, 5): [1, 4, 6, 9, 11],
    (16, 8): [1, 3, 5, 7, 9, 11, 13, 15],
    (20, 6): [2, 6, 9, 12, 16, 19],
    (4, 9): [0, 1, 2, 3],
}


@pytest.mark.parametrize(("length", "count"), list(WITH_ENDS))
def test_evenly_spaced_items_are_those_of_before(length: int, count: int) -> None:
    assert evenly_spaced(range(length), count) == WITH_ENDS[length, count]


@pytest.mark.parametrize(("length", "count"), list(ENDS_OF_PARTS))
def test_ends_of_parts_are_those_of_before(length: int, count: int) -> None:
    assert ends_of_equal_parts(range(length), count) == ENDS_OF_PARTS[length, count]


@pytest.mark.parametrize("length", range(1, 40))
def test_items_are_different_and_in_order(length: int) -> None:
    for count in range(1, length + 3):
        for choose in (evenly_spaced, ends_of_equal_parts):
            chosen = choose(range(length), count)
            assert len(chosen) == min(count, length)
            assert chosen == sorted(set(chosen))
        assert evenly_spaced(range(length), count)[0] == 0
        assert ends_of_equal_parts(range(length), count)[-1] == length - 1


def test_nothing_is_chosen_of_nothing() -> None:
    assert evenly_spaced([], 4) == ends_of_equal_parts([], 4) == []


@pytest.mark.parametrize("depth", [0.0, 0.3, 0.5, 0.6, 0.9, 1.0])
def test_the_nearest_layer_is_the_first_at_the_least_distance(tiny: Network, depth: float) -> None:
    chosen = tiny.shown[nearest_to_depth(tiny.shown, depth)]
    assert chosen is min(tiny.shown, key=lambda layer: abs(layer.depth - depth))
