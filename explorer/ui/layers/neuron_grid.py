"""A network's units: the list of its layers, and a grid of the units of one layer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from core.analysis import unit_labels
from core.networks.layers import Layer
from core.networks.network import Network
from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.layer_pages import sample_recipe, units_of
from explorer.store.results import StoredPicture
from explorer.text import layer_summary
from explorer.ui import server_state, urls
from explorer.ui.components import layer_pickers
from explorer.ui.components.tiles import PictureTile, tile_grid

# Large enough for the widest tile on a common screen, and for a sample in the list of layers on one
# of high resolution.
TILE_PIXELS = 128
SAMPLE_PIXELS = 64
SAMPLES = 4


def show_layer_list(
    network: Network, selected: Layer, on_pick: Callable[[str], None]
) -> str | None:
    """Show the network's layers, with samples of those that have been drawn.

    Args:
        network: whose layers.
        selected: the selected layer.
        on_pick: called with the name of a clicked layer before the page runs again.

    Returns:
        The name of the layer that was clicked just now, or None.
    """
    rows = [_layer_row(network, layer) for layer in network.shown]
    return layer_pickers.layer_list(rows, selected.name, "layer list", network.name, on_pick)


def _layer_row(network: Network, layer: Layer) -> layer_pickers.LayerRow:
    found = server_state.store().samples(sample_recipe(network, layer).key, SAMPLES)
    return layer_pickers.LayerRow(
        name=layer.name,
        count=layer_summary.describe_count(layer),
        sees=layer_summary.describe_field(layer),
        colour=depth_colours.depth_colour(layer.depth),
        pictures=tuple(thumbnails.thumbnail(it.image, SAMPLE_PIXELS) for it in found),
    )


def neuron_title(unit: int, name: str) -> str:
    """Return how a page names a unit: its number, and its label where it has one."""
    return f"neuron {unit}, {name}" if name else f"neuron {unit}"


def open_clicked(network: Network, clicked: str | None) -> None:
    """Go to the unit whose tile, "LAYER UNIT", was clicked just now, if any was."""
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
    """Show a page of units; the frames of those not begun yet are animated.

    Args:
        network, layer, page: which units.
        found: pictures from the store, by unit.
        previews: unfinished pictures, by unit.
        show: what of each unit, one of ``urls.SHOWN``; "" for its feature visualization.
        crops: URLs of the crops with the highest activation, by unit.

    Returns:
        The unit of the picture that was clicked just now, or None.
    """
    units: Sequence[int] = units_of(layer, page)
    pictures = []
    for unit in units:
        name, seen = unit_labels.unit_name(network, layer, unit), (crops or {}).get(unit)
        if show == urls.CROPS:
            pictures.append(crops_tile(unit, name, seen))
        else:
            own = unit_tile(unit, name, found.get(unit), previews.get(unit))
            pictures.append(replace(own, beside=seen))
    label = f"{network.name} {layer.name}, page {page} {show}".rstrip()
    return tile_grid(pictures, "tiles", label, pairs=show == urls.BOTH)


def crops_tile(unit: int, name: str, crops: str | None, place: str = "") -> PictureTile:
    """Return the tile of one unit's crops.

    Args:
        unit: the unit.
        name: its label; may be empty.
        crops: their URL, if they are there.
        place: what a click returns; the unit if empty.
    """
    who = neuron_title(unit, name)
    what = "what excites it most" if crops else "not cut out yet"
    return PictureTile(place or str(unit), f"{who}, {what}", crops, str(unit), caption=name)


def unit_tile(
    unit: int,
    name: str,
    picture: StoredPicture | None,
    preview: bytes | None = None,
    place: str = "",
    pixels: int = TILE_PIXELS,
) -> PictureTile:
    """Return the tile of one unit.

    Args:
        unit: the unit.
        name: its label; may be empty.
        picture: its picture, if it is drawn.
        preview: its unfinished picture, if it is being drawn.
        place: what a click returns; the unit if empty.
        pixels: height and width that are enough where it is shown.
    """
    who = neuron_title(unit, name)
    place = place or str(unit)
    if picture is None and preview is not None:
        url = thumbnails.data_url(preview)
        return PictureTile(place, f"{who}, unfinished", url, caption=name, preview=True)
    if picture is None:
        return PictureTile(place, f"{who}, not drawn yet", caption=name)
    dead, activation = bool(picture.facts["dead"]), float(picture.facts["activation"])
    return PictureTile(
        id=place,
        label=f"{who}, {'dead' if dead else f'activation {activation:.3g}'}",
        picture=thumbnails.thumbnail(picture.image, pixels),
        title=str(unit),
        note="" if dead else f"{activation:.3g}",
        caption=name,
        dead=dead,
    )
