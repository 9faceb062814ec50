"""Drawings with more than one object: the main subject, and a second subject or an occluder.

The label of a drawing is always the class of the main subject. A second subject has another class,
at most half the size of the main subject, and a position away from it. An occluder is a leaf, a
blob or a bar in front of the main subject, and hides only a small part of the subject's border.
"""

import math
from dataclasses import replace

from core.sketchworld import shapes
from core.sketchworld.background import SCENE_POSE
from core.sketchworld.classes import SUBJECTS, Subject
from core.sketchworld.marks import Painter
from core.sketchworld.painter import Pose
from core.sketchworld.palette import INK_GAP, distinct, lighten, rgb
from core.sketchworld.shapes import Array, Point, union

SECOND_SHARE = 0.25  # share of the drawings of single objects that have a second subject
OCCLUDED_SHARE = 0.16  # share of all drawings except views that have an occluder
SECOND_SIZES = (0.34, 0.50)  # size of the second subject, relative to the main subject
OUTSIDE = 1.05  # largest coordinate of the second subject's centre; the image ends at 1
# Number of random positions for the second subject. The one farthest from the main subject is used.
CANDIDATES = 5
# A second subject is drawn behind the main subject if the distance between their centres is below
# the second subject's size plus CLEAR times the main subject's size.
CLEAR = 0.85
RIM = (0.62, 0.95)  # distance of an occluder's centre, relative to the subject's size

SINGLE: tuple[Subject, ...] = tuple(subject for subject in SUBJECTS if not subject.fills)


def draw_subjects(p: Painter, subject: Subject) -> None:
    """Draw the main subject, and sometimes a second subject behind or beside it, or an occluder."""
    second = None
    if not subject.fills and p.chance(SECOND_SHARE):
        second = _second_subject(p, subject)
    if second is not None and _overlaps(p.pose, second[1]):
        _draw_second(p, *second)
        second = None
    with p.figure(subject.name, everywhere=subject.fills):
        subject.paint(p)
    if second is not None:
        _draw_second(p, *second)
    if not subject.view and p.chance(OCCLUDED_SHARE):
        _draw_occluder(p, subject)


def _second_subject(p: Painter, subject: Subject) -> tuple[Subject, Pose]:
    """Return a random second subject, and a random pose for it."""
    others = [other for other in SINGLE if other is not subject]
    other = others[p.integer(0, len(others) - 1)]
    positions = [
        (p.uniform(-OUTSIDE, OUTSIDE), p.uniform(-OUTSIDE, OUTSIDE)) for _ in range(CANDIDATES)
    ]
    centre = max(positions, key=lambda position: math.dist(position, p.pose.centre))
    scale = p.pose.scale * p.uniform(*SECOND_SIZES)
    mirror = other.mirror and p.chance(0.5)
    return other, Pose(centre, scale, p.uniform(-other.tilt, other.tilt), 1.0, mirror)


def _overlaps(subject: Pose, second: Pose) -> bool:
    """Return whether the second subject, if drawn in front, could cover the main subject."""
    distance = math.dist(subject.centre, second.centre)
    return distance < CLEAR * subject.scale + second.scale


def _draw_second(p: Painter, second: Subject, pose: Pose) -> None:
    """Draw the second subject; its main colour is the accent colour of the drawing's palette."""
    colours = p.palette
    reordered = replace(
        colours,
        main=p.visible(colours.accent),
        second=p.visible(distinct(colours.main, colours.accent, INK_GAP)),
        accent=colours.second,
    )
    with p.figure(second.name, pose, reordered):
        second.paint(p)


def _draw_occluder(p: Painter, subject: Subject) -> None:
    """Draw a leaf, a blob or a bar in front of the main subject."""
    angle = p.uniform(-math.pi, math.pi)
    size = 0.7 if subject.fills else p.pose.scale
    distance = size * p.uniform(*RIM)
    centre = (0.0, 0.0) if subject.fills else p.pose.centre
    at = (centre[0] + distance * math.cos(angle), centre[1] + distance * math.sin(angle))
    kind = p.integer(0, 2)
    if kind == 0:
        _leaf(p, at, size * p.uniform(0.26, 0.38), angle)
    elif kind == 1:
        _blob(p, at, size * p.uniform(0.16, 0.26))
    else:
        _bar(p, at, p.uniform(0.05, 0.10), angle)


def _leaf(p: Painter, at: Point, half_length: float, angle: float) -> None:
    green = rgb(p.uniform(0.22, 0.42), p.uniform(0.5, 0.8), p.uniform(0.4, 0.75))
    turn = angle + p.uniform(-0.8, 0.8)
    with p.figure("leaf", SCENE_POSE):
        p.lens(
            "leaf",
            (half_length, half_length * 0.42),
            green,
            at=at,
            reach=half_length,
            turn=turn,
            pattern=lambda u, v: abs(v) - 0.015 + 0.0 * u,
            ink=lighten(green, 0.45),
            line=min(p.light.line, 0.04),
        )


def _blob(p: Painter, at: Point, radius: float) -> None:
    fill = lighten(p.palette.second, p.uniform(-0.4, 0.4))
    swell, phase = p.uniform(0.0, 0.18), p.uniform(-math.pi, math.pi)
    right, down = radius * swell * math.cos(phase), radius * swell * math.sin(phase)
    smaller = radius * (1.0 - swell)

    def blob(u: Array, v: Array) -> Array:
        return union(shapes.disc(u, v, smaller), shapes.disc(u - right, v - down, smaller))

    with p.figure("blob", SCENE_POSE):
        p.part("blob", blob, fill, at=at, reach=radius, line=min(p.light.line, 0.04))


def _bar(p: Painter, at: Point, half: float, angle: float) -> None:
    """Draw a straight bar across the whole image.

    The bar goes through the point `at`, is perpendicular to the direction `angle` (radians) and has
    the width `2 * half`.
    """
    fill = lighten(p.palette.second, p.uniform(-0.5, 0.5))
    with p.figure("bar", SCENE_POSE):
        p.cover(
            "bar",
            lambda u, v: abs(u) - half + 0.0 * v,
            fill,
            at=at,
            turn=angle,
            line=min(p.light.line, 0.04),
            shade=0.0,
            also=("line",),
        )
