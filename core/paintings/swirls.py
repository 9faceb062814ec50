"""A painting of a night sky in thick, swirling strokes."""

import numpy as np
from PIL import Image, ImageDraw

from core.paintings.pixel_math import Array, blur, mix, rgb


def paint(rng: np.random.Generator, side: int) -> Array:
    """Draw a night sky in strokes along a flow with vortices, and shade the relief of the paint."""
    vortices = _random_vortices(rng)
    canvas = Image.new("RGB", (side, side), (22, 34, 72))
    relief = Image.new("L", (side, side), 128)
    colours, heights = ImageDraw.Draw(canvas), ImageDraw.Draw(relief)
    for count, length, width in ((2600, 0.10, 0.015), (7000, 0.075, 0.009), (9000, 0.05, 0.0055)):
        starts = rng.random((count, 2))
        lines = _streamlines(starts, vortices, length)  # [count, points, 2] rows and columns
        stroke_colours = _night_colours(starts, vortices, rng)
        for line, colour in zip(lines, stroke_colours, strict=True):
            points = [(col * side, row * side) for row, col in line]
            thickness = max(2, round(width * side * rng.uniform(0.7, 1.3)))
            _draw_stroke(colours, points, colour, thickness, rng)
            _draw_relief(heights, points, thickness, rng)
    return _shade_relief(np.asarray(canvas) / 255, np.asarray(relief) / 255)


def _draw_stroke(
    draw: ImageDraw.ImageDraw,
    points: list[tuple[float, float]],
    colour: Array,
    thickness: int,
    rng: np.random.Generator,
) -> None:
    """Draw one stroke, with lighter and darker lines along the stroke, as a brush leaves them."""
    draw.line(points, fill=rgb(colour), width=thickness, joint="curve")
    width = max(1, thickness // 4)
    for offset, factor in ((-0.3, 1.18), (0.32, 0.82), (rng.uniform(-0.2, 0.2), 1.08)):
        parallel = [(x + offset * thickness * 0.7, y + offset * thickness * 0.7) for x, y in points]
        draw.line(parallel, fill=rgb(colour * factor), width=width, joint="curve")


def _draw_relief(
    draw: ImageDraw.ImageDraw,
    points: list[tuple[float, float]],
    thickness: int,
    rng: np.random.Generator,
) -> None:
    """Draw one stroke into the relief: a random height, and more along the stroke's centre line."""
    base = int(rng.integers(70, 150))
    for share, more in ((1.0, 0), (0.66, 30), (0.33, 55)):
        draw.line(points, fill=base + more, width=max(1, round(thickness * share)), joint="curve")


def _shade_relief(colour: Array, height: Array) -> Array:
    """Return the painting ``[S, S, 3]``, shaded as if lit from the upper left.

    ``colour`` ``[S, S, 3]`` is the painting without shading, ``height`` ``[S, S]`` its relief.
    """
    down, right = np.gradient(blur(height, 2))
    slope = np.clip(-(down + right) * 3.0, -0.22, 0.22)
    lit: Array = colour * (1 + slope[..., None])
    return lit


def _random_vortices(rng: np.random.Generator) -> Array:
    """Return nine random vortices ``[9, 4]``: row, column, radius, and direction of rotation.

    Rows, columns and radii are in units of the painting's side; the direction is 1 or -1.
    """
    vortices: list[Array] = []
    while len(vortices) < 9:
        radius = rng.uniform(0.06, 0.17)
        row, col = rng.uniform(0.04, 0.78), rng.uniform(0.03, 0.97)
        gaps = [np.hypot(row - it[0], col - it[1]) - (radius + it[2]) for it in vortices]
        if not gaps or min(gaps) > -0.02:
            vortices.append(np.array([row, col, radius, rng.choice([-1.0, 1.0])]))
    return np.stack(vortices)


def _flow_direction(points: Array, vortices: Array) -> Array:
    """Return the direction of the flow at ``points`` ``[P, 2]``, as unit vectors ``[P, 2]``.

    Points and vectors are (row, column).
    """
    row, col = points.T
    down = 0.30 * np.sin(6.3 * col + 2.0) + 0.22 * np.sin(11.0 * row)
    along = np.ones_like(row)
    for at_row, at_col, radius, turn in vortices:
        d_row, d_col = row - at_row, col - at_col
        pull = 7.0 * turn * np.exp(-(d_row**2 + d_col**2) / (2 * (radius * 0.62) ** 2)) / radius
        down = down + pull * d_col
        along = along - pull * d_row
    flow = np.stack([down, along], 1)
    direction: Array = flow / np.linalg.norm(flow, axis=1, keepdims=True)
    return direction


def _streamlines(starts: Array, vortices: Array, length: float, points: int = 12) -> Array:
    """Return lines ``[P, points, 2]`` that begin at ``starts`` ``[P, 2]`` and follow the flow."""
    line, position = [starts], starts
    for _ in range(points - 1):
        position = position + _flow_direction(position, vortices) * length / points
        line.append(position)
    return np.stack(line, 1)


def _night_colours(starts: Array, vortices: Array, rng: np.random.Generator) -> Array:
    """Return the colours ``[P, 3]`` in ``[0, 1]`` of strokes that begin at ``starts`` ``[P, 2]``.

    Together the colours show a night sky with bright vortices, and hills.
    """
    row, col = starts.T
    deep, sky, pale = (0.07, 0.13, 0.36), (0.16, 0.36, 0.70), (0.55, 0.75, 0.86)
    wave = 0.5 + 0.5 * np.sin(9.0 * row + 4.0 * np.sin(5.0 * col))
    colour = mix(deep, sky, 0.25 + 0.6 * wave)
    for number, (at_row, at_col, radius, _) in enumerate(vortices):
        distance = np.hypot(row - at_row, col - at_col) / radius
        ring = 0.5 + 0.5 * np.cos(distance * 9.5)
        near = np.exp(-((distance / 0.95) ** 4))
        warm = (0.98, 0.80, 0.30) if number % 3 else (0.96, 0.93, 0.72)
        glow = mix(mix(sky, pale, ring), warm, np.exp(-(distance**2) * 3.2))
        colour = mix(colour, glow, near)
    hill = 0.80 + 0.05 * np.sin(7 * col + 1.0) + 0.03 * np.sin(17 * col)
    land = mix((0.05, 0.10, 0.20), (0.18, 0.34, 0.34), wave)
    colour = mix(colour, land, 1 / (1 + np.exp(-(row - hill) * 120)))
    noise = rng.normal(0, 1, (len(starts), 1)) * 0.07 + rng.normal(0, 1, (len(starts), 3)) * 0.03
    return np.clip(colour * (1 + noise * 1.6) + noise * 0.4, 0, 1)
