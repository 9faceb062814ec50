"""Signed distance functions of the simple shapes of which all drawings consist.

Each function of a shape takes the coordinates of points: `u` (to the right) and `v` (down), float32
arrays that broadcast together. The shape is at the origin of these coordinates. The function
returns the signed distance of each point to the edge of the shape, in the same unit: negative
inside, zero on the edge, positive outside. The formulas are those of Inigo Quilez, "2D distance
functions", unless another source is named. Where an exact distance would take much time, the
function returns an estimate that is exact (zero) on the edge.
"""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Point = tuple[float, float]
Distance = Callable[[Array, Array], Array]
Sizes = ParamSpec("Sizes")

TINY = 1e-6  # avoids divisions by zero


def sized(
    shape: Callable[Concatenate[Array, Array, Sizes], Array],
    *sizes: Sizes.args,
    **named: Sizes.kwargs,
) -> Distance:
    """Return the distance to a shape of the given sizes, as a function of `u` and `v`.

    For example, `sized(disc, 0.5)(u, v)` is `disc(u, v, 0.5)`.
    """
    return lambda u, v: shape(u, v, *sizes, **named)


def union(*parts: Array) -> Array:
    """Return the distance to the union of several shapes, from the distances to each."""
    distance: Array = functools.reduce(np.minimum, parts)
    return distance


def intersection(*parts: Array) -> Array:
    """Return the distance to the intersection of several shapes, from the distances to each."""
    distance: Array = functools.reduce(np.maximum, parts)
    return distance


def difference(shape: Array, hole: Array) -> Array:
    """Return the distance to the points that are inside `shape` and outside `hole`."""
    return np.maximum(shape, -hole)


def smooth_union(first: Array, second: Array, radius: float) -> Array:
    """Return the distance to the union of two shapes, joined by a fillet of about `radius`."""
    near = np.maximum(radius - np.abs(first - second), 0.0)
    return np.minimum(first, second) - near * near * (0.25 / radius)


def disc(u: Array, v: Array, radius: float) -> Array:
    """Return the distance to a disc around the origin."""
    return np.hypot(u, v) - radius


def ring(u: Array, v: Array, radius: float, width: float) -> Array:
    """Return the distance to a ring from `radius - width / 2` to `radius + width / 2`."""
    return np.abs(np.hypot(u, v) - radius) - width / 2


def ellipse(u: Array, v: Array, across: float, down: float) -> Array:
    """Return an estimate of the distance to an ellipse; `across` and `down` are its half axes."""
    a, b = u / across, v / down
    scaled = np.hypot(a, b)
    slope = np.hypot(a / across, b / down)
    distance: Array = scaled * (scaled - 1.0) / (slope + TINY)
    return distance


def box(u: Array, v: Array, across: float, down: float, corner: float = 0.0) -> Array:
    """Return the distance to a box with rounded corners.

    `across` and `down` are half of the width and half of the height; `corner` is the radius of the
    corners.
    """
    a, b = np.abs(u) - (across - corner), np.abs(v) - (down - corner)
    outside = np.hypot(np.maximum(a, 0.0), np.maximum(b, 0.0))
    return outside + np.minimum(np.maximum(a, b), 0.0) - corner


def capsule(u: Array, v: Array, start: Point, stop: Point, radius: float) -> Array:
    """Return the distance to a straight stroke of width `2 * radius` with round ends."""
    du, dv = stop[0] - start[0], stop[1] - start[1]
    a, b = u - start[0], v - start[1]
    along = np.clip((a * du + b * dv) / (du * du + dv * dv + TINY), 0.0, 1.0)
    return np.hypot(a - along * du, b - along * dv) - radius


def path(u: Array, v: Array, points: Sequence[Point], radius: float) -> Array:
    """Return the distance to a stroke of width `2 * radius` through `points`, with round ends."""
    pairs = itertools.pairwise(points)
    return union(*(capsule(u, v, a, b, radius) for a, b in pairs))


def curve(start: Point, bend: Point, stop: Point, pieces: int = 6) -> list[Point]:
    """Return `pieces + 1` points on the quadratic Bezier curve with the control point `bend`."""
    points = []
    for piece in range(pieces + 1):
        t = piece / pieces
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        points.append(
            (a * start[0] + b * bend[0] + c * stop[0], a * start[1] + b * bend[1] + c * stop[1])
        )
    return points


def on_circle(angle: float, radius: float) -> Point:
    """Return a point on a circle around the origin, `angle` radians clockwise from the top."""
    return radius * math.sin(angle), -radius * math.cos(angle)


def convex(u: Array, v: Array, points: Sequence[Point]) -> Array:
    """Return an estimate of the distance to a convex polygon.

    `points` are its corners, clockwise on screen.
    """
    sides = []
    for (u0, v0), (u1, v1) in itertools.pairwise([*points, points[0]]):
        length = math.hypot(u1 - u0, v1 - v0) + TINY
        nu, nv = (v1 - v0) / length, -(u1 - u0) / length
        sides.append(u * nu + v * nv - (u0 * nu + v0 * nv))
    return intersection(*sides)


def polygon(u: Array, v: Array, points: Sequence[Point]) -> Array:
    """Return the distance to a polygon with the corners `points`; its sides must not cross."""
    outline = [*points, points[0]]
    nearest = path(u, v, outline, 0.0)
    inside = np.zeros(nearest.shape, dtype=np.bool_)
    for (u0, v0), (u1, v1) in itertools.pairwise(outline):
        above = (v0 > v) != (v1 > v)
        inside ^= above & (u < (u1 - u0) * (v - v0) / (v1 - v0 if v1 != v0 else TINY) + u0)
    return np.where(inside, -nearest, nearest)


def regular(u: Array, v: Array, sides: int, radius: float) -> Array:
    """Return an estimate of the distance to a regular polygon with a corner at the top.

    `radius` is the distance of the corners from the origin.
    """
    return convex(u, v, [on_circle(2 * math.pi * k / sides, radius) for k in range(sides)])


def star(u: Array, v: Array, points: int, radius: float, inner: float) -> Array:
    """Return an estimate of the distance to a star with a point at the top.

    `radius` is the distance of the points from the origin. `inner` is the distance of the notches
    from the origin, as a fraction of `radius`.
    """
    step = math.pi / points
    angle = np.abs(np.mod(np.arctan2(u, -v) + step, 2 * step) - step)
    r = np.hypot(u, v)
    a, b = r * np.sin(angle), r * np.cos(angle)  # b is towards the nearest point
    notch = (inner * radius * math.sin(step), inner * radius * math.cos(step))
    du, dv = notch[0], notch[1] - radius
    length = math.hypot(du, dv)
    return (-a * dv + (b - radius) * du) / length


def arc(u: Array, v: Array, radius: float, half: float, width: float) -> Array:
    """Return the distance to an arc of a circle with round ends, at the lower end of the circle.

    The arc reaches from `-half` to `half` radians, measured from the downward direction.
    """
    a = np.abs(u)
    end_u, end_v = radius * math.sin(half), radius * math.cos(half)
    beyond = math.cos(half) * a > math.sin(half) * v
    distance = np.where(beyond, np.hypot(a - end_u, v - end_v), np.abs(np.hypot(a, v) - radius))
    return distance - width / 2


def almond(u: Array, v: Array, across: float, down: float) -> Array:
    """Return the distance to a lens with tips at the left and right, like an eye or a leaf.

    `across` and `down` are half of the width and half of the height.
    """
    radius = (across * across + down * down) / (2 * down)
    return np.hypot(u, np.abs(v) + (radius - down)) - radius


def crescent(u: Array, v: Array, radius: float, bite: float, offset: float) -> Array:
    """Return the distance to a crescent: a disc without the points of a second disc.

    The second disc has the radius `bite`. The centre of the second disc is at `u = offset`.
    """
    return difference(disc(u, v, radius), disc(u - offset, v, bite))


def drop(u: Array, v: Array, radius: float, height: float) -> Array:
    """Return an estimate of the distance to a disc with a tip `height` above the centre."""
    a = np.abs(u)
    slope = radius / height
    rise = math.sqrt(1.0 - slope * slope)
    cone = a * rise - (v + height) * slope
    touch_v = -radius * slope
    return np.where(v > touch_v, np.hypot(a, v) - radius, np.maximum(cone, -(v + height)))


def heart(u: Array, v: Array, radius: float) -> Array:
    """Return the distance to a heart around the origin; its half width is about `radius`."""
    # In the coordinates of the formula, the heart is about 1.2 wide and 1.1 high, and its tip is at
    # the origin.
    scale = radius * 1.55
    a, b = np.abs(u) / scale, 0.52 - v / scale
    upper = np.hypot(a - 0.25, b - 0.75) - math.sqrt(2.0) / 4
    slide = 0.5 * np.maximum(a + b, 0.0)
    lower = np.minimum(np.hypot(a, b - 1.0), np.hypot(a - slide, b - slide))
    distance: Array = scale * np.where(a + b > 1.0, upper, lower * np.sign(a - b))
    return distance


def spiral(u: Array, v: Array, radius: float, turns: float, thick: float) -> Array:
    """Return an estimate of the distance to a band along an Archimedean spiral.

    `radius` is the outer radius, `turns` the number of turns. `thick` is the width of the band,
    relative to the distance between two turns.
    """
    r = np.hypot(u, v)
    pitch = radius / turns
    phase = r / pitch - np.arctan2(v, u) * (0.5 / math.pi)
    band = (np.abs(phase - np.floor(phase) - 0.5) - thick / 2) * pitch
    return np.maximum(band, r - radius)


def pinwheel(u: Array, v: Array, radius: float, blades: int, twist: float = 0.0) -> Array:
    """Return an estimate of the distance to every second one of `2 * blades` sectors of a disc.

    `twist` bends the sectors: a point at distance r from the origin is rotated by `twist * r`
    radians.
    """
    r = np.hypot(u, v)
    angle = np.arctan2(v, u) + twist * r
    edge = np.sin(angle * blades) * r * (1.0 / blades)
    return np.maximum(edge, r - radius)
