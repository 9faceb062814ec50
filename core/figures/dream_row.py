"""A row of dreams with labels."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from core.figures.layout import INK, PALE

# Of a picture row, in pixels.
GAP, MARGIN, TITLE, TEXT = 8, 20, 22, 15


def draw_row(
    pictures: Sequence[Image.Image], titles: Sequence[str], words: Sequence[Sequence[str]]
) -> Image.Image:
    """Lay pictures of one size side by side, each with a title above and lines of words below."""
    width, height = pictures[0].size
    lines = max((len(some) for some in words), default=0)
    high = MARGIN + TITLE + 2 * GAP + height + (GAP + lines * (TEXT + GAP // 2) if lines else 0)
    across = len(pictures) * (width + GAP) - GAP + 2 * MARGIN
    paper = Image.new("RGB", (across, high + MARGIN), "white")
    pen = ImageDraw.Draw(paper)
    for at, (picture, title, some) in enumerate(zip(pictures, titles, words, strict=True)):
        left, top = MARGIN + at * (width + GAP), MARGIN
        pen.text((left, top), title, INK, ImageFont.load_default(TITLE))
        top += TITLE + 2 * GAP
        paper.paste(picture, (left, top))
        top += height + GAP
        for line in some:
            pen.text((left, top), line, PALE, ImageFont.load_default(TEXT))
            top += TEXT + GAP // 2
    return paper
