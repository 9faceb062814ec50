"""Grids of the pictures of units."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.analysis import unit_labels
from core.networks import Layer, Network
from core.networks.known_networks import title_of
from explorer import layer_pages, thumbnails
from explorer.store.results import StoredPicture
from explorer.text import formatting, neuron_names
from explorer.ui import urls
from explorer.ui.components.tiles import PictureTile, tile_grid

# Side of the pictures in pixels: enough for the widest tile of a grid on a common screen.
TILE_PIXELS = 128


def link_grid(
    network: Network,
    tiles: Sequence[PictureTile],
    key: str,
    label: str,
    columns: int = 0,
    set_key: str = "",
) -> None:
    """Show a grid of units; a click on one opens its Neuron page.

    Args:
        network: the network.
        tiles: the tiles; the id of each is its layer and number, such as ``relu3b 12``.
        key, label, columns, set_key: as in ``tile_grid``.
    """
    clicked = tile_grid(tiles, key, label, columns=columns, set_key=set_key)
    if clicked is not None:
        layer, unit = clicked.rsplit(" ", 1)
        urls.open_neuron(network.name, layer, int(unit))


def show_tiles(
    network: Network,
    layer: Layer,
    page: int,
    found: Mapping[int, StoredPicture],
    previews: Mapping[int, bytes],
    show: str = "",
    crops: Mapping[int, str] | None = None,
) -> str | None:
    """Show the grid of a page of units; a unit without a picture has an animated frame.

    Args:
        network, layer, page: the page of the layer.
        found: finished pictures from the store, by unit.
        previews: unfinished pictures, by unit.
        show: ``urls.CROPS``, ``urls.BOTH``, or "" for the feature visualization alone.
        crops: by unit, the URL of a sheet of crops with the highest activation.

    Returns:
        The unit of the picture that was clicked just now, or None.
    """
    units: Sequence[int] = layer_pages.units_of(layer, page)
    pictures = []
    for unit in units:
        name, seen = unit_labels.unit_name(network, layer, unit), (crops or {}).get(unit)
        if show == urls.CROPS:
            pictures.append(crops_tile(unit, name, seen))
        else:
            own = unit_tile(unit, name, found.get(unit), previews.get(unit))
            pictures.append(replace(own, beside=seen))
    label = f"Neurons of {layer.name} in {title_of(network.name)}, page {page}"
    return tile_grid(pictures, "tiles", label, pairs=show == urls.BOTH, set_key=show)


def crops_tile(unit: int, name: str, crops: str | None) -> PictureTile:
    """Return a tile with the sheet of crops of one unit.

    Args:
        unit: number of the unit.
        name: label of the unit; may be empty.
        crops: URL of the sheet of crops; None if it is not made.
    """
    who, caption = neuron_names.long_name(unit, name), neuron_names.short_name(unit, name)
    what = "what excites it most" if crops else "not cut out yet"
    return PictureTile(str(unit), f"{who}, {what}", crops, str(unit), caption=caption)


def unit_tile(
    unit: int,
    name: str,
    picture: StoredPicture | None,
    preview: bytes | None = None,
    place: str = "",
    pixels: int = TILE_PIXELS,
    caption: str = "",
) -> PictureTile:
    """Return a tile with the feature visualization of one unit.

    Args:
        unit: number of the unit.
        name: label of the unit; may be empty.
        picture: the finished picture of the unit; None if it is not finished.
        preview: the encoded unfinished picture; None if there is none.
        place: text that a click returns; if empty, the number of the unit.
        pixels: height and width of the thumbnail on the tile.
        caption: text beneath the picture; by default the name of the unit.
    """
    who = neuron_names.long_name(unit, name)
    caption = caption or neuron_names.short_name(unit, name)
    place = place or str(unit)
    if picture is None and preview is not None:
        url = thumbnails.data_url(preview)
        return PictureTile(place, f"{who}, unfinished", url, caption=caption, preview=True)
    if picture is None:
        return PictureTile(place, f"{who}, not drawn yet", caption=caption)
    silent, activation = picture.silent, float(picture.facts["activation"])
    reached = formatting.number(activation)
    return PictureTile(
        id=place,
        label=f"{who}, {'no response' if silent else f'activation {reached}'}",
        picture=thumbnails.thumbnail(picture.image, pixels),
        title=str(unit),
        note="" if silent else reached,
        caption=caption,
        silent=silent,
    )
