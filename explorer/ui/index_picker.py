"""The choice of an index of dataset examples, and how to build one for a network without any."""

from collections.abc import Sequence

import streamlit as st

from core.errors import unknown
from core.index.reader import Index
from core.networks.known_networks import title_of
from core.networks.network import Network
from explorer.jobs.ownership import is_guest
from explorer.library import index_task, indexes
from explorer.text import formatting
from explorer.ui import job_status, server_state, url_controls, urls

FIND = "Find the drawings that excite it"


def chosen_index(network: Network, problems: list[str]) -> Index | None:
    """Return the index that the URL names, by default the network's first; None if it has none.

    If the URL names an unknown index, a sentence is appended to ``problems``.
    """
    found = indexes.finished_indexes(network)
    name = st.query_params.get("index")
    if name is not None and name not in found:
        problems.append(str(unknown("index", name, found, network.name)))
        name = None
    return found[name] if name else next(iter(found.values()), None)


def index_selectbox(network: Network) -> None:
    """Show the choice of an index, if the network has several."""
    found = indexes.finished_indexes(network)
    if len(found) < 2:
        return
    name = st.query_params.get("index", next(iter(found)))
    st.selectbox(
        "Pictures of",
        list(found),
        format_func=lambda name: indexes.describe_index(found[name]),
        label_visibility="collapsed",
        **url_controls.bind("index", name, lambda it: urls.update_query(index=it)),
    )


def show_missing_index(
    network: Network, where: str, what: str, ask: bool = False, label: str = FIND
) -> None:
    """Show how an index of a network is built, and the progress while it is built.

    Args:
        network: a network without an index.
        where: name of the page, for the keys of widgets.
        what: what the page would show with an index, such as ``the pictures that excite it most``.
        ask: whether the app waits for a click before it builds the index; else it starts
            immediately. Without effect for networks whose index the app cannot build.
        label: text of the button for this click.
    """
    if not indexes.can_build(network):
        st.caption(
            f"To see {what}, index a folder of photographs: "
            f"`python -m explorer index {network.name} --images FOLDER --out "
            f"{network.name}{index_task.ENDING}`, and start the app with `--index "
            f"{network.name}{index_task.ENDING}`."
        )
        return
    if indexes.build_task(network) is None and not ask:
        indexes.start_build(network)
    before = indexes.build_task(network)

    def show(_: Sequence[object]) -> bool:
        now = indexes.build_task(network)
        with st.container(key=f"making {where}", horizontal=True, vertical_alignment="center"):
            if now is None:
                _button(network, label, where, "image_search")
            elif now.open:
                share = now.done / now.total if now.total else 0.0
                left = now.seconds_left
                st.progress(
                    share,
                    f"{title_of(network.name)} looks at {now.total or 5000:,} drawings, once, to "
                    "find what excites each neuron"
                    + ("" if left is None else f": {formatting.about_seconds(left)} left"),
                )
                # It belongs to the app: guests cannot stop it.
                visitor = server_state.visitor()
                if not is_guest(visitor) and st.button("Stop", key=f"stop making {where}"):
                    now.stop(visitor)
                    st.rerun()
            elif now.problem:
                st.markdown(formatting.escape_markdown(now.problem))
                _button(network, "Go on", where, "play_arrow")
        return now is not None and not now.open and not now.problem

    interval = job_status.POLL_SECONDS if before is not None and before.open else None
    # The page runs again once the index is finished.
    job_status.follow([], show, interval, False)


def _button(network: Network, label: str, where: str, icon: str) -> None:
    if st.button(label, key=f"make {where}", icon=f":material/{icon}:"):
        indexes.start_build(network)
        st.rerun()
