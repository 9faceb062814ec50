"""Rows of small pictures beneath a neuron's large one: its other pictures, and its kin."""

import streamlit as st

from core.analysis import unit_labels
from core.networks import connectivity
from core.networks.connectivity import Connection
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.neuron import NeuronRecipe
from explorer import layer_pages, thumbnails
from explorer.store.results import StoredPicture
from explorer.ui import server_state, urls
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.job_status import JobRequests, Previews, show_while_running
from explorer.ui.layers import neuron_grid
from explorer.ui.neuron import similarity
from explorer.ui.neuron.pictures import NeuronView, plan_missing
from explorer.ui.neuron.similarity import RenderedUnits

# In one row of a wide page, in two of a phone.
SIMILAR = 8
# Of those that excite and those that inhibit.
INPUTS = 4
PIXELS = 256
# Neurons whose weights have been read stay in memory; each is a few kilobytes.
FEEDS_AT_MOST = 256
CAPTIONS = {"": "most wanted", urls.NEGATIVE: "least wanted"}


def show_variants(neuron: NeuronView, view: str, wanted: JobRequests) -> None:
    """Show the neuron's other pictures; a click makes one large."""
    takes = {name: neuron.small(name) for name in ("", *urls.VIEWS)}
    found = {name: take.find() for name, take in takes.items()}
    asked = wanted.ask([takes[name].recipe for name, it in found.items() if it is None])

    def show(previews: Previews) -> None:
        tiles = [
            _view(
                neuron,
                name,
                found[name] or take.find(),
                previews.get((take.recipe.key, take.number)),
                name == view,
            )
            for name, take in takes.items()
        ]
        how = " ".join(str(value) for value in vars(neuron.settings).values())
        here = f"{neuron.network.name} {neuron.layer.name}, neuron {neuron.unit}, drawn with {how}"
        if tile_grid(tiles, "views", here, _look, columns=len(tiles)):
            st.rerun()

    _section(
        "Seen from several sides",
        "Four pictures that excite it, made to differ as much as they can: what they share is "
        "what matters to it. The last one shows what it wants least.",
    )
    show_while_running("views", asked, "{:.0%}".format, show)


def _look(view: str) -> None:
    urls.update_query(view=view.removeprefix("view ") or None)


def _view(
    neuron: NeuronView,
    view: str,
    picture: StoredPicture | None,
    preview: bytes | None,
    chosen: bool,
) -> PictureTile:
    caption = CAPTIONS.get(view, f"variant {view}")
    who = f"neuron {neuron.unit}, {caption}"
    place = f"view {view}"
    if picture is None:
        if preview is None:
            return PictureTile(place, f"{who}, not drawn yet", caption=caption)
        url = thumbnails.data_url(preview)
        return PictureTile(place, f"{who}, unfinished", url, caption=caption, preview=True)
    activation = f"{float(picture.facts['activation']):.3g}"
    return PictureTile(
        id=place,
        label=f"{who}, activation {activation}",
        picture=thumbnails.thumbnail(picture.image, PIXELS),
        note=activation,
        caption=caption,
        dead=bool(picture.facts["dead"]) and view != urls.NEGATIVE,
        chosen=chosen,
    )


def show_similar(
    neuron: NeuronView, drawn: RenderedUnits | None, own: StoredPicture | None, wanted: JobRequests
) -> None:
    """Show the neurons of the layer whose pictures look most alike to it; a click goes there."""
    network, layer, unit = neuron.network, neuron.layer, neuron.unit
    count = min(SIMILAR, layer.channels - 1)
    if count < 1:
        return
    page = layer_pages.plan_page(network, layer, layer_pages.page_of(unit))
    asked = [] if drawn is not None else wanted.ask([page])
    found: list[tuple[int, float]] = []
    if drawn is not None and own is not None and not own.facts["dead"]:
        signature = similarity.mean_activations(network, layer, [own])[0]
        found = drawn.nearest(unit, signature, count)
    _section(
        "Similar neurons",
        f"To {layer.name} their pictures look most like this one's; the number is the cosine of "
        "what the layer sees.",
    )
    if own is not None and own.facts["dead"]:
        st.caption("A dead neuron has no kin: its picture shows nothing that the layer knows.")
        return

    def show(previews: Previews) -> None:
        tiles = [_waiting(number) for number in range(count)]
        if found:
            tiles = [_unit_tile(network, layer, it, f"{cosine:.2f}") for it, cosine in found]
        here = f"similar to {network.name} {layer.name} {unit}"
        _visit(network, tile_grid(tiles, "similar", here, columns=SIMILAR))

    total = len(page.units)
    show_while_running(
        "similar", asked, lambda it: f"{int(it * total)} of {total} neurons of the layer", show
    )


def show_inputs(neuron: NeuronView, wanted: JobRequests) -> None:
    """Show the neurons of the layer before that it listens to most; a click goes there."""
    network = neuron.network
    found = cached_inputs(network, network.fingerprint, neuron.layer.name, neuron.unit)
    if not found:
        return
    excite = [it for it in found if it.weight > 0][:INPUTS]
    inhibit = [it for it in found if it.weight < 0][:INPUTS]
    source = network.layer(found[0].layer)
    recipe, lacking = plan_missing(network, source, [it.unit for it in (*excite, *inhibit)])
    asked = [] if recipe is None else wanted.ask([recipe])
    _section(
        f"Listens to {source.name}",
        "Its strongest connections to the layer before, read from the weights. The number is the "
        "strength against the strongest of all.",
    )
    most = abs(found[0].weight)

    def show(previews: Previews) -> None:
        columns = st.columns(2, gap="large")
        for column, name, some in zip(
            columns, ("Excited by", "Inhibited by"), (excite, inhibit), strict=True
        ):
            with column, st.container(key=name.split()[0].lower()):
                st.html(f'<h4 class="side">{name}</h4>')
                tiles = [
                    _unit_tile(
                        network,
                        source,
                        it.unit,
                        f"{it.weight / most:+.2f}".replace("-", "\N{MINUS SIGN}"),
                        recipe if it.unit in lacking else None,
                        None if recipe is None else previews.get((recipe.key, it.unit)),
                    )
                    for it in some
                ]
                here = f"{name} {network.name} {neuron.layer.name} {neuron.unit}"
                if tiles:
                    _visit(network, tile_grid(tiles, name, here, columns=INPUTS))
                else:
                    st.caption("no neuron")

    show_while_running("listens", asked, "{:.0%}".format, show)


@st.cache_data(max_entries=FEEDS_AT_MOST, show_spinner=False)
def cached_inputs(_network: Network, weights: str, layer: str, unit: int) -> tuple[Connection, ...]:
    """Read once for all what a neuron listens to."""
    return connectivity.strongest_inputs(_network, _network.layer(layer), unit)


def _unit_tile(
    network: Network,
    layer: Layer,
    unit: int,
    note: str,
    recipe: NeuronRecipe | None = None,
    preview: bytes | None = None,
) -> PictureTile:
    """Make the tile of another neuron, with a number beneath."""
    key = (recipe or layer_pages.part_of(network, layer, unit)).key
    picture = server_state.store().picture(key, unit)
    name = unit_labels.unit_name(network, layer, unit)
    caption = f"{name} \N{MIDDLE DOT} {note}" if name else note
    return neuron_grid.unit_tile(unit, caption, picture, preview, f"{layer.name} {unit}", PIXELS)


def _waiting(number: int) -> PictureTile:
    return PictureTile(f"waiting {number}", "similar neuron, not known yet", caption="\N{EN SPACE}")


def _visit(network: Network, clicked: str | None) -> None:
    """Go to the neuron whose tile was clicked just now, if any was."""
    if clicked is not None:
        layer, unit = clicked.rsplit(" ", 1)
        urls.open_neuron(network.name, layer, int(unit))


def _section(title: str, words: str) -> None:
    st.html(f'<div class="section"><h3>{title}</h3><p>{words}</p></div>')
