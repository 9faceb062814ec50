"""Components: grids of small pictures and of cards that open with a click."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from explorer.ui.components.mount import mount_component


@dataclass(frozen=True)
class PictureTile:
    """One picture of a grid.

    Attributes:
        id: returned by a click.
        label: what a screen reader says.
        picture: a URL, mostly ``thumbnail(...)``; None where there is none yet.
        title, note: shown on the picture's edge while the pointer is on it, at the left and right.
        caption: always shown beneath; may be empty.
        preview: whether the picture is unfinished; it cannot be opened then.
        dead: whether the unit is dead.
        chosen: whether it is the selected one.
        beside: a URL of a second picture, in a grid of pairs; None where there is none yet.
    """

    id: str
    label: str
    picture: str | None = None
    title: str = ""
    note: str = ""
    caption: str = ""
    preview: bool = False
    dead: bool = False
    chosen: bool = False
    beside: str | None = None


@dataclass(frozen=True)
class Card:
    """One entry of the gallery.

    Attributes:
        id: returned by a click.
        name: its title.
        note: a few words beneath the title.
        pictures: its cover: URLs, each with ``""``, ``"dead"`` or ``"preview"``.
        starred, chosen: whether it is starred or chosen.
    """

    id: str
    name: str
    note: str
    pictures: tuple[tuple[str, str], ...]
    starred: bool = False
    chosen: bool = False


def tile_grid(
    tiles: Sequence[PictureTile],
    key: str,
    label: str,
    on_open: Callable[[str], None] | None = None,
    columns: int = 0,
    pairs: bool = False,
) -> str | None:
    """Show a grid of square pictures that open with a click.

    Args:
        tiles: what to show; under the same label the grid is changed in place.
        key: the widget's key.
        label: names the set of pictures, such as ``sketchnet relu3b, page 1``.
        on_open: called with the id of a clicked tile before the page runs again.
        columns: number of tiles in a row on a wide page, of tiles that fill one row; 0 for a grid
            of many rows.
        pairs: whether a second picture is beside each.

    Returns:
        The id of the tile that was clicked just now, or None.
    """
    shown = [vars(tile) for tile in tiles]
    data = {"set": label, "label": label, "columns": columns, "pairs": pairs, "tiles": shown}
    html = '<div class="tiles" role="group"></div>'
    return mount_component("tiles", html, key, data, "open", on_open)


def card_grid(
    cards: Sequence[Card], key: str, label: str, on_act: Callable[[str], None]
) -> str | None:
    """Show a grid of cards that open, are starred and are chosen with a click.

    Args:
        cards: what to show.
        key: the widget's key.
        label: names the set of cards.
        on_act: called with ``open``, ``star`` or ``choose``, a space and the id of a card before
            the page runs again.

    Returns:
        The action taken just now, as ``on_act`` gets it, or None.
    """
    shown = [
        {**asdict(card), "pictures": [{"url": url, "kind": kind} for url, kind in card.pictures]}
        for card in cards
    ]
    html = '<div class="cards" role="group"></div>'
    return mount_component("cards", html, key, {"label": label, "cards": shown}, "act", on_act)
