"""How long recipes take is estimated from what was made here before."""

import dataclasses
from pathlib import Path

import pytest

from core.recipes.dream import DreamRecipe
from core.recipes.style import StyleRecipe
from core.recipes.style_grid import StyleDepthsRecipe
from core.recipes.variations import plan_variations
from explorer.store import durations
from explorer.store.durations import estimate_seconds, work_of
from explorer.store.results import Store

DREAM = DreamRecipe("tiny", "0" * 16, layers=("3",), image="ab" * 16, size=200)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.sqlite3", shipped=())


def test_work_is_pixels_times_steps_at_all_sizes() -> None:
    recipe = dataclasses.replace(DREAM, octaves=3, octave_scale=2.0, steps=7)
    assert work_of(recipe) == pytest.approx(7 * (200**2 + 100**2 + 50**2))
    style = StyleRecipe(
        "tiny",
        "0" * 16,
        content="ab" * 16,
        styles=("cd" * 16,),
        content_layers=("a",),
        style_layers=("b",),
        size=256,
        steps=5,
    )
    assert work_of(style) == pytest.approx(5 * (256**2 + 128**2 + 64**2))
    grid = StyleDepthsRecipe(
        "tiny",
        "0" * 16,
        content="ab" * 16,
        style="cd" * 16,
        style_depths=("a",),
        content_depths=("b",),
        stages=("a",),
        content_layer="a",
    )
    assert work_of(grid) is None


def test_unknown_until_something_similar_was_made(store: Store) -> None:
    assert estimate_seconds(store, DREAM) is None
    other = dataclasses.replace(DREAM, network="other")
    store.put(other, [], 5.0)
    assert estimate_seconds(store, DREAM) is None
    store.put(dataclasses.replace(DREAM, steps=5), [], 3.0)
    assert estimate_seconds(store, DREAM) == pytest.approx(6.0)
    # The same layer tells more than another one.
    store.put(dataclasses.replace(DREAM, layers=("1",), seed=1), [], 0.5)
    assert estimate_seconds(store, DREAM) == pytest.approx(6.0)
    unknown_layer = dataclasses.replace(DREAM, layers=("9",))
    assert estimate_seconds(store, unknown_layer) == pytest.approx((6.0 + 0.5) / 2)


def test_the_most_similar_work_decides_and_one_bad_value_does_not(store: Store) -> None:
    for seed in range(1, durations.ALIKE + 1):
        store.put(dataclasses.replace(DREAM, seed=seed), [], 900.0 if seed == 1 else 4.0)
    # Small pictures are mostly overhead: they don't tell about large ones.
    for seed in range(9):
        store.put(dataclasses.replace(DREAM, size=40, seed=seed), [], 2.0)
    assert estimate_seconds(store, dataclasses.replace(DREAM, seed=99)) == pytest.approx(4.0)


def test_of_a_grid_only_the_missing_pictures_take_time(store: Store) -> None:
    recipe = plan_variations(DREAM, "seed", (0, 1, 2, 3))
    store.put(DREAM, [], 2.0)
    assert estimate_seconds(store, recipe) == pytest.approx(6.0)
    for part in recipe.parts():
        store.put(part, [], 2.0)
    assert estimate_seconds(store, recipe) == 0.0


def test_results_of_older_versions_are_passed_over(store: Store) -> None:
    store.put(dataclasses.replace(DREAM, seed=1), [], 4.0)
    with store.transaction() as connection:
        connection.execute("UPDATE results SET recipe = json_set(recipe, '$.version', 1)")
    assert estimate_seconds(store, DREAM) is None
