"""Tests of rankings and samples against sorting, for any order and any parts."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.top_k import NO_IMAGE, NO_POSITION, RandomSample, TopK, picture_id

UNITS, K, SIZE = 3, 4, 6


@st.composite
def streams(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """Generate images with few distinct values, so many are equal, and a part for each."""
    count = draw(st.integers(0, 25))
    ids = draw(st.lists(st.integers(0, 1000), min_size=count, max_size=count, unique=True))
    cells = st.lists(st.sampled_from([-2.0, 0.0, 0.5, 3.0]), min_size=UNITS, max_size=UNITS)
    values = draw(st.lists(cells, min_size=count, max_size=count))
    parts = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    pictures = np.array(ids, np.int64)
    places = (pictures[:, None] * 10 + np.arange(UNITS)).astype(np.int32)
    return pictures, np.array(values, np.float32).reshape(count, UNITS), places, parts


def sorted_out(pictures: np.ndarray, column: np.ndarray, sign: int) -> list[tuple[float, int]]:
    """Return the ranking by sorting all values, as a reference."""
    pairs = zip(column.tolist(), pictures.tolist(), strict=True)
    return sorted(pairs, key=lambda pair: (-sign * pair[0], pair[1]))[:K]


def held(ranking: TopK, unit: int) -> list[tuple[float, int]]:
    rows = zip(ranking.values[unit].tolist(), ranking.pictures[unit].tolist(), strict=True)
    return [(value, picture) for value, picture in rows if picture != NO_IMAGE]


@settings(deadline=None)
@given(streams(), st.sampled_from([1, -1]), st.randoms())
def test_a_ranking_is_what_sorting_everything_gives(
    stream: tuple[np.ndarray, np.ndarray, np.ndarray, list[int]], sign: int, chance: object
) -> None:
    pictures, values, places, parts = stream
    made = [TopK.empty(UNITS, K, sign) for _ in range(4)]
    for picture, row, place, part in zip(pictures, values, places, parts, strict=True):
        made[part].add(picture[None], row[None], place[None])
    chance.shuffle(made)  # type: ignore[attr-defined]
    first, second, third, fourth = made
    # Merging in another order and grouping, ((a b) (c d)), gives the same result.
    first.merge(second)
    third.merge(fourth)
    third.merge(first)
    whole = TopK.empty(UNITS, K, sign)
    whole.add(pictures, values, places)
    for unit in range(UNITS):
        assert held(third, unit) == sorted_out(pictures, values[:, unit], sign)
    for name in ("values", "pictures", "places"):
        assert np.array_equal(getattr(third, name), getattr(whole, name))
    known = third.pictures != NO_IMAGE
    assert (third.places[known] == (third.pictures * 10 + np.arange(UNITS)[:, None])[known]).all()
    assert (third.places[~known] == NO_POSITION).all()


@settings(deadline=None)
@given(streams(), st.randoms())
def test_a_sample_depends_on_the_pictures_alone(
    stream: tuple[np.ndarray, np.ndarray, np.ndarray, list[int]], chance: object
) -> None:
    pictures, values, _, parts = stream
    made = [RandomSample(SIZE) for _ in range(4)]
    for picture, row, part in zip(pictures, values, parts, strict=True):
        made[part].add(picture[None], row[None])
    chance.shuffle(made)  # type: ignore[attr-defined]
    first, second, third, fourth = made
    first.merge(second)
    third.merge(fourth)
    third.merge(first)
    order = np.argsort(pictures)[:SIZE]
    ids, table = third.table(UNITS)
    assert np.array_equal(ids, pictures[order])
    assert np.array_equal(table, values[order].T)


def test_what_is_no_number_is_not_ranked() -> None:
    ranking = TopK.empty(1, 2, 1)
    values = np.array([[np.nan], [1.0], [2.0]], np.float32)
    ranking.add(np.arange(3), values, np.zeros((3, 1), np.int32))
    assert ranking.pictures.tolist() == [[2, 1]]


def test_ids_stay_and_are_spread() -> None:
    # Ids are stored in index files, so they must never change.
    assert picture_id("0") == 300471914551172982
    ids = np.array([picture_id(str(index)) for index in range(4000)], np.float64) / NO_IMAGE
    assert ids.min() >= 0 and ids.max() < 1 and abs(ids.mean() - 0.5) < 0.03
