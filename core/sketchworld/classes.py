"""The classes of SketchWorld, each with a name, a drawing function and limits of its poses."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from core.sketchworld import patterns, textures
from core.sketchworld.marks import Painter
from core.sketchworld.subjects import (
    animals,
    faces,
    geometric,
    landscapes,
    objects,
    outdoors,
    plants,
    vehicles,
)

# Largest rotations of subjects in radians, clockwise or counter-clockwise.
FREE = math.pi  # any angle
LEAN = 0.22
UPRIGHT = 0.10


@dataclass(frozen=True)
class Subject:
    """One class of drawings: its name, its drawing function and the limits of its poses."""

    name: str
    paint: Callable[[Painter], None]
    tilt: float = UPRIGHT  # largest rotation in radians, clockwise or counter-clockwise
    mirror: bool = True  # whether the subject may be mirrored
    fills: bool = False  # whether the subject covers the whole image, as textures and views do
    view: bool = False  # whether the subject is a view of several objects, such as "village"


QUARTER = math.pi / 4
# Lowest and highest share of ink, then lowest and highest number of periods across the image.
# Stripes with these values are about as wide as the gaps between them.
EVEN = (0.38, 0.62, 3.0, 7.0)


def _texture(
    name: str, pattern: patterns.Pattern, ink: tuple[float, float, float, float], **angles: Any
) -> Subject:
    paint = partial(textures.texture, concept=name, pattern=pattern, ink=ink, **angles)
    return Subject(name, paint, mirror=False, fills=True)


def _view(name: str, paint: Callable[[Painter], None]) -> Subject:
    return Subject(name, paint, mirror=False, fills=True, view=True)


SUBJECTS: tuple[Subject, ...] = (
    _texture("vertical stripes", patterns.stripes, EVEN),
    _texture("horizontal stripes", patterns.stripes, EVEN, turn=2 * QUARTER),
    _texture("rising stripes", patterns.stripes, EVEN, turn=QUARTER, tilt=0.25),
    _texture("falling stripes", patterns.stripes, EVEN, turn=-QUARTER, tilt=0.25),
    _texture("checks", patterns.checks, (0.5, 0.5, 2.0, 4.5)),
    _texture("diamonds", patterns.diamonds, (0.72, 0.98, 2.5, 4.5)),
    _texture("triangles", patterns.triangles, (0.75, 0.92, 2.2, 4.5)),
    _texture("dots", patterns.dots, (0.45, 0.70, 2.5, 5.5), tilt=FREE),
    _texture("grid", patterns.grid, (0.14, 0.26, 2.8, 5.5)),
    _texture("hatching", patterns.hatching, (0.14, 0.26, 2.8, 5.5)),
    Subject("plaid", textures.plaid, mirror=False, fills=True),
    Subject("scales", textures.scales, mirror=False, fills=True),
    _texture("bricks", patterns.bricks, (0.72, 0.86, 2.0, 3.6)),
    _texture("waves", patterns.waves, (0.38, 0.60, 1.6, 3.2)),
    _texture("zigzag", patterns.zigzag, (0.38, 0.60, 1.8, 3.4)),
    _texture("honeycomb", patterns.honeycomb, (0.74, 0.88, 2.4, 4.5), tilt=0.5),
    Subject("disc", geometric.disc, FREE),
    Subject("ring", geometric.ring, FREE),
    Subject("concentric rings", geometric.concentric_rings, FREE),
    Subject("spiral", geometric.spiral, FREE),
    Subject("right angle", geometric.right_angle, FREE),
    Subject("triangle", geometric.triangle, FREE),
    Subject("square", geometric.square, FREE),
    Subject("star", geometric.star, FREE),
    Subject("cross", geometric.cross, FREE),
    Subject("crescent", geometric.crescent, FREE),
    Subject("heart", geometric.heart, LEAN),
    Subject("arrow", geometric.arrow, FREE),
    Subject("drop", geometric.drop, LEAN),
    Subject("lightning", geometric.lightning, LEAN),
    Subject("pinwheel", geometric.pinwheel, FREE),
    Subject("snowflake", geometric.snowflake, FREE),
    Subject("cloud", outdoors.cloud),
    Subject("rainbow", outdoors.rainbow),
    Subject("sun", outdoors.sun, FREE),
    Subject("eye", faces.eye),
    Subject("face", faces.face, LEAN),
    Subject("cat", faces.cat, LEAN),
    Subject("owl", faces.owl),
    Subject("fish", animals.fish, LEAN),
    Subject("bird", animals.bird),
    Subject("butterfly", animals.butterfly, FREE),
    Subject("ladybird", animals.ladybird, FREE),
    Subject("snail", animals.snail),
    Subject("flower", plants.flower),
    Subject("leaf", plants.leaf, FREE),
    Subject("tree", plants.tree),
    Subject("fir", plants.fir),
    Subject("mushroom", plants.mushroom, LEAN),
    Subject("apple", plants.apple, LEAN),
    Subject("cactus", plants.cactus),
    Subject("house", outdoors.house),
    Subject("window", outdoors.window),
    Subject("castle", outdoors.castle),
    Subject("boat", vehicles.boat),
    Subject("car", vehicles.car),
    Subject("bicycle", vehicles.bicycle),
    Subject("wheel", vehicles.wheel, FREE),
    Subject("rocket", vehicles.rocket, 0.7),
    Subject("balloon", vehicles.balloon),
    Subject("umbrella", objects.umbrella, LEAN),
    Subject("cup", objects.cup),
    Subject("key", objects.key, FREE),
    Subject("clock", objects.clock),
    Subject("ice cream", objects.ice_cream, LEAN),
    Subject("crown", objects.crown, LEAN),
    Subject("anchor", objects.anchor, LEAN),
    _view("night sky", landscapes.night_sky),
    _view("sea", landscapes.sea),
    _view("meadow", landscapes.meadow),
    _view("village", landscapes.village),
    _view("forest", landscapes.forest),
)

CLASSES: tuple[str, ...] = tuple(subject.name for subject in SUBJECTS)
