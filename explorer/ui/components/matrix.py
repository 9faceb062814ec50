"""Pictures in rows and columns, each with a head: what differs from picture to picture."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from explorer.ui.components.mount import mount_component


@dataclass(frozen=True)
class MatrixHead:
    """What all pictures of a row or of a column have in common.

    Attributes:
        name: of it, such as a layer's.
        words: a few more, beneath.
        colour: of it, such as ``widgets.depth_colour(layer.depth)``.
    """

    name: str
    words: str
    colour: str


@dataclass(frozen=True)
class MatrixCell:
    """One picture.

    Attributes:
        id: what a click returns.
        label: what a screen reader says.
        picture: a URL; None while there is none.
        preview: whether the picture is unfinished; it cannot be opened then.
        chosen: whether it is the one that is looked at.
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
    """Show pictures in rows and columns that open with a click.

    Args:
        columns: heads of the columns.
        rows: heads of the rows, and their pictures, one for each column; a single row has no head.
        size: the pictures' (height, width); only their proportion matters.
        key: the widget's key.
        label: names the set of pictures.
        corner: says what rows and columns are.
        on_open: called with the id of a clicked picture before the page runs again.

    Returns:
        The id of the picture that was clicked just now, or None.
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
