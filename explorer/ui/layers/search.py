"""The search for units by their labels, such as "eye", in all layers of a network."""

import streamlit as st

from core.analysis import unit_labels
from core.networks.network import Network
from core.sketchnet.labels import CLEAR, Label
from explorer import layer_pages
from explorer.ui import url_controls, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.tiles import PictureTile
from explorer.ui.layers import neuron_grid
from explorer.ui.layers.small_pictures import SmallPictures

# Number of found units that are shown, at most: as many as on one page of a layer.
AT_MOST = layer_pages.PER_PAGE
TEXT_AT_MOST = 60
# Examples of searches, if nothing is found: labels of SketchNet's units, from shallow to deep.
EXAMPLES = ("red", "edge", "stripes", "circle", "eye", "wheel", "window")


def search_box(network: Network) -> None:
    """Show the search box, if the network's units have labels."""
    if unit_labels.labels_of(network) is None:
        return

    def find(text: str) -> None:
        urls.replace_query(network=network.name, find=text or None)

    st.text_input(
        "Find neurons",
        placeholder="Find neurons: eye, stripes, red ...",
        icon=":material/search:",
        label_visibility="collapsed",
        max_chars=TEXT_AT_MOST,
        **url_controls.bind("find", st.query_params.get("find", ""), find),
    )


def show_results(network: Network, text: str) -> None:
    """Show the units whose label matches a text, in descending order of IoU.

    The IoU (intersection over union) compares the pixels where the unit is active with the pixels
    that show the label's concept, from 0 to 1.
    """
    known = unit_labels.labels_of(network)
    found = [] if known is None else known.search(text, CLEAR)
    depths = [network.layer(label.layer).depth for label in found]
    depth = sum(depths) / len(depths) if depths else 0.5
    html_snippets.heading(text, _words(found), depth)
    if not found:
        st.caption("Try one of these:")
        with st.container(horizontal=True):
            for example in EXAMPLES:
                go = {"network": network.name, "find": example}
                st.button(example, key=f"try {example}", on_click=urls.replace_query, kwargs=go)
        return
    st.caption("Each caption names a layer, and how well the neuron picks it out (IoU).")

    tiles = [_tile(network, label) for label in found[:AT_MOST]]
    neuron_grid.link_grid(network, tiles, "found", f"{network.name} {text}")


def _words(found: list[Label]) -> str:
    """Return a sentence on how many units were found, and in how many layers."""
    if not found:
        return "No neuron picks this out clearly."
    layers = len({label.layer for label in found})
    neurons = "1 neuron picks" if len(found) == 1 else f"{len(found)} neurons pick"
    where = "one layer" if layers == 1 else f"{layers} layers"
    shown = f"; the clearest {AT_MOST} are shown" if len(found) > AT_MOST else ""
    return f"{neurons} this out, in {where}{shown}."


def _tile(network: Network, label: Label) -> PictureTile:
    pictures = SmallPictures(network, network.layer(label.layer))
    return pictures.tile(label.unit, f"{label.layer} \N{MIDDLE DOT} {label.iou:.2f}")
