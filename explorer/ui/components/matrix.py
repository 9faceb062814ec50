"""A component of images in rows and columns, each with a head."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from explorer.ui.components.mount import mount_component


@dataclass(frozen=True)
class MatrixHead:
    """The head of a row or a column.

    Attributes:
        name: such as a layer's name.
        words: a few words beneath.
        colour: such as ``depth_colours.depth_colour(layer.depth)``.
    """

    name: str
    words: str
    colour: str


@dataclass(frozen=True)
class MatrixCell:
    """One image.

    Attributes:
        id: returned by a click.
        label: what a screen reader says.
        picture: a URL; None while there is none.
        preview: whether the image is unfinished; it cannot be opened then.
        chosen: whether it is the selected one.
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
        rows: heads of the rows, and their images, one for each column; a single row has no head.
        size: the images' (height, width); only their proportion matters.
        key: the widget's key.
        label: names the set of images.
        corner: describes the rows and columns.
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
