"""The choice of a network, the download of its weights, and the layer that is shown by default."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.errors import ExplorerError
from core.networks import SKETCHNET, Layer, Network, depth_sampling, known_networks
from core.networks.known_networks import NetworkInfo
from explorer.ui import server_state, url_controls, urls
from explorer.ui.components import html_snippets

# The relative depth (0 to 1) of the default layer. A little deeper than the middle, units respond
# to textures and parts of objects that have a name.
FIRST_DEPTH = 0.6


def network_name(infos: Mapping[str, NetworkInfo], problems: list[str]) -> str:
    """Return the name of the network in the URL; SketchNet if the URL names none or an unknown one.

    For an unknown one, a sentence is appended to ``problems``.
    """
    return urls.one_of("network", infos, SKETCHNET, problems)


def network_selectbox(
    infos: Mapping[str, NetworkInfo],
    problems: list[str],
    keep: Sequence[str] = ("show", "picture", "style", "diagram", "maps"),
) -> str:
    """Show the choice of a network, and return its name.

    Args:
        infos: all networks by name.
        problems: a sentence is appended if the URL names an unknown network.
        keep: parameters of the URL's query that stay when another network is chosen.
    """
    name = network_name(infos, problems)

    def caption(name: str) -> str:
        info = infos[name]
        title = known_networks.title_of(name)
        return title if info.ready else f"{title} · {info.download_mb:.0f} MB download"

    def pick(chosen: str) -> None:
        urls.replace_query(network=chosen, **{it: st.query_params.get(it) for it in keep})

    # timm has too many networks for one list; the Library finds them by name.
    listed = [it for it in infos if it == name or infos[it].ready or infos[it].source != "timm"]
    st.selectbox(
        "Network",
        listed,
        format_func=caption,
        label_visibility="collapsed",
        **url_controls.bind("network", name, pick),
    )
    return name


def load_network(info: NetworkInfo) -> Network | None:
    """Load a network; if its weights have to be downloaded, wait for a click first.

    Returns:
        The network; None before the click, or if loading fails, which is then shown.
    """
    name, title = info.name, known_networks.title_of(info.name)
    slot = st.empty()
    if not info.ready:
        with slot.container():
            st.markdown(f"**{name}** is not on this machine yet: {info.download_mb:.0f} MB, once.")
            if not st.button("Download it", type="primary", key="download"):
                return None
    if st.session_state.get("opened") != name:
        with slot:
            html_snippets.skeleton(f"{'Opening' if info.ready else 'Fetching'} {title} ...")
    try:
        network = server_state.network(name)
    except ExplorerError as error:
        slot.error(str(error))
        return None
    slot.empty()
    st.session_state["opened"] = name
    return network


def first_layer(network: Network) -> Layer:
    """Return the layer that is shown if the link names no layer."""
    return network.shown[depth_sampling.nearest_to_depth(network.shown, FIRST_DEPTH)]
