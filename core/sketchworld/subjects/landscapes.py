"""Views with a horizon and many objects. Coordinates are those of the scene, from -1 to 1."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from core.sketchworld import shapes
from core.sketchworld.marks import EVERYWHERE, WHITE, Painter
from core.sketchworld.painter import Pose
from core.sketchworld.palette import GROUND_GAP, LUMA_GAP, Palette, distinct, lighten, rgb
from core.sketchworld.shapes import Array, Point, sized
from core.sketchworld.subjects import outdoors, plants, vehicles


def _sky(p: Painter, top: Array, foot: Array) -> None:
    """Draw a sky: a gradient from the colour `top` at the upper border to `foot` at the horizon."""
    p.cover("sky", lambda u, v: 0.0 * u + 0.0 * v - EVERYWHERE, top, shade=0.0)
    share = np.clip((p.axis + 1.0) / 1.6, 0.0, 1.0)[None, :, None]
    p.image += (foot - top)[:, None, None] * share


def _day(p: Painter) -> tuple[Array, Array]:
    """Draw a day or evening sky; return its colours at the upper border and at the horizon."""
    if p.chance(0.25):
        top, foot = rgb(p.uniform(0.62, 0.80), 0.45, 0.75), rgb(p.uniform(0.02, 0.10), 0.5, 1.0)
    else:
        top = rgb(p.uniform(0.52, 0.60), p.uniform(0.35, 0.7), p.uniform(0.85, 1.0))
        foot = lighten(top, 0.6)
    _sky(p, top, foot)
    return top, foot


def _hill(p: Painter, concept: str, crest: float, bulge: float, at: float, fill: Array) -> None:
    """Draw ground whose upper edge is the curve `v = crest + bulge * (u - at) ** 2`.

    `fill` is the colour of the ground.
    """
    p.cover(concept, lambda u, v: (crest + bulge * (u - at) ** 2 - v) * 0.9, fill, shade=0.0)


def _colours(p: Painter, ground: Array, turn: float) -> Palette:
    """Return a palette for an object of the view.

    `ground` is the colour of the object's background, and `turn` the hue of its main colour, in
    turns.
    """
    main = distinct(rgb(turn, 0.7, 0.85), ground, GROUND_GAP, LUMA_GAP)
    second = distinct(rgb(turn + 0.45, 0.7, 0.6), main, 0.3)
    accent = distinct(rgb(turn + 0.62, 0.8, 0.9), main, 0.3)
    return replace(p.palette, ground=ground, main=main, second=second, accent=accent)


def _object(
    p: Painter,
    name: str,
    paint: Callable[[Painter], None],
    at: Point,
    scale: float,
    colours: Palette,
) -> None:
    """Draw a subject into the view, at the point `at` with the size `scale`."""
    pose = Pose(at, scale, p.uniform(-0.05, 0.05), p.uniform(0.92, 1.08), p.chance(0.5))
    with p.figure(name, pose, colours):
        paint(p)


def _sun_or_cloud(p: Painter, sky: Array) -> None:
    """Draw a sun, a cloud, both or none into a sky."""
    side = -1.0 if p.chance(0.5) else 1.0
    if p.chance(0.6):
        gold = rgb(p.uniform(0.09, 0.15), p.uniform(0.6, 0.9), 1.0)
        # `_colours` makes the main colour differ from the background. Against the sky itself, the
        # light colours of the sun would become dark. So a dark colour is given as the background.
        colours = replace(_colours(p, lighten(sky, -0.7), 0.0), main=gold)
        at = (side * p.uniform(0.4, 0.75), p.uniform(-0.75, -0.55))
        _object(p, "sun", outdoors.sun, at, p.uniform(0.2, 0.3), colours)
    if p.chance(0.6):
        at = (-side * p.uniform(0.3, 0.7), p.uniform(-0.8, -0.5))
        colours = replace(_colours(p, sky, 0.0), main=distinct(WHITE, sky, 0.2))
        _object(p, "cloud", outdoors.cloud, at, p.uniform(0.2, 0.32), colours)


def night_sky(p: Painter) -> None:
    """Draw many stars and a moon over dark hills."""
    hue = p.uniform(0.58, 0.80)
    top = rgb(hue, p.uniform(0.5, 0.85), p.uniform(0.10, 0.26))
    _sky(p, top, rgb(hue + p.uniform(-0.06, 0.12), 0.6, p.uniform(0.25, 0.5)))
    side = -1.0 if p.chance(0.5) else 1.0
    moon = (side * p.uniform(0.3, 0.65), p.uniform(-0.6, -0.3))
    glow = rgb(p.uniform(0.11, 0.16), p.uniform(0.1, 0.4), 1.0)
    for _ in range(p.integer(9, 16)):
        at = (p.uniform(-0.98, 0.98), p.uniform(-0.98, 0.5))
        if math.dist(at, moon) < 0.4:
            continue
        size = p.uniform(0.06, 0.13)
        with p.figure("star"):
            p.part(
                "star",
                sized(shapes.star, 5, size, 0.42),
                lighten(glow, p.uniform(0.0, 0.6)),
                at=at,
                reach=size,
                turn=p.uniform(-0.6, 0.6),
                line=0.0,
                shade=0.0,
            )
    radius = p.uniform(0.2, 0.28)
    if p.chance(0.7):
        with p.figure("crescent"):
            p.part(
                "crescent",
                sized(shapes.crescent, radius, radius * 0.8, radius * 0.48),
                glow,
                at=moon,
                reach=radius,
                turn=p.uniform(-0.5, 0.5) + (math.pi if p.chance(0.5) else 0.0),
                line=0.0,
            )
    else:
        p.spot("moon", moon, radius, glow)
    dark = rgb(hue + 0.1, 0.5, p.uniform(0.03, 0.1))
    _hill(p, "hill", p.uniform(0.55, 0.75), p.uniform(0.05, 0.3), p.uniform(-0.8, 0.8), dark)


def sea(p: Painter) -> None:
    """Draw the sea with rows of waves and a boat, under a sky."""
    top, foot = _day(p)
    _sun_or_cloud(p, top)
    level = p.uniform(-0.15, 0.15)
    water = rgb(p.uniform(0.50, 0.62), p.uniform(0.55, 0.85), p.uniform(0.45, 0.75))
    _hill(p, "water", level, 0.0, 0.0, water)
    crest = lighten(water, p.uniform(0.4, 0.7))
    row, phase = level + p.uniform(0.16, 0.2), p.uniform(0.0, 1.0)
    boat = (p.uniform(-0.5, 0.5), level + p.uniform(-0.12, 0.02))
    scale, turn = p.uniform(0.32, 0.44), p.uniform(0.0, 1.0)
    _object(p, "boat", vehicles.boat, boat, scale, _colours(p, foot, turn))
    while row < 1.1:
        swing = 0.03 + 0.05 * (row - level)
        length = 0.3 + 0.3 * (row - level)
        start = -1.3 + length * phase
        points = [
            (start + length * 0.5 * k, row + (swing if k % 2 else -swing))
            for k in range(math.ceil(2.6 / (length * 0.5)) + 1)
        ]
        p.stroke("wave", points, 0.035 + 0.03 * (row - level), crest)
        row, phase = row + 0.16 + 0.12 * (row - level), (phase + 0.5) % 1.0


def meadow(p: Painter) -> None:
    """Draw a green hill with flowers under a sky."""
    top, _ = _day(p)
    _sun_or_cloud(p, top)
    green = rgb(p.uniform(0.24, 0.36), p.uniform(0.5, 0.75), p.uniform(0.5, 0.75))
    at = p.uniform(-0.7, 0.7)
    _hill(p, "hill", p.uniform(-0.1, 0.0), p.uniform(0.05, 0.2), -at, lighten(green, 0.3))
    _hill(p, "grass", p.uniform(0.05, 0.2), p.uniform(0.02, 0.12), at, green)
    for _ in range(p.integer(6, 12)):
        a, b = p.uniform(-1.0, 1.0), p.uniform(0.3, 1.0)
        for lean in (-0.05, 0.0, 0.05):
            p.stroke("grass", [(a, b), (a + lean, b - 0.12)], 0.03, lighten(green, -0.35))
    count, turn = p.integer(4, 6), p.uniform(0.0, 1.0)
    for k in range(count):
        depth = (k + p.uniform(0.0, 0.8)) / count  # 0 for far, 1 for near
        across = ((k * 0.618 + turn) % 1.0) * 1.8 - 0.9
        place, scale = (across, 0.2 + 0.5 * depth), 0.2 + 0.14 * depth
        colours = _colours(p, lighten(green, -0.7), turn + 0.37 * k)
        _object(p, "flower", plants.flower, place, scale, colours)


def village(p: Painter) -> None:
    """Draw three houses in a row under a sky; a tree may replace one of them."""
    top, foot = _day(p)
    _sun_or_cloud(p, top)
    lawn = rgb(p.uniform(0.2, 0.4), p.uniform(0.3, 0.7), p.uniform(0.4, 0.7))
    base = p.uniform(0.5, 0.62)
    _hill(p, "grass", base - 0.12, 0.0, 0.0, lawn)
    turn, slot = p.uniform(0.0, 1.0), p.integer(0, 2)
    for k, across in enumerate((-0.66, 0.0, 0.66)):
        scale = p.uniform(0.32, 0.4)
        place = (across + p.uniform(-0.04, 0.04), base - 0.86 * scale + 0.06)
        colours = _colours(p, foot, turn + 0.31 * k)
        if k == slot and p.chance(0.6):
            _object(p, "tree", plants.tree, place, scale, colours)
        else:
            _object(p, "house", outdoors.house, place, scale, colours)
    if p.chance(0.6):
        road = lighten(lawn, 0.6)
        p.stroke("road", [(-1.2, base + 0.28), (1.2, base + 0.28)], 0.2, road)


def forest(p: Painter) -> None:
    """Draw many firs, of which distant ones are lighter, and sometimes a toadstool."""
    _, foot = _day(p)
    green = rgb(p.uniform(0.3, 0.42), p.uniform(0.45, 0.7), p.uniform(0.35, 0.55))
    _hill(p, "grass", p.uniform(0.25, 0.4), p.uniform(-0.1, 0.1), 0.0, lighten(green, 0.35))
    rows = ((5, -0.02, 0.34), (4, 0.16, 0.42), (3, 0.36, 0.52))
    for depth, (count, down, scale) in enumerate(rows):
        shift = p.uniform(-0.2, 0.2)
        for k in range(count):
            across = (k + 0.5) / count * 2.3 - 1.15 + shift + p.uniform(-0.08, 0.08)
            at = (across, down + p.uniform(-0.06, 0.06))
            tone = replace(_colours(p, foot, 0.35), main=lighten(green, 0.3 - 0.25 * depth))
            _object(p, "fir", plants.fir, at, scale * p.uniform(0.85, 1.1), tone)
    if p.chance(0.5):
        at = (p.uniform(-0.7, 0.7), 0.78)
        _object(p, "mushroom", plants.mushroom, at, 0.17, _colours(p, green, 0.0))
