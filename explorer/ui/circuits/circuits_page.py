"""The parts of the Circuits page: choice of a unit, its graph, and what its connections weigh."""

from functools import partial

import streamlit as st

from core.analysis import circuit_meter, unit_labels
from core.analysis.circuit_meter import CircuitMeter
from core.analysis.circuits import Circuit, CircuitEdge
from core.errors import ExplorerError
from core.index.reader import Index
from core.networks import Layer, Network
from core.networks.known_networks import title_of
from core.networks.unit_graph import UnitRef
from explorer.charts import depth_colours
from explorer.library import background_task, catalogue, circuits
from explorer.library.circuits import CircuitPlace
from explorer.reports import circuit_report
from explorer.text import formatting, neuron_names
from explorer.text.formatting import percent
from explorer.ui import (
    job_requests,
    job_status,
    link_problems,
    network_picker,
    page_list,
    server_state,
    task_status,
    url_controls,
    urls,
)
from explorer.ui.circuits import connections
from explorer.ui.components import html_snippets
from explorer.ui.components.node_graph import GraphEdge, GraphNode, node_graph
from explorer.ui.components.term_marks import mark_terms
from explorer.ui.layers.small_pictures import SmallPictures, plan_small_pictures

# Classes of SketchNet whose circuits are good to begin with; the first one is shown at first.
EXAMPLES = ("wheel", "eye", "cat")
# Number of networks whose activations stay in memory, and of circuits.
METERS_AT_MOST, CIRCUITS_AT_MOST = 2, 256
# Side in pixels of the pictures of the graph: the widest at which they are shown.
PIXELS = 160


def examples(network: Network) -> dict[str, UnitRef]:
    """Return circuits to begin with, by what they are of; none for most networks."""
    layer = network.class_layer
    if layer is None:
        return {}
    known = [it for it in EXAMPLES if it in network.labels]
    return {it: UnitRef(layer.name, network.labels.index(it)) for it in known}


def read_place(network: Network) -> tuple[Layer, int]:
    """Return the layer and the number of the unit that the URL names.

    By default this is the first of the examples, or the unit with the clearest label.

    Raises:
        ExplorerError: the layer or the unit does not exist.
    """
    first = next(iter(examples(network).values()), None)
    usual = network_picker.first_layer(network).name if first is None else first.layer
    layer = network.layer(st.query_params.get("layer", usual))
    unit = urls.number("unit", (0, layer.channels - 1))
    if unit is None and first is not None and layer.name == first.layer:
        unit = first.unit
    if unit is None:
        unit = unit_labels.clearest_unit(network, layer.name) or 0
    return layer, unit


def show_choice(network: Network, layer: Layer, unit: int) -> None:
    """Show the choice of a layer and a unit, and circuits to begin with."""
    names = [it.name for it in network.shown]
    if layer.name not in names:
        names = [it.name for it in network.layers if it.name in names or it == layer]
    go = partial(_walk, network)
    with st.popover("Choose a neuron", icon=":material/tune:", width="stretch"):
        st.selectbox(
            "Layer",
            names,
            **url_controls.bind("circuit layer", layer.name, lambda it: go(UnitRef(it, 0))),
        )
        st.number_input(
            "Neuron",
            0,
            layer.channels - 1,
            step=1,
            **url_controls.bind("circuit unit", unit, lambda it: go(UnitRef(layer.name, int(it)))),
        )
    if found := examples(network):
        html_snippets.side_heading("Begin with")
        with st.container(key="examples", horizontal=True):
            for name, place in found.items():
                st.button(name, key=f"example {name}", on_click=go, args=(place,))


def _walk(network: Network, unit: UnitRef) -> None:
    """Go to the circuit of another unit."""
    index = st.query_params.get("index")
    urls.replace_query(network=network.name, layer=unit.layer, unit=unit.unit, index=index)


def show(
    network: Network, layer: Layer, unit: int, index: Index | None, problems: list[str]
) -> None:
    """Show the circuit of a unit.

    Args:
        network, layer, unit: the unit.
        index: the index on whose pictures it is measured; None for drawings.
        problems: problems of the link, in sentences; more may be appended.
    """
    where = f"of {layer.name} in {title_of(network.name)}"
    name = circuit_report.unit_name(network, UnitRef(layer.name, unit))
    title = f"Circuit of {neuron_names.long_name(unit, name)}"
    html_snippets.heading(title, where, layer.depth)
    if words := circuit_meter.no_circuit(network, layer):
        st.caption(formatting.escape_markdown(words))
        return
    place = CircuitPlace(network.name, network.fingerprint, layer.name, unit, index)
    try:
        circuit = place.read()
        if circuit is None and circuits.fits_a_page(network):
            circuit = measured(network, layer, unit, place.collection, place)
    except ExplorerError as error:
        st.caption(f"It cannot be measured: {formatting.escape_markdown(str(error))}")
        return
    if circuit is None:
        _show_task(network, place)
        circuit = by_weights(network, layer, unit)
    known = circuit.pictures > 0
    st.html(f'<p class="circuit-words">{_caption(network, circuit)}</p>')
    chosen = connections.chosen_edge(circuit, problems) if known else None
    requests = job_requests.JobRequests()
    pictures = _pictures(network, circuit)
    # The neuron in the middle is drawn first.
    order = sorted(pictures.items(), key=lambda it: it[0] != circuit.layer)
    asked = requests.ask([recipe for _, it in order for recipe in it.recipes])

    def draw(previews: job_status.Previews) -> None:
        if _show_graph(network, circuit, chosen, pictures, previews):
            st.rerun()
        if chosen is not None:
            connections.show_edge(network, chosen, pictures, previews)
        if known:
            connections.show_connections(network, circuit, chosen, pictures, previews)

    job_status.show_while_running("circuit", asked, percent, draw, stop=False)
    if known:
        _show_source(network, circuit, place)
    requests.settle()


@server_state.cached(CIRCUITS_AT_MOST)
def measured(
    network: Network, layer: Layer, unit: int, collection: str, _place: CircuitPlace
) -> Circuit:
    """Return the circuit of a unit, measured in this process and cached."""
    return _place.measure(_meter(network, collection, _place))


@server_state.cached(CIRCUITS_AT_MOST)
def by_weights(network: Network, layer: Layer, unit: int) -> Circuit:
    """Return the strongest connections of a unit by weights alone, cached."""
    return CircuitMeter(network, None).circuit(layer, unit, depth=1)


@server_state.cached(METERS_AT_MOST)
def _meter(network: Network, collection: str, _place: CircuitPlace) -> CircuitMeter:
    """Return what measures the circuits of a network; it keeps activations of the pictures."""
    return circuits.meter_for(network, _place)


def _show_task(network: Network, place: CircuitPlace) -> None:
    """Measure the circuit in the background, and show the progress."""
    weights = catalogue.weights_file(network.name) if ":" in network.name else None
    start = partial(place.start, weights, server_state.visitor())
    if background_task.latest_task(place.key) is None:
        with link_problems.collect([]):
            start()
    what = "Cutting its connections one by one"
    task_status.show_task(place.key, what, "Find its circuit", start)


def _caption(network: Network, circuit: Circuit) -> str:
    """Return HTML of what one sees."""
    words = mark_terms(circuit_report.describe(network, circuit))
    if not circuit.pictures:
        return (
            f"<b>By its weights alone:</b> {words} {circuit_report.LEGEND} Percentages are shares "
            "of all weights. Which connections matter for pictures is not measured yet."
        )
    return (
        f"<b>{words}</b> {circuit_report.LEGEND} Percentages are shares of all that a neuron "
        "receives; the rest comes from weaker connections. Click a neuron to walk on, or a "
        "connection to see its weights below."
    )


def _pictures(network: Network, circuit: Circuit) -> dict[str, SmallPictures]:
    """Return the pictures of the units of a circuit, by layer."""
    units: dict[str, list[int]] = {}
    for node in circuit.nodes:
        units.setdefault(node.layer, []).append(node.unit)
    return {
        name: plan_small_pictures(network, network.layer(name), some)
        for name, some in units.items()
    }


def _show_graph(
    network: Network,
    circuit: Circuit,
    chosen: CircuitEdge | None,
    pictures: dict[str, SmallPictures],
    previews: job_status.Previews,
) -> bool:
    """Show the graph; return whether something was clicked just now."""
    near = {it.source: it for it in circuit.inputs(circuit.middle)}
    near |= {it.target: it for it in circuit.readers(circuit.middle)}
    nodes = []
    for node in circuit.nodes:
        unit, layer = node.ref, network.layer(node.layer)
        words = circuit_report.unit_words(network, unit)
        note = node.layer
        if unit in near:
            share = circuit_report.strength(near[unit].share)
            note = f"{node.layer} {share}"
            words = f"{words}, {share}"
        tile = pictures[node.layer].tile(node.unit, previews, PIXELS)
        nodes.append(
            GraphNode(
                id=unit_id(unit),
                label=words,
                title=circuit_report.short_words(network, unit),
                note=note,
                picture=tile.picture,
                colour=depth_colours.depth_colour(layer.depth),
                chosen=unit == circuit.middle,
                smooth=True,
            )
        )
    edges = [
        GraphEdge(
            unit_id(it.source),
            unit_id(it.target),
            it.share,
            id=connections.edge_text(it),
            label=circuit_report.describe_edge(network, it),
            chosen=it == chosen,
        )
        for it in circuit.edges
    ]

    def pick(text: str) -> None:
        if any(text == it.id for it in edges):
            # The connections by weights alone need not be among those that are measured.
            urls.update_query(edge=text if circuit.pictures else None)
        else:
            layer, unit = text.rsplit(" ", 1)
            _walk(network, UnitRef(layer, int(unit)))

    label = f"The circuit of {circuit_report.unit_words(network, circuit.middle)}"
    return node_graph(nodes, edges, "circuit graph", label, pick, spread=True) is not None


def unit_id(unit: UnitRef) -> str:
    """Return a text for a unit, such as ``relu4b 12``."""
    return f"{unit.layer} {unit.unit}"


def _show_source(network: Network, circuit: Circuit, place: CircuitPlace) -> None:
    """Show on what it was measured, and links to other pages of the unit."""
    st.caption(
        formatting.escape_markdown(
            f"Measured on {circuit.pictures} {place.noun}. A percentage in the graph is the "
            "share of one connection in all that a neuron receives: its weight times the mean "
            f"activation of the neuron that it comes from. {circuit_report.POOLING}"
        )
    )
    page_list.page_link(
        urls.NEURON,
        "Open this neuron",
        network=network.name,
        layer=circuit.layer,
        unit=circuit.unit,
        index=st.query_params.get("index"),
    )
