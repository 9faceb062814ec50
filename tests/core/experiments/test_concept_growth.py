"""Tests of concept growth against a slow reference, and of the row of dreams."""

import math
import statistics

import pytest
import torch
from PIL import Image
from torch import Tensor

from core.experiments import concept_growth
from core.experiments.concept_growth import Response
from core.figures import dream_row
from core.networks.network import Network
from core.sketchnet.labels import Label

LABELS = (
    Label("1", 0, "eye", "part", 0.3),
    Label("1", 3, "eye", "part", 0.2),
    Label("3", 6, "eye", "part", 0.2),
    Label("1", 1, "wheel", "part", 0.2),
    Label("3", 2, "wheel", "part", 0.2),
    Label("3", 5, "star", "shape", 0.2),
)


def slowly(before: Response, after: Response, dreamt: str) -> dict[str, float]:
    """Compute the growth by its definition, unit by unit."""
    grown: dict[tuple[str, int], float] = {}
    for layer in before.means:
        a, b = before.means[layer].tolist(), after.means[layer].tolist()
        floor = 0.1 * sum(a) / len(a)
        raw = [math.log2((y + floor) / (x + floor)) for x, y in zip(a, b, strict=True)]
        usual = statistics.median(raw)
        grown |= {(layer, unit): value - usual for unit, value in enumerate(raw)}
    found: dict[str, list[float]] = {}
    for label in LABELS:
        if label.layer != dreamt:
            found.setdefault(label.concept, []).append(grown[label.layer, label.unit])
    return {name: sum(row) / len(row) for name, row in found.items() if len(row) >= 2}


def sights(seed: int = 0) -> tuple[Response, Response]:
    torch.manual_seed(seed)
    means: list[dict[str, Tensor]] = [{"1": torch.rand(5), "3": torch.rand(7)} for _ in range(2)]
    return Response((), means[0]), Response((), means[1])


@pytest.mark.parametrize("dreamt", ["", "1", "3"])
def test_growth_is_as_defined(dreamt: str) -> None:
    before, after = sights()
    expected = slowly(before, after, dreamt)
    found = concept_growth.concept_growth(before, after, LABELS, dreamt)
    assert {it.concept: it.value for it in found} == pytest.approx(expected, abs=1e-5)
    assert [it.value for it in found] == sorted((it.value for it in found), reverse=True)


def test_a_picture_that_is_louder_everywhere_has_grown_nowhere() -> None:
    before, _ = sights()
    louder = Response((), {name: 4 * values for name, values in before.means.items()})
    # The floor does not grow with the activations, so weak units grow a little less.
    assert all(abs(it.value) < 0.5 for it in concept_growth.concept_growth(before, louder, LABELS))
    assert all(it.value == 0 for it in concept_growth.concept_growth(before, before, LABELS))


def test_a_label_that_doubles_has_grown_by_one() -> None:
    before = Response((), {"1": torch.full((101,), 8.0)})
    means = before.means["1"].clone()
    means[:2] = 16.8  # twice as much, with the floor of 0.8
    labels = [Label("1", unit, "eye", "part", 0.5) for unit in (0, 1)]
    (grown,) = concept_growth.concept_growth(before, Response((), {"1": means}), labels)
    assert (grown.concept, grown.neurons) == ("eye", 2)
    assert grown.value == pytest.approx(1.0, abs=1e-6)


def test_silent_and_negative_layers_stay_finite() -> None:
    silent = Response((), {"1": torch.zeros(5), "3": torch.linspace(-1, 1, 7)})
    _, after = sights()
    assert all(
        math.isfinite(it.value) for it in concept_growth.concept_growth(silent, after, LABELS)
    )
    assert all(
        math.isfinite(it.value) for it in concept_growth.concept_growth(after, silent, LABELS)
    )


def test_seeing_averages_over_positions(tiny: Network, photograph: Tensor) -> None:
    seen = concept_growth.respond(tiny, photograph, ["1", "3"])
    raw = tiny.activations(photograph, ["1", "3"])
    for name in ("1", "3"):
        slow = [float(plane.float().mean()) for plane in raw[name][0]]
        assert seen.means[name].tolist() == pytest.approx(slow, rel=1e-3)
    assert len(seen.classes) == 4
    assert sum(share for _, share in seen.classes) == pytest.approx(1.0)
    assert [share for _, share in seen.classes] == sorted(
        (share for _, share in seen.classes), reverse=True
    )


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_depths_are_spread_from_the_first_to_the_last(tiny: Network, count: int) -> None:
    chosen = concept_growth.spread(tiny, count)
    assert len({it.name for it in chosen}) == len(chosen) == min(count, len(tiny.shown) - 1)
    assert chosen[0] == tiny.shown[0]
    assert [it.index for it in chosen] == sorted(it.index for it in chosen)
    assert tiny.shown[-1] not in chosen


def test_a_row_holds_its_pictures_untouched() -> None:
    pictures = [Image.new("RGB", (60, 37), colour) for colour in ("red", "lime", "blue")]
    drawn = dream_row.draw_row(pictures, ["one", "two", "three"], [["eye"], [], ["a", "b"]])
    colours = drawn.getcolors(drawn.width * drawn.height) or []
    counts = {colour: count for count, colour in colours}
    assert [counts.get(it) for it in ((255, 0, 0), (0, 255, 0), (0, 0, 255))] == [60 * 37] * 3
