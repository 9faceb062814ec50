"""Tests of the lessons' measures against slower references and on SketchNet."""

import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor

from core import paintings
from core.datasets import sources
from core.experiments import lesson_measures
from core.images import image_io
from core.index import build, reader
from core.networks import registry
from core.networks.network import Network


@pytest.fixture(scope="module")
def sketchnet() -> Network:
    return registry.load(registry.SKETCHNET, device="cpu")


def test_shuffled_squares_are_the_same_squares_in_another_order() -> None:
    image = torch.rand(2, 3, 13, 19)
    parts, rows, cols = 3, 4, 6
    laid = lesson_measures.shuffle_squares(image, parts, torch.Generator().manual_seed(1))
    assert laid.shape == (2, 3, 12, 18)
    before = [
        image[:, :, i * rows : (i + 1) * rows, j * cols : (j + 1) * cols]
        for i in range(parts)
        for j in range(parts)
    ]
    found = []
    for i in range(parts):
        for j in range(parts):
            square = laid[:, :, i * rows : (i + 1) * rows, j * cols : (j + 1) * cols]
            found += [at for at, it in enumerate(before) if torch.equal(it, square)]
    assert sorted(found) == list(range(9))
    assert found != list(range(9))


def test_what_does_not_move_is_not_upset(tiny: Network, photograph: Tensor) -> None:
    flat = torch.cat([torch.full((1, 3, 24, 20), 0.3), torch.full((1, 3, 24, 20), 0.8)])
    assert max(lesson_measures.shuffle_effect(tiny, flat, 4).values()) == pytest.approx(0, abs=1e-5)
    some = torch.cat([photograph[..., :36, :52], photograph[..., :36, :52].flip(1) ** 2])
    # Slow reference: one image and one order after the other.
    generator = torch.Generator().manual_seed(0)
    name, moved = tiny.shown[1].name, []
    own = [tiny.activations(it[None], [name])[name][0].mean((1, 2)) for it in some]
    apart = float((own[0] - own[1]).norm())
    for _ in range(lesson_measures.ROUNDS):
        cut = lesson_measures.shuffle_squares(some, 2, generator)
        for at in range(2):
            after = tiny.activations(cut[at][None], [name])[name][0].mean((1, 2))
            moved.append(float((after - own[at]).norm()) / apart)
    assert lesson_measures.shuffle_effect(tiny, some, 2)[name] == pytest.approx(
        sum(moved) / len(moved), rel=1e-4
    )


def test_shuffling_upsets_deep_layers_and_hardly_the_first(sketchnet: Network) -> None:
    found = lesson_measures.shuffle_effect(sketchnet, lesson_measures.draw_images(sketchnet), 4)
    values = list(found.values())
    assert found["relu1a"] == pytest.approx(0.12, abs=0.02)
    assert found["relu5b"] == pytest.approx(0.62, abs=0.03)
    assert next(name for name, value in found.items() if value >= 0.5) == "relu4a"
    # The effect grows from layer to layer, except in the last ones, where it is similar.
    assert all(later > before - 0.03 for before, later in itertools.pairwise(values))


def test_labels_agree_as_counted() -> None:
    assert lesson_measures.most_common_share(["a", "b", "a", "c"]) == 0.5
    assert lesson_measures.most_common_share([]) == 0.0
    assert lesson_measures.chance_agreement(["same"] * 20) == 1.0
    # If all nine labels differ, the most common one has a share of 1/9.
    assert lesson_measures.chance_agreement([str(number) for number in range(20)]) == pytest.approx(
        1 / 9
    )


def test_the_nine_of_deep_neurons_agree(sketchnet: Network, tmp_path: Path) -> None:
    source, out = sources.find_source("sketchworld:720"), tmp_path / "lesson.index"
    tally = build.open_accumulator(build.plan_index(sketchnet, source), source, out)
    for _ in build.build_index(sketchnet, source, tally, out):
        pass
    found = lesson_measures.label_agreement(reader.open_index(out))
    by_chance = lesson_measures.chance_agreement([source.label(it.name) for it in source.entries()])
    assert by_chance == pytest.approx(0.157, abs=0.01)
    assert found["relu1a"] == pytest.approx(0.21, abs=0.02)
    assert found["relu3b"] == pytest.approx(0.34, abs=0.03)
    assert found["logits"] == pytest.approx(0.92, abs=0.03)
    values = list(found.values())
    assert values == sorted(values)


def test_halves_of_paintings_find_each_other_by_style(sketchnet: Network) -> None:
    every = [image_io.to_tensor(paintings.picture(it, size=256)) for it in paintings.PAINTINGS]
    found = lesson_measures.nearest_half_accuracy(sketchnet, every)
    assert min(style for style, _ in found.values()) >= 0.9
    assert sum(content for _, content in found.values()) / len(found) < 0.6
    assert found["relu1a"][1] <= 0.3


def test_a_painting_carries_its_whole_style_and_a_photograph_none() -> None:
    photograph = {"style a": 4.0, "style b": 2.0, "content a": 0.0}
    painting = {"style a": 0.0, "style b": 0.0, "content a": 3.0}
    half = {"style a": 3.0, "style b": 0.5, "content a": 1.0}
    assert lesson_measures.style_transferred(photograph, photograph) == 0
    assert lesson_measures.style_transferred(photograph, painting) == 1
    assert lesson_measures.style_transferred(photograph, half) == pytest.approx((0.25 + 0.75) / 2)
    assert lesson_measures.mean_loss("style", half) == pytest.approx(1.75)
