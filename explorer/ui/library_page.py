"""The parts of the Library page: networks, downloads, and image collections."""

from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from core.index import Index
from core.networks import Network, known_timm
from core.networks.known_networks import NetworkInfo, title_of
from explorer.library import catalogue, index_task, indexes, library_tasks
from explorer.text import formatting
from explorer.ui import index_picker, server_state, task_status
from explorer.ui.components import html_snippets
from explorer.ui.link_problems import toast_problem

# The network that is offered first: it is small, and presets of dreams are chosen for it.
FIRST = "squeezenet1_0"


def choose(label: str, options: Sequence[str], **settings: Any) -> str:
    """Show a selectbox with at least one option, and return the selected option.

    Args:
        label, options, settings: passed to ``st.selectbox``.
    """
    return str(st.selectbox(label, options, **settings))


def show_networks(infos: dict[str, NetworkInfo]) -> None:
    """List the networks whose weights are on this machine, with links to their units."""
    html_snippets.heading(
        "Networks",
        "The lessons need nothing from here. These networks are on this machine, and more are "
        "added below. A click on a name opens its neurons.",
        0.0,
    )
    rows = [
        f'<tr><td><a href="layers?network={escape(it.name)}" target="_self">'
        f"{escape(title_of(it.name))}</a>"
        f"</td><td>{it.parameters / 1e6:.1f} million weights</td><td>{escape(it.source)}</td></tr>"
        for it in infos.values()
        if it.ready
    ]
    st.html(f'<table class="library">{"".join(rows)}</table>')
    show_removal()


def show_removal() -> None:
    """Show a control that removes an uploaded checkpoint, if the visitor may remove any."""
    visitor = server_state.visitor()
    own = catalogue.removable_checkpoints(server_state.store(), visitor)
    if not own:
        return

    def remove(name: str) -> None:
        with toast_problem():
            catalogue.remove_checkpoint(name, visitor)
            server_state.network.clear(name)

    with st.popover("Remove weights", icon=":material/delete:"):
        st.caption("Pictures that were made with them stay.")
        name = choose("Weights that were added here", own, key="removed")
        st.button("Remove", key="remove", on_click=partial(remove, name))


def show_download(others: list[NetworkInfo]) -> None:
    """Show the download of weights that torchvision and timm publish; typing searches the names.

    Args:
        others: the networks whose weights are not on this machine yet.
    """
    if not others:
        return
    sizes = {it.name: it.download_mb for it in others}
    timm = "" if known_timm.is_installed() else f" For a thousand more, {known_timm.INSTALL}."
    html_snippets.section(
        "More networks",
        "Trained on photographs, with published weights. Open the list, or type a part of a name "
        f"in it.{timm}",
    )
    name = choose(
        "Published weights of torchvision and timm",
        list(sizes),
        index=list(sizes).index(FIRST) if FIRST in sizes else 0,
        format_func=lambda it: f"{it} · {sizes[it]:.0f} MB" if it in sizes else it,
        key="published",
        label_visibility="collapsed",
    )
    visitor = server_state.visitor()
    task_status.show_task(
        f"fetch {name}",
        f"Downloading {name}",
        "Download",
        lambda: library_tasks.start_download(name, visitor),
    )


def show_collections(networks: list[str], chosen: str) -> None:
    """Show the indexes of a network, and a form that builds an index of another collection.

    Args:
        networks: names of the networks to choose from.
        chosen: name of the network that is selected at first.
    """
    html_snippets.heading(
        "Collections",
        "The network looks at every picture of a collection once. Then the pages can show the "
        "pictures that excite each neuron most.",
        1.0,
    )
    index = networks.index(chosen) if chosen in networks else 0
    name = choose(
        "Network that looks at the pictures",
        networks,
        index=index,
        format_func=title_of,
        key="looking",
    )
    network = server_state.network(name)
    found = indexes.finished_indexes(network)
    show_indexes(network, name, found)
    show_new_index(network, name, found)


def show_indexes(network: Network, name: str, found: Mapping[str, Index]) -> None:
    """List the indexes of a network, with links to the dataset examples of its units.

    Args:
        network: the network.
        name: its name.
        found: the indexes by the names of their files.
    """
    own_index = _own_index(network)
    rows = [
        f'<tr><td><a href="layers?network={escape(name)}&show=crops&index={escape(it)}" '
        f'target="_self">{escape(indexes.describe_index(each))}</a></td>'
        f"<td>{'made here' if it == own_index else escape(it)}</td></tr>"
        for it, each in found.items()
    ]
    if rows:
        st.html(f'<table class="library">{"".join(rows)}</table>')
    else:
        st.caption(f"{title_of(name)} has looked at no collection yet.")
    for broken in indexes.unreadable_files():
        st.warning(
            f"{formatting.escape_markdown(broken)} is damaged or no index, and left out; whoever "
            "runs this server finds the reason in its log."
        )


def show_new_index(network: Network, name: str, found: Mapping[str, Index]) -> None:
    """Show buttons that build an index: of drawings, and of a collection that the owner allows.

    Args:
        network, name, found: as for ``show_indexes``.
    """
    title = title_of(name)
    if _own_index(network) not in found and indexes.can_build(network):
        what = "the drawings that excite each neuron"
        index_picker.show_missing_index(network, "library", what, True, "Let it look at drawings")
    allowed = catalogue.list_collections()
    if not allowed:
        st.caption(
            "Whoever runs this server can allow folders of pictures: "
            "`python -m explorer app --library FOLDER`."
        )
        return
    source = choose("Collection", list(allowed), key="collection")
    own = catalogue.list_checkpoints().get(name)
    out = library_tasks.index_file(name, network.fingerprint, source)
    file = None if own is None else own.file
    if out.name.removesuffix(index_task.ENDING) in found:
        st.caption(f"{title} has looked at {source} already.")
        return
    visitor = server_state.visitor()
    task_status.show_task(
        f"index {out.name}",
        f"{title} looks at {source}",
        "Make the index",
        lambda: library_tasks.start_index(name, network.fingerprint, source, file, visitor),
    )


def _own_index(network: Network) -> str:
    """Return the name of the index of drawings that the app makes for a network."""
    return index_task.index_file_of(network.fingerprint).name.removesuffix(index_task.ENDING)
