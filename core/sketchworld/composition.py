"""Pictures of more than one thing: a smaller companion of another class, or something in the way.

The picture's class is always that of its main subject: a companion is at most half as large and
stands aside, and what stands in the way covers a little of the subject's rim.
"""

from __future__ import annotations

import math
from dataclasses import replace

from core.sketchworld import signed_distance
from core.sketchworld.background import WHOLE
from core.sketchworld.classes import SUBJECTS, Subject
from core.sketchworld.painter import Painter, Pose
from core.sketchworld.palette import INK_GAP, distinct, lift, rgb
from core.sketchworld.signed_distance import Point
from core.sketchworld.textures import EVERYWHERE

ACCOMPANIED = 0.25  # share of the drawings of single things
COVERED = 0.16  # share of all drawings but views
COMPANION_SIZES = (0.34, 0.50)  # of the subject's own size
OUTSIDE = 1.05  # how far off the middle a companion may stand: beyond 1, partly out of the picture
CANDIDATES = 5  # places thought of for a companion; the farthest from the subject wins
CLEAR = 0.85  # of the subject's size: nearer than that a companion stands behind it
RIM = (0.62, 0.95)  # of the subject's size: where things in the way have their middle

SINGLE: tuple[Subject, ...] = tuple(subject for subject in SUBJECTS if not subject.fills)


def paint(p: Painter, subject: Subject) -> None:
    """Paint the subject and, now and then, what is behind, beside and before it."""
    companion = None
    if not subject.fills and p.chance(ACCOMPANIED):
        companion = _companion(p, subject)
    if companion is not None and _near(p.frame, companion[1]):
        _paint_companion(p, *companion)
        companion = None
    with p.figure(subject.name, everywhere=subject.fills):
        subject.paint(p)
    if companion is not None:
        _paint_companion(p, *companion)
    if not subject.view and p.chance(COVERED):
        _cover(p, subject)


def _companion(p: Painter, subject: Subject) -> tuple[Subject, Pose]:
    """Draw who stands beside the subject, and where."""
    others = [other for other in SINGLE if other is not subject]
    other = others[p.count(0, len(others) - 1)]
    places = [
        (p.uniform(-OUTSIDE, OUTSIDE), p.uniform(-OUTSIDE, OUTSIDE)) for _ in range(CANDIDATES)
    ]
    centre = max(places, key=lambda place: math.dist(place, p.frame.centre))
    scale = p.frame.scale * p.uniform(*COMPANION_SIZES)
    mirror = other.mirror and p.chance(0.5)
    return other, Pose(centre, scale, p.uniform(-other.tilt, other.tilt), 1.0, mirror)


def _near(subject: Pose, companion: Pose) -> bool:
    """Return whether a companion would cover some of the subject if it stood before it."""
    apart = math.dist(subject.centre, companion.centre)
    return apart < CLEAR * subject.scale + companion.scale


def _paint_companion(p: Painter, other: Subject, frame: Pose) -> None:
    """Paint the companion in the picture's colours, taken in another order."""
    colours = p.palette
    turned = replace(
        colours,
        main=p.shown(colours.accent),
        second=p.shown(distinct(colours.main, colours.accent, INK_GAP)),
        accent=colours.second,
    )
    with p.figure(other.name, frame, turned):
        other.paint(p)


def _cover(p: Painter, subject: Subject) -> None:
    """Paint a plain thing before the subject: a leaf, a blob or a bar."""
    angle = p.uniform(-math.pi, math.pi)
    size = 0.7 if subject.fills else p.frame.scale
    out = size * p.uniform(*RIM)
    middle = (0.0, 0.0) if subject.fills else p.frame.centre
    at = (middle[0] + out * math.cos(angle), middle[1] + out * math.sin(angle))
    kind = p.count(0, 2)
    if kind == 0:
        _leaf(p, at, size * p.uniform(0.26, 0.38), angle)
    elif kind == 1:
        _blob(p, at, size * p.uniform(0.16, 0.26))
    else:
        _bar(p, at, p.uniform(0.05, 0.10), angle)


def _leaf(p: Painter, at: Point, long: float, angle: float) -> None:
    green = rgb(p.uniform(0.22, 0.42), p.uniform(0.5, 0.8), p.uniform(0.4, 0.75))
    turn = angle + p.uniform(-0.8, 0.8)
    with p.figure("leaf", WHOLE):
        p.part(
            "leaf",
            lambda u, v: signed_distance.almond(u, v, long, long * 0.42),
            green,
            at=at,
            reach=long,
            turn=turn,
            pattern=lambda u, v: abs(v) - 0.015 + 0.0 * u,
            ink=lift(green, 0.45),
            line=min(p.light.line, 0.04),
        )


def _blob(p: Painter, at: Point, radius: float) -> None:
    fill = lift(p.palette.second, p.uniform(-0.4, 0.4))
    swell, phase = p.uniform(0.0, 0.18), p.uniform(-math.pi, math.pi)
    with p.figure("blob", WHOLE):
        p.part(
            "blob",
            lambda u, v: signed_distance.union(
                signed_distance.disc(u, v, radius * (1.0 - swell)),
                signed_distance.disc(
                    u - radius * swell * math.cos(phase),
                    v - radius * swell * math.sin(phase),
                    radius * (1.0 - swell),
                ),
            ),
            fill,
            at=at,
            reach=radius,
            line=min(p.light.line, 0.04),
        )


def _bar(p: Painter, at: Point, half: float, angle: float) -> None:
    """Paint a straight bar across the whole picture, square to the way from the subject."""
    fill = lift(p.palette.second, p.uniform(-0.5, 0.5))
    with p.figure("bar", WHOLE):
        p.part(
            "bar",
            lambda u, v: abs(u) - half + 0.0 * v,
            fill,
            at=at,
            reach=EVERYWHERE,
            turn=angle,
            line=min(p.light.line, 0.04),
            shade=0.0,
            also=("line",),
        )
