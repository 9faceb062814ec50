"""The parts of the Probe page: the image, the predicted classes, and the most active units."""

import functools
from dataclasses import dataclass, replace
from functools import partial
from html import escape

import streamlit as st

from core.analysis import probe, unit_labels
from core.analysis.probe import ProbeResult, UnitResponse
from core.datasets.samples import DRAWN
from core.errors import ExplorerError
from core.index.reader import Index
from core.networks import Layer, Network
from core.networks.known_networks import title_of
from core.recipes.switched_units import OFF, SwitchedUnit
from explorer.charts import depth_colours
from explorer.library import indexes
from explorer.recipe_fields.field import SWITCHED
from explorer.reports import crop_images
from explorer.text import formatting, layer_summary
from explorer.text.formatting import percent
from explorer.ui import (
    incremental,
    index_picker,
    job_requests,
    job_status,
    page_list,
    switches,
    urls,
)
from explorer.ui.components import html_snippets, image_viewers
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.image_picker import PickedImage
from explorer.ui.layers.small_pictures import SmallPictures, plan_small_pictures
from explorer.ui.probe import answers, heatmaps

# Number of units that are shown of each layer: they fill one row of a wide page, with two pictures
# for each unit.
COUNT = 4
PIXELS = 192

Position = tuple[int, int]


@dataclass(frozen=True)
class ProbeView:
    """An image that is given to a network, and the position and unit that the URL selects.

    Attributes:
        network: the network.
        picked: the image.
        index: index with whose activations those of the image are compared; None for none.
        position: selected (row, column) in the network's input; None for the whole image.
        layer: layer of the selected unit; None if no unit is selected.
        unit: number of the selected unit; without meaning if ``layer`` is None.
        switched: units that are multiplied by factors meanwhile.
    """

    network: Network
    picked: PickedImage
    index: Index | None
    position: Position | None
    layer: Layer | None
    unit: int
    switched: tuple[SwitchedUnit, ...] = ()

    @functools.cached_property
    def result(self) -> ProbeResult:
        """The activations of all layers for the image, and the predicted classes."""
        return heatmaps.probe_cached(self.network, self.picked, self.index)

    @functools.cached_property
    def changed(self) -> ProbeResult:
        """The same with the units of ``switched`` multiplied."""
        if not self.switched:
            return self.result
        off = tuple(map(str, self.switched))
        return heatmaps.probe_cached(self.network, self.picked, self.index, off)

    def changed_value(self, layer: Layer, response: UnitResponse) -> float:
        """Return the value of a unit's response with the units of ``switched`` multiplied."""
        if not self.switched:
            return response.value
        activation = self.changed.activations[layer.name][response.unit]
        if self.position is None or activation.ndim < 2:
            return float(activation.max())
        return float(activation[response.row, response.col])

    @property
    def selected(self) -> tuple[str, int] | None:
        """The selected layer's name and unit's number; None if no unit is selected."""
        return None if self.layer is None else (self.layer.name, self.unit)


def read_place(
    network: Network, index: Index | None, problems: list[str]
) -> tuple[Position | None, Layer | None, int]:
    """Return the position, the layer and the unit that the URL selects.

    Returns:
        The position or None, the layer or None, and the number of the unit (0 without a layer). If
        one of them does not exist, a sentence is appended to ``problems``.
    """
    position, layer, unit = None, None, 0
    try:
        row, col = (
            urls.number(name, (0, side - 1))
            for name, side in zip(("row", "col"), network.input_size, strict=True)
        )
        position = None if row is None or col is None else (row, col)
        if "layer" in st.query_params:
            layer = network.layer(st.query_params["layer"])
            if layer not in heatmaps.shown_layers(network, index):
                raise ExplorerError(f"{layer.name} is not among the layers that are shown here")
            unit = urls.number("unit", (0, layer.channels - 1)) or 0
    except ExplorerError as error:
        problems.append(str(error))
        layer = None
    return position, layer, unit


def show_picture(view: ProbeView, lit: str | None = None, hint: str = "") -> None:
    """Show the image, and beneath it the response of the selected unit, and the predicted classes.

    Args:
        view: the page.
        lit: URL of the image as it is shown; None for a heat map of the selected unit.
        hint: what can be done, if nothing is selected; "" for the usual words.
    """
    network, layer = view.network, view.layer
    height, width = network.input_size

    def pick(text: str) -> None:
        row, col = (
            int(float(it) * side) for it, side in zip(text.split(), (height, width), strict=True)
        )
        # What is asked about the whole image is not asked about a place.
        urls.update_query(row=row, col=col, ask=None)

    box, words = None, ""
    if layer is not None:
        every = view.result.responses(layer, view.index, layer.channels, view.position)
        response = next(it for it in every if it.unit == view.unit)
        box = heatmaps.receptive_box(network, layer, response)
        words = describe_response(view, layer, response)
    middle = None
    if view.position is not None:
        row, col = view.position
        middle = ((row + 0.5) / height, (col + 0.5) / width)
    image_viewers.point_picker(
        lit or heatmaps.heatmap_url(network, view.picked, view.selected),
        network.input_size,
        "pick",
        f"{view.picked.title}, as {title_of(network.name)} sees it: choose a place",
        pick,
        middle,
        box,
    )
    with st.container(key="pick-status", horizontal=True, vertical_alignment="center"):
        if words:
            st.html(words)
        elif hint:
            st.caption(hint)
        elif view.switched:
            st.caption("Beneath each neuron stands how its activation changes.")
        elif view.position is None:
            st.caption(
                "Click a place: which neurons respond there? Or click a neuron to turn it off."
            )
        else:
            st.caption("Ranked by their activation at the mark.")
        show_links(view)
    if layer is not None:
        switches.show_switch(view.switched, layer, view.unit)
    switches.show_list(network, view.switched)
    show_uses(view)
    _show_answers(view)


def _show_answers(view: ProbeView) -> None:
    """Show the most probable classes, and what they become with units switched."""
    network = view.network
    html_snippets.side_heading(f"{title_of(network.name)}'s answer (probability)")
    if not view.result.classes:
        st.caption(
            "It tells no classes apart: its last layer is missing, or it has another purpose."
        )
    elif view.switched:
        st.html(answers.changed_html(view.result, view.changed))
    else:
        st.html(answers.classes_html(view.result))
    if view.picked.name not in DRAWN and (words := probe.caveat(network)):
        st.caption(formatting.escape_markdown(words))


def show_uses(view: ProbeView) -> None:
    """Show links to a dream and a style without the units that are switched."""
    if not view.switched:
        return
    words = "without it" if len(view.switched) == 1 else "without them"
    if any(it.factor != OFF for it in view.switched):
        words = "with these changes"
    query = {
        "network": view.network.name,
        "picture": st.query_params.get("picture"),
        SWITCHED.query: ",".join(map(str, view.switched)),
    }
    with st.container(key="uses", horizontal=True):
        page_list.page_link(urls.DREAM, f"Dream {words}", **query)
        page_list.page_link(urls.STYLE, f"Paint {words}", **query)


def describe_response(view: ProbeView, layer: Layer, response: UnitResponse) -> str:
    """Return HTML of a sentence on how active a unit is."""
    name = unit_labels.unit_name(view.network, layer, response.unit)
    who = f"<b>Neuron {response.unit}</b> of {escape(layer.name)}"
    who += f", {escape(name)}" if name else ""
    moved = answers.moved(response.value, view.changed_value(layer, response))
    much = f"activation {moved or formatting.number(response.value)}"
    if response.percentile is not None and view.index is not None:
        standing = formatting.standing(response.percentile)
        much += f", {standing} of {escape(indexes.describe_index(view.index))}"
    return f'<p class="answer">{who}: {much}.</p>'


def show_links(view: ProbeView) -> None:
    """Show a link to the page of the selected unit, and a button that clears the selection."""
    if view.layer is not None:
        page_list.page_link(
            urls.NEURON,
            "Open this neuron",
            network=view.network.name,
            layer=view.layer.name,
            unit=view.unit,
            index=st.query_params.get("index"),
        )
    if view.layer is not None or view.position is not None:
        st.button(
            "Whole picture",
            key="whole",
            type="tertiary",
            icon=":material/close:",
            on_click=lambda: urls.update_query(row=None, col=None, layer=None, unit=None),
        )


def show_units(view: ProbeView) -> None:
    """Show for each layer the units with the highest response, with their pictures.

    With an index, units are ranked by the percentile of their response among the index's images.
    """
    network, index, position = view.network, view.index, view.position
    show_ranking(view)
    layers = [
        it
        for it in heatmaps.shown_layers(network, index)
        if position is None or it.spans is not None
    ]
    count = COUNT if index else 2 * COUNT
    found = {it: view.result.responses(it, index, count, position) for it in layers}
    makers = {
        (layer.name, it.unit): partial(crop_images.crop_sheet, index, layer.name, it.unit)
        for layer, some in (found.items() if index is not None else ())
        for it in some
    }
    sheets = incremental.make_in_time(makers)
    if sheets.problem:
        st.caption(f"Some pictures cannot be shown: {formatting.escape_markdown(sheets.problem)}")
    requests = job_requests.JobRequests()
    pictures = {
        it: plan_small_pictures(network, it, [one.unit for one in found[it]]) for it in layers
    }
    asked = requests.ask([recipe for it in pictures.values() for recipe in it.recipes])

    def select(tile_id: str) -> None:
        layer, unit = tile_id.rsplit(" ", 1)
        urls.update_query(layer=layer, unit=unit)

    def show(previews: job_status.Previews) -> None:
        for layer, responses in found.items():
            show_layer_name(layer)
            tiles = []
            for it in responses:
                place = (layer.name, it.unit)
                tile = response_tile(pictures[layer], it, previews)
                detail = answers.moved(it.value, view.changed_value(layer, it))
                # A unit that is turned off is pale.
                off = switches.factor_of(view.switched, layer, it.unit) == OFF
                tile = replace(tile, detail=detail, silent=off)
                sheet = sheets.pictures.get(place)
                tiles.append(replace(tile, beside=sheet, chosen=place == view.selected))
            label = f"Neurons of {layer.name} in {title_of(network.name)}"
            key, pairs = f"known {layer.name}", index is not None
            place_key = f"{view.picked.name} {position}"
            if tile_grid(tiles, key, label, select, len(tiles), pairs, place_key):
                st.rerun()

    job_status.show_while_running("known", asked, percent, show, stop=False)
    if not sheets.complete:
        incremental.rerun_soon()
    requests.settle()


def show_ranking(view: ProbeView) -> None:
    """Show a heading on how the units are ranked, and the choice of the index."""
    where = "to this picture" if view.position is None else "at the mark"
    first = "The neurons with the highest activation come first"
    if view.index is not None:
        collection = indexes.describe_index(view.index)
        first = (
            'First come those for which the picture is unusual: "top 1%" means that only 1% of '
            f"{collection} excite the neuron more"
        )
    line = f"{first}. Deep layers are at the top, shallow ones at the bottom."
    html_snippets.heading(f"Neurons that respond {where}", line)
    if view.index is None:
        index_picker.show_missing_index(
            view.network, "probe", "how unusual an activation is, and the crops beside"
        )
    index_picker.index_selectbox(view.network)


def show_layer_name(layer: Layer) -> None:
    """Show a layer's name, in the colour of its depth, and its receptive field."""
    colour = depth_colours.depth_colour(layer.depth)
    st.html(
        f'<h4 class="layer"><i style="background:{colour}"></i>{escape(layer.name)}'
        f"<span>{escape(layer_summary.describe_field(layer))}</span></h4>"
    )


def response_tile(
    pictures: SmallPictures, response: UnitResponse, previews: job_status.Previews
) -> PictureTile:
    """Return the tile of one unit; the caption has its label and the percentile of its response."""
    unit = response.unit
    percentile = response.percentile
    note = "" if percentile is None else formatting.standing(percentile)
    tile = pictures.tile(unit, previews, PIXELS, note)
    return replace(tile, note=formatting.number(response.value), silent=False)
