"""Tests of the ground truth: masks against pixels, colours and edges against definitions."""

import colorsys

import numpy as np
import pytest

from core.sketchworld import annotation, shapes
from core.sketchworld.annotation import Annotation, Mask
from core.sketchworld.concepts import ALSO, COLOURS, CONCEPTS, DETAILS, EDGES, KINDS
from core.sketchworld.marks import Painter
from core.sketchworld.painter import CORNER, Light, Pose
from core.sketchworld.palette import random_palette, rgb
from core.sketchworld.world import CLASSES, draw

EVERY_CLASS = pytest.mark.parametrize("label", range(len(CLASSES)), ids=CLASSES)
RED, GREEN, BLUE = rgb(0.0, 1.0, 1.0), rgb(1 / 3, 1.0, 1.0), rgb(2 / 3, 1.0, 1.0)


def flat_painter(size: int = 41, line: float = 0.0) -> Painter:
    """Return a painter with a plain background and uniform light, and with an annotation."""
    rng = np.random.default_rng(0)
    light = Light(0.0, 0.0, line, 0.0)
    return Painter(size, rng, random_palette(rng), light, Pose(), Annotation(size))


def truth(painter: Painter) -> dict[str, Mask]:
    assert painter.annotation is not None
    return painter.annotation.masks()


def mostly(painter: Painter, colour: np.ndarray) -> Mask:
    """Return the pixels of the image that are near to a colour."""
    away = np.abs(painter.image - colour[:, None, None]).max(axis=0)
    return away <= 0.5


def test_a_parts_mask_is_where_its_colour_is() -> None:
    painter = flat_painter()
    painter.image[:] = 0.0
    with painter.figure("cat"):
        painter.part("ear", lambda u, v: shapes.disc(u, v, 0.5), RED, at=(0.2, -0.1), reach=0.5)
    found = truth(painter)
    np.testing.assert_array_equal(found["ear"], mostly(painter, RED))
    np.testing.assert_array_equal(found["cat"], found["ear"])
    np.testing.assert_array_equal(found["animal"], found["cat"])
    assert found.keys() == {"ear", "cat", "animal"}


def test_other_figures_hide_and_details_do_not() -> None:
    painter = flat_painter()
    painter.image[:] = 0.0
    with painter.figure("face"):
        painter.spot("eye", (-0.2, 0.0), 0.6, RED)
        painter.spot("pupil", (-0.2, 0.0), 0.3, GREEN)
        painter.spot("nose", (0.25, 0.35), 0.22, BLUE)
    red, green, blue = (mostly(painter, colour) for colour in (RED, GREEN, BLUE))
    found = truth(painter)
    np.testing.assert_array_equal(found["pupil"], green)
    np.testing.assert_array_equal(found["eye"], red | green)  # a nose is not a detail of an eye
    np.testing.assert_array_equal(found["nose"], blue)
    np.testing.assert_array_equal(found["face"], red | green | blue)
    np.testing.assert_array_equal(found["circle"], red | green | blue)
    with painter.figure("bar"):
        painter.part("bar", lambda u, v: u + 0.0 * v, rgb(0.0, 0.0, 1.0), reach=3.0)
    hidden = truth(painter)
    right = painter.axis > 0
    for name, mask in found.items():
        np.testing.assert_array_equal(hidden[name], mask & right, err_msg=name)


def test_a_figure_within_a_figure_shows_both() -> None:
    painter = flat_painter()
    with painter.figure("village", everywhere=True):
        with painter.figure("house"):
            painter.spot("wall", (0.0, 0.0), 0.5, RED)
        with painter.figure("tree"):
            painter.spot("foliage", (0.4, 0.0), 0.3, GREEN)
    found = truth(painter)
    assert found["village"].all()
    np.testing.assert_array_equal(found["house"], mostly(painter, RED))
    np.testing.assert_array_equal(found["tree"], mostly(painter, GREEN))


def test_outlines_are_the_lines_around_parts() -> None:
    painter = flat_painter(size=81, line=0.2)
    with painter.figure("disc"):
        painter.part("disc", lambda u, v: shapes.disc(u, v, 0.6), RED)
    found = truth(painter)
    far = np.hypot(painter.axis[None, :], painter.axis[:, None])
    inner = (far > 0.5 + 0.02) & (far < 0.7 - 0.02)
    outer = (far > 0.5 - 0.02) & (far < 0.7 + 0.02)
    assert found["outline"][inner].all()
    assert not found["outline"][~outer].any()
    assert found["disc"][far < 0.68].all()


def test_right_angles_are_at_the_corners_of_boxes() -> None:
    painter = flat_painter(size=81)
    with painter.figure("house"):
        painter.bar("door", (0.1, 0.0), (0.3, 0.6), RED)
    found = truth(painter)
    right, down = np.meshgrid(painter.axis - 0.1, painter.axis)
    box = (np.abs(right) <= 0.3) & (np.abs(down) <= 0.6)
    near = np.hypot(np.abs(right) - 0.3, np.abs(down) - 0.6) <= CORNER
    np.testing.assert_array_equal(found["right angle"], box & near)
    np.testing.assert_array_equal(found["rectangle"], box)
    assert "outline" not in found


@EVERY_CLASS
def test_every_class_has_its_mask_and_the_same_pixels(label: int) -> None:
    for index in range(3):
        plain, known = draw(11, index, label=label), draw(11, index, label=label, masks=True)
        np.testing.assert_array_equal(plain.image, known.image)
        assert not plain.masks and not plain.colours
        own = known.masks[CLASSES[label]]
        assert own.shape == plain.image.shape[:2]
        assert own.mean() > 0.03
        assert known.masks.keys() <= CONCEPTS.keys()
        assert all(mask.any() for mask in known.masks.values())


@EVERY_CLASS
def test_masks_show_the_same_at_every_size(label: int) -> None:
    small, large = (draw(12, 1, size, label, masks=True).masks for size in (64, 192))
    for name in large.keys() & small.keys():
        if CONCEPTS[name] in ("texture", "shape", "object", "scene"):
            shrunk = large[name].reshape(64, 3, 64, 3).mean(axis=(1, 3))
            assert ((shrunk >= 0.5) != small[name]).mean() < 0.03, name


def test_a_mask_parts_the_figure_from_its_ground() -> None:
    """Compare the mask with the pixels in drawings of one disc on a plain background."""
    agree = []
    for index in range(200):
        drawing = draw(13, index, label=CLASSES.index("disc"), masks=True)
        concepts = {name for name in drawing.masks if CONCEPTS[name] in ("object", "texture")}
        if concepts or "bar" in drawing.masks:
            continue
        mask = drawing.masks["disc"]
        pixels = drawing.image.astype(float)
        middle, ground = pixels[mask].mean(axis=0), pixels[~mask].mean(axis=0)
        nearer = ((pixels - middle) ** 2).sum(axis=2) < ((pixels - ground) ** 2).sum(axis=2)
        agree.append((nearer == mask).mean())
    assert len(agree) > 20
    assert np.median(agree) > 0.95  # outlines, shadows and small marks have colours in between


def by_the_book(red: int, green: int, blue: int) -> str:
    """Return the name of a pixel's colour, by colorsys and the module's constants."""
    hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    if value < annotation.DARK:
        return "black"
    if saturation < annotation.PALE:
        return "white" if value >= annotation.BRIGHT else "grey"
    name = next(name for end, name in annotation.HUES if hue < end)
    if name in ("orange", "yellow") and value < annotation.BROWN_VALUE:
        return "brown" if hue < annotation.DARK_YELLOW else name
    rosy = value >= annotation.BROWN_VALUE and saturation < annotation.PINK_SATURATION
    return "pink" if name == "red" and rosy else name


def test_every_pixel_has_the_colour_that_it_should() -> None:
    image = np.random.default_rng(3).integers(0, 256, (40, 31, 3), dtype=np.uint8)
    image[:8] = image[:8, :, :1]  # greys
    found = annotation.colours(image)
    assert sum(mask.astype(int) for mask in found.values()).tolist() == np.ones((40, 31)).tolist()
    assert found.keys() == set(COLOURS)
    wrong = sum(
        not found[by_the_book(*map(int, image[row, col]))][row, col]
        for row in range(40)
        for col in range(31)
    )
    assert wrong <= 1  # different rounding at a bound


@pytest.mark.parametrize(
    ("across", "down", "line", "side"),
    [
        (1, 0, "vertical edge", "lighter right"),
        (-1, 0, "vertical edge", "lighter left"),
        (0, 1, "horizontal edge", "lighter below"),
        (0, -1, "horizontal edge", "lighter above"),
        (1, 1, "rising edge", "lighter below"),
        (-1, -1, "rising edge", "lighter above"),
        (-1, 1, "falling edge", "lighter below"),
        (1, -1, "falling edge", "lighter above"),
    ],
)
def test_edges_are_named_by_line_and_lighter_side(
    across: int, down: int, line: str, side: str
) -> None:
    rows, cols = np.mgrid[-10:11, -8:9]
    image = np.where((cols * across + rows * down) > 0, 200, 50).astype(np.uint8)
    found = annotation.edges(np.repeat(image[..., None], 3, axis=2))
    middle = (10, 8)
    assert found[line][middle] and found[f"{line}, {side}"][middle]
    assert sum(mask[middle] for mask in found.values()) == 2
    assert not found[line][:3, :3].any() or down * across, "flat parts have no edge"


def test_the_tables_of_concepts_fit_together() -> None:
    assert set(CLASSES) <= CONCEPTS.keys()
    assert set(KINDS) == {"colour", "edge", "texture", "shape", "part", "object", "scene"}
    assert {name for names in ALSO.values() for name in names} <= CONCEPTS.keys()
    assert DETAILS.keys() <= CONCEPTS.keys()
    assert all(name.startswith(line) for line, sides in EDGES.items() for name in sides)
    seen: set[str] = set()
    for label in range(len(CLASSES)):
        for index in range(12):
            drawing = draw(14, index, label=label, masks=True)
            seen |= drawing.masks.keys() | drawing.colours.keys()
    assert CONCEPTS.keys() - seen == set(), "every concept is drawn"
