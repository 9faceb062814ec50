"""Probe: which neurons know a picture, and where in it."""

from dataclasses import replace
from functools import partial
from html import escape

import streamlit as st

from core.analysis import unit_labels
from core.analysis.probe import ProbeResult, UnitResponse
from core.errors import ExplorerError
from core.index.reader import Index
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.neuron import NeuronRecipe
from explorer import layer_pages
from explorer.charts import depth_colours
from explorer.library import indexes
from explorer.reports import crop_images
from explorer.text import formatting, layer_summary
from explorer.ui import (
    image_picker,
    incremental,
    index_picker,
    job_status,
    network_picker,
    server_state,
    urls,
)
from explorer.ui.components import html_snippets, image_viewers
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.image_picker import PickedImage
from explorer.ui.job_status import JobRequests
from explorer.ui.layers import neuron_grid
from explorer.ui.neuron.pictures import plan_missing
from explorer.ui.probe import heatmaps

SAMPLE = "village"
# Neurons of each layer: pairs of pictures in one row of a wide page.
COUNT = 4
PIXELS = 192
# Above so many percent of a collection a percentile says no more than this.
ALL = 99.95
# A probability below this is as good as none.
LEAST = 0.001


def main() -> None:
    """Read the URL, and show the picture, and beside it the neurons that know it."""
    html_snippets.page_css("probe")
    problems: list[str] = []
    infos = server_state.network_infos()
    left, right = st.columns([2, 3], gap="large")
    with left, st.container(key="probe-rail"):
        name = network_picker.network_selectbox(infos, problems)
        room = st.container()
    with right:
        network = network_picker.load_network(infos[name])
        if network is None:
            network_picker.show_problems(problems)
            return
        index = index_picker.chosen_index(network, problems)
        with room:
            stage = st.container(key="stage")
            chosen = image_picker.pick_image(
                "picture", SAMPLE, problems
            ) or image_picker.find_image(SAMPLE)
        at, layer, unit = place(network, index, problems)
        sight = heatmaps.probe_cached(network, chosen, index)
        with stage:
            show_picture(network, chosen, sight, index, at, layer, unit)
        network_picker.show_problems(problems)
        show_neurons(network, chosen, sight, index, at, (layer, unit))


def place(
    network: Network, index: Index | None, problems: list[str]
) -> tuple[tuple[int, int] | None, Layer | None, int]:
    """Tell which place of the picture and which neuron the URL asks for, if any."""
    at, layer, unit = None, None, 0
    try:
        row, col = (
            urls.number(name, (0, side - 1))
            for name, side in zip(("row", "col"), network.input_size, strict=True)
        )
        at = None if row is None or col is None else (row, col)
        if "layer" in st.query_params:
            layer = network.layer(st.query_params["layer"])
            if layer not in heatmaps.shown_layers(network, index):
                raise ExplorerError(f"{layer.name} is not among the layers that are shown here")
            unit = urls.number("unit", (0, layer.channels - 1)) or 0
    except ExplorerError as error:
        problems.append(str(error))
        layer = None
    return at, layer, unit


def show_picture(
    network: Network,
    chosen: PickedImage,
    sight: ProbeResult,
    index: Index | None,
    at: tuple[int, int] | None,
    layer: Layer | None,
    unit: int,
) -> None:
    """Show what the network sees of the picture, and what it takes it for."""
    height, width = network.input_size

    def pick(text: str) -> None:
        row, col = (
            int(float(it) * side) for it, side in zip(text.split(), (height, width), strict=True)
        )
        urls.update_query(row=row, col=col)

    found = None if layer is None else heatmaps.unit_response(sight, layer, index, unit, at)
    middle = None if at is None else ((at[0] + 0.5) / height, (at[1] + 0.5) / width)
    image_viewers.point_picker(
        heatmaps.heatmap_url(network, chosen, None if layer is None else (layer.name, unit)),
        network.input_size,
        "pick",
        f"{chosen.title}, as {network.name} sees it: choose a place",
        pick,
        middle,
        None if layer is None or found is None else heatmaps.receptive_box(network, layer, found),
    )
    with st.container(key="pick-status", horizontal=True, vertical_alignment="center"):
        if layer is None or found is None:
            st.caption(
                "Click a place to see which neurons fire there."
                if at is None
                else "Ranked by what they answer at the mark."
            )
        else:
            st.html(answer_words(network, layer, found, index))
        show_ways(network, layer, unit, at)
    if layer is None:
        st.html(f'<h4 class="side">{escape(network.name)} takes it for</h4>{classes(sight)}')


def answer_words(network: Network, layer: Layer, found: UnitResponse, index: Index | None) -> str:
    """Say how much a neuron is excited, as HTML."""
    name = unit_labels.unit_name(network, layer, found.unit)
    who = f"<b>Neuron {found.unit}</b> of {escape(layer.name)}"
    who += f", {escape(name)}" if name else ""
    much = f"excited to {found.value:.3g}"
    if found.percentile is not None and index is not None:
        much += f", {above(found.percentile)} of {escape(indexes.describe_index(index))}"
    return f'<p class="answer">{who}: {much}.</p>'


def above(percentile: float) -> str:
    """Write a percentile in words: ``more than 99.2 %``."""
    share = f"more than {percentile:.1f}\N{NO-BREAK SPACE}%"
    return "more than all" if percentile >= ALL else share


def show_ways(network: Network, layer: Layer | None, unit: int, at: tuple[int, int] | None) -> None:
    """Offer the neuron's own page, and the way back to the whole picture."""
    if layer is not None:
        query = {"network": network.name, "layer": layer.name, "unit": str(unit)}
        if "index" in st.query_params:
            query["index"] = st.query_params["index"]
        icon = ":material/center_focus_strong:"
        st.page_link(urls.NEURON, label="Open this neuron", icon=icon, query_params=query)
    if layer is not None or at is not None:
        st.button(
            "Whole picture",
            key="whole",
            type="tertiary",
            icon=":material/close:",
            on_click=urls.update_query,
            kwargs={"row": None, "col": None, "layer": None, "unit": None},
        )


def classes(sight: ProbeResult) -> str:
    """Write the likeliest classes as bars in HTML."""
    written = [
        f'<dt>{escape(name)}</dt><dd><i style="width:{88 * share:.1f}%"></i>{likely(share)}</dd>'
        for name, share in sight.classes
    ]
    return f'<dl class="counts">{"".join(written)}</dl>'


def likely(share: float) -> str:
    """Write a probability."""
    return f"{share:.1%}" if share >= LEAST else f"under {LEAST:.1%}"


def show_neurons(
    network: Network,
    chosen: PickedImage,
    sight: ProbeResult,
    index: Index | None,
    at: tuple[int, int] | None,
    selected: tuple[Layer | None, int],
) -> None:
    """Show for each layer the neurons that stand out most, with their pictures."""
    where = "know this picture" if at is None else "fire at the mark"
    order = (
        "their activation"
        if index is None
        else f"how few of {indexes.describe_index(index)} do better"
    )
    line = f"Ranked by {order}; from the answer back to the picture."
    html_snippets.heading(f"Neurons that {where}", line, depth_colours.depth_colour(0.5))
    if index is None:
        index_picker.show_missing_index(
            network, "probe", "how unusual an activation is, and the crops beside"
        )
    index_picker.index_selectbox(network)
    layers = [
        it for it in heatmaps.shown_layers(network, index) if at is None or it.spans is not None
    ]
    found = {it: sight.responses(it, index, COUNT if index else 2 * COUNT, at) for it in layers}
    makers = {}
    if index is not None:
        makers = {
            (it.name, one.unit): partial(crop_images.crop_sheet, index, it.name, one.unit)
            for it, some in found.items()
            for one in some
        }
    sheets = incremental.make_in_time(makers)
    if sheets.problem:
        st.caption(f"Some pictures cannot be shown: {formatting.escape_markdown(sheets.problem)}")
    wanted = JobRequests()
    recipes = {it: plan_missing(network, it, [one.unit for one in found[it]]) for it in layers}
    asked = wanted.ask([recipe for recipe, _ in recipes.values() if recipe is not None])

    def show(previews: job_status.Previews) -> None:
        for layer, answers in found.items():
            recipe, lacking = recipes[layer]
            st.html(layer_words(layer))
            tiles = [
                replace(
                    tile(
                        network,
                        layer,
                        one,
                        recipe if one.unit in lacking else None,
                        None if recipe is None else previews.get((recipe.key, one.unit)),
                    ),
                    beside=sheets.pictures.get((layer.name, one.unit)),
                    chosen=selected == (layer, one.unit),
                )
                for one in answers
            ]
            here = f"{network.name} {layer.name} {chosen.name} {at}"
            if tile_grid(
                tiles, f"known {layer.name}", here, select, len(tiles), pairs=index is not None
            ):
                st.rerun()

    job_status.show_while_running("known", asked, "{:.0%}".format, show)
    if not sheets.complete:
        incremental.rerun_soon()
    wanted.settle()


def layer_words(layer: Layer) -> str:
    """Write a layer's name, in the colour of its depth, as HTML."""
    colour = depth_colours.depth_colour(layer.depth)
    return (
        f'<h4 class="layer"><i style="background:{colour}"></i>{escape(layer.name)}'
        f"<span>{escape(layer_summary.describe_field(layer))}</span></h4>"
    )


def tile(
    network: Network,
    layer: Layer,
    found: UnitResponse,
    recipe: NeuronRecipe | None,
    preview: bytes | None,
) -> PictureTile:
    """Make the tile of one neuron that answers to the picture."""
    key = (recipe or layer_pages.part_of(network, layer, found.unit)).key
    picture = server_state.store().picture(key, found.unit)
    caption = unit_labels.unit_name(network, layer, found.unit) or f"neuron {found.unit}"
    if found.percentile is not None:
        share = "top" if found.percentile >= ALL else f"{found.percentile:.1f} %"
        caption = f"{caption} \N{MIDDLE DOT} {share}"
    made = neuron_grid.unit_tile(
        found.unit, caption, picture, preview, f"{layer.name} {found.unit}", PIXELS
    )
    # It can be asked where it fires before its picture is drawn.
    return replace(made, note=f"{found.value:.3g}", dead=False)


def select(tile_id: str) -> None:
    """Look at one neuron's answer."""
    layer, unit = tile_id.rsplit(" ", 1)
    urls.update_query(layer=layer, unit=unit)


main()
