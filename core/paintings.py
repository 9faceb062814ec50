"""Paintings that the project draws itself, to lend their style: each a way to put down paint.

Strokes that swirl, a pointillist's dots, a mosaic, a woodcut and stained glass. All are drawn from
a seed, at any size, and never twice in the same place: a style is what happens everywhere.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy.spatial import KDTree

from core.errors import unknown

Array = npt.NDArray[np.float64]
# Height and width in pixels.
SIZE = 640
# Drawn so many times larger, and made smaller, so that edges are smooth.
FINER = 2


@dataclass(frozen=True)
class Painting:
    """One of them.

    Attributes:
        title: what it is, in a few words.
        paint: draws it, from a source of chance and a side in pixels, ``[side, side, 3]`` in
            ``[0, 1]``.
    """

    title: str
    paint: Callable[[np.random.Generator, int], Array]


def picture(name: str, seed: int = 0, size: int = SIZE) -> Image.Image:
    """Draw a painting, RGB; it is shared, so nobody may change it.

    Args:
        name: one of ``PAINTINGS``.
        seed: another one gives another painting of the kind.
        size: height and width in pixels.

    Raises:
        UnknownName: there is no such painting.
    """
    if name not in PAINTINGS:
        raise unknown("painting", name, PAINTINGS)
    return _picture(name, seed, size)


@functools.lru_cache(maxsize=16)
def _picture(name: str, seed: int, size: int) -> Image.Image:
    painted = PAINTINGS[name].paint(np.random.default_rng(seed), size * FINER)
    large = Image.fromarray((painted.clip(0, 1) * 255 + 0.5).astype(np.uint8))
    return large.resize((size, size), Image.Resampling.BOX)


def _swirls(chance: np.random.Generator, side: int) -> Array:
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
    colour = _between(deep, sky, (0.25 + 0.6 * wave)[:, None])
    for number, (at_row, at_col, reach, _) in enumerate(eddies):
        away = np.hypot(row - at_row, col - at_col) / reach
        ring = 0.5 + 0.5 * np.cos(away * 9.5)
        near = np.exp(-((away / 0.95) ** 4))[:, None]
        warm = np.array([0.98, 0.80, 0.30]) if number % 3 else np.array([0.96, 0.93, 0.72])
        glow = _between(_between(sky, pale, ring[:, None]), warm, np.exp(-(away**2) * 3.2)[:, None])
        colour = _between(colour, glow, near)
    hill = 0.80 + 0.05 * np.sin(7 * col + 1.0) + 0.03 * np.sin(17 * col)
    land = _between(np.array([0.05, 0.10, 0.20]), np.array([0.18, 0.34, 0.34]), wave[:, None])
    colour = _between(colour, land, (1 / (1 + np.exp(-(row - hill) * 120)))[:, None])
    spread = (
        chance.normal(0, 1, (len(places), 1)) * 0.07 + chance.normal(0, 1, (len(places), 3)) * 0.03
    )
    return np.clip(colour * (1 + spread * 1.6) + spread * 0.4, 0, 1)


def _stroke(
    draw: ImageDraw.ImageDraw,
    points: list[tuple[float, float]],
    shade: Array,
    thick: int,
    chance: np.random.Generator,
) -> None:
    """Draw one stroke, with a lighter and a darker edge as a loaded brush leaves."""
    draw.line(points, fill=_rgb(shade), width=thick, joint="curve")
    edge = max(1, thick // 4)
    for offset, by in ((-0.3, 1.18), (0.32, 0.82), (chance.uniform(-0.2, 0.2), 1.08)):
        beside = [(x + offset * thick * 0.7, y + offset * thick * 0.7) for x, y in points]
        draw.line(beside, fill=_rgb(shade * by), width=edge, joint="curve")


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
    down, right = np.gradient(_blurred(height, 2))
    slope = np.clip(-(down + right) * 3.0, -0.22, 0.22)
    lit: Array = colour * (1 + slope[..., None])
    return lit


def _blurred(values: Array, times: int) -> Array:
    """Blur by a mean of three by three pixels, some times over."""
    for _ in range(times):
        for axis in (0, 1):
            values = (np.roll(values, 1, axis) + values + np.roll(values, -1, axis)) / 3
    return values


def _dots(chance: np.random.Generator, side: int) -> Array:
    """Paint an evening at the water in dots, complementary colours beside each other."""
    canvas = Image.new("RGB", (side, side), (236, 226, 204))
    draw = ImageDraw.Draw(canvas)
    for step, radius, loose in (
        (0.0125, 0.0078, 0.05),
        (0.0105, 0.0056, 0.13),
        (0.009, 0.0042, 0.20),
    ):
        grid = np.arange(0, 1 + step, step)
        places = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
        places = places + chance.uniform(-0.6, 0.6, places.shape) * step
        chance.shuffle(places)
        shades = _divided(_evening(places), loose, chance)
        sizes = radius * side * chance.uniform(0.72, 1.15, len(places))
        for (row, col), shade, size in zip(places * side, shades, sizes, strict=True):
            box = (col - size, row - size * 0.92, col + size, row + size * 0.92)
            draw.ellipse(box, fill=_rgb(shade))
    return np.asarray(canvas) / 255


def _evening(places: Array) -> Array:
    """Give the colours of a sunset over water at ``[P, 2]`` places: ``[P, 3]`` in ``[0, 1]``."""
    row, col = places.T
    horizon = 0.52
    stops = [
        (0.0, (0.24, 0.38, 0.72)),
        (0.22, (0.52, 0.50, 0.80)),
        (0.38, (0.95, 0.60, 0.56)),
        (horizon, (1.0, 0.82, 0.42)),
    ]
    sky = _ramp(row, stops)
    sun = np.hypot(row - 0.40, (col - 0.62)) / 0.075
    sky = _between(sky, np.array([1.0, 0.93, 0.60]), np.exp(-(sun**4))[:, None])
    sky = _between(sky, np.array([1.0, 0.70, 0.35]), (0.65 * np.exp(-((sun / 2.6) ** 2)))[:, None])
    mirrored = _ramp(2 * horizon - row, stops) * np.array([0.55, 0.72, 0.98])
    ripple = 0.5 + 0.5 * np.sin(360 * (row - horizon).clip(0) ** 0.5 + 9 * np.sin(14 * col))
    water = _between(mirrored, np.array([0.10, 0.30, 0.58]), (0.55 * ripple)[:, None])
    path = np.exp(-(((col - 0.62) / (0.03 + 0.16 * (row - horizon).clip(0))) ** 2)) * ripple
    water = _between(water, np.array([1.0, 0.78, 0.36]), path[:, None])
    colour = np.where((row < horizon)[:, None], sky, water)
    far = horizon - 0.035 - 0.03 * np.sin(5 * col + 0.6) - 0.012 * np.sin(19 * col)
    shore = (row > far) & (row < horizon)
    colour = np.where(shore[:, None], np.array([0.36, 0.34, 0.62]), colour)
    bank = 0.86 + 0.06 * np.sin(3.4 * col + 2.2)
    grass = _between(
        np.array([0.12, 0.36, 0.22]),
        np.array([0.62, 0.70, 0.22]),
        (0.5 + 0.5 * np.sin(31 * col + 23 * row))[:, None],
    )
    colour = np.where((row > bank)[:, None], grass, colour)
    crown = np.minimum(
        np.hypot((row - 0.30) / 0.20, (col - 0.17) / 0.15),
        np.hypot((row - 0.44) / 0.13, (col - 0.07) / 0.12),
    )
    leaf = _between(
        np.array([0.10, 0.30, 0.26]),
        np.array([0.55, 0.62, 0.20]),
        (0.5 + 0.5 * np.sin(40 * row + 28 * col))[:, None],
    )
    trunk = (np.abs(col - 0.165 - 0.02 * np.sin(9 * row)) < 0.016) & (row > 0.42) & (row < 0.9)
    colour = np.where(trunk[:, None], np.array([0.26, 0.16, 0.30]), colour)
    painted: Array = np.where((crown < 1)[:, None], leaf, colour)
    return painted


def _divided(shades: Array, loose: float, chance: np.random.Generator) -> Array:
    """Divide colours ``[P, 3]`` into purer ones, of which one in eight is the opposite."""
    grey = shades.mean(1, keepdims=True)
    vivid = grey + (shades - grey) * 1.5
    opposite = chance.random((len(shades), 1)) < 0.13
    turned = grey + (grey - shades) * 0.9
    lean = chance.normal(0, loose, shades.shape)
    divided: Array = np.where(opposite & (loose > 0.1), turned, vivid) + lean
    return divided.clip(0, 1)


def _mosaic(chance: np.random.Generator, side: int) -> Array:
    """Lay small stones in rows around some centres, as mosaicists do, grout between them."""
    row, col = _plane(side)
    warp_row = row + 0.02 * np.sin(9 * col + 1) + 0.012 * np.sin(23 * col)
    warp_col = col + 0.02 * np.sin(8 * row + 2)
    centres = _spread(chance, 12)
    away = np.stack(
        [np.hypot(warp_row - r, warp_col - c) - 0.06 * np.sin(17.0 * r) for r, c in centres]
    )
    region = away.argmin(0)
    distance = np.take_along_axis(away, region[None], 0)[0] + 0.2
    stone = 0.021
    band = np.floor(distance / stone)
    angle = np.arctan2(warp_row - centres[region, 0], warp_col - centres[region, 1])
    around = np.maximum(np.round(2 * np.pi * (band + 0.5 - 0.2 / stone).clip(1) * 0.92), 5)
    place = (angle / (2 * np.pi) + 0.5) * around + 0.37 * band
    within_row, within_col = distance / stone - band, place - np.floor(place)
    number = (
        region * 977 + band.astype(np.int64) * 131 + np.floor(place).astype(np.int64) * 17
    ) % 4093
    tint = (
        chance.normal(0, 1, (4093, 3))[number] * 0.022
        + chance.normal(0, 1, (4093, 1))[number] * 0.06
    )
    palettes = _palettes()
    turn = (band + region) % 6
    colour = palettes[region % len(palettes), turn.astype(np.int64)] + tint
    tilt = chance.normal(0, 0.10, (4093, 2))[number]
    colour = colour * (
        1
        + tilt[..., :1] * (within_row - 0.5)[..., None]
        + tilt[..., 1:] * (within_col - 0.5)[..., None]
    )
    edge = np.minimum(
        np.minimum(within_row, 1 - within_row), np.minimum(within_col, 1 - within_col)
    )
    rounded = _smooth(edge, 0.05, 0.13)[..., None]
    bevel = (
        1 + 0.16 * (1 - _smooth(edge, 0.1, 0.32))[..., None] * np.sign(0.5 - within_row)[..., None]
    )
    border = _seams(away)[..., None]
    grout = np.array([0.27, 0.24, 0.22])
    return _between(grout, colour * bevel, rounded * border)


def _palettes() -> Array:
    """Stones of a region, from its middle outwards: ``[4, 6, 3]``."""
    gold, ochre, rust = (0.90, 0.72, 0.28), (0.80, 0.52, 0.22), (0.62, 0.24, 0.16)
    ivory, sand = (0.93, 0.88, 0.76), (0.80, 0.70, 0.54)
    teal, sea, navy, sky = (
        (0.10, 0.46, 0.48),
        (0.25, 0.62, 0.60),
        (0.09, 0.20, 0.40),
        (0.46, 0.66, 0.78),
    )
    return np.array(
        [
            [gold, gold, ochre, rust, ivory, rust],
            [sky, sea, teal, navy, teal, ivory],
            [ivory, sand, ochre, sand, ivory, teal],
            [navy, navy, teal, sky, gold, navy],
        ]
    )


def _seams(away: Array) -> Array:
    """Part regions from each other: ``[K, S, S]`` distances to a line of grout, 0 there, else 1."""
    first, second = np.partition(away, 1, axis=0)[:2]
    return _smooth(second - first, 0.004, 0.010)


def _woodcut(chance: np.random.Generator, side: int) -> Array:
    """Cut hills, a sun and clouds out of wood: lines that swell where it is dark, ink on paper."""
    row, col = _plane(side)
    sun_row, sun_col = 0.27, 0.66
    to_sun = np.hypot(row - sun_row, col - sun_col)
    ray = np.arctan2(row - sun_row, col - sun_col)
    grain = 0.004 * np.sin(37 * row + 5 * np.sin(9 * col)) + 0.003 * np.sin(61 * col + 13 * row)
    # Phases count lines; tones are how much of the paper stays white.
    phase, tone = ray * 23 + 900 * grain * to_sun, 0.30 + 0.9 * np.exp(-to_sun * 2.6) - 0.20 * row
    cloud = sum(
        np.exp(-(((row - r) / 0.030) ** 2 + ((col - c) / w) ** 2))
        for r, c, w in (
            (0.13, 0.22, 0.16),
            (0.19, 0.33, 0.14),
            (0.36, 0.14, 0.13),
            (0.10, 0.90, 0.12),
        )
    )
    inside = cloud > 0.45
    phase, tone = (
        np.where(inside, (row + 0.03 * np.sin(20 * col)) * 70, phase),
        np.where(inside, 0.92 - 0.25 * (cloud < 0.6), tone),
    )
    disc = to_sun < 0.085
    phase, tone = np.where(disc, to_sun * 95, phase), np.where(disc, 0.96, tone)
    ink = np.ones_like(row) * 0.0
    shade = np.zeros((side, side, 3)) + np.array([0.09, 0.10, 0.16])
    for number, level in enumerate((0.50, 0.60, 0.71, 0.83)):
        bumps = chance.uniform(0, 6.3, 3)
        ridge = (
            level
            - 0.075 * np.sin(3.1 * col * (1 + 0.25 * number) + bumps[0])
            - 0.03 * np.sin(8.3 * col + bumps[1])
            - 0.008 * np.sin(29 * col + bumps[2])
        )
        below = row > ridge
        deep = (row - ridge).clip(0)
        slope = 0.55 * np.sin(3.1 * col * (1 + 0.25 * number) + bumps[0]) + 0.9 * deep
        direction = row * np.cos(slope) + (col if number % 2 else -col) * np.sin(slope + 0.5)
        phase = np.where(below, (direction + grain) * (62 + 6 * number), phase)
        tone = np.where(
            below,
            0.80
            - 2.6 * deep * (1 - 0.12 * number)
            - 0.05 * number
            + 0.14 * np.sin(5 * col + bumps[1]),
            tone,
        )
        outline = np.abs(row - ridge) < 0.0035
        ink = np.where(below, 0.0, ink)
        ink = np.where(outline, 1.0, ink)
    wave = np.abs((phase % 1) * 2 - 1)
    soft = np.abs(np.gradient(phase, axis=0)) + np.abs(np.gradient(phase, axis=1))
    width = np.minimum(soft, 1) * 1.2 + 0.02
    lines = _smooth(wave - tone.clip(0.06, 0.97), -width, width)
    ink = np.maximum(ink, lines)
    ring = np.abs(to_sun - 0.085) < 0.0035
    ink = np.where(ring, 1.0, ink)
    fibre = 0.02 * np.sin(240 * row + 9 * np.sin(7 * col)) + chance.normal(0, 0.012, row.shape)
    paper = np.array([0.95, 0.89, 0.76]) + fibre[..., None] * 0.6
    warm = np.array([0.86, 0.42, 0.20])
    tint = (0.75 * np.exp(-((to_sun / 0.20) ** 2)) * (row < 0.62))[..., None]
    cool = (0.35 * _smooth(row, 0.45, 0.95))[..., None]
    paper = _between(_between(paper, warm, tint), np.array([0.55, 0.66, 0.66]), cool)
    return _between(paper, shade, ink[..., None])


def _glass(chance: np.random.Generator, side: int) -> Array:
    """Set pieces of coloured glass in lead, in rings around a rose, lit from behind."""
    row, col = _plane(side)
    points = _rose(chance)
    found, which = KDTree(points).query(np.stack([row, col], -1), k=2)
    away, nearest = np.moveaxis(found, -1, 0), which[..., 0]
    jewels = np.array(
        [
            (0.78, 0.07, 0.13),
            (0.06, 0.20, 0.66),
            (0.95, 0.64, 0.10),
            (0.05, 0.48, 0.32),
            (0.42, 0.10, 0.52),
            (0.20, 0.58, 0.82),
            (0.95, 0.86, 0.55),
            (0.90, 0.32, 0.10),
        ]
    )
    likely = np.array([0.20, 0.24, 0.14, 0.14, 0.08, 0.10, 0.05, 0.05])
    chosen = jewels[chance.choice(len(jewels), len(points), p=likely)] * chance.uniform(
        0.8, 1.15, (len(points), 1)
    )
    colour = chosen[nearest]
    swirl = np.sin(60 * row + 14 * np.sin(25 * col) + 2.0 * nearest) * np.sin(
        50 * col + 11 * np.sin(31 * row) + nearest
    )
    seeds = _blurred((chance.random((side, side)) < 0.0012).astype(np.float64), 3) * 6
    light = 1.12 - 0.9 * (away[0] / (away[0] + away[1])) ** 2 + 0.10 * swirl + seeds.clip(0, 0.35)
    glow = colour * light[..., None] + 0.10 * (light[..., None] - 0.6).clip(0)
    gap = away[1] - away[0]
    lead = 1 - _smooth(gap, 0.0075, 0.0105)
    shine = 0.10 + 0.22 * np.exp(-(((gap - 0.003) / 0.0018) ** 2))
    metal = shine[..., None] * np.array([0.55, 0.58, 0.64])
    return _between(glow, metal, lead[..., None])


def _rose(chance: np.random.Generator) -> Array:
    """Place pieces of glass: rings of a rose off the middle, as ``[K, 2]`` rows and columns."""
    found = [np.array([[0.46, 0.54]])]
    for ring in range(1, 13):
        count = (6, 8, 12, 16, 20, 24, 26, 30, 34, 38, 42, 46)[ring - 1]
        turn = 2 * np.pi * (np.arange(count) + 0.5 * (ring % 2)) / count + chance.normal(
            0, 0.05, count
        )
        reach = 0.066 * ring * (1 + 0.03 * ring / 4) + chance.normal(0, 0.005 + 0.001 * ring, count)
        found.append(np.stack([0.46 + reach * np.sin(turn), 0.54 + reach * np.cos(turn)], 1))
    return np.concatenate(found)


def _plane(side: int) -> tuple[Array, Array]:
    """Give each pixel its row and its column, in sides: ``[S, S]`` both."""
    at = (np.arange(side) + 0.5) / side
    row, col = np.meshgrid(at, at, indexing="ij")
    return row, col


def _spread(chance: np.random.Generator, count: int) -> Array:
    """Choose places that keep their distance: the farthest of twenty, one after the other."""
    found = [chance.random(2)]
    while len(found) < count:
        tries = chance.uniform(-0.05, 1.05, (20, 2))
        apart = np.min([np.linalg.norm(tries - it, axis=1) for it in found], axis=0)
        found.append(tries[apart.argmax()])
    return np.stack(found)


def _ramp(at: Array, stops: list[tuple[float, tuple[float, float, float]]]) -> Array:
    """Interpolate colours between stops: ``[P]`` to ``[P, 3]``."""
    where = [it for it, _ in stops]
    return np.stack([np.interp(at, where, [rgb[c] for _, rgb in stops]) for c in range(3)], -1)


def _between(one: Array, other: Array, share: Array) -> Array:
    return one + (other - one) * share


def _smooth(values: Array, low: float | Array, high: float | Array) -> Array:
    """Rise from 0 to 1 between two values, without a kink."""
    at = ((values - low) / (np.asarray(high) - low)).clip(0, 1)
    risen: Array = at * at * (3 - 2 * at)
    return risen


def _rgb(shade: Array) -> tuple[int, int, int]:
    red, green, blue = (int(it) for it in shade.clip(0, 1) * 255 + 0.5)
    return red, green, blue


# By name, which never changes: links have it.
PAINTINGS: Mapping[str, Painting] = {
    "swirls": Painting("swirling strokes", _swirls),
    "dots": Painting("a pointillist's dots", _dots),
    "mosaic": Painting("a mosaic", _mosaic),
    "woodcut": Painting("a woodcut", _woodcut),
    "glass": Painting("stained glass", _glass),
}
