"""The list of a network's layers with sample units, and grids of the pictures of units."""

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

# Side of the pictures in pixels: enough for the widest tile of a grid on a common screen, and for a
# sample in the list of layers on a screen of high resolution.
TILE_PIXELS = 128
SAMPLE_PIXELS = 64
SAMPLES = 4


def show_layer_list(
    network: Network, selected: Layer, on_pick: Callable[[str], None]
) -> str | None:
    """Show the list of a network's layers, each with the sample units that have been drawn.

    Args:
        network: the network.
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
    """Return the text for a unit: ``neuron 12, eye``, or ``neuron 12`` if ``name`` is empty."""
    return f"neuron {unit}, {name}" if name else f"neuron {unit}"


def open_clicked(network: Network, clicked: str | None) -> None:
    """Go to the Neuron page of the unit whose tile was clicked just now.

    Args:
        network: the network.
        clicked: layer and number of the unit, such as ``relu3b 12``; None for no click.
    """
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
        show: what is shown of each unit, one of ``urls.SHOWN``; "" for the feature visualization.
        crops: by unit, the URL of a sheet of crops with the highest activation.

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
    """Return a tile with the sheet of crops of one unit.

    Args:
        unit: number of the unit.
        name: label of the unit; may be empty.
        crops: URL of the sheet of crops; None if it is not made.
        place: text that a click returns; if empty, the number of the unit.
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
    """Return a tile with the feature visualization of one unit.

    Args:
        unit: number of the unit.
        name: label of the unit; may be empty.
        picture: the finished picture of the unit; None if it is not finished.
        preview: the encoded unfinished picture; None if there is none.
        place: text that a click returns; if empty, the number of the unit.
        pixels: height and width of the thumbnail on the tile.
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
