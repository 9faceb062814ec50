"""The painter of subjects: it draws marks that many subjects share, such as strokes and wheels.

All positions and sizes are in the coordinates of the present figure (`Painter.pose`): `u` points to
the right, `v` points down, and the figure is about as large as the unit circle.
"""

import math
from typing import Any

import numpy as np

from core.sketchworld import shapes
from core.sketchworld.painter import PartPainter
from core.sketchworld.palette import Palette, luma, rgb
from core.sketchworld.shapes import Array, Distance, Point, sized

WHITE = rgb(0.0, 0.0, 0.98)
BLACK = rgb(0.0, 0.0, 0.06)
# Width of the outline of thin objects in scene units. A wider one would hide their colour.
THIN_LINE = 0.045
EVERYWHERE = 3.0  # a radius around any point of the scene that contains the whole scene


class Painter(PartPainter):
    """A drawing in progress, to which marks are added.

    `options` of a mark are further arguments of `PartPainter.part`.
    """

    def cover(
        self, concept: str, shape: Distance, fill: Array, line: float = 0.0, **options: Any
    ) -> None:
        """Draw a shape that may extend over the whole scene.

        `line` is the width of the outline in scene units.
        """
        self.part(concept, shape, fill, reach=EVERYWHERE, line=line, **options)

    def stroke(self, concept: str, points: list[Point], width: float, colour: Array) -> None:
        """Draw a stroke of the given width through points, without an outline."""
        middle = (sum(q[0] for q in points) / len(points), sum(q[1] for q in points) / len(points))
        local = [(q[0] - middle[0], q[1] - middle[1]) for q in points]
        self.part(
            concept,
            sized(shapes.path, local, width / 2),
            colour,
            at=middle,
            reach=max(math.hypot(*q) for q in local) + width,
            line=0.0,
            shade=0.0,
            also=("line",),
        )

    def spot(
        self,
        concept: str,
        at: Point,
        radius: float,
        colour: Array,
        line: float | None = 0.0,
        **options: Any,
    ) -> None:
        """Draw a disc around the point `at`; `line` is the width of the outline in scene units."""
        shape, also = sized(shapes.disc, radius), ("circle",)
        self.part(concept, shape, colour, at=at, reach=radius, line=line, also=also, **options)

    def oval(self, concept: str, half: Point, colour: Array, **options: Any) -> None:
        """Draw an ellipse with the half axes `half` along `u` and `v`."""
        self.part(concept, sized(shapes.ellipse, *half), colour, **options)

    def lens(self, concept: str, half: Point, colour: Array, **options: Any) -> None:
        """Draw a lens with tips at the left and right, like a leaf.

        `half` holds half of the width and half of the height.
        """
        self.part(concept, sized(shapes.almond, *half), colour, **options)

    def round_eye(
        self, at: Point, radius: float, iris: Array | None = None, slit: bool = False
    ) -> None:
        """Draw a small round eye: a disc, a pupil and a glint.

        The disc has the colour `iris`, by default white. With `slit`, the pupil is a vertical slit,
        otherwise a disc.
        """
        self.spot("eye", at, radius, WHITE if iris is None else iris, min(self.light.line, 0.04))
        if slit:
            self.part(
                "pupil",
                lambda u, v: shapes.almond(v, u, radius * 0.9, radius * 0.4),
                BLACK,
                at=at,
                reach=radius,
                line=0.0,
            )
        else:
            self.spot("pupil", at, radius * 0.55, BLACK)
        self.spot("glint", (at[0] - radius * 0.2, at[1] - radius * 0.28), radius * 0.2, WHITE)

    def bar(
        self,
        concept: str,
        at: Point,
        half: Point,
        colour: Array,
        line: float | None = None,
        reach: float | None = None,
        **options: Any,
    ) -> None:
        """Draw a box around the point `at` with the half sides `half`.

        `line` is the width of the outline in scene units; None for `self.light.line`. `reach` is by
        default the distance of the corners from `at`.
        """
        self.part(
            concept,
            sized(shapes.box, *half),
            colour,
            at=at,
            reach=math.hypot(*half) if reach is None else reach,
            line=line,
            also=("rectangle",),
            corners=right_angles(half),
            **options,
        )

    def patch(
        self,
        concept: str,
        corners: list[Point],
        colour: Array,
        line: float | None = None,
        reach: float | None = None,
        rounding: float = 0.0,
        **options: Any,
    ) -> None:
        """Draw a convex polygon whose corners are given clockwise on screen.

        The polygon is enlarged by `rounding` on all sides. `reach` is by default the largest
        distance of a corner from the origin.
        """
        self.part(
            concept,
            lambda u, v: shapes.convex(u, v, corners) - rounding,
            colour,
            reach=max(math.hypot(*q) for q in corners) if reach is None else reach,
            line=line,
            **options,
        )

    def pane(self, at: Point, half: Point, frame: Array, glass: Array) -> None:
        """Draw a small window: a frame, and glass with one vertical and one horizontal bar."""
        self.bar("window", at, (half[0] + 0.03, half[1] + 0.03), frame, 0.0)
        self.part(
            "window",
            sized(shapes.box, *half),
            glass,
            at=at,
            reach=max(half) * 1.5,
            line=0.0,
            pattern=lambda u, v: np.minimum(np.abs(u), np.abs(v)) - 0.03,
            ink=frame,
            also=("rectangle",),
        )

    def wheel_at(
        self, at: Point, radius: float, spokes: int, tyre: Array, rim: Array, share: float = 0.2
    ) -> None:
        """Draw a wheel with a tyre, spokes and a hub.

        `share` is the width of the tyre as a share of `radius`. The spokes and the hub have the
        colour `rim`.
        """
        width = radius * share
        tread = sized(shapes.ring, radius - width / 2, width)
        self.part("wheel", tread, tyre, at=at, reach=radius, line=0.0)
        step = math.pi / spokes
        half = radius * 0.05 + 0.012

        def spoke(u: Array, v: Array) -> Array:
            r = np.hypot(u, v)
            angle = np.arctan2(v, u)
            off = np.abs(np.sin(angle * (math.pi / (2 * step)))) * r * (2 * step / math.pi)
            return np.maximum(off - half, r - (radius - width / 2))

        turn = self.uniform(0.0, step)
        self.part("spoke", spoke, rim, at=at, reach=radius, turn=turn, line=0.0)
        self.spot("hub", at, radius * 0.17 + 0.02, rim)


def dark_line(palette: Palette) -> Array:
    """Return the colour of the palette's lines if it is dark, else black."""
    return palette.line if luma(palette.line) < 0.4 else BLACK


def right_angles(half: Point) -> tuple[Point, ...]:
    """Return the four corners of a box around the origin with the half sides `half`."""
    return tuple((a * half[0], b * half[1]) for a in (-1, 1) for b in (-1, 1))


def mirrored(corners: list[Point], side: float) -> list[Point]:
    """Return corners unchanged for `side` 1, and mirrored from left to right for `side` -1.

    The corners are clockwise on screen, before and after.
    """
    points = [(side * a, b) for a, b in corners]
    return points[::-1] if side < 0 else points


def glass_colour(p: Painter) -> Array:
    """Return a random colour of window glass: light blue, lamplight or dark blue."""
    colours = ((0.56, 0.35, 0.95), (0.14, 0.6, 1.0), (0.6, 0.5, 0.3))
    return rgb(*colours[p.integer(0, 2)])
