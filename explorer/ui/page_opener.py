"""The frame of the pages that need a network: its choice in a sidebar, and results beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.networks.network import Network
from explorer.ui import link_problems, network_picker, server_state, urls
from explorer.ui.components import html_snippets

View = TypeVar("View")


@dataclass(frozen=True)
class OpenPage:
    """A page whose network is loaded.

    Attributes:
        network: the loaded network.
        sidebar: container at the left, beneath the choice of a network.
        problems: problems of the link, in sentences; the page appends to the list.
    """

    network: Network
    sidebar: DeltaGenerator
    problems: list[str]

    def read(self, read_view: Callable[[], View], keep: Sequence[str]) -> View:
        """Return what ``read_view`` reads from the URL's query.

        If ``read_view`` raises an error, the error is appended to ``problems``, parameters are
        removed from the query, and it is called again, so that it returns defaults.

        Args:
            read_view: reads the query; raises ExplorerError if something does not exist or is out
                of bounds.
            keep: parameters of the query that are not removed; neither is ``network``.
        """
        with link_problems.collect(self.problems):
            return read_view()
        urls.replace_query(**{it: st.query_params.get(it) for it in ("network", *keep)})
        return read_view()


def open_page(
    show: Callable[[OpenPage], None],
    style_sheet: str | None = None,
    columns: Sequence[int] = (2, 5),
    sidebar_key: str = "page-sidebar",
) -> None:
    """Show the choice of a network at the left, load the network, and show the page at the right.

    Args:
        show: shows the page in the right column; not called if the network is not available.
        style_sheet: name of a style sheet in ``page_assets`` that is used besides ``page.css``.
        columns: relative widths of the left and the right column.
        sidebar_key: key of the left column, by which style sheets select it.
    """
    if style_sheet is not None:
        html_snippets.page_css(style_sheet)
    problems: list[str] = []
    infos = server_state.network_infos()
    left, right = st.columns(columns, gap="large")
    with left, st.container(key=sidebar_key):
        name = network_picker.network_selectbox(infos, problems)
        sidebar = st.container(key="page-controls")
    with right:
        network = network_picker.load_network(infos[name])
        if network is None:
            link_problems.show_problems(problems)
        else:
            show(OpenPage(network, sidebar, problems))
