"""Opening what a link names: the network, which may have to be fetched first, and its layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import ExplorerError, unknown
from core.networks import registry
from core.networks.depth_sampling import nearest_to_depth
from core.networks.layers import Layer
from core.networks.network import Network
from core.networks.registry import NetworkInfo
from explorer.text import formatting
from explorer.ui import server_state, urls
from explorer.ui.components import html_snippets

# Visitors start past the middle, where neurons want textures and parts that can be named.
FIRST_DEPTH = 0.6


@dataclass(frozen=True)
class PageLayout:
    """A page on which a network works on pictures.

    Attributes:
        network: which is loaded.
        sidebar: at the left, where what it works on is chosen.
        main: at the right, where its work is shown.
    """

    network: Network
    sidebar: DeltaGenerator
    main: DeltaGenerator


def page_layout(problems: list[str]) -> PageLayout | None:
    """Divide a page into what is chosen and what is made; None while there is no network."""
    infos = server_state.network_infos()
    left, room = st.columns([2, 5], gap="large")
    with left, st.container(key="studio-rail"):
        name = network_selectbox(infos, problems)
        rail = st.container()
    with room:
        opened = load_network(infos[name])
        if opened is None:
            show_problems(problems)
            return None
    return PageLayout(opened, rail, room)


def network_name(infos: Mapping[str, NetworkInfo], problems: list[str]) -> str:
    """Tell which network the URL asks for; SketchNet where there is no such network."""
    name = st.query_params.get("network", registry.SKETCHNET)
    if name in infos:
        return name
    problems.append(str(unknown("network", name, infos)))
    return registry.SKETCHNET


def network_selectbox(
    infos: Mapping[str, NetworkInfo],
    problems: list[str],
    keep: Sequence[str] = ("show", "picture", "style"),
) -> str:
    """Let the visitor choose a network, and tell which one it is.

    Args:
        infos: all networks by name.
        problems: gets a sentence where the URL names none of them.
        keep: names in the URL's query that stay when another network is chosen.
    """
    name = network_name(infos, problems)

    def caption(name: str) -> str:
        info = infos[name]
        return name if info.ready else f"{name} · {info.download_mb:.0f} MB download"

    st.session_state["network"] = name
    st.selectbox(
        "Network",
        list(infos),
        format_func=caption,
        key="network",
        label_visibility="collapsed",
        on_change=lambda: urls.replace_query(
            network=st.session_state["network"],
            **{it: st.query_params.get(it) for it in keep},
        ),
    )
    return name


def load_network(info: NetworkInfo) -> Network | None:
    """Load the network, after a click where that means a download; None if it is not to be had."""
    name = info.name
    slot = st.empty()
    if not info.ready:
        with slot.container():
            st.markdown(f"**{name}** is not on this machine yet: {info.download_mb:.0f} MB, once.")
            if not st.button("Download it", type="primary", key="download"):
                return None
    if st.session_state.get("opened") != name:
        with slot:
            html_snippets.skeleton(f"Opening {name} ..." if info.ready else f"Fetching {name} ...")
    try:
        network = server_state.network(name)
    except ExplorerError as error:
        slot.error(str(error))
        return None
    slot.empty()
    st.session_state["opened"] = name
    return network


def first_layer(network: Network) -> Layer:
    """Choose the layer that is shown where a link names none."""
    return network.shown[nearest_to_depth(network.shown, FIRST_DEPTH)]


def show_problems(problems: Sequence[str]) -> None:
    """Say what in the link does not exist, the first thing only."""
    for problem in problems[:1]:
        st.warning(f"This link does not fit: {formatting.escape_markdown(problem)}")
