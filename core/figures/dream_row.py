"""A figure of dreams side by side, with titles above and lines of text below."""

from collections.abc import Sequence

from PIL import Image

from core.figures.layout import PALE, blank_sheet, draw_text

# Sizes in pixels; TITLE and TEXT are font sizes.
GAP, MARGIN, TITLE, TEXT = 8, 20, 22, 15


def draw_row(
    pictures: Sequence[Image.Image], titles: Sequence[str], words: Sequence[Sequence[str]]
) -> Image.Image:
    """Draw pictures of one size side by side, each with a title above and lines of text below."""
    width, height = pictures[0].size
    most_lines = max(map(len, words), default=0)
    below = GAP + most_lines * (TEXT + GAP // 2) if most_lines else 0
    sheet, draw = blank_sheet(
        len(pictures) * (width + GAP) - GAP + 2 * MARGIN,
        2 * MARGIN + TITLE + 2 * GAP + height + below,
    )
    for at, (picture, title, lines) in enumerate(zip(pictures, titles, words, strict=True)):
        left, top = MARGIN + at * (width + GAP), MARGIN
        draw_text(draw, (left, top), title, TITLE)
        top += TITLE + 2 * GAP
        sheet.paste(picture, (left, top))
        top += height + GAP
        for line in lines:
            draw_text(draw, (left, top), line, TEXT, PALE)
            top += TEXT + GAP // 2
    return sheet
