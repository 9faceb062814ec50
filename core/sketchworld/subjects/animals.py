"""Animals, from the side and from above."""

from core.sketchworld import patterns, shapes
from core.sketchworld.marks import BLACK, WHITE, Painter, dark_line
from core.sketchworld.palette import INK_GAP, distinct, lighten, luma, rgb
from core.sketchworld.shapes import Array, intersection, sized


def fish(p: Painter) -> None:
    """Draw a fish from the side: tail, fins, gill, eye and often scales."""
    body, fin = p.palette.main, p.palette.second
    high = p.uniform(0.42, 0.6)
    tail = [(-0.4, 0.0), (-1.0, -0.5), (-0.84, 0.0), (-1.0, 0.5)]
    p.part("tail", sized(shapes.polygon, tail), fin, at=(0.0, 0.0), reach=1.1)
    p.patch("fin", [(-0.35, 0.3), (-0.3, -0.3), (0.4, 0.3)], fin, at=(0.1, -high - 0.02), reach=0.5)
    p.patch(
        "fin", [(-0.3, 0.25), (0.3, -0.25), (-0.15, -0.25)], fin, at=(0.0, high + 0.02), reach=0.42
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

    p.lens(
        "fish",
        (0.82, high),
        body,
        at=(0.15, 0.0),
        reach=0.85,
        pattern=pattern,
        ink=lighten(body, -0.45) if luma(body) > 0.4 else lighten(body, 0.5),
        also=(("scales",), ("stripes",), ())[style],
    )
    p.stroke(
        "gill", shapes.curve((0.38, -0.28), (0.52, 0.0), (0.38, 0.28), 4), 0.05, lighten(body, -0.5)
    )
    p.round_eye((0.62, -0.1), 0.13)


def bird(p: Painter) -> None:
    """Draw a small bird from the side: beak, wing, tail and thin legs."""
    body = p.palette.main
    wing = distinct(p.palette.second, body, INK_GAP)
    leg = p.visible(rgb(0.08, 0.8, 0.6))
    for foot in (0.0, 0.22):
        p.stroke("leg", [(foot - 0.05, 0.4), (foot, 0.92), (foot + 0.16, 0.92)], 0.06, leg)
    p.patch(
        "tail",
        [(-0.42, -0.16), (0.4, -0.12), (0.4, 0.16), (-0.42, 0.14)],
        wing,
        at=(-0.72, 0.08),
        reach=0.48,
        turn=p.uniform(-0.1, 0.35),
    )
    beak = [(0.0, -0.11), (0.36, 0.02), (0.0, 0.11)]
    p.patch("beak", beak, rgb(0.11, 0.9, 0.95), at=(0.72, -0.46), reach=0.38)

    def plump(u: Array, v: Array) -> Array:
        return shapes.smooth_union(
            shapes.ellipse(u, v - 0.1, 0.62, 0.45), shapes.disc(u - 0.48, v + 0.46, 0.34), 0.25
        )

    breast = lighten(p.palette.accent, 0.25)
    p.part(
        "bird",
        plump,
        body,
        reach=0.95,
        pattern=(lambda u, v: shapes.disc(u - 0.52, v - 0.35, 0.42)) if p.chance(0.6) else None,
        ink=breast,
    )
    p.lens("wing", (0.46, 0.22), wing, at=(-0.15, 0.05), reach=0.48, turn=p.uniform(-0.5, 0.0))
    p.round_eye((0.56, -0.52), 0.1)


def butterfly(p: Painter) -> None:
    """Draw a butterfly from above: four spotted wings, body, feelers."""
    upper, lower = p.palette.main, p.palette.second
    spots = distinct(p.palette.accent, upper, INK_GAP)
    lean, size = p.uniform(0.5, 0.75), p.uniform(0.3, 0.36)
    ink = p.visible(dark_line(p.palette))
    for side in (-1, 1):
        p.oval("wing", (0.42, 0.3), lower, at=(side * 0.42, 0.42), reach=0.42, turn=side * 0.7)
        p.oval("wing", (0.56, size), upper, at=(side * 0.5, -0.32), reach=0.56, turn=-side * lean)
        p.spot("spot", (side * 0.6, -0.42), 0.16, spots)
        p.spot("spot", (side * 0.6, -0.42), 0.07, upper)
        p.spot("spot", (side * 0.46, 0.46), 0.12, spots)
        p.stroke(
            "feeler",
            shapes.curve((0.0, -0.5), (side * 0.06, -0.85), (side * 0.3, -0.92), 4),
            0.045,
            ink,
        )
    p.oval("abdomen", (0.09, 0.58), ink, reach=0.58, line=0.0)


def ladybird(p: Painter) -> None:
    """Draw a ladybird from above: a shell with spots, a dark head, legs and feelers."""
    shell = p.tint(0.0, 0.85, 0.85)
    ink = p.visible(BLACK)
    for side in (-1, 1):
        for level in (-0.25, 0.2, 0.6):
            p.stroke("leg", [(side * 0.5, level), (side * 0.98, level + 0.16)], 0.07, ink)
        p.stroke("feeler", [(side * 0.1, -0.75), (side * 0.32, -1.05)], 0.05, ink)
    p.spot("head", (0.0, -0.62), 0.34, ink)
    dark = BLACK if luma(shell) > 0.25 else WHITE
    p.oval("ladybird", (0.74, 0.78), shell, at=(0.0, 0.15), reach=0.8)
    p.stroke("seam", [(0.0, -0.6), (0.0, 0.9)], 0.06, dark)
    radius = p.uniform(0.11, 0.16)
    for at in ((0.34, -0.15), (0.44, 0.32), (0.2, 0.62)):
        for side in (-1, 1):
            p.spot("spot", (side * at[0], at[1]), radius, dark)


def snail(p: Painter) -> None:
    """Draw a snail: a spiral shell on a long foot, with two horns."""
    skin = p.tint(0.1, 0.35, 0.8, p.palette.second)
    shell = distinct(p.palette.main, skin, INK_GAP)
    for tip in (0.66, 0.94):
        p.stroke("horn", [(0.76, -0.05), (tip, -0.5)], 0.06, skin)
        p.spot("eye", (tip, -0.52), 0.07, p.visible(BLACK))

    def foot(u: Array, v: Array) -> Array:
        sole = shapes.capsule(u, v, (-0.8, 0.66), (0.6, 0.62), 0.16)
        neck = shapes.capsule(u, v, (0.62, 0.6), (0.76, 0.08), 0.17)
        return shapes.smooth_union(sole, neck, 0.2)

    p.part("foot", foot, skin, reach=1.1)
    turns = p.uniform(2.0, 2.8)
    p.spot("shell", (-0.16, 0.0), 0.6, shell, None, shadow=True)
    ink = lighten(shell, -0.55) if luma(shell) > 0.35 else lighten(shell, 0.6)
    p.part(
        "spiral",
        sized(shapes.spiral, 0.56, turns, 0.34),
        ink,
        at=(-0.16, 0.0),
        reach=0.6,
        turn=p.uniform(-1.0, 1.0),
        line=0.0,
    )
