"""A figure of variations: pictures in rows and columns, labelled with the settings that differ."""

from collections.abc import Sequence

from PIL import Image

from core.figures.layout import blank_sheet, draw_text
from core.recipes.variations import VariationsRecipe

# Sizes in pixels: gap between pictures, margin, width of the column of row labels, and of the font.
GAP, MARGIN, SIDE, TEXT = 8, 20, 140, 18


def draw_variations(recipe: VariationsRecipe, pictures: Sequence[Image.Image]) -> Image.Image:
    """Draw all pictures of variations, given in the order of their numbers."""
    columns = len(recipe.across_values)
    side = SIDE if recipe.down else 0
    width, height = pictures[0].size
    rows = len(pictures) // columns
    sheet, draw = blank_sheet(
        2 * MARGIN + side + columns * (width + GAP) - GAP,
        2 * MARGIN + TEXT + GAP + rows * (height + GAP) - GAP,
    )
    left, top = MARGIN + side, MARGIN + TEXT + GAP
    for at, value in enumerate(recipe.across_values):
        corner = left + at * (width + GAP), MARGIN
        draw_text(draw, corner, recipe.label(recipe.across, value), TEXT)
    for at, value in enumerate(recipe.down_values):
        corner = MARGIN, top + at * (height + GAP)
        draw_text(draw, corner, recipe.label(recipe.down, value), TEXT)
    for at, picture in enumerate(pictures):
        row, column = divmod(at, columns)
        sheet.paste(picture, (left + column * (width + GAP), top + row * (height + GAP)))
    return sheet
