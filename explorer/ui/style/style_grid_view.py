"""Style at several depths on a page: its recipe, and its pictures in rows and columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.style import StyleRecipe
from core.recipes.style_grid import (
    CONTENT,
    MATRIX,
    NESTED,
    SINGLE,
    TEXTURE,
    StyleCell,
    StyleDepthsRecipe,
)
from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.store.results import StoredPicture
from explorer.text import layer_summary
from explorer.ui import image_picker, job_status, server_state, url_codecs, urls
from explorer.ui.components import matrix
from explorer.ui.components.matrix import MatrixCell, MatrixHead
from explorer.ui.image_picker import PickedImage

# The parts that stand as rows, in the order of Gatys et al. (2016), and what to say of them.
ROWS = (NESTED, SINGLE, TEXTURE, CONTENT)
TITLES = {
    MATRIX: "Which depth speaks for style, and which for content",
    NESTED: "Style by ever more layers",
    SINGLE: "Style by one layer alone",
    TEXTURE: "Style alone: textures",
    CONTENT: "Content alone: what a layer still knows",
}
LINES = {
    MATRIX: "Same pictures, seed and balance; only who speaks differs. Click one to see it large.",
    NESTED: "All layers from the first to the one above speak for style, {content} for content.",
    SINGLE: "Only the layer above speaks for style, {content} for content. The deep ones are the "
    "wrong ones to ask for style.",
    TEXTURE: "From noise, with all layers to the one above: the painting without any picture.",
    CONTENT: "From noise, with the layer above: what it does not know is painted at will.",
}
THUMBNAIL_PIXELS = 256


@dataclass(frozen=True)
class StyleGridView:
    """Style at several depths, as the page shows it.

    Attributes:
        content: the picture that is painted.
        style: the painting whose style it gets.
        recipe: of all its pictures.
        asked: whether the visitor chose anything of it.
    """

    content: PickedImage
    style: PickedImage
    recipe: StyleDepthsRecipe
    asked: bool


def read_view(
    network: Network, content: PickedImage, style: PickedImage, shows: Sequence[str]
) -> StyleGridView:
    """Read from the URL what is painted.

    Raises:
        ExplorerError: something in the link does not exist or is out of bounds.
    """
    recipe = url_codecs.style_depths_from_query(
        st.query_params.to_dict(),
        network,
        image_picker.store_input(content),
        image_picker.store_input(style),
        shows,
    )
    asked = bool(set(st.query_params) - {"network", "view", "cell"})
    return StyleGridView(content, style, recipe, asked)


def show_grid(
    network: Network,
    styled: StyleGridView,
    part: str,
    previews: job_status.Previews,
    here: Mapping[int, bytes],
) -> None:
    """Show one part: the matrix, or one of the rows.

    Args:
        network: which paints.
        styled: all that is painted.
        part: one of the recipe's.
        previews: unfinished pictures.
        here: the finished ones, encoded, by their numbers.
    """
    recipe = styled.recipe
    numbers = {it: at for at, it in enumerate(recipe.parts())}
    cells = [it for it in recipe.cells() if it.show == part]
    opened = st.query_params.get("cell", "")
    rows_of: list[list[MatrixCell]] = [[] for _ in range(1 + max(it.row for it in cells))]
    for cell in cells:
        number = numbers[cell.recipe]
        preview = previews.get((recipe.key, number))
        label = describe_cell(cell)
        found = MatrixCell(cell_name(cell), f"{label}, not painted yet")
        if number in here:
            url = thumbnails.thumbnail(here[number], THUMBNAIL_PIXELS)
            found = MatrixCell(cell_name(cell), label, url, chosen=cell_name(cell) == opened)
        elif preview is not None:
            found = MatrixCell(
                cell_name(cell), f"{label}, unfinished", thumbnails.data_url(preview), True
            )
        rows_of[cell.row].append(found)
    columns = recipe.content_depths if part == MATRIX else recipe.stages
    down: list[MatrixHead | None] = [None]
    if part == MATRIX:
        down = [column_head(network.layer(it)) for it in recipe.style_depths]
    width, height = styled.content.picture.size
    size = (1, 1) if part == TEXTURE else (height, width)
    clicked = matrix.image_matrix(
        [column_head(network.layer(it), "to " if part in (NESTED, TEXTURE) and at else "")
         for at, it in enumerate(columns)],
        list(zip(down, rows_of, strict=True)),
        size,
        f"{part} cells",
        f"{TITLES[part]}: {network.name} {recipe.content} {recipe.style}",
        "style \N{DOWNWARDS ARROW}\ncontent \N{RIGHTWARDS ARROW}" if part == MATRIX else "",
        lambda it: urls.update_query(cell=it),
    )  # fmt: skip
    if clicked:
        st.rerun()


def column_head(layer: Layer, before: str = "") -> MatrixHead:
    """Describe a layer at the head of a row or a column."""
    return MatrixHead(
        f"{before}{layer.name}",
        layer_summary.describe_field(layer),
        depth_colours.depth_colour(layer.depth),
    )


def cell_name(cell: StyleCell) -> str:
    """Name a place, as a link does."""
    return f"{cell.show}-{cell.row + 1}-{cell.column + 1}"


def find_cell(recipe: StyleDepthsRecipe, named: str) -> StyleCell | None:
    """Find the place that a link names; None where there is none such."""
    return next((it for it in recipe.cells() if cell_name(it) == named), None)


def describe_cell(cell: StyleCell) -> str:
    """Say in words who speaks in a picture."""
    told = []
    for voice, layers in (
        ("style", cell.recipe.style_layers),
        ("content", cell.recipe.content_layers),
    ):
        if layers:
            told.append(f"{voice} by {' to '.join(dict.fromkeys((layers[0], layers[-1])))}")
    return ", ".join(told).capitalize()


def cell_query(styled: StyleGridView, recipe: StyleRecipe) -> dict[str, str]:
    """Write the link that paints one of the pictures on the Style page, as large as usual there."""
    return {
        "network": recipe.network,
        "picture": styled.content.name,
        "style": styled.style.name,
        "content_layers": ",".join(recipe.content_layers),
        "style_layers": ",".join(recipe.style_layers),
    }


def present_pictures(recipe: StyleDepthsRecipe) -> dict[int, StoredPicture]:
    """Fetch the pictures of a recipe that are finished, by their numbers."""
    return server_state.store().pictures(recipe)
