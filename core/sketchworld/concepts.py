"""The concepts of SketchWorld with their kinds, from colours to whole scenes.

Drawing functions name each mark (`Painter.part`) and figure (`Painter.figure`). A name is a concept
if it is a key of `CONCEPTS`; "knob" is not. Marks with other names get no mask, but hide earlier
marks under them. Masks of colours and edges are computed from the finished image.
"""


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


COLOURS = _names(
    "black, grey, white, red, orange, brown, yellow, green, turquoise, blue, violet, pink"
)

# Names of edges by direction. The values are the names of the same edge by its lighter side.
EDGES = {
    "vertical edge": ("vertical edge, lighter right", "vertical edge, lighter left"),
    "rising edge": ("rising edge, lighter below", "rising edge, lighter above"),
    "horizontal edge": ("horizontal edge, lighter below", "horizontal edge, lighter above"),
    "falling edge": ("falling edge, lighter below", "falling edge, lighter above"),
}
OUTLINE = "outline"
RIGHT_ANGLE = "right angle"

TEXTURES = _names(
    "vertical stripes, horizontal stripes, rising stripes, falling stripes, stripes, checks, "
    "diamonds, triangles, dots, grid, hatching, plaid, scales, bricks, waves, zigzag, honeycomb"
)
SHAPES = _names(
    "line, circle, rectangle, triangle, right angle, disc, ring, concentric rings, spiral, square, "
    "star, cross, crescent, heart, arrow, drop, lightning, pinwheel, snowflake, "
    # families of shapes, parts and objects
    "arch, bulb, curl, spikes"
)
PARTS = _names(
    # of faces and animals
    "eye, iris, pupil, glint, lash, lid, brow, hair, mouth, nose, cheek, ear, muzzle, whisker, "
    "beak, wing, tail, fin, gill, belly, foot, leg, feeler, head, shell, horn, abdomen, spot, "
    # of plants
    "petal, heart of flower, stem, leaf, vein, trunk, foliage, tier, fruit, cap, rib, pot, stalk, "
    # of buildings
    "wall, roof, door, window, chimney, tower, gate, slit, frame, curtain, sill, flag, "
    # of vehicles
    "wheel, spoke, hub, bicycle frame, saddle, handlebar, cabin, car body, lamp, mast, sail, hull, "
    "wave, porthole, flame, rope, basket, ray, "
    # of household objects
    "stick, handle, rim, drink, saucer, steam, hand, cone, scoop, cherry, jewel, band, dial, "
    # of views
    "sky, hill, grass, water, moon, road"
)
OBJECTS = _names(
    "cloud, rainbow, sun, face, cat, owl, fish, bird, butterfly, ladybird, snail, flower, tree, "
    "fir, mushroom, apple, cactus, house, castle, boat, car, bicycle, rocket, balloon, umbrella, "
    "cup, key, clock, ice cream, crown, anchor, "
    # families of objects
    "animal, plant, building, vehicle"
)
SCENES = _names("night sky, sea, meadow, village, forest")

# The kind of every concept, ordered from small concepts (colours) to large ones (scenes).
CONCEPTS: dict[str, str] = {
    name: kind
    for kind, names in (
        ("colour", COLOURS),
        ("edge", (*EDGES, *(side for sides in EDGES.values() for side in sides), OUTLINE)),
        ("texture", TEXTURES),
        ("shape", SHAPES),
        ("part", PARTS),
        ("object", OBJECTS),
        ("scene", SCENES),
    )
    for name in names
}
KINDS = tuple(dict.fromkeys(CONCEPTS.values()))

# Families of concepts with their members. A family is a concept, too: its mask contains the masks
# of its members.
_FAMILIES: dict[str, tuple[str, ...]] = {
    "stripes": _names("vertical stripes, horizontal stripes, rising stripes, falling stripes"),
    "circle": _names("disc, ring, concentric rings, pinwheel, wheel"),
    "rectangle": ("square",),
    "triangle": _names("roof, tier, sail, cone"),
    "arch": _names("rainbow, umbrella, crescent, handle, gate"),
    "bulb": _names("balloon, drop, apple, heart, scoop, cherry"),
    "curl": _names("spiral, concentric rings, snail"),
    "spikes": _names("star, snowflake, lightning, sun, pinwheel"),
    "animal": _names("cat, owl, fish, bird, butterfly, ladybird, snail"),
    "plant": _names("flower, tree, fir, mushroom, cactus, apple, leaf"),
    "building": _names("house, castle"),
    "vehicle": _names("car, bicycle, boat, rocket, balloon"),
}
# The families to which a mark or figure belongs, by the name of the mark or figure.
ALSO: dict[str, tuple[str, ...]] = {
    name: tuple(family for family, members in _FAMILIES.items() if name in members)
    for name in dict.fromkeys(name for members in _FAMILIES.values() for name in members)
}

# Details of a mark, by the name of the mark. A detail does not hide the mark: the pixels of a pupil
# also belong to the mask of the eye.
DETAILS: dict[str, frozenset[str]] = {
    whole: frozenset(_names(details))
    for whole, details in {
        "eye": "iris, pupil, glint, lid",
        "iris": "pupil, glint",
        "pupil": "glint",
        "muzzle": "nose, mouth, whisker",
        "head": "eye, pupil, glint",
        "wing": "spot",
        "shell": "spiral",
        "leaf": "vein",
        "foliage": "fruit",
        "cap": "spot",
        "wheel": "spoke, hub",
        "spoke": "hub",
        "wall": "door, window, knob, gate, slit",
        "tower": "slit",
        "door": "knob",
        "frame": "window, glint, curtain",
        "window": "glint, curtain",
        "rim": "drink",
        "dial": "mark, hand, hub",
        "car body": "lamp, door, wheel, hub",
        "cabin": "window",
        "hull": "wave",
        "band": "jewel",
        "grass": "road",
        "water": "wave",
    }.items()
}
