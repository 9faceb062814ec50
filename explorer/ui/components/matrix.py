"""A component with a table of images; its rows and columns have heads, such as layer names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from explorer.ui.components.mount import mount_component
from explorer.ui.components.tiles import PictureTile


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


def image_matrix(
    columns: Sequence[MatrixHead],
    rows: Sequence[tuple[MatrixHead | None, Sequence[PictureTile]]],
    size: tuple[int, int],
    key: str,
    label: str,
    corner: str,
    on_open: Callable[[str], None],
    set_key: str,
) -> str | None:
    """Show images in rows and columns that open with a click.

    Args:
        columns: heads of the columns.
        rows: for each row its head and its images, one for each column. The head of the only row
            is None.
        size: (height, width) of every image; only their proportion matters.
        key: the widget's key.
        label: name of the set of images. If it or ``set_key`` changes, the table is built anew.
        corner: text in the upper left corner that explains the rows and columns.
        on_open: called with the id of a clicked image before the page runs again.
        set_key: what else tells the set from others, and is not read aloud.

    Returns:
        The id of the image that was clicked just now, or None.
    """
    data = {
        "set": f"{label} {set_key}",
        "label": label,
        "corner": corner,
        "proportion": f"{size[1]} / {size[0]}",
        "columns": [vars(it) for it in columns],
        "rows": [
            {"head": head and vars(head), "cells": [vars(it) for it in cells]}
            for head, cells in rows
        ],
    }
    html = '<div class="matrix" role="group"></div>'
    return mount_component("matrix", html, key, data, "open", on_open)
