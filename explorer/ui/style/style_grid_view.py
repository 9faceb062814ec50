"""Grids of style transfers with several style and content layers.

A grid is the matrix of all pairs of a style and a content layer, or one of four rows of images.
"""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from core.networks import Layer, Network
from core.recipes.style import StyleRecipe
from core.recipes.style_grid import CONTENT, MATRIX, NESTED, SINGLE, TEXTURE, StyleCell
from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.text import layer_summary
from explorer.ui import image_picker, job_status, urls
from explorer.ui.components import matrix
from explorer.ui.components.tiles import PictureTile
from explorer.ui.style import style_view
from explorer.ui.style.style_view import StyleGridView

# The parts of a recipe that are rows of images, in the order of Gatys et al. (2016).
ROWS = (NESTED, SINGLE, TEXTURE, CONTENT)
TITLES = {
    MATRIX: "Style from one depth, content from another",
    NESTED: "Style from more and more layers",
    SINGLE: "Style from one layer alone",
    TEXTURE: "Style alone: textures",
    CONTENT: "Content alone: what a layer still records",
}
LINES = {
    MATRIX: "Rows: the layer that the style comes from. Columns: the layer that the content comes "
    "from. All else is the same. Click a picture to see it large.",
    NESTED: "The style comes from all layers up to the one named above the picture, the content "
    "from {content}.",
    SINGLE: "The style comes from the one layer named above the picture, the content from "
    "{content}. Deep layers make poor style layers.",
    TEXTURE: "Each began as noise and was given the painting's style at all layers up to the one "
    "named above it. There is no photograph in it.",
    CONTENT: "Each began as noise and was given the photograph's content at the layer named above "
    "it. What this layer does not record came out at random.",
}
THUMBNAIL_PIXELS = 256


def show_grid(
    network: Network,
    view: StyleGridView,
    part: str,
    previews: job_status.Previews,
    images: Mapping[int, bytes],
    samples: Mapping[int, bytes],
) -> None:
    """Show one part of a recipe: the matrix, or one of the rows.

    Args:
        network: the network that renders the images.
        view: the style transfers of the page.
        part: the part to show, one of the recipe's ``shows``.
        previews: previews of unfinished images.
        images: the finished images, encoded, by their numbers in the recipe.
        samples: images that are shown pale where there is nothing else, by the same numbers.
    """
    recipe = view.recipe
    numbers = {it: at for at, it in enumerate(recipe.parts())}
    cells = [it for it in recipe.cells() if it.show == part]
    rows: list[list[PictureTile]] = [[] for _ in range(1 + max(it.row for it in cells))]
    for cell in cells:
        number = numbers[cell.recipe]
        preview = previews.get((recipe.key, number))
        found = images.get(number), preview, samples.get(number)
        rows[cell.row].append(_matrix_cell(cell, *found))
    layers = recipe.content_depths if part == MATRIX else recipe.stages
    columns = [
        column_head(network.layer(it), "to " if part in (NESTED, TEXTURE) and at else "")
        for at, it in enumerate(layers)
    ]
    row_heads: list[matrix.MatrixHead | None] = [None]
    if part == MATRIX:
        row_heads = [column_head(network.layer(it)) for it in recipe.style_depths]
    clicked = matrix.image_matrix(
        columns,
        list(zip(row_heads, rows, strict=True)),
        (1, 1) if part == TEXTURE else view.content.size,
        f"{part} cells",
        f"{TITLES[part]}: {style_view.describe_pair(view.content, view.style)}",
        "style \N{DOWNWARDS ARROW}\ncontent \N{RIGHTWARDS ARROW}" if part == MATRIX else "",
        lambda it: urls.update_query(cell=it),
        f"{network.name} {recipe.content} {recipe.style}",
    )
    if clicked:
        st.rerun()


def sample_view(view: StyleGridView) -> StyleGridView:
    """Return the same grid of the default content and style image."""
    content, style = map(image_picker.find_image, (style_view.SAMPLE, style_view.PAINTING))
    recipe = replace(view.recipe, content=content.fingerprint, style=style.fingerprint)
    return replace(view, content=content, style=style, recipe=recipe)


def _matrix_cell(
    cell: StyleCell, image: bytes | None, preview: bytes | None, sample: bytes | None
) -> PictureTile:
    """Return a cell of a grid with the finished image, else with the preview, else the sample."""
    name, label = cell_name(cell), describe_cell(cell)
    if image is not None:
        url = thumbnails.thumbnail(image, THUMBNAIL_PIXELS)
        return PictureTile(name, label, url, chosen=name == st.query_params.get("cell"))
    if preview is not None:
        return PictureTile(name, f"{label}, unfinished", thumbnails.data_url(preview), preview=True)
    pale = None if sample is None else thumbnails.thumbnail(sample, THUMBNAIL_PIXELS)
    return PictureTile(name, f"{label}, not painted yet", sample=pale)


def column_head(layer: Layer, before: str = "") -> matrix.MatrixHead:
    """Return the head of a row or a column for a layer; the text ``before`` precedes its name."""
    return matrix.MatrixHead(
        f"{before}{layer.name}",
        layer_summary.describe_field(layer).replace(" px", "\N{NO-BREAK SPACE}px"),
        depth_colours.depth_colour(layer.depth),
    )


def cell_name(cell: StyleCell) -> str:
    """Return the name of a cell in a link: the part, the row and the column, counted from 1."""
    return f"{cell.show}-{cell.row + 1}-{cell.column + 1}"


def chosen_cell(view: StyleGridView) -> StyleCell | None:
    """Return the cell that the URL names; None if it names none or an unknown one."""
    named = st.query_params.get("cell")
    return next((it for it in view.recipe.cells() if cell_name(it) == named), None)


def describe_cell(cell: StyleCell) -> str:
    """Return a text with the style and content layers of a cell.

    For example ``Style by relu1a to relu3b, content by relu4b``.
    """
    layers = {"style": cell.recipe.style_layers, "content": cell.recipe.content_layers}
    ends = {it: dict.fromkeys((some[0], some[-1])) for it, some in layers.items() if some}
    return ", ".join(f"{it} by {' to '.join(both)}" for it, both in ends.items()).capitalize()


def cell_query(view: StyleGridView, recipe: StyleRecipe) -> dict[str, str]:
    """Return the query of the Style page that renders one of the images in the default size.

    Args:
        view: the style transfers of the page.
        recipe: the recipe of the image.
    """
    return {
        "network": recipe.network,
        "picture": view.content.name,
        "style": view.style.name,
        "content_layers": ",".join(recipe.content_layers),
        "style_layers": ",".join(recipe.style_layers),
    }
