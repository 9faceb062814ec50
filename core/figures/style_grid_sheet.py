"""Style at several depths as one labelled picture: photograph, painting, and all between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from core.figures.layout import INK, PALE
from core.images import image_io
from core.networks.network import Network
from core.recipes.style import StyleRecipe
from core.recipes.style_grid import CONTENT, MATRIX, NESTED, SINGLE, TEXTURE, StyleDepthsRecipe

TITLES = {
    MATRIX: "Which depth speaks for style (rows), and which for content (columns)",
    NESTED: "Style by all depths up to this one",
    SINGLE: "Style by one depth alone",
    TEXTURE: "Style without content, from noise: all depths up to this one",
    CONTENT: "Content without style, from noise: one depth",
}
# What is not there yet.
EMPTY = (236, 236, 236)
# Pixels.
GAP, MARGIN, SIDE = 8, 28, 132
TEXT, LABEL, TITLE = 14, 18, 22
# The photograph and the painting are so high.
SMALL = 128

# What a label says, and below it smaller.
Words = tuple[str, str]


@dataclass(frozen=True)
class SheetRow:
    """One part of the sheet: title, labels of rows and columns, and pictures by row and column."""

    title: str
    rows: Sequence[Words]
    columns: Sequence[Words]
    pictures: Sequence[Sequence[Image.Image | None]]
    cell: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Its width and height."""
        width, height = self.cell
        across = SIDE + len(self.columns) * (width + GAP) - GAP
        head = TITLE + LABEL + TEXT + 4 * GAP
        return across, head + len(self.rows) * (height + GAP) - GAP


def draw_grid_sheet(
    network: Network,
    recipe: StyleDepthsRecipe,
    inputs: Mapping[str, bytes],
    pictures: Mapping[int, bytes],
) -> Image.Image:
    """Lay all pictures of a recipe out, with the names of the layers that speak.

    Args:
        network: that painted.
        recipe: of all pictures.
        inputs: the photograph and the painting, encoded, by their fingerprints.
        pictures: encoded, by their numbers; missing ones leave their place empty.
    """
    photograph, painting = (
        image_io.open_picture(inputs[it]) for it in (recipe.content, recipe.style)
    )
    opened = {
        part: image_io.open_picture(pictures[number])
        for number, part in enumerate(recipe.parts())
        if number in pictures
    }
    own = image_io.resize_longer_side(photograph, recipe.size).size
    bands = [_band(network, recipe, show, opened, own) for show in dict.fromkeys(recipe.shows)]
    words = f"{recipe.size} px, {recipe.steps} steps a size, seed {recipe.seed}"
    return _drawn((photograph, painting), (network.name, words), bands)


def _band(
    network: Network,
    recipe: StyleDepthsRecipe,
    show: str,
    opened: Mapping[StyleRecipe, Image.Image],
    photograph: tuple[int, int],
) -> SheetRow:
    cells = [it for it in recipe.cells() if it.show == show]
    count = 1 + max(it.row for it in cells)
    rows = [[opened.get(it.recipe) for it in cells if it.row == row] for row in range(count)]
    down = [_label(network, it) for it in recipe.style_depths] if show == MATRIX else [("", "")]
    across = recipe.content_depths if show == MATRIX else recipe.stages
    columns = [_label(network, it) for it in across]
    if show in (NESTED, TEXTURE):
        columns = [columns[0], *((f"… {name}", words) for name, words in columns[1:])]
    if show in (NESTED, SINGLE):
        down = [("content", recipe.content_layer)]
    square = (recipe.size, recipe.size)
    return SheetRow(TITLES[show], down, columns, rows, square if show == TEXTURE else photograph)


def _label(network: Network, name: str) -> Words:
    layer = network.layer(name)
    sees = "" if layer.receptive_field is None else f", sees {layer.receptive_field[0]} px"
    return name, f"depth {layer.depth:.2f}{sees}"


def _drawn(
    sources: tuple[Image.Image, Image.Image], words: Words, bands: Sequence[SheetRow]
) -> Image.Image:
    smalls = [_high(it, SMALL) for it in sources]
    needed = SIDE + sum(it.width + GAP for it in smalls)
    width = 2 * MARGIN + max(needed, *(band.size[0] for band in bands))
    head = MARGIN + SMALL + TEXT + 2 * GAP
    height = head + sum(MARGIN + band.size[1] for band in bands) + MARGIN
    paper = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(paper)
    _write(pen, (MARGIN, MARGIN), words)
    left = MARGIN + SIDE
    for small, name in zip(smalls, ("content", "style"), strict=True):
        paper.paste(small, (left, MARGIN))
        pen.text((left, MARGIN + SMALL + GAP), name, PALE, _font(TEXT))
        left += small.width + 2 * GAP
    top = head
    for band in bands:
        _lay(paper, pen, band, top + MARGIN)
        top += MARGIN + band.size[1]
    return paper


def _lay(paper: Image.Image, pen: ImageDraw.ImageDraw, band: SheetRow, top: int) -> None:
    """Draw one part, its upper edge at ``top``."""
    width, height = band.cell
    pen.text((MARGIN, top), band.title, INK, _font(TITLE))
    top += TITLE + 2 * GAP
    for at, label in enumerate(band.columns):
        _write(pen, (MARGIN + SIDE + at * (width + GAP), top), label)
    top += LABEL + TEXT + 2 * GAP
    for row, (label, pictures) in enumerate(zip(band.rows, band.pictures, strict=True)):
        above = top + row * (height + GAP)
        _write(pen, (MARGIN, above), label)
        for at, picture in enumerate(pictures):
            place = (MARGIN + SIDE + at * (width + GAP), above)
            if picture is None:
                pen.rectangle((*place, place[0] + width - 1, place[1] + height - 1), EMPTY)
            else:
                paper.paste(picture, place)


def _write(pen: ImageDraw.ImageDraw, place: tuple[int, int], words: Words) -> None:
    """Write words, and smaller ones below, broken at commas where they are long."""
    left, top = place
    pen.text((left, top), words[0], INK, _font(LABEL))
    top += LABEL + GAP // 2
    for line in words[1].split(", ") if left < MARGIN + SIDE else [words[1]]:
        pen.text((left, top), line, PALE, _font(TEXT))
        top += TEXT + GAP // 2


def _high(picture: Image.Image, height: int) -> Image.Image:
    width = max(1, round(picture.width * height / picture.height))
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
