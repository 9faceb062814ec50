"""Strokes that swirl: a night of thick paint that follows a wind with eddies in it."""

import numpy as np
from PIL import Image, ImageDraw

from core.paintings.pixel_math import Array, between, blurred, rgb


def paint(chance: np.random.Generator, side: int) -> Array:
    """Paint a night of strokes that follow a wind with eddies in it, thick enough to cast light."""
    eddies = _eddies(chance)
    canvas = Image.new("RGB", (side, side), (22, 34, 72))
    relief = Image.new("L", (side, side), 128)
    colours, heights = ImageDraw.Draw(canvas), ImageDraw.Draw(relief)
    for count, length, width in ((2600, 0.10, 0.015), (7000, 0.075, 0.009), (9000, 0.05, 0.0055)):
        places = chance.random((count, 2))
        lines = _streams(places, eddies, length)  # [count, points, 2] rows and columns
        shades = _night(places, eddies, chance)
        for line, shade in zip(lines, shades, strict=True):
            points = [(col * side, row * side) for row, col in line]
            thick = max(2, round(width * side * chance.uniform(0.7, 1.3)))
            _stroke(colours, points, shade, thick, chance)
            _ridge(heights, points, thick, chance)
    return _lit(np.asarray(canvas) / 255, np.asarray(relief) / 255)


def _stroke(
    draw: ImageDraw.ImageDraw,
    points: list[tuple[float, float]],
    shade: Array,
    thick: int,
    chance: np.random.Generator,
) -> None:
    """Draw one stroke, with a lighter and a darker edge as a loaded brush leaves."""
    draw.line(points, fill=rgb(shade), width=thick, joint="curve")
    edge = max(1, thick // 4)
    for offset, by in ((-0.3, 1.18), (0.32, 0.82), (chance.uniform(-0.2, 0.2), 1.08)):
        beside = [(x + offset * thick * 0.7, y + offset * thick * 0.7) for x, y in points]
        draw.line(beside, fill=rgb(shade * by), width=edge, joint="curve")


def _ridge(
    draw: ImageDraw.ImageDraw,
    points: list[tuple[float, float]],
    thick: int,
    chance: np.random.Generator,
) -> None:
    """Heap up paint: higher in the middle of the stroke, each of its own height."""
    base = int(chance.integers(70, 150))
    for share, more in ((1.0, 0), (0.66, 30), (0.33, 55)):
        draw.line(points, fill=base + more, width=max(1, round(thick * share)), joint="curve")


def _lit(colour: Array, height: Array) -> Array:
    """Light paint ``[S, S, 3]`` of a height ``[S, S]`` from the upper left."""
    down, right = np.gradient(blurred(height, 2))
    slope = np.clip(-(down + right) * 3.0, -0.22, 0.22)
    lit: Array = colour * (1 + slope[..., None])
    return lit


def _eddies(chance: np.random.Generator) -> Array:
    """Choose where the wind turns: rows of (row, column, reach, strength), all in sides."""
    found: list[Array] = []
    while len(found) < 9:
        reach = chance.uniform(0.06, 0.17)
        row, col = chance.uniform(0.04, 0.78), chance.uniform(0.03, 0.97)
        apart = [np.hypot(row - it[0], col - it[1]) - (reach + it[2]) for it in found]
        if not apart or min(apart) > -0.02:
            found.append(np.array([row, col, reach, chance.choice([-1.0, 1.0])]))
    return np.stack(found)


def _wind(places: Array, eddies: Array) -> Array:
    """Give the wind's direction at ``[P, 2]`` places, rows and columns, of length 1."""
    row, col = places.T
    down = 0.30 * np.sin(6.3 * col + 2.0) + 0.22 * np.sin(11.0 * row)
    along = np.ones_like(row)
    for at_row, at_col, reach, turn in eddies:
        apart_row, apart_col = row - at_row, col - at_col
        pull = (
            7.0 * turn * np.exp(-(apart_row**2 + apart_col**2) / (2 * (reach * 0.62) ** 2)) / reach
        )
        down = down + pull * apart_col
        along = along - pull * apart_row
    flow = np.stack([down, along], 1)
    direction: Array = flow / np.linalg.norm(flow, axis=1, keepdims=True)
    return direction


def _streams(places: Array, eddies: Array, length: float, points: int = 12) -> Array:
    """Follow the wind from ``[P, 2]`` places: ``[P, points, 2]``."""
    line, here = [places], places
    for _ in range(points - 1):
        here = here + _wind(here, eddies) * length / points
        line.append(here)
    return np.stack(line, 1)


def _night(places: Array, eddies: Array, chance: np.random.Generator) -> Array:
    """Colour strokes by where they begin: sky, glowing eddies, hills; ``[P, 3]`` in ``[0, 1]``."""
    row, col = places.T
    deep, sky, pale = (
        np.array(it) for it in ((0.07, 0.13, 0.36), (0.16, 0.36, 0.70), (0.55, 0.75, 0.86))
    )
    wave = 0.5 + 0.5 * np.sin(9.0 * row + 4.0 * np.sin(5.0 * col))
    colour = between(deep, sky, (0.25 + 0.6 * wave)[:, None])
    for number, (at_row, at_col, reach, _) in enumerate(eddies):
        away = np.hypot(row - at_row, col - at_col) / reach
        ring = 0.5 + 0.5 * np.cos(away * 9.5)
        near = np.exp(-((away / 0.95) ** 4))[:, None]
        warm = np.array([0.98, 0.80, 0.30]) if number % 3 else np.array([0.96, 0.93, 0.72])
        glow = between(between(sky, pale, ring[:, None]), warm, np.exp(-(away**2) * 3.2)[:, None])
        colour = between(colour, glow, near)
    hill = 0.80 + 0.05 * np.sin(7 * col + 1.0) + 0.03 * np.sin(17 * col)
    land = between(np.array([0.05, 0.10, 0.20]), np.array([0.18, 0.34, 0.34]), wave[:, None])
    colour = between(colour, land, (1 / (1 + np.exp(-(row - hill) * 120)))[:, None])
    spread = (
        chance.normal(0, 1, (len(places), 1)) * 0.07 + chance.normal(0, 1, (len(places), 3)) * 0.03
    )
    return np.clip(colour * (1 + spread * 1.6) + spread * 0.4, 0, 1)
