"""Random pose of a subject, random light, and the background of a drawing."""

import math

import numpy as np

from core.sketchworld import patterns, shapes
from core.sketchworld.classes import FREE, UPRIGHT, Subject
from core.sketchworld.marks import Painter
from core.sketchworld.painter import Light, Pose
from core.sketchworld.palette import lighten
from core.sketchworld.shapes import sized

SCENE_POSE = Pose()  # the identity: a figure's coordinates are those of the scene

# Cumulative shares of drawings by background: 40 % gradients, 20 % blobs, 20 % faint patterns. The
# other 20 % have one colour.
GRADIENT, BLOBS, PATTERN = 0.40, 0.60, 0.80


def random_pose(rng: np.random.Generator, subject: Subject) -> Pose:
    """Return a random pose: position, size, angle, stretch, and whether the subject is mirrored.

    A subject that fills the whole image gets `SCENE_POSE`.
    """
    scale = float(rng.uniform(0.56, 0.90))
    room = max(0.0, 0.97 - scale)
    centre = (float(rng.uniform(-room, room)), float(rng.uniform(-room, room)))
    turn = float(rng.uniform(-subject.tilt, subject.tilt))
    stretch = float(rng.uniform(0.86, 1.16))
    mirror = subject.mirror and bool(rng.random() < 0.5)
    # The functions that draw textures and views choose positions and angles themselves. The random
    # numbers above are drawn for these subjects, too, so that later random numbers do not change.
    if subject.fills:
        return SCENE_POSE
    return Pose(centre, scale, turn, stretch, mirror)


def random_light(rng: np.random.Generator) -> Light:
    """Return a random direction and strength of the light, with or without outlines and shadows."""
    direction = float(rng.uniform(-math.pi, 0.0))  # the light comes from above
    strength = float(rng.uniform(0.0, 0.16))
    line = float(rng.uniform(0.035, 0.085)) if rng.random() < 0.6 else 0.0
    shadow = float(rng.uniform(0.15, 0.45)) if rng.random() < 0.4 else 0.0
    return Light(direction, strength, line, shadow)


def draw_background(painter: Painter, subject: Subject) -> None:
    """Draw a background: a gradient, blobs, a faint pattern or nothing.

    Sometimes a horizon and small marks are added.
    """
    colours = painter.palette
    style = painter.rng.random()
    image, axis = painter.image, painter.axis
    far = (colours.far - colours.ground)[:, None, None]
    if style < GRADIENT:
        angle = painter.uniform(-math.pi, math.pi)
        across, down = np.float32(math.cos(angle)), np.float32(math.sin(angle))
        ramp = axis[None, :] * across + axis[:, None] * down
        image += far * np.clip(ramp * np.float32(0.4) + np.float32(0.5), 0.0, 1.0)
    elif style < BLOBS:
        for _ in range(painter.integer(2, 3)):
            right = axis[None, :] - np.float32(painter.uniform(-1.0, 1.0))
            down = axis[:, None] - np.float32(painter.uniform(-1.0, 1.0))
            width = np.float32(-1.0 / painter.uniform(0.1, 0.5))
            image += far * (np.exp(right * right * width) * np.exp(down * down * width))
    if subject.fills:
        return
    if BLOBS <= style < PATTERN:
        _faint_pattern(painter)
    if subject.tilt == UPRIGHT and painter.chance(0.3):
        level = painter.uniform(0.35, 0.75)
        painter.cover("horizon", lambda u, v: level - v, colours.far, pose=SCENE_POSE)
    if painter.chance(0.5):
        _small_marks(painter)


def _faint_pattern(painter: Painter) -> None:
    """Draw a pattern over the whole image, with so little contrast that it gets no texture mask."""
    kinds = (patterns.stripes, patterns.dots, patterns.grid, patterns.checks)
    kind = kinds[painter.integer(0, len(kinds) - 1)]
    period = painter.uniform(0.2, 0.6)
    ink = 0.15 if kind is patterns.grid else 0.5
    tone = lighten(painter.palette.ground, painter.uniform(-0.14, 0.14))
    turn = painter.uniform(-FREE, FREE)
    shape = patterns.tiled(kind, period, ink)
    painter.cover("ground", shape, tone, turn=turn, shade=0.0, pose=SCENE_POSE)


def _small_marks(painter: Painter) -> None:
    """Draw one to four small marks of low contrast, which show no concept."""
    for _ in range(painter.integer(1, 4)):
        at = (painter.uniform(-1.0, 1.0), painter.uniform(-1.0, 1.0))
        radius = painter.uniform(0.05, 0.14)
        tone = lighten(painter.palette.ground, painter.uniform(-0.35, 0.35))
        half = painter.uniform(0.0, 0.25)
        painter.part(
            "mark",
            sized(shapes.capsule, (-half, 0.0), (half, 0.0), radius),
            tone,
            at=at,
            reach=radius + half,
            turn=painter.uniform(-FREE, FREE),
            line=0.0,
            pose=SCENE_POSE,
        )
