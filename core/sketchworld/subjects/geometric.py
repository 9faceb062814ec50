"""Simple geometric shapes."""

import math

import numpy as np

from core.sketchworld import patterns, shapes
from core.sketchworld.marks import Painter, right_angles
from core.sketchworld.palette import INK_GAP, LUMA_GAP, distinct, lighten
from core.sketchworld.shapes import Array, Distance, Point, intersection, sized, union
from core.sketchworld.textures import textured_shape


def _plain(p: Painter, concept: str, shape: Distance, corners: tuple[Point, ...] = ()) -> None:
    """Draw a simple shape in the main colour, sometimes with a texture inside."""
    textured_shape(p, concept, shape, p.palette.main, corners=corners)


def disc(p: Painter) -> None:
    """Draw a disc."""
    _plain(p, "disc", sized(shapes.disc, 0.85))


def ring(p: Painter) -> None:
    """Draw a ring."""
    width = p.uniform(0.14, 0.36)
    p.part("ring", sized(shapes.ring, 0.92 - width / 2, width), p.palette.main, shadow=True)


def concentric_rings(p: Painter) -> None:
    """Draw concentric rings, often on a disc of another colour."""
    count = p.integer(3, 4)
    step = 0.95 / (count - 0.25)
    ink = p.uniform(0.42, 0.58)
    if p.chance(0.5):
        p.part("disc", sized(shapes.disc, 0.95), p.palette.second, shadow=True)
    fill = distinct(p.palette.main, p.palette.second, INK_GAP, LUMA_GAP)

    def rings(u: Array, v: Array) -> Array:
        r = np.hypot(u, v)
        return intersection(patterns.stripes(r / step, v, ink) * step, r - 0.97)

    p.part("concentric rings", rings, fill, line=0.0)


def spiral(p: Painter) -> None:
    """Draw a spiral of two to three and a half turns, clockwise or counter-clockwise."""
    turns, thick = p.uniform(2.0, 3.4), p.uniform(0.38, 0.58)
    sign = 1.0 if p.chance(0.5) else -1.0
    p.part(
        "spiral",
        lambda u, v: shapes.spiral(u * sign, v, 0.95, turns, thick),
        p.palette.main,
        line=0.0,
    )


def right_angle(p: Painter) -> None:
    """Draw two bars that meet at one end at a right angle."""
    width = p.uniform(0.11, 0.24)
    long, short = p.uniform(1.3, 1.6), p.uniform(1.0, 1.5)
    corner = -0.65

    def angle(u: Array, v: Array) -> Array:
        upright = shapes.box(u - corner, v - corner - long / 2 + width, width, long / 2)
        level = shapes.box(u - corner - short / 2 + width, v - corner, short / 2, width)
        return union(upright, level)

    p.part("right angle", angle, p.palette.main, reach=1.25, shadow=True)


def triangle(p: Painter) -> None:
    """Draw an equilateral triangle."""
    _plain(p, "triangle", sized(shapes.regular, 3, 1.0))


def square(p: Painter) -> None:
    """Draw a square."""
    half = (0.7, 0.7)
    corners = right_angles(half)
    _plain(p, "square", sized(shapes.box, *half), corners=corners)


def star(p: Painter) -> None:
    """Draw a star with five points, or sometimes six."""
    points, inner = (5 if p.chance(0.75) else 6), p.uniform(0.40, 0.52)
    _plain(p, "star", sized(shapes.star, points, 1.0, inner))


def cross(p: Painter) -> None:
    """Draw two equal bars that cross in the middle."""
    width = p.uniform(0.17, 0.30)
    _plain(
        p, "cross", lambda u, v: union(shapes.box(u, v, width, 0.92), shapes.box(u, v, 0.92, width))
    )


def crescent(p: Painter) -> None:
    """Draw a crescent moon."""
    bite, offset = p.uniform(0.68, 0.8), p.uniform(0.38, 0.5)
    _plain(p, "crescent", sized(shapes.crescent, 0.92, bite, offset))


def heart(p: Painter) -> None:
    """Draw a heart."""
    fill = p.tint(0.98, 0.85, 0.85)
    textured_shape(p, "heart", sized(shapes.heart, 0.88), fill, reach=1.1)


def arrow(p: Painter) -> None:
    """Draw an arrow."""
    width, head, wide = p.uniform(0.12, 0.22), p.uniform(-0.05, 0.2), p.uniform(0.48, 0.66)

    def shape(u: Array, v: Array) -> Array:
        tip = shapes.convex(u, v, [(0.98, 0.0), (head, wide), (head, -wide)])
        return union(tip, shapes.box(u + 0.45, v, 0.5 + head * 0.5 + 0.1, width))

    p.part("arrow", shape, p.palette.main, shadow=True)


def drop(p: Painter) -> None:
    """Draw a drop of water with a glint."""
    fill = p.tint(0.56, 0.7, 0.85)
    radius = p.uniform(0.5, 0.6)
    p.part("drop", lambda u, v: shapes.drop(u, v - 0.35, radius, 1.3), fill, shadow=True)
    glint = lighten(fill, 0.7)
    p.part(
        "glint",
        sized(shapes.arc, radius * 0.62, 0.6, 0.1),
        glint,
        at=(0.0, 0.35),
        reach=radius,
        turn=0.9,
        line=0.0,
    )


def lightning(p: Painter) -> None:
    """Draw a bolt of lightning."""
    fat = p.uniform(0.0, 0.12)
    points = [
        (0.1 - fat, -1.0),
        (0.55 + fat, -1.0),
        (0.2, -0.25),
        (0.62 + fat, -0.25),
        (-0.35, 1.0),
        (-0.02, 0.08),
        (-0.5 - fat, 0.08),
    ]
    fill = p.tint(0.14, 0.85, 0.97)
    p.part("lightning", sized(shapes.polygon, points), fill, reach=1.15, shadow=True)


def pinwheel(p: Painter) -> None:
    """Draw a pinwheel: a disc of sectors in two colours."""
    blades, twist = p.integer(3, 6), p.uniform(-1.3, 1.3)
    p.part("disc", sized(shapes.disc, 0.95), p.palette.second, shadow=True)
    fill = distinct(p.palette.main, p.palette.second, INK_GAP, LUMA_GAP)
    p.part("pinwheel", sized(shapes.pinwheel, 0.95, blades, twist), fill, line=0.0)


def snowflake(p: Painter) -> None:
    """Draw a snowflake with six branched arms."""
    width, twig, at = p.uniform(0.05, 0.08), p.uniform(0.2, 0.32), p.uniform(0.45, 0.62)
    fill = p.visible(lighten(p.palette.main, 0.6)) if p.chance(0.5) else p.palette.main

    def flake(u: Array, v: Array) -> Array:
        step = math.pi / 3
        angle = np.arctan2(v, u)
        angle = np.abs(angle - np.rint(angle / step) * step)
        r = np.hypot(u, v)
        a, b = r * np.cos(angle), r * np.sin(angle)  # all arms are mapped onto half an arm
        arm = shapes.capsule(a, b, (0.0, 0.0), (0.93, 0.0), width)
        outer = shapes.capsule(a, b, (at, 0.0), (at + twig * 0.8, twig), width * 0.85)
        inner = shapes.capsule(
            a, b, (at * 0.5, 0.0), (at * 0.5 + twig * 0.5, twig * 0.6), width * 0.85
        )
        return union(arm, outer, inner)

    p.part("snowflake", flake, fill, line=0.0)
