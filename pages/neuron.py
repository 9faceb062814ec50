"""Neuron: one unit's feature visualization, its badge, dataset examples and similar units."""

import contextlib

import streamlit as st

from core.analysis import unit_labels
from core.errors import ExplorerError
from core.networks import Layer, Network
from explorer.recipe_fields import NEURONS
from explorer.ui import (
    link_problems,
    network_picker,
    page_list,
    presenter,
    server_state,
    url_codecs,
    urls,
)
from explorer.ui.components import html_snippets
from explorer.ui.neuron import neuron_page, presented
from explorer.ui.neuron.pictures import NeuronView


def main() -> None:
    """Read the URL, and show one unit."""
    html_snippets.page_css("neuron")
    problems: list[str] = []
    infos = server_state.network_infos()
    name = network_picker.network_name(infos, problems)
    network = network_picker.load_network(infos[name])
    if network is None:
        return
    with link_problems.collect(problems):
        layer, unit = read_place(network)
    if problems:
        show_lost(network, problems)
        return
    neuron, view = NeuronView(network, layer, unit), ""
    with link_problems.collect(problems):
        asked = url_codecs.read_fields(NEURONS, st.query_params.to_dict())
        neuron = NeuronView(network, layer, unit, **asked)
        view = urls.view()
    if presenter.is_on():
        presenter.slide_number(1, problems)
        presented.show_presented(neuron, view)
        link_problems.show_problems(problems)
        return
    html_snippets.start_at_top(f"top {network.name} {layer.name} {unit}")
    neuron_page.show_links(network, layer, unit)
    neuron_page.show(neuron, view, problems)


def read_place(network: Network) -> tuple[Layer, int]:
    """Return the layer and the number of the unit that the URL names.

    By default these are the network's default layer, and the unit with the clearest label.

    Raises:
        ExplorerError: the layer or the unit does not exist.
    """
    layer = network.layer(st.query_params.get("layer", network_picker.first_layer(network).name))
    unit = urls.number("unit", (0, layer.channels - 1))
    if unit is None:
        unit = unit_labels.clearest_unit(network, layer.name) or 0
    return layer, unit


def show_lost(network: Network, problems: list[str]) -> None:
    """Show which layer or unit of the link does not exist, and a link to the Layers page."""
    link_problems.show_problems(problems)
    query = {"network": network.name}
    with contextlib.suppress(ExplorerError):
        query["layer"] = network.layer(st.query_params.get("layer", "")).name
    where = query.get("layer", network.name)
    page_list.page_link(urls.LAYERS, f"Look at all neurons of {where}", **query)


main()
