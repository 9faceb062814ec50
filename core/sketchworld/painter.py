"""Drawing of named shapes ("parts") with antialiased edges.

Every part of a drawing, such as a pupil, is drawn by one call of `PartPainter.part`, with the name
of its concept ("eye", "wheel", "petal"). The call computes how much of each pixel the part covers.
So the same calls produce the image and the masks. Only the pixels that a part can cover are
computed. Subjects are drawn with `marks.Painter`, which has further methods.

There are three coordinate systems. The scene is the whole image, from -1 to 1. A figure is a
subject, such as a cat; `Pose` maps figure coordinates to scene coordinates. The origin of the
coordinates of a part is the point `at` of the figure. A scene unit is half of the image's side.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from core.sketchworld.annotation import COVERED, Annotation, Mask
from core.sketchworld.concepts import OUTLINE, RIGHT_ANGLE
from core.sketchworld.palette import GROUND_GAP, LUMA_GAP, Palette, distinct, rgb
from core.sketchworld.shapes import Array, Distance, Point

STRETCHED = 1.2  # upper bound of the factor by which `Pose.stretch` enlarges the radius of a part
SHADOW_LENGTH, SHADOW_BLUR = 0.09, 0.16  # in scene units
LINE_SHARE = 0.30  # largest width of a part's outline, as a share of the part's radius
CORNER = 0.16  # radius in scene units around a corner within which pixels are of a right angle
FULL_LINE_SCALE = 0.6  # outlines of figures of a smaller scale are thinner in proportion


@dataclass(frozen=True)
class Pose:
    """A map from the coordinates of a figure to those of the scene, which run from -1 to 1."""

    centre: Point = (0.0, 0.0)
    scale: float = 1.0
    turn: float = 0.0  # radians, clockwise on screen
    stretch: float = 1.0  # ratio of width to height
    mirror: bool = False

    def linear(self, turn: float = 0.0) -> tuple[float, float, float, float]:
        """Return the 2 x 2 matrix, row by row, from part coordinates to scene coordinates.

        The part is rotated by `turn` radians in the figure.
        """
        x_scale = self.scale * math.sqrt(self.stretch) * (-1.0 if self.mirror else 1.0)
        y_scale = self.scale / math.sqrt(self.stretch)
        c, s = math.cos(self.turn), math.sin(self.turn)
        pc, ps = math.cos(turn), math.sin(turn)
        a, b, d, e = c * x_scale, -s * y_scale, s * x_scale, c * y_scale
        return (a * pc + b * ps, -a * ps + b * pc, d * pc + e * ps, -d * ps + e * pc)

    def to_scene(self, at: Point) -> Point:
        """Return the scene coordinates of the point `at` in figure coordinates."""
        a, b, d, e = self.linear()
        return (self.centre[0] + a * at[0] + b * at[1], self.centre[1] + d * at[0] + e * at[1])


@dataclass(frozen=True)
class Light:
    """The light of a scene, the width of its outlines and the darkness of its shadows."""

    direction: float  # direction to the light in radians
    strength: float  # added brightness at the edge of a part that is nearest to the light
    line: float  # width of outlines in scene units; 0 for none
    shadow: float  # darkness of shadows; 0 for none


@dataclass(frozen=True)
class PartPose:
    """The pose of a part in the scene.

    Attributes:
        pose: pose of the figure.
        at: origin of the part in figure coordinates.
        turn: rotation of the part in the figure, in radians.
        reach: radius around the origin that contains the part, in figure units.
    """

    pose: Pose
    at: Point
    turn: float
    reach: float

    @property
    def size(self) -> float:
        """The radius of the part in scene units, if the figure is not stretched."""
        return self.reach * self.pose.scale


@dataclass(frozen=True)
class PaintWindow:
    """A rectangular window of the image's pixels around a part.

    Attributes:
        rows, cols: rows and columns of the window in the image.
        u, v: part coordinates of the pixels, float32 [h, w] each.
        tone: light at each pixel, float32 [h, w]; about 1 at the edge of the part that is nearest
            to the light, about -1 at the opposite edge.
    """

    rows: slice
    cols: slice
    u: Array
    v: Array
    tone: Array

    def within(self, points: tuple[Point, ...], radius: float) -> Mask:
        """Return the mask of pixels within `radius` of one of `points`, in part coordinates."""
        mask = np.zeros(self.tone.shape, dtype=np.bool_)
        for a, b in points:
            mask |= np.hypot(self.u - np.float32(a), self.v - np.float32(b)) <= radius
        return mask


@dataclass(eq=False)
class PartPainter:
    """A drawing in progress; it starts with the background's colour.

    Attributes:
        size: side of the image in pixels.
        rng: random generator of the drawing.
        palette, light, pose: the present colours, light and pose.
        annotation: collects the mask of every part, if given; the image does not depend on it.
        pixel: side of a pixel in scene units.
        axis: scene coordinate of each row or column, float32 [size].
        image: RGB in [0, 1], float32 [3, size, size].
    """

    size: int
    rng: np.random.Generator
    palette: Palette
    light: Light
    pose: Pose
    annotation: Annotation | None = None

    def __post_init__(self) -> None:
        self.pixel = 2.0 / self.size
        centres = (np.arange(self.size, dtype=np.float32) + 0.5) * self.pixel - 1.0
        self.axis = centres.astype(np.float32)
        self.image: Array = np.empty((3, self.size, self.size), dtype=np.float32)
        self.image[:] = self.palette.ground[:, None, None]

    def uniform(self, low: float, high: float) -> float:
        """Return a uniformly distributed random number between `low` and `high`."""
        return float(self.rng.uniform(low, high))

    def integer(self, low: int, high: int) -> int:
        """Return a random integer from `low` to `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return bool(self.rng.random() < probability)

    def tint(
        self, hue: float, saturation: float, value: float, otherwise: Array | None = None
    ) -> Array:
        """Return a random colour for an object, visible on the background.

        With a probability of 0.7 it is a colour near the given hue, saturation and value. Otherwise
        it is the colour `otherwise`, by default the main colour of the palette.
        """
        jitter = self.rng.uniform(-1.0, 1.0, 3)
        if self.chance(0.3):
            return self.palette.main if otherwise is None else otherwise
        saturation = min(max(saturation + 0.15 * float(jitter[1]), 0.0), 1.0)
        value = min(max(value + 0.12 * float(jitter[2]), 0.0), 1.0)
        return self.visible(rgb(hue + 0.03 * float(jitter[0]), saturation, value))

    def visible(self, colour: Array) -> Array:
        """Return `colour`, made lighter or darker until it differs enough from the background."""
        return distinct(colour, self.palette.ground, GROUND_GAP, LUMA_GAP)

    @contextmanager
    def figure(
        self,
        name: str,
        pose: Pose | None = None,
        palette: Palette | None = None,
        everywhere: bool = False,
    ) -> Iterator[None]:
        """Begin a figure; parts that are drawn in the `with` block belong to the figure.

        Args:
            name: name of the figure, such as "cat".
            pose: pose of the figure; None for the present pose.
            palette: colours of the figure; None for the present palette.
            everywhere: whether the mask of the figure has all pixels of the image. Otherwise it has
                the pixels that its parts cover.
        """
        before = (self.pose, self.palette, self.light)
        if pose is not None:
            self.pose = pose
            thinning = min(1.0, pose.scale / FULL_LINE_SCALE)
            self.light = replace(self.light, line=self.light.line * thinning)
        if palette is not None:
            self.palette = palette
        if self.annotation is not None:
            self.annotation.begin_figure(name, everywhere)
        try:
            yield
        finally:
            if self.annotation is not None:
                self.annotation.end_figure()
            self.pose, self.palette, self.light = before

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
        pose: Pose | None = None,
        also: tuple[str, ...] = (),
        corners: tuple[Point, ...] = (),
    ) -> None:
        """Draw one part, and add it to the annotation.

        Args:
            concept: name of the part, such as "petal".
            shape: signed distance to the edge at part coordinates (u, v), negative inside.
            fill: colour, float32 [3].
            at: origin of the part in figure coordinates.
            reach: radius around this origin outside of which `shape` is positive.
            turn: rotation of the part in the figure, in radians.
            line: width of the outline in scene units; None for `self.light.line`.
            pattern: as `shape`; where it is negative, the colour is `ink` instead of `fill`.
            ink: colour of the pattern, float32 [3].
            alpha: opacity, from 0 to 1.
            shadow: whether the part casts a shadow.
            shade: factor for the strength of the light on this part.
            pose: pose of the figure; None for the present pose.
            also: names of further concepts that the part shows, such as "circle".
            corners: positions of right angles in part coordinates.
        """
        part_pose = PartPose(self.pose if pose is None else pose, at, turn, reach)
        if shadow and self.light.shadow > 0.0:
            self._draw_shadow(shape, part_pose)
        width = min(self.light.line if line is None else line, LINE_SHARE * part_pose.size)
        window = self._window(part_pose, width + self.pixel)
        if window is None:
            return
        per_pixel = np.float32(part_pose.pose.scale / self.pixel)
        distance = shape(window.u, window.v) * per_pixel
        colour = fill[:, None, None] + window.tone * np.float32(self.light.strength * shade)
        if pattern is not None and ink is not None:
            share = np.clip(0.5 - pattern(window.u, window.v) * per_pixel, 0.0, 1.0)
            colour = colour + (ink[:, None, None] - colour) * share
        half = width / (2.0 * self.pixel)
        covered = self._paint(window, colour, distance, half, alpha) >= COVERED
        if self.annotation is not None:
            right_angles = window.within(corners, CORNER / part_pose.pose.scale)
            details = {OUTLINE: (distance >= -half) & (half > 0.0), RIGHT_ANGLE: right_angles}
            self.annotation.add_part((concept, *also), window.rows, window.cols, covered, details)

    def _paint(
        self, window: PaintWindow, colour: Array, distance: Array, half: float, alpha: float
    ) -> Array:
        """Paint a part and its outline on the image; return how much of each pixel they cover.

        Args:
            window: the pixels that the part may cover.
            colour: colour of the part at each pixel, float32 [3, h, w].
            distance: signed distance to the edge of the part in pixels, [h, w].
            half: half the width of the outline in pixels; 0 for none.
            alpha: opacity, from 0 to 1.
        """
        if half > 0.0:
            stroke = self.palette.line[:, None, None]
            colour = stroke + (colour - stroke) * np.clip(0.5 - half - distance, 0.0, 1.0)
        coverage: Array = np.clip(0.5 + half - distance, 0.0, 1.0)
        if alpha < 1.0:
            coverage = coverage * np.float32(alpha)
        pixels = self.image[:, window.rows, window.cols]
        pixels += coverage * (colour - pixels)
        return coverage

    def _draw_shadow(self, shape: Distance, part_pose: PartPose) -> None:
        """Draw the shadow of a part: with a soft edge, and shifted away from the light."""
        direction = self.light.direction
        offset = (-math.cos(direction) * SHADOW_LENGTH, -math.sin(direction) * SHADOW_LENGTH)
        window = self._window(part_pose, SHADOW_BLUR, offset)
        if window is None:
            return
        per_blur = np.float32(part_pose.pose.scale / SHADOW_BLUR)
        soft = np.clip(0.5 - shape(window.u, window.v) * per_blur, 0.0, 1.0)
        self.image[:, window.rows, window.cols] *= 1.0 - np.float32(self.light.shadow) * soft

    def _window(
        self, part_pose: PartPose, margin: float, offset: Point = (0.0, 0.0)
    ) -> PaintWindow | None:
        """Return the pixels that a part can cover, or None if it is outside of the image.

        The part is enlarged by `margin` and shifted by `offset`, both in scene units.
        """
        centre = part_pose.pose.to_scene(part_pose.at)
        centre = (centre[0] + offset[0], centre[1] + offset[1])
        rows = self._span(centre[1], part_pose.size * STRETCHED + margin)
        cols = self._span(centre[0], part_pose.size * STRETCHED + margin)
        if rows.start >= rows.stop or cols.start >= cols.stop:
            return None
        right = self.axis[None, cols] - np.float32(centre[0])
        down = self.axis[rows, None] - np.float32(centre[1])
        a, b, d, e = part_pose.pose.linear(part_pose.turn)
        det = a * e - b * d
        u = right * np.float32(e / det) - down * np.float32(b / det)
        v = down * np.float32(a / det) - right * np.float32(d / det)
        tone = right * np.float32(math.cos(self.light.direction) / part_pose.size)
        tone = tone + down * np.float32(math.sin(self.light.direction) / part_pose.size)
        return PaintWindow(rows, cols, u, v, tone)

    def _span(self, centre: float, radius: float) -> slice:
        """Return the pixels of one axis within `radius` of the scene coordinate `centre`."""
        first = math.floor((centre - radius + 1.0) / self.pixel)
        last = math.ceil((centre + radius + 1.0) / self.pixel)
        return slice(max(0, first), min(self.size, last))
