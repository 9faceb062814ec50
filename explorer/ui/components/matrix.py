"""A component with a table of images; its rows and columns have heads, such as layer names."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from explorer.ui.components.mount import mount_component


@dataclass(frozen=True)
class MatrixHead:
    """The head of a row or a column.

    Attributes:
        name: title, such as a layer's name.
        words: a few words beneath the title.
        colour: CSS colour, such as ``depth_colours.depth_colour(layer.depth)``.
    """

    name: str
    words: str
    colour: str


@dataclass(frozen=True)
class MatrixCell:
    """One image of the table.

    Attributes:
        id: text that ``image_matrix`` returns after a click on the image.
        label: description for screen readers.
        picture: URL of the image; None while there is no image.
        preview: whether the image is unfinished; a click on it then has no effect.
        chosen: whether the image is the selected one.
    """

    id: str
    label: str
    picture: str | None = None
    preview: bool = False
    chosen: bool = False


def image_matrix(
    columns: Sequence[MatrixHead],
    rows: Sequence[tuple[MatrixHead | None, Sequence[MatrixCell]]],
    size: tuple[int, int],
    key: str,
    label: str,
    corner: str,
    on_open: Callable[[str], None],
) -> str | None:
    """Show images in rows and columns that open with a click.

    Args:
        columns: heads of the columns.
        rows: for each row its head and its images, one for each column. The head of the only row
            is None.
        size: (height, width) of every image; only their proportion matters.
        key: the widget's key.
        label: name of the set of images; if it changes, the table is built anew.
        corner: text in the upper left corner that explains the rows and columns.
        on_open: called with the id of a clicked image before the page runs again.

    Returns:
        The id of the image that was clicked just now, or None.
    """
    data = {
        "set": label,
        "label": label,
        "corner": corner,
        "proportion": f"{size[1]} / {size[0]}",
        "columns": [asdict(it) for it in columns],
        "rows": [
            {"head": head and asdict(head), "cells": [asdict(it) for it in cells]}
            for head, cells in rows
        ],
    }
    html = '<div class="matrix" role="group"></div>'
    return mount_component("matrix", html, key, data, "open", on_open)
