"""The sheet of variations: every picture is at its place, with a label."""

import numpy as np
from PIL import Image

from core.figures.variations_sheet import GAP, MARGIN, SIDE, TEXT, draw_variations
from core.recipes.dream import DreamRecipe
from core.recipes.variations import plan_variations

DREAM = DreamRecipe("tiny", "0" * 16, layers=("3",), image="ab" * 16)


def test_pictures_are_in_rows_and_columns() -> None:
    recipe = plan_variations(DREAM, "strength", (0.5, 1.0, 2.0), "seed", (0, 1))
    colours = [(40 * it, 10, 200) for it in range(6)]
    sheet = draw_variations(recipe, [Image.new("RGB", (50, 30), it) for it in colours])
    left, top = MARGIN + SIDE, MARGIN + TEXT + GAP
    for number, colour in enumerate(colours):
        row, column = divmod(number, 3)
        x, y = left + column * (50 + GAP), top + row * (30 + GAP)
        assert sheet.getpixel((x, y)) == sheet.getpixel((x + 49, y + 29)) == colour
    assert sheet.size == (left + 3 * (50 + GAP) - GAP + MARGIN, top + 2 * (30 + GAP) - GAP + MARGIN)
    # Every column and row has a label.
    pixels = np.asarray(sheet)
    for column in range(3):
        x = left + column * (50 + GAP)
        assert pixels[MARGIN : MARGIN + TEXT, x : x + 50].min() < 100
    assert pixels[top : top + TEXT, MARGIN : MARGIN + SIDE - GAP].min() < 100


def test_a_single_row_needs_no_column_of_labels() -> None:
    recipe = plan_variations(DREAM, "seed", (0, 1))
    sheet = draw_variations(recipe, [Image.new("RGB", (50, 30), "red")] * 2)
    assert sheet.getpixel((MARGIN, MARGIN + TEXT + GAP)) == (255, 0, 0)
