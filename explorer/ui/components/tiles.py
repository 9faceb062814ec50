"""Two components: a grid of small pictures, and a grid of the gallery's entries (cards)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from explorer.ui.components.mount import mount_component


@dataclass(frozen=True)
class PictureTile:
    """One picture of a grid.

    Attributes:
        id: text that ``tile_grid`` returns after a click on the picture.
        label: description for screen readers.
        picture: URL of the picture, mostly ``thumbnail(...)``; None while there is none.
        title, note: texts at the left and at the right of the picture's lower edge, shown while the
            pointer is on the picture.
        caption: text beneath the picture, always shown; may be empty.
        detail: a second line of text beneath the caption; may be empty.
        preview: whether the picture is unfinished; a click on it then has no
            effect, unless it ``opens``.
        sample: in a table, URL of a picture that is shown pale while there is none.
        silent: whether the picture leaves its unit at zero.
        chosen: whether the picture is the selected one.
        opens: whether a click opens the unit even if its picture is missing or unfinished.
        beside: in a grid of pairs, URL of the second picture; None while there is none.
    """

    id: str
    label: str
    picture: str | None = None
    title: str = ""
    note: str = ""
    caption: str = ""
    detail: str = ""
    preview: bool = False
    sample: str | None = None
    silent: bool = False
    chosen: bool = False
    opens: bool = False
    beside: str | None = None


@dataclass(frozen=True)
class Card:
    """One entry of the gallery.

    Attributes:
        id: identifies the entry in the text that ``card_grid`` returns.
        name: title of the entry.
        note: a few words beneath the title.
        pictures: the pictures of the cover: for each its ``url`` and its ``kind``, ``""`` (normal),
            ``"silent"`` or ``"preview"``.
        starred: whether a visitor marked the entry with a star.
        chosen: whether the entry is chosen, for example to be deleted.
    """

    id: str
    name: str
    note: str
    pictures: Sequence[Mapping[str, str]]
    starred: bool = False
    chosen: bool = False


def tile_grid(
    tiles: Sequence[PictureTile],
    key: str,
    label: str,
    on_open: Callable[[str], None] | None = None,
    columns: int = 0,
    pairs: bool = False,
    set_key: str = "",
) -> str | None:
    """Show a grid of square pictures that open with a click.

    Args:
        tiles: the pictures.
        key: the widget's key.
        label: name of the set of pictures, such as ``SketchNet relu3b, page 1``. While this and
            ``set_key`` are the same, the grid is changed in place; else it is built anew.
        on_open: called with the id of a clicked tile before the page runs again.
        columns: number of tiles side by side on a wide page, if all tiles fit into one row; 0 for
            a grid of many rows, where the style sheet chooses the number.
        pairs: whether each tile shows a second picture, ``beside``.
        set_key: what else tells the set from others, and is not read aloud.

    Returns:
        The id of the tile that was clicked just now, or None.
    """
    shown = [vars(tile) for tile in tiles]
    data = {"label": label, "columns": columns, "pairs": pairs, "tiles": shown}
    data["set"] = f"{label} {set_key}"
    html = '<div class="tiles" role="group"></div>'
    return mount_component("tiles", html, key, data, "open", on_open)


def card_grid(
    cards: Sequence[Card], key: str, label: str, on_act: Callable[[str], None]
) -> str | None:
    """Show a grid of cards; clicks open a card, mark it with a star, or choose it.

    Args:
        cards: the cards.
        key: the widget's key.
        label: name of the set of cards.
        on_act: called with the returned text before the page runs again.

    Returns:
        The action taken just now, ``open``, ``star`` or ``choose``, and the id of the card:
        ``star 3f2a``; None if there was no action.
    """
    shown = [vars(card) for card in cards]
    html = '<div class="cards" role="group"></div>'
    return mount_component("cards", html, key, {"label": label, "cards": shown}, "act", on_act)
