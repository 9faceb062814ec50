"""Colours that go together: one palette a drawing, drawn from a few moods and harmonies."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import numpy as np

from core.sketchworld.signed_distance import Array

LUMA = (0.299, 0.587, 0.114)  # Rec. 601: how bright each primary looks

# saturation from/to, value from/to
MOODS: tuple[tuple[float, float, float, float], ...] = (
    (0.70, 1.00, 0.75, 1.00),  # vivid
    (0.55, 0.90, 0.45, 0.85),  # deep
    (0.20, 0.50, 0.45, 0.85),  # muted
    (0.18, 0.45, 0.85, 1.00),  # pastel
)
# hue steps of the further colours, in turns of the colour wheel
HARMONIES: tuple[tuple[float, float], ...] = (
    (0.08, -0.08),  # neighbours
    (0.50, 0.08),  # opposite
    (0.33, -0.33),  # three of a kind
    (0.42, -0.42),  # split opposite
)

GROUND_GAP = 0.33  # least distance in RGB between a figure and its ground
LUMA_GAP = 0.16  # least difference in brightness between the two
INK_GAP = 0.30  # least distance in RGB between two colours of a figure


def rgb(hue: float, saturation: float, value: float) -> Array:
    """Return a colour: float32 [3] in [0, 1] from hue (in turns), saturation and value."""
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), dtype=np.float32)


def luma(colour: Array) -> float:
    """Return a colour's brightness in [0, 1]."""
    return float(sum(w * float(c) for w, c in zip(LUMA, colour, strict=True)))


def apart(colour: Array, other: Array) -> float:
    """Return the distance of two colours in RGB."""
    return math.dist(colour.tolist(), other.tolist())


def distinct(colour: Array, other: Array, gap: float, luma_gap: float = 0.0) -> Array:
    """Return the colour, moved towards white or black until it stands apart from another."""
    if apart(colour, other) >= gap and abs(luma(colour) - luma(other)) >= luma_gap:
        return colour
    goal = np.float32(0.03 if luma(other) > 0.5 else 0.98)
    moved = colour
    for share in (0.25, 0.45, 0.65, 0.85):
        moved = colour + (goal - colour) * np.float32(share)
        if apart(moved, other) >= gap and abs(luma(moved) - luma(other)) >= luma_gap:
            break
    return moved


def lift(colour: Array, amount: float) -> Array:
    """Return the colour made lighter (up to amount 1: white) or darker (down to -1: black)."""
    goal = np.float32(1.0 if amount > 0 else 0.0)
    lifted: Array = colour + (goal - colour) * np.float32(abs(amount))
    return lifted


@dataclass(frozen=True)
class Palette:
    """The colours of one drawing, each float32 [3] in [0, 1]."""

    ground: Array
    far: Array  # the ground's second colour
    main: Array
    second: Array
    accent: Array
    line: Array


def palette(rng: np.random.Generator) -> Palette:
    """Draw a palette whose main colour stands out from its ground."""
    hue = rng.random()
    steps = HARMONIES[int(rng.integers(len(HARMONIES)))]
    mood = MOODS[int(rng.integers(len(MOODS)))]
    ground_mood = MOODS[int(rng.integers(len(MOODS)))]

    def colour(at: float, of: tuple[float, float, float, float]) -> Array:
        return rgb(
            at + rng.uniform(-0.03, 0.03), rng.uniform(of[0], of[1]), rng.uniform(of[2], of[3])
        )

    style = rng.random()
    if style < 0.25:  # paper, from white to warm grey
        ground = rgb(rng.random(), rng.uniform(0.0, 0.12), rng.uniform(0.80, 1.0))
    elif style < 0.40:  # night
        ground = rgb(rng.random(), rng.uniform(0.2, 0.8), rng.uniform(0.05, 0.28))
    else:
        ground = colour(hue + 0.5 + rng.uniform(-0.25, 0.25), ground_mood)
    far = np.clip(lift(ground, rng.uniform(-0.45, 0.45)), 0.0, 1.0)
    main = distinct(colour(hue, mood), ground, GROUND_GAP, LUMA_GAP)
    second = distinct(colour(hue + steps[0], mood), main, INK_GAP)
    accent = distinct(colour(hue + steps[1], MOODS[0]), main, INK_GAP)
    dark = luma(ground) + luma(main) > 0.55 or rng.random() < 0.5
    line = rgb(hue, rng.uniform(0.0, 0.7), rng.uniform(0.02, 0.25)) if dark else rgb(hue, 0.1, 0.97)
    return Palette(ground, far.astype(np.float32), main, second, accent, line)
