"""Eyes and faces: eye, face, cat and owl."""

import math

import numpy as np

from core.sketchworld import patterns, shapes
from core.sketchworld.marks import BLACK, WHITE, Painter, dark_line, mirrored
from core.sketchworld.palette import INK_GAP, distinct, lighten, luma, rgb
from core.sketchworld.shapes import Array, difference, intersection, sized


def eye(p: Painter) -> None:
    """Draw one large eye with iris, pupil and glint, often with lashes and a brow."""
    down = p.uniform(0.5, 0.66)
    iris = p.uniform(0.38, 0.46)
    gaze = (p.uniform(-0.12, 0.12), p.uniform(-0.04, 0.06))
    ink = dark_line(p.palette)
    if luma(p.palette.ground) < 0.3:
        ink = p.palette.main
    if p.chance(0.6):
        for k in range(-3, 4):
            lean = k * 0.26
            base = (0.78 * math.sin(lean), -0.05 - (down - 0.02) * math.cos(lean * 1.5))
            tip = (base[0] + 0.26 * math.sin(lean * 1.3), base[1] - 0.26 * math.cos(lean))
            p.stroke("lash", [base, tip], 0.07, ink)
    p.lens("eye", (0.98, down), WHITE, line=max(p.light.line, 0.05))

    def inside(u: Array, v: Array, radius: float) -> Array:
        return intersection(
            shapes.disc(u - gaze[0], v - gaze[1], radius), shapes.almond(u, v, 0.95, down - 0.03)
        )

    colour = distinct(p.palette.accent, WHITE, 0.5)
    rays = p.integer(9, 15)
    p.part(
        "iris",
        lambda u, v: inside(u, v, iris),
        colour,
        reach=0.7,
        pattern=lambda u, v: shapes.pinwheel(u - gaze[0], v - gaze[1], iris * 0.92, rays),
        ink=lighten(colour, 0.3),
        line=min(p.light.line, 0.04),
    )
    pupil = iris * p.uniform(0.42, 0.58)
    p.part("pupil", lambda u, v: inside(u, v, pupil), BLACK, reach=0.5, line=0.0)
    p.spot("glint", (gaze[0] - 0.13, gaze[1] - 0.15), 0.085, WHITE)
    p.stroke("lid", shapes.curve((-0.98, 0.0), (0.0, -2 * down), (0.98, 0.0), 8), 0.09, ink)


def face(p: Painter) -> None:
    """Draw a smiling face, round or long, often with hair and cheeks."""
    skin = p.tint(0.07, 0.45, 0.9)
    across, down = p.uniform(0.74, 0.88), p.uniform(0.84, 0.92)
    ink = dark_line(p.palette)
    hair = distinct(p.palette.second, skin, INK_GAP)
    has_hair = p.chance(0.6)
    if has_hair:
        p.oval("hair", (across + 0.1, 0.85), hair, at=(0.0, -0.12), reach=1.0)
    p.oval("face", (across, down), skin, shadow=not has_hair)
    if has_hair:
        p.part(
            "hair",
            lambda u, v: difference(
                shapes.ellipse(u, v, across + 0.02, down + 0.03),
                shapes.ellipse(u - 0.1, v - 0.55, 0.95, 1.0),
            ),
            hair,
            line=0.0,
        )
    gap, level, size = p.uniform(0.28, 0.36), p.uniform(-0.18, -0.06), p.uniform(0.13, 0.18)
    for side in (-1, 1):
        p.round_eye((side * gap, level), size)
        if p.chance(0.5):
            p.spot("cheek", (side * 0.5, 0.25), 0.13, lighten(rgb(0.97, 0.6, 0.95), 0.1))
    p.stroke("nose", [(0.0, 0.05), (0.05, 0.2), (-0.04, 0.2)], 0.055, ink)
    smile = p.uniform(0.32, 0.42)
    width = p.uniform(0.06, 0.1)
    p.part(
        "mouth",
        sized(shapes.arc, smile, 1.0, width),
        rgb(0.98, 0.8, 0.55),
        at=(0.0, 0.16),
        reach=0.55,
        line=0.0,
    )


def cat(p: Painter) -> None:
    """Draw the head of a cat: pointed ears, slit eyes, whiskers."""
    fur = p.tint(0.08, 0.55, 0.75)
    ink = dark_line(p.palette)
    _cat_ears(p, fur)
    bars = p.chance(0.4)
    p.oval(
        "cat",
        (0.88, 0.7),
        fur,
        at=(0.0, 0.2),
        reach=0.9,
        pattern=(lambda u, v: intersection(patterns.stripes(u / 0.2, v, 0.45) * 0.2, v + 0.36))
        if bars
        else None,
        ink=lighten(fur, -0.4),
    )
    iris = rgb(p.uniform(0.12, 0.4), 0.75, 0.9)
    for side in (-1, 1):
        p.round_eye((side * 0.36, 0.05), p.uniform(0.17, 0.2), iris, slit=True)
    p.part(
        "muzzle",
        lambda u, v: shapes.disc(np.abs(u) - 0.15, v, 0.2),
        lighten(fur, 0.55),
        at=(0.0, 0.48),
        reach=0.36,
        line=0.0,
    )
    p.patch(
        "nose",
        [(-0.12, -0.08), (0.12, -0.08), (0.0, 0.09)],
        rgb(0.96, 0.55, 0.8),
        at=(0.0, 0.35),
        reach=0.16,
        line=0.0,
    )
    p.stroke("mouth", [(-0.16, 0.58), (0.0, 0.5), (0.16, 0.58)], 0.05, ink)
    whisker = ink if luma(fur) > 0.35 else WHITE
    for side in (-1, 1):
        for rise in (-0.08, 0.06, 0.2):
            p.stroke(
                "whisker",
                [(side * 0.32, 0.46 + rise * 0.3), (side * 1.02, 0.42 + rise)],
                0.035,
                whisker,
            )


def _cat_ears(p: Painter, fur: Array) -> None:
    """Draw two pointed ears, pink inside."""
    pink = lighten(rgb(0.97, 0.4, 0.9), 0.1)
    outer = [(0.2, -0.42), (0.72, -1.0), (0.82, -0.05)]
    inner = [(0.2 + a * 0.66, -0.1 + b * 0.72) for a, b in outer]
    for side in (-1.0, 1.0):
        p.patch("ear", mirrored(outer, side), fur, reach=1.3, rounding=0.03)
        p.patch("ear", mirrored(inner, side), pink, 0.0, reach=1.0)


def owl(p: Painter) -> None:
    """Draw an owl on a branch: two large eyes, beak, wings and a belly with scales."""
    feather = p.tint(0.08, 0.5, 0.55)
    ink = lighten(feather, -0.45)
    belly = lighten(feather, 0.55)
    p.stroke("branch", [(-1.05, 0.86), (1.05, 0.8)], 0.12, p.visible(rgb(0.07, 0.6, 0.35)))
    for side in (-1.0, 1.0):
        tuft = mirrored([(0.1, -0.6), (0.58, -1.0), (0.6, -0.4)], side)
        p.patch("ear", tuft, feather, reach=1.1)
    p.oval("owl", (0.64, 0.86), feather, reach=0.9, shadow=True)
    p.oval(
        "belly",
        (0.4, 0.5),
        belly,
        at=(0.0, 0.32),
        reach=0.5,
        line=0.0,
        pattern=patterns.tiled(patterns.scales, 0.24, 0.22),
        ink=feather,
        also=("scales",),
    )
    for side in (-1, 1):
        p.oval(
            "wing",
            (0.17, 0.5),
            lighten(feather, -0.25),
            at=(side * 0.56, 0.22),
            reach=0.5,
            turn=side * -0.15,
        )
        p.spot("eye", (side * 0.28, -0.36), 0.29, lighten(feather, 0.6))
        p.round_eye((side * 0.27, -0.36), 0.21, rgb(p.uniform(0.1, 0.16), 0.85, 0.98))
        p.stroke("foot", [(side * 0.2, 0.78), (side * 0.2, 0.9)], 0.12, rgb(0.1, 0.8, 0.9))
    p.patch(
        "beak",
        [(-0.1, -0.1), (0.1, -0.1), (0.0, 0.16)],
        rgb(0.1, 0.85, 0.95),
        at=(0.0, -0.17),
        reach=0.2,
        line=min(p.light.line, 0.03),
    )
    if p.chance(0.5):
        p.stroke("brow", [(-0.5, -0.66), (0.0, -0.45), (0.5, -0.66)], 0.07, ink)
