"""Tests of shapes and patterns: distances against sampled edges, and signs."""

import math

import numpy as np
import pytest

from core.sketchworld import patterns, shapes
from core.sketchworld.shapes import Array, Distance


def plane(side: int = 161, reach: float = 1.6) -> tuple[Array, Array]:
    axis = np.linspace(-reach, reach, side, dtype=np.float32)
    return axis[None, :], axis[:, None]


DENTED = [(-0.7, -0.7), (0.8, -0.5), (0.1, 0.1), (-0.4, 0.9)]
EXACT: dict[str, Distance] = {
    "disc": lambda u, v: shapes.disc(u, v, 0.7),
    "ring": lambda u, v: shapes.ring(u, v, 0.7, 0.3),
    "box": lambda u, v: shapes.box(u, v, 0.5, 0.8),
    "round box": lambda u, v: shapes.box(u, v, 0.5, 0.8, 0.2),
    "capsule": lambda u, v: shapes.capsule(u, v, (-0.5, -0.2), (0.6, 0.4), 0.2),
    "polygon": lambda u, v: shapes.polygon(
        u, v, [(-0.7, -0.7), (0.8, -0.5), (0.0, 0.0), (0.5, 0.9)]
    ),
    "arc": lambda u, v: shapes.arc(u, v, 0.7, 1.0, 0.2),
    "heart": lambda u, v: shapes.heart(u, v, 0.8),
}
ESTIMATED: dict[str, Distance] = {
    "ellipse": lambda u, v: shapes.ellipse(u, v, 0.9, 0.5),
    "regular": lambda u, v: shapes.regular(u, v, 5, 0.9),
    "star": lambda u, v: shapes.star(u, v, 5, 1.0, 0.45),
    "almond": lambda u, v: shapes.almond(u, v, 0.9, 0.4),
    "crescent": lambda u, v: shapes.crescent(u, v, 0.9, 0.7, 0.4),
    "drop": lambda u, v: shapes.drop(u, v, 0.5, 1.2),
}


def sampled(distance: Distance) -> tuple[Array, Array]:
    """Return a shape's distances on a grid, and signed distances to the nearest sampled edge."""
    u, v = plane()
    found = distance(u, v) + 0.0 * (u + v)
    inside = found < 0
    edge = np.zeros_like(inside)
    edge[:, 1:] |= inside[:, 1:] != inside[:, :-1]
    edge[1:, :] |= inside[1:, :] != inside[:-1, :]
    rows, cols = np.nonzero(edge)
    points_u, points_v = u[0, cols], v[rows, 0]
    away = np.empty_like(found)
    for row in range(len(v)):
        gap = np.hypot(u[0][:, None] - points_u[None], v[row, 0] - points_v[None])
        away[row] = gap.min(axis=1)
    return found, np.where(inside, -away, away)


@pytest.mark.parametrize("name", EXACT)
def test_exact_distances_are_those_to_the_edge(name: str) -> None:
    found, expected = sampled(EXACT[name])
    np.testing.assert_allclose(
        found, expected, atol=0.06
    )  # sampling error: up to three cells at a sharp corner


@pytest.mark.parametrize("name", ESTIMATED)
def test_estimated_distances_hold_near_the_edge(name: str) -> None:
    found, expected = sampled(ESTIMATED[name])
    near = np.abs(expected) < 0.06
    assert np.abs(found - expected)[near].mean() < 0.025


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("star", (0.0, -0.95), (0.0, 0.6)),  # one tip at the top, a notch at the bottom
        ("drop", (0.0, -1.1), (0.3, -1.0)),  # the tip is at the top
        ("crescent", (-0.8, 0.0), (0.4, 0.0)),  # the missing part is at the right
        ("heart", (0.0, 0.6), (0.0, -0.7)),  # the tip is at the bottom
        ("arc", (0.0, 0.7), (0.0, -0.7)),  # an arc around the bottom
    ],
)
def test_shapes_stand_the_right_way_up(
    name: str, inside: tuple[float, float], outside: tuple[float, float]
) -> None:
    distance = {**EXACT, **ESTIMATED}[name]

    def at(point: tuple[float, float]) -> float:
        u, v = (np.array([[value]], dtype=np.float32) for value in point)
        return float(distance(u, v)[0, 0])

    assert at(inside) < 0 < at(outside)


@pytest.mark.parametrize(
    ("pattern", "ink", "share"),
    [
        (patterns.stripes, 0.4, 0.4),
        (patterns.checks, 0.5, 0.5),
        (patterns.grid, 0.2, 1 - 0.8**2),
        (patterns.hatching, 0.2, 1 - 0.8**2),
        (patterns.dots, 0.6, math.pi * 0.3**2 / (math.sqrt(3) / 2)),
        (patterns.diamonds, 0.8, 0.5 * 0.8**2),
        (patterns.honeycomb, 0.8, 0.8**2),
        (patterns.waves, 0.45, 0.45),
        (patterns.zigzag, 0.45, 0.45),
        (patterns.bricks, 0.8, 0.9 * 0.8),
    ],
)
def test_patterns_have_the_ink_they_promise(
    pattern: patterns.Pattern, ink: float, share: float
) -> None:
    u, v = plane(601, 12.0)
    found = pattern(u, v, ink) + 0.0 * (u + v)
    assert found.dtype == np.float32
    assert (found < 0).mean() == pytest.approx(share, abs=0.03)


def test_union_meet_and_cut_are_those_of_sets() -> None:
    u, v = plane(41)
    first, second = shapes.disc(u, v, 0.8), shapes.box(u - 0.5, v, 0.5, 0.3)
    a, b = first < 0, second < 0
    np.testing.assert_array_equal(shapes.union(first, second) < 0, a | b)
    np.testing.assert_array_equal(shapes.intersection(first, second) < 0, a & b)
    np.testing.assert_array_equal(shapes.difference(first, second) < 0, a & ~(second <= 0))
