"""Layers: the layers of a network, and the feature visualizations of all units of one layer."""

import streamlit as st

from explorer.text import layer_summary
from explorer.ui import index_picker, link_problems, urls
from explorer.ui.components import html_snippets
from explorer.ui.layers import layers_page, network_diagram, search, search_results
from explorer.ui.page_opener import OpenPage, open_page


def show(page: OpenPage) -> None:
    """Read the URL, and show the list of layers and the units of one layer.

    Pictures of units that are missing are requested.
    """
    network, problems = page.network, page.problems
    with page.sidebar:
        query = search.show_search(network, problems, choices=not network_diagram.is_open())
        network_diagram.show_switch(network)
        layer_list = st.empty()
    layer, number = layers_page.read_place(network, problems)
    complete = False
    if query.active:
        search_results.show_results(network, layer, query, problems)
    elif network_diagram.is_open():
        network_diagram.show(page)
    else:
        head = st.container(key="layer-head", horizontal=True, vertical_alignment="center")
        with head:
            words = layer_summary.describe_layer(layer)
            html_snippets.heading(layer.name, words, layer.depth)
            shown = layers_page.choose_shown(problems)
        index = index_picker.chosen_index(network, problems) if shown else None
        link_problems.show_problems(problems)
        if shown and index is None:
            index_picker.show_missing_index(
                network, "layers", "the pictures that excite each neuron most"
            )
        if shown:
            index_picker.index_selectbox(network)
        complete = layers_page.show_units(network, layer, number, shown if index else "", index)
        layers_page.show_pager(network, layer, number)
        if complete:
            layers_page.show_report(network, layer)
    if query.active or not network_diagram.is_open():
        with layer_list.container():
            layers_page.show_layer_list(network, layer, complete)


if "unit" in st.query_params and "opened" not in st.session_state:
    # Old links to a unit led to the Layers page instead of the Neuron page. After a visit, it is
    # the browser's way back: Streamlit writes the query of the next page before it leaves this one.
    st.switch_page(urls.NEURON, query_params=st.query_params.to_dict())
open_page(show, sidebar_key="layer-sidebar")
