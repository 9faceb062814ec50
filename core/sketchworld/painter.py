"""The painter: puts named parts onto a picture, with antialiased edges, only where each can be.

Every mark on a drawing goes through `Painter.part`, which knows the part's concept ("eye", "wheel",
"petal") and its exact coverage, so that the masks of all concepts come from the very calls that
paint.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from core.sketchworld.annotation import COVERED, Annotation, Mask
from core.sketchworld.concepts import OUTLINE, RIGHT_ANGLE
from core.sketchworld.palette import GROUND_GAP, LUMA_GAP, Palette, distinct, rgb
from core.sketchworld.signed_distance import Array, Point

Distance = Callable[[Array, Array], Array]

STRETCHED = 1.2  # a stretched figure reaches this much farther at most
SHADOW_LENGTH, SHADOW_BLUR = 0.09, 0.16  # in scene units
LINE_SHARE = 0.30  # an outline is never wider than this share of its part's reach
CORNER = 0.16  # a right angle is what lies so near its corner, in scene units
LINED = 0.6  # a figure smaller than this has its outlines made thinner in proportion


@dataclass(frozen=True)
class Pose:
    """Where a figure stands: maps its own coordinates to the scene's, which run from -1 to 1."""

    centre: Point = (0.0, 0.0)
    scale: float = 1.0
    turn: float = 0.0  # radians, clockwise on screen
    stretch: float = 1.0  # how much wider than high
    mirror: bool = False

    def linear(self, turn: float = 0.0) -> tuple[float, float, float, float]:
        """Return the 2 x 2 matrix (row by row) from a part turned by `turn` to the scene."""
        wide = self.scale * math.sqrt(self.stretch) * (-1.0 if self.mirror else 1.0)
        high = self.scale / math.sqrt(self.stretch)
        c, s = math.cos(self.turn), math.sin(self.turn)
        pc, ps = math.cos(turn), math.sin(turn)
        a, b, d, e = c * wide, -s * high, s * wide, c * high
        return (a * pc + b * ps, -a * ps + b * pc, d * pc + e * ps, -d * ps + e * pc)

    def place(self, at: Point) -> Point:
        """Return the scene coordinates of a point of the figure."""
        a, b, d, e = self.linear()
        return (self.centre[0] + a * at[0] + b * at[1], self.centre[1] + d * at[0] + e * at[1])


@dataclass(frozen=True)
class Light:
    """The light of a scene: where it comes from and how strongly it shades each part."""

    direction: float  # radians
    strength: float  # brightness gained towards the light, at a part's rim
    line: float  # width of outlines in scene units; 0 for none
    shadow: float  # darkness of the shadows that figures cast; 0 for none


@dataclass(frozen=True)
class PartPose:
    """Where a part sits in its figure: origin, turn in radians, and how far it reaches."""

    frame: Pose
    at: Point
    turn: float
    reach: float

    @property
    def size(self) -> float:
        """Return how far the part reaches in scene units, but for the figure's stretch."""
        return self.reach * self.frame.scale


@dataclass(frozen=True)
class PaintWindow:
    """Some pixels of the picture: coordinates in a part and share of light, float32 [h, w]."""

    rows: slice
    cols: slice
    u: Array
    v: Array
    tone: Array

    def near(self, points: tuple[Point, ...], radius: float) -> Mask:
        """Return which pixels are within a radius of any of some points of the part."""
        found = np.zeros(self.tone.shape, dtype=np.bool_)
        for a, b in points:
            found |= np.hypot(self.u - np.float32(a), self.v - np.float32(b)) <= radius
        return found


class Painter:
    """A picture in the making."""

    def __init__(
        self,
        size: int,
        rng: np.random.Generator,
        palette: Palette,
        light: Light,
        frame: Pose,
        annotation: Annotation | None = None,
    ) -> None:
        """Start with a picture of `size` x `size` pixels in the ground's colour.

        `annotation`, if there is one, is told what every mark covers; the picture is the same.
        """
        self.size = size
        self.rng = rng
        self.palette = palette
        self.light = light
        self.frame = frame
        self.annotation = annotation
        self.pixel = 2.0 / size
        self.axis = ((np.arange(size, dtype=np.float32) + 0.5) * self.pixel - 1.0).astype(
            np.float32
        )
        self.image: Array = np.empty((3, size, size), dtype=np.float32)
        self.image[:] = palette.ground[:, None, None]

    def uniform(self, low: float, high: float) -> float:
        """Draw a number between two bounds."""
        return float(self.rng.uniform(low, high))

    def count(self, low: int, high: int) -> int:
        """Draw a whole number between two bounds, both possible."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        """Draw true in the given share of cases."""
        return bool(self.rng.random() < share)

    def tint(
        self, hue: float, saturation: float, value: float, otherwise: Array | None = None
    ) -> Array:
        """Draw a thing's colour: mostly nature's, else the palette's; it shows on the ground."""
        jitter = self.rng.uniform(-1.0, 1.0, 3)
        if self.chance(0.3):
            return self.palette.main if otherwise is None else otherwise
        saturation = min(max(saturation + 0.15 * float(jitter[1]), 0.0), 1.0)
        value = min(max(value + 0.12 * float(jitter[2]), 0.0), 1.0)
        return self.shown(rgb(hue + 0.03 * float(jitter[0]), saturation, value))

    def shown(self, colour: Array) -> Array:
        """Return the colour, moved until it stands out from the ground."""
        return distinct(colour, self.palette.ground, GROUND_GAP, LUMA_GAP)

    @contextmanager
    def figure(
        self,
        name: str,
        frame: Pose | None = None,
        palette: Palette | None = None,
        everywhere: bool = False,
    ) -> Iterator[None]:
        """Paint another thing: inside the `with`, marks are its own, in its frame and colours.

        With `everywhere` the whole picture shows it, whatever its marks cover.
        """
        before = (self.frame, self.palette, self.light)
        if frame is not None:
            self.frame = frame
            thin = min(1.0, frame.scale / LINED)
            self.light = replace(self.light, line=self.light.line * thin)
        if palette is not None:
            self.palette = palette
        if self.annotation is not None:
            self.annotation.enter(name, everywhere)
        try:
            yield
        finally:
            if self.annotation is not None:
                self.annotation.leave()
            self.frame, self.palette, self.light = before

    def part(
        self,
        concept: str,
        shape: Distance,
        fill: Array,
        *,
        at: Point = (0.0, 0.0),
        reach: float = 1.0,
        turn: float = 0.0,
        line: float | None = None,
        pattern: Distance | None = None,
        ink: Array | None = None,
        alpha: float = 1.0,
        shadow: bool = False,
        shade: float = 1.0,
        frame: Pose | None = None,
        also: tuple[str, ...] = (),
        corners: tuple[Point, ...] = (),
    ) -> None:
        """Paint one named part.

        `shape` gives the signed distance in a frame whose origin is `at` (in the figure's
        coordinates), turned by `turn` radians, and is negative only within `reach` of that origin.
        `fill` is float32 [3]; where `pattern` is negative the part has the colour `ink` instead.
        `line` is the outline's width in scene units (the scene's own if None); `alpha` the part's
        opacity; `shade` scales the scene's light; `also` names what else the part shows ("circle"),
        and `corners` says where it has right angles.
        """
        place = PartPose(self.frame if frame is None else frame, at, turn, reach)
        if shadow and self.light.shadow > 0.0:
            self._shadow(shape, place)
        width = self.light.line if line is None else line
        width = min(width, LINE_SHARE * place.size)
        window = self._window(place, width + self.pixel)
        if window is None:
            return
        per_pixel = np.float32(place.frame.scale / self.pixel)
        away = shape(window.u, window.v) * per_pixel
        colour = fill[:, None, None] + window.tone * np.float32(self.light.strength * shade)
        if pattern is not None and ink is not None:
            share = np.clip(0.5 - pattern(window.u, window.v) * per_pixel, 0.0, 1.0)
            colour = colour + (ink[:, None, None] - colour) * share
        half = width / (2.0 * self.pixel)
        if width > 0.0:
            stroke = self.palette.line[:, None, None]
            colour = stroke + (colour - stroke) * np.clip(0.5 - half - away, 0.0, 1.0)
        cover = np.clip(0.5 + half - away, 0.0, 1.0)
        if alpha < 1.0:
            cover = cover * np.float32(alpha)
        under = self.image[:, window.rows, window.cols]
        under += cover * (colour - under)
        if self.annotation is not None:
            covered, names = cover >= COVERED, (concept, *also)
            self.annotation.lay(names, window.rows, window.cols, covered)
            for name, where in (
                (OUTLINE, (away >= -half) & (width > 0.0)),
                (RIGHT_ANGLE, window.near(corners, CORNER / place.frame.scale)),
            ):
                self.annotation.lay((*names, name), window.rows, window.cols, covered & where)

    def _shadow(self, shape: Distance, place: PartPose) -> None:
        """Darken the picture behind a part, away from the light, softly."""
        direction = self.light.direction
        away = (-math.cos(direction) * SHADOW_LENGTH, -math.sin(direction) * SHADOW_LENGTH)
        window = self._window(place, SHADOW_BLUR, away)
        if window is None:
            return
        per_blur = np.float32(place.frame.scale / SHADOW_BLUR)
        soft = np.clip(0.5 - shape(window.u, window.v) * per_blur, 0.0, 1.0)
        self.image[:, window.rows, window.cols] *= 1.0 - np.float32(self.light.shadow) * soft

    def _window(
        self, place: PartPose, margin: float, away: Point = (0.0, 0.0)
    ) -> PaintWindow | None:
        """Return the pixels that a part, moved `away`, can touch, or None if there are none."""
        centre = place.frame.place(place.at)
        centre = (centre[0] + away[0], centre[1] + away[1])
        rows = self._span(centre[1], place.size * STRETCHED + margin)
        cols = self._span(centre[0], place.size * STRETCHED + margin)
        if rows.start >= rows.stop or cols.start >= cols.stop:
            return None
        right = self.axis[None, cols] - np.float32(centre[0])
        down = self.axis[rows, None] - np.float32(centre[1])
        a, b, d, e = place.frame.linear(place.turn)
        det = a * e - b * d
        u = right * np.float32(e / det) - down * np.float32(b / det)
        v = down * np.float32(a / det) - right * np.float32(d / det)
        tone = right * np.float32(math.cos(self.light.direction) / place.size)
        tone = tone + down * np.float32(math.sin(self.light.direction) / place.size)
        return PaintWindow(rows, cols, u, v, tone)

    def _span(self, middle: float, radius: float) -> slice:
        """Return the pixels within `radius` of a scene coordinate, along either axis."""
        first = math.floor((middle - radius + 1.0) / self.pixel)
        last = math.ceil((middle + radius + 1.0) / self.pixel)
        return slice(max(0, first), min(self.size, last))
