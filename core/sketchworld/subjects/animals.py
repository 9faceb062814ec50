"""Animals, from the side and from above."""

from __future__ import annotations

from core.sketchworld import patterns, signed_distance
from core.sketchworld.marks import (
    BLACK,
    WHITE,
    dark_line,
    lens,
    oval,
    patch,
    round_eye,
    spot,
    stroke,
)
from core.sketchworld.painter import Painter
from core.sketchworld.palette import INK_GAP, distinct, lighten, luma, rgb
from core.sketchworld.signed_distance import Array, intersection


def fish(p: Painter) -> None:
    """Draw a fish from the side: tail, fins, gill, eye and often scales."""
    body, fin = p.palette.main, p.palette.second
    high = p.uniform(0.42, 0.6)
    tail = [(-0.4, 0.0), (-1.0, -0.5), (-0.84, 0.0), (-1.0, 0.5)]
    p.part("tail", lambda u, v: signed_distance.polygon(u, v, tail), fin, at=(0.0, 0.0), reach=1.1)
    patch(
        p, "fin", [(-0.35, 0.3), (-0.3, -0.3), (0.4, 0.3)], fin, at=(0.1, -high - 0.02), reach=0.5
    )
    patch(
        p,
        "fin",
        [(-0.3, 0.25), (0.3, -0.25), (-0.15, -0.25)],
        fin,
        at=(0.0, high + 0.02),
        reach=0.42,
    )
    style = p.integer(0, 2)
    period = p.uniform(0.26, 0.34)
    pattern = None
    if style == 0:

        def pattern(u: Array, v: Array) -> Array:
            return intersection(patterns.scales(v / period, -u / period, 0.2) * period, u - 0.25)

    elif style == 1:

        def pattern(u: Array, v: Array) -> Array:
            return intersection(patterns.stripes(u / period, v, 0.42) * period, u - 0.2)

    lens(
        p,
        "fish",
        (0.82, high),
        body,
        at=(0.15, 0.0),
        reach=0.85,
        pattern=pattern,
        ink=lighten(body, -0.45) if luma(body) > 0.4 else lighten(body, 0.5),
        also=(("scales",), ("stripes",), ())[style],
    )
    stroke(
        p,
        "gill",
        signed_distance.curve((0.38, -0.28), (0.52, 0.0), (0.38, 0.28), 4),
        0.05,
        lighten(body, -0.5),
    )
    round_eye(p, (0.62, -0.1), 0.13)


def bird(p: Painter) -> None:
    """Draw a small bird from the side: beak, wing, tail and thin legs."""
    body = p.palette.main
    wing = distinct(p.palette.second, body, INK_GAP)
    leg = p.visible(rgb(0.08, 0.8, 0.6))
    for foot in (0.0, 0.22):
        stroke(p, "leg", [(foot - 0.05, 0.4), (foot, 0.92), (foot + 0.16, 0.92)], 0.06, leg)
    patch(
        p,
        "tail",
        [(-0.42, -0.16), (0.4, -0.12), (0.4, 0.16), (-0.42, 0.14)],
        wing,
        at=(-0.72, 0.08),
        reach=0.48,
        turn=p.uniform(-0.1, 0.35),
    )
    beak = [(0.0, -0.11), (0.36, 0.02), (0.0, 0.11)]
    patch(p, "beak", beak, rgb(0.11, 0.9, 0.95), at=(0.72, -0.46), reach=0.38)

    def plump(u: Array, v: Array) -> Array:
        return signed_distance.smooth_union(
            signed_distance.ellipse(u, v - 0.1, 0.62, 0.45),
            signed_distance.disc(u - 0.48, v + 0.46, 0.34),
            0.25,
        )

    breast = lighten(p.palette.accent, 0.25)
    p.part(
        "bird",
        plump,
        body,
        reach=0.95,
        pattern=(lambda u, v: signed_distance.disc(u - 0.52, v - 0.35, 0.42))
        if p.chance(0.6)
        else None,
        ink=breast,
    )
    lens(p, "wing", (0.46, 0.22), wing, at=(-0.15, 0.05), reach=0.48, turn=p.uniform(-0.5, 0.0))
    round_eye(p, (0.56, -0.52), 0.1)


def butterfly(p: Painter) -> None:
    """Draw a butterfly from above: four spotted wings, body, feelers."""
    upper, lower = p.palette.main, p.palette.second
    spots = distinct(p.palette.accent, upper, INK_GAP)
    lean, size = p.uniform(0.5, 0.75), p.uniform(0.3, 0.36)
    ink = p.visible(dark_line(p.palette))
    for side in (-1, 1):
        oval(p, "wing", (0.42, 0.3), lower, at=(side * 0.42, 0.42), reach=0.42, turn=side * 0.7)
        oval(p, "wing", (0.56, size), upper, at=(side * 0.5, -0.32), reach=0.56, turn=-side * lean)
        spot(p, "spot", (side * 0.6, -0.42), 0.16, spots)
        spot(p, "spot", (side * 0.6, -0.42), 0.07, upper)
        spot(p, "spot", (side * 0.46, 0.46), 0.12, spots)
        stroke(
            p,
            "feeler",
            signed_distance.curve((0.0, -0.5), (side * 0.06, -0.85), (side * 0.3, -0.92), 4),
            0.045,
            ink,
        )
    oval(p, "abdomen", (0.09, 0.58), ink, reach=0.58, line=0.0)


def ladybird(p: Painter) -> None:
    """Draw a ladybird from above: a shell with spots, a dark head, legs and feelers."""
    shell = p.tint(0.0, 0.85, 0.85)
    ink = p.visible(BLACK)
    for side in (-1, 1):
        for level in (-0.25, 0.2, 0.6):
            stroke(p, "leg", [(side * 0.5, level), (side * 0.98, level + 0.16)], 0.07, ink)
        stroke(p, "feeler", [(side * 0.1, -0.75), (side * 0.32, -1.05)], 0.05, ink)
    spot(p, "head", (0.0, -0.62), 0.34, ink)
    dark = BLACK if luma(shell) > 0.25 else WHITE
    oval(p, "ladybird", (0.74, 0.78), shell, at=(0.0, 0.15), reach=0.8)
    stroke(p, "seam", [(0.0, -0.6), (0.0, 0.9)], 0.06, dark)
    radius = p.uniform(0.11, 0.16)
    for at in ((0.34, -0.15), (0.44, 0.32), (0.2, 0.62)):
        for side in (-1, 1):
            spot(p, "spot", (side * at[0], at[1]), radius, dark)


def snail(p: Painter) -> None:
    """Draw a snail: a spiral shell on a long foot, with two horns."""
    skin = p.tint(0.1, 0.35, 0.8, p.palette.second)
    shell = distinct(p.palette.main, skin, INK_GAP)
    for tip in (0.66, 0.94):
        stroke(p, "horn", [(0.76, -0.05), (tip, -0.5)], 0.06, skin)
        spot(p, "eye", (tip, -0.52), 0.07, p.visible(BLACK))

    def foot(u: Array, v: Array) -> Array:
        sole = signed_distance.capsule(u, v, (-0.8, 0.66), (0.6, 0.62), 0.16)
        neck = signed_distance.capsule(u, v, (0.62, 0.6), (0.76, 0.08), 0.17)
        return signed_distance.smooth_union(sole, neck, 0.2)

    p.part("foot", foot, skin, reach=1.1)
    turns = p.uniform(2.0, 2.8)
    p.part(
        "shell",
        lambda u, v: signed_distance.disc(u, v, 0.6),
        shell,
        at=(-0.16, 0.0),
        reach=0.6,
        shadow=True,
        also=("circle",),
    )
    ink = lighten(shell, -0.55) if luma(shell) > 0.35 else lighten(shell, 0.6)
    p.part(
        "spiral",
        lambda u, v: signed_distance.spiral(u, v, 0.56, turns, 0.34),
        ink,
        at=(-0.16, 0.0),
        reach=0.6,
        turn=p.uniform(-1.0, 1.0),
        line=0.0,
    )
