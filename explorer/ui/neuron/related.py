"""Rows of small pictures beneath the large picture of a unit.

They show other pictures of the unit, similar units, and the unit's inputs from the previous layer.
"""

from dataclasses import replace

import streamlit as st

from core.networks import Layer, Network, connectivity
from core.networks.known_networks import title_of
from explorer import layer_pages
from explorer.store.results import StoredPicture
from explorer.text import formatting
from explorer.text.formatting import percent
from explorer.ui import job_requests, job_status, page_list, server_state, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.layers import neuron_grid
from explorer.ui.layers.small_pictures import SmallPictures, plan_small_pictures
from explorer.ui.neuron import similarity
from explorer.ui.neuron.pictures import NeuronView

# Number of similar units: they fill one row on a wide page, and two rows on a phone.
SIMILAR = 8
# Number of inputs with positive weights, and of those with negative weights, at most.
INPUTS = 4
PIXELS = 256
# Number of units whose inputs stay in memory, a few kilobytes each.
INPUTS_AT_MOST = 256
CAPTIONS = {"": "most wanted", urls.NEGATIVE: "least wanted"}


def show_variants(neuron: NeuronView, view: str, requests: job_requests.JobRequests) -> None:
    """Show all pictures of the unit as small tiles; a click on one makes it the large picture.

    Args:
        neuron: the unit.
        view: which picture is large now, one of ``urls.VIEWS`` or "".
        requests: the jobs of this run of the page; missing pictures are requested there.
    """
    takes = {name: neuron.small(name) for name in ("", *urls.VIEWS)}
    found = {name: take.find() for name, take in takes.items()}
    asked = requests.ask([takes[name].recipe for name, it in found.items() if it is None])

    def pick(tile_id: str) -> None:
        urls.update_query(view=tile_id.removeprefix("view ") or None)

    def show(previews: job_status.Previews) -> None:
        tiles = []
        for name, take in takes.items():
            preview = previews.get((take.recipe.key, take.number))
            picture = found[name] or take.find()
            tiles.append(_variant(neuron.unit, name, picture, preview, name == view))
        how = " ".join(str(value) for value in vars(neuron.settings).values())
        label = f"Pictures of {_describe(neuron)}"
        if tile_grid(tiles, "views", label, pick, columns=len(tiles), set_key=how):
            st.rerun()

    html_snippets.section(
        "More pictures of it",
        "Four pictures that excite it, made to differ as much as they can: what they share is "
        "what matters to it. The last one excites it least.",
    )
    job_status.show_while_running("views", asked, percent, show, stop=False)


def _describe(neuron: NeuronView) -> str:
    return f"neuron {neuron.unit} of {neuron.layer.name} in {title_of(neuron.network.name)}"


def _variant(
    unit: int, view: str, picture: StoredPicture | None, preview: bytes | None, chosen: bool
) -> PictureTile:
    """Return a tile of one of the pictures of a unit.

    Args:
        unit: number of the unit.
        view: which picture: "" for the one that maximises the activation, or one of ``urls.VIEWS``
            (``negative`` minimises it, numbers are variants).
        picture: the finished picture; None if it is not finished.
        preview: the encoded unfinished picture; None if there is none.
        chosen: whether this picture is the large one.
    """
    caption = CAPTIONS.get(view, f"variant {view}")
    tile = neuron_grid.unit_tile(unit, "", picture, preview, f"view {view}", PIXELS, caption)
    if picture is None:
        return tile
    activation = formatting.number(float(picture.facts["activation"]))
    label = f"neuron {unit}, {caption}, activation {activation}"
    silent = picture.silent and view != urls.NEGATIVE
    return replace(tile, label=label, title="", note=activation, silent=silent, chosen=chosen)


def show_similar(
    neuron: NeuronView,
    drawn: similarity.RenderedUnits | None,
    own: StoredPicture | None,
    requests: job_requests.JobRequests,
) -> None:
    """Show the units of the layer with the most similar pictures; a click opens a unit's page.

    Args:
        neuron: the unit to which the others are compared.
        drawn: measures of the layer's pictures; None while they are being drawn.
        own: the picture of ``neuron``; None if it is not drawn.
        requests: the jobs of this run of the page; missing pictures are requested there.
    """
    network, layer, unit = neuron.network, neuron.layer, neuron.unit
    count = min(SIMILAR, layer.channels - 1)
    if count < 1:
        return
    page = layer_pages.plan_page(network, layer, layer_pages.page_of(unit))
    asked = [] if drawn is not None else requests.ask([page])
    nearest: list[tuple[int, float]] = []
    if drawn is not None and own is not None and not own.silent:
        signature = similarity.mean_activations(network, layer, [own])[0]
        nearest = drawn.nearest(unit, signature, count)
    html_snippets.section(
        "Similar neurons",
        f"The neurons whose pictures {layer.name} finds most like this one's. The number is the "
        "cosine similarity: 1 is the same.",
    )
    if own is not None and own.silent:
        st.caption("Its picture does not excite it, so it is not compared with those of others.")
        return

    def show(_: job_status.Previews) -> None:
        tiles = [
            PictureTile(f"waiting {at}", "similar neuron, not known yet", caption="\N{EN SPACE}")
            for at in range(count)
        ]
        if nearest:
            pictures = SmallPictures(network, layer)
            tiles = [_unit_tile(pictures, it, f"{cosine:.2f}") for it, cosine in nearest]
        label = f"Similar to {_describe(neuron)}"
        neuron_grid.link_grid(network, tiles, "similar", label, SIMILAR)

    total = len(page.units)
    job_status.show_while_running(
        "similar",
        asked,
        lambda it: f"{int(it * total)} of {total} neurons of the layer",
        show,
        stop=False,
    )


def show_inputs(neuron: NeuronView, requests: job_requests.JobRequests) -> None:
    """Show the units of the previous layer with the largest weights to a unit.

    A click opens the page of such an input unit.

    Args:
        neuron: the unit.
        requests: the jobs of this run of the page; missing pictures are requested there.
    """
    network = neuron.network
    inputs = cached_inputs(network, neuron.layer, neuron.unit)
    if not inputs:
        return
    # A residual block reads several layers; the strongest input tells which is shown.
    inputs = tuple(it for it in inputs if it.layer == inputs[0].layer)
    groups = {
        "Excited by": [it for it in inputs if it.weight > 0][:INPUTS],
        "Inhibited by": [it for it in inputs if it.weight < 0][:INPUTS],
    }
    source = network.layer(inputs[0].layer)
    units = [it.unit for some in groups.values() for it in some]
    pictures = plan_small_pictures(network, source, units)
    asked = requests.ask(pictures.recipes)
    html_snippets.section(
        f"Reads {source.name}",
        "The neurons of the layer before with the strongest connections to it, read from the "
        "weights. The strongest connection counts 1.",
    )
    most = abs(inputs[0].weight)

    def show(previews: job_status.Previews) -> None:
        for column, (name, some) in zip(st.columns(2, gap="large"), groups.items(), strict=True):
            with column, st.container(key=name.split()[0].lower()):
                html_snippets.side_heading(name)
                tiles = []
                for it in some:
                    strength = f"{it.weight / most:+.2f}".replace("-", "\N{MINUS SIGN}")
                    tiles.append(_unit_tile(pictures, it.unit, strength, previews))
                label = f"{name}: neurons that {_describe(neuron)} reads"
                if tiles:
                    neuron_grid.link_grid(network, tiles, name, label, INPUTS)
                else:
                    st.caption("no neuron")

    job_status.show_while_running("listens", asked, percent, show, stop=False)
    page_list.page_link(
        urls.CIRCUITS,
        "Walk through its circuit",
        network=network.name,
        layer=neuron.layer.name,
        unit=neuron.unit,
        index=st.query_params.get("index"),
    )


@server_state.cached(INPUTS_AT_MOST)
def cached_inputs(network: Network, layer: Layer, unit: int) -> tuple[connectivity.Connection, ...]:
    """Return the inputs of a unit from the previous layer with the largest weights, cached."""
    return connectivity.strongest_inputs(network, layer, unit)


def _unit_tile(
    pictures: SmallPictures, unit: int, note: str, previews: job_status.Previews | None = None
) -> PictureTile:
    """Return a tile of a unit's picture; the caption is the unit's label and the text ``note``."""
    return pictures.tile(unit, previews, PIXELS, note)
