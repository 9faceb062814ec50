"""A figure of a grid of style transfers: photograph, painting and all results, with labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from core.figures.layout import PALE, blank_sheet, draw_text
from core.images import image_io
from core.networks.network import Network
from core.recipes.style import StyleRecipe
from core.recipes.style_grid import CONTENT, MATRIX, NESTED, SINGLE, TEXTURE, StyleDepthsRecipe

TITLES = {
    MATRIX: "One layer for the style (rows), one for the content (columns)",
    NESTED: "Style by all depths up to this one",
    SINGLE: "Style by one depth alone",
    TEXTURE: "Style without content, from noise: all depths up to this one",
    CONTENT: "Content without style, from noise: one depth",
}
# Colour of the box that is drawn for a missing picture.
EMPTY = (236, 236, 236)
# Gap between pictures, margin of the sheet, and width of the column with the row labels, in pixels.
GAP, MARGIN, SIDE = 8, 28, 132
# Font sizes in pixels.
TEXT, LABEL, TITLE = 14, 18, 22
# Height of the photograph and the painting, in pixels.
INPUT_HEIGHT = 128

# A label: a heading, and details that are drawn below in a smaller font.
LabelText = tuple[str, str]


@dataclass(frozen=True)
class SheetRow:
    """One table of pictures on the sheet, such as the matrix of style and content layers.

    Attributes:
        title: title of the table.
        rows, columns: labels of the rows and of the columns.
        pictures: the pictures by row and column; None for a missing picture.
        cell: (width, height) of each picture, in pixels.
    """

    title: str
    rows: Sequence[LabelText]
    columns: Sequence[LabelText]
    pictures: Sequence[Sequence[Image.Image | None]]
    cell: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """The (width, height) of the table with its title and labels, in pixels."""
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
    """Draw all pictures of a grid of style transfers, labelled with the names of their layers.

    Args:
        network: the network of the style transfers.
        recipe: the recipe of the grid.
        inputs: the encoded photograph and the encoded painting, by fingerprint.
        pictures: the encoded pictures, by their number in the recipe. For missing pictures, grey
            boxes are drawn.
    """
    photograph, painting = (
        image_io.open_picture(inputs[it]) for it in (recipe.content, recipe.style)
    )
    opened = {
        part: image_io.open_picture(pictures[number])
        for number, part in enumerate(recipe.parts())
        if number in pictures
    }
    size = image_io.resize_longer_side(photograph, recipe.size).size
    parts = [
        _sheet_row(network, recipe, show, opened, size) for show in dict.fromkeys(recipe.shows)
    ]
    settings = f"{recipe.size} px, {recipe.steps} steps a size, seed {recipe.seed}"
    return _draw_sheet((photograph, painting), (network.name, settings), parts)


def _sheet_row(
    network: Network,
    recipe: StyleDepthsRecipe,
    show: str,
    opened: Mapping[StyleRecipe, Image.Image],
    photograph_size: tuple[int, int],
) -> SheetRow:
    """Collect the labels and pictures of one table.

    Args:
        network: the network of the style transfers.
        recipe: the recipe of the grid.
        show: which table, a key of ``TITLES``.
        opened: the finished pictures, by the recipe of the single picture.
        photograph_size: (width, height) of the style transfers.
    """
    cells = [it for it in recipe.cells() if it.show == show]
    count = 1 + max(it.row for it in cells)
    pictures = [[opened.get(it.recipe) for it in cells if it.row == row] for row in range(count)]
    rows = [_label(network, it) for it in recipe.style_depths] if show == MATRIX else [("", "")]
    layers = recipe.content_depths if show == MATRIX else recipe.stages
    columns = [_label(network, it) for it in layers]
    if show in (NESTED, TEXTURE):
        columns = [columns[0], *((f"… {name}", details) for name, details in columns[1:])]
    if show in (NESTED, SINGLE):
        rows = [("content", recipe.content_layer)]
    cell = (recipe.size, recipe.size) if show == TEXTURE else photograph_size
    return SheetRow(TITLES[show], rows, columns, pictures, cell)


def _label(network: Network, name: str) -> LabelText:
    layer = network.layer(name)
    sees = "" if layer.local_field is None else f", sees {layer.local_field[0]} px"
    return name, f"depth {layer.depth:.2f}{sees}"


def _draw_sheet(
    inputs: tuple[Image.Image, Image.Image], heading: LabelText, parts: Sequence[SheetRow]
) -> Image.Image:
    small_inputs = [_with_height(it, INPUT_HEIGHT) for it in inputs]
    inputs_width = SIDE + sum(it.width + GAP for it in small_inputs)
    width = 2 * MARGIN + max(inputs_width, *(part.size[0] for part in parts))
    head = MARGIN + INPUT_HEIGHT + TEXT + 2 * GAP
    height = head + sum(MARGIN + part.size[1] for part in parts) + MARGIN
    sheet, draw = blank_sheet(width, height)
    _draw_label(draw, (MARGIN, MARGIN), heading)
    left = MARGIN + SIDE
    for picture, name in zip(small_inputs, ("content", "style"), strict=True):
        sheet.paste(picture, (left, MARGIN))
        draw_text(draw, (left, MARGIN + INPUT_HEIGHT + GAP), name, TEXT, PALE)
        left += picture.width + 2 * GAP
    top = head
    for part in parts:
        _draw_part(sheet, draw, part, top + MARGIN)
        top += MARGIN + part.size[1]
    return sheet


def _draw_part(sheet: Image.Image, draw: ImageDraw.ImageDraw, part: SheetRow, top: int) -> None:
    """Draw one table with its upper edge ``top`` pixels below that of the sheet."""
    width, height = part.cell
    draw_text(draw, (MARGIN, top), part.title, TITLE)
    top += TITLE + 2 * GAP
    for col, label in enumerate(part.columns):
        _draw_label(draw, (MARGIN + SIDE + col * (width + GAP), top), label)
    top += LABEL + TEXT + 2 * GAP
    for row, (label, pictures) in enumerate(zip(part.rows, part.pictures, strict=True)):
        y = top + row * (height + GAP)
        _draw_label(draw, (MARGIN, y), label)
        for col, picture in enumerate(pictures):
            x = MARGIN + SIDE + col * (width + GAP)
            if picture is None:
                draw.rectangle((x, y, x + width - 1, y + height - 1), EMPTY)
            else:
                sheet.paste(picture, (x, y))


def _draw_label(draw: ImageDraw.ImageDraw, corner: tuple[int, int], label: LabelText) -> None:
    """Draw a label with its upper left corner at ``corner``.

    In the narrow column of row labels, each comma in the details begins a new line.
    """
    left, top = corner
    heading, details = label
    draw_text(draw, corner, heading, LABEL)
    top += LABEL + GAP // 2
    for line in details.split(", ") if left < MARGIN + SIDE else [details]:
        draw_text(draw, (left, top), line, TEXT, PALE)
        top += TEXT + GAP // 2


def _with_height(picture: Image.Image, height: int) -> Image.Image:
    width = max(1, round(picture.width * height / picture.height))
    return picture.resize((width, height), Image.Resampling.LANCZOS)
