"""Random palettes of harmonious colours; each drawing has one palette."""

import colorsys
import math
from dataclasses import dataclass

import numpy as np

from core.sketchworld.shapes import Array

LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue in brightness (Rec. 601)

# Lowest and highest saturation, lowest and highest value (HSV) of colours in a mood.
MOODS: tuple[tuple[float, float, float, float], ...] = (
    (0.70, 1.00, 0.75, 1.00),  # vivid
    (0.55, 0.90, 0.45, 0.85),  # deep
    (0.20, 0.50, 0.45, 0.85),  # muted
    (0.18, 0.45, 0.85, 1.00),  # pastel
)
# Hue of the second colour and of the accent colour minus the hue of the main colour, in turns.
HARMONIES: tuple[tuple[float, float], ...] = (
    (0.08, -0.08),  # analogous
    (0.50, 0.08),  # complementary
    (0.33, -0.33),  # triadic
    (0.42, -0.42),  # split complementary
)

GROUND_GAP = 0.33  # least RGB distance between a figure and its background
LUMA_GAP = 0.16  # least difference in brightness between a figure and its background
INK_GAP = 0.30  # least RGB distance between two colours of a figure


def rgb(hue: float, saturation: float, value: float) -> Array:
    """Return the RGB colour, float32 [3] in [0, 1], of a colour in HSV.

    `hue` is in turns: 0 is red, 1/3 is green, 1 is red again.
    """
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), dtype=np.float32)


def luma(colour: Array) -> float:
    """Return the brightness of a colour, in [0, 1]."""
    return float(sum(w * float(c) for w, c in zip(LUMA, colour, strict=True)))


def colour_distance(colour: Array, other: Array) -> float:
    """Return the Euclidean distance between two colours in RGB."""
    return math.dist(colour.tolist(), other.tolist())


def distinct(colour: Array, other: Array, gap: float, luma_gap: float = 0.0) -> Array:
    """Return `colour`, made lighter or darker until it differs enough from `other`.

    `gap` is the smallest sufficient distance in RGB, and `luma_gap` the smallest sufficient
    difference in brightness. If this cannot be reached, a colour near white or black is returned.
    """
    if colour_distance(colour, other) >= gap and abs(luma(colour) - luma(other)) >= luma_gap:
        return colour
    target = np.float32(0.03 if luma(other) > 0.5 else 0.98)
    moved = colour
    for share in (0.25, 0.45, 0.65, 0.85):
        moved = colour + (target - colour) * np.float32(share)
        if colour_distance(moved, other) >= gap and abs(luma(moved) - luma(other)) >= luma_gap:
            break
    return moved


def lighten(colour: Array, amount: float) -> Array:
    """Return `colour` made lighter or darker: `amount` 1 gives white, 0 no change, -1 black."""
    target = np.float32(1.0 if amount > 0 else 0.0)
    moved: Array = colour + (target - colour) * np.float32(abs(amount))
    return moved


@dataclass(frozen=True)
class Palette:
    """The colours of one drawing, each float32 [3] in [0, 1]."""

    ground: Array
    far: Array  # second colour of the background, such as the end of a gradient
    main: Array
    second: Array
    accent: Array
    line: Array


def random_palette(rng: np.random.Generator) -> Palette:
    """Return a random palette whose main colour differs clearly from the background."""
    hue = rng.random()
    steps = HARMONIES[int(rng.integers(len(HARMONIES)))]
    mood = MOODS[int(rng.integers(len(MOODS)))]
    ground_mood = MOODS[int(rng.integers(len(MOODS)))]

    def colour(hue: float, bounds: tuple[float, float, float, float]) -> Array:
        return rgb(
            hue + rng.uniform(-0.03, 0.03), rng.uniform(*bounds[:2]), rng.uniform(*bounds[2:])
        )

    style = rng.random()
    if style < 0.25:  # like paper, nearly white
        ground = rgb(rng.random(), rng.uniform(0.0, 0.12), rng.uniform(0.80, 1.0))
    elif style < 0.40:  # dark, as at night
        ground = rgb(rng.random(), rng.uniform(0.2, 0.8), rng.uniform(0.05, 0.28))
    else:
        ground = colour(hue + 0.5 + rng.uniform(-0.25, 0.25), ground_mood)
    far = np.clip(lighten(ground, rng.uniform(-0.45, 0.45)), 0.0, 1.0)
    main = distinct(colour(hue, mood), ground, GROUND_GAP, LUMA_GAP)
    second = distinct(colour(hue + steps[0], mood), main, INK_GAP)
    accent = distinct(colour(hue + steps[1], MOODS[0]), main, INK_GAP)
    dark = luma(ground) + luma(main) > 0.55 or rng.random() < 0.5
    line = rgb(hue, rng.uniform(0.0, 0.7), rng.uniform(0.02, 0.25)) if dark else rgb(hue, 0.1, 0.97)
    return Palette(ground, far.astype(np.float32), main, second, accent, line)
