"""How a page opens on which a network works on images: a sidebar, and the results beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import ExplorerError
from core.networks.network import Network
from explorer.ui import network_picker, server_state, urls
from explorer.ui.components import html_snippets
from explorer.ui.link_problems import show_problems

View = TypeVar("View")


@dataclass(frozen=True)
class OpenPage:
    """A page whose network is loaded.

    Attributes:
        network: the loaded network.
        sidebar: at the left, beneath the choice of a network.
        problems: what in the link does not fit, in sentences.
    """

    network: Network
    sidebar: DeltaGenerator
    problems: list[str]

    def read(self, read_view: Callable[[], View], keep: Sequence[str]) -> View:
        """Return what the URL describes, the default where it does not fit.

        Args:
            read_view: reads it; raises ExplorerError where something does not exist or is out of
                bounds.
            keep: names in the URL's query that stay in that case, beside the network's.
        """
        try:
            return read_view()
        except ExplorerError as error:
            self.problems.append(str(error))
        urls.replace_query(**{it: st.query_params.get(it) for it in ("network", *keep)})
        return read_view()


def open_page(
    show: Callable[[OpenPage], None],
    style_sheet: str | None = None,
    columns: Sequence[int] = (2, 5),
    sidebar_key: str = "page-sidebar",
) -> None:
    """Show the choice of a network at the left, and the page beside it once that is loaded.

    Args:
        show: shows the page, in the right column.
        style_sheet: one of ``page_assets``, beside the common one.
        columns: the relative widths of both columns.
        sidebar_key: the key of the sidebar, which style sheets name.
    """
    if style_sheet is not None:
        html_snippets.page_css(style_sheet)
    problems: list[str] = []
    infos = server_state.network_infos()
    left, right = st.columns(columns, gap="large")
    with left, st.container(key=sidebar_key):
        name = network_picker.network_selectbox(infos, problems)
        sidebar = st.container()
    with right:
        network = network_picker.load_network(infos[name])
        if network is None:
            show_problems(problems)
        else:
            show(OpenPage(network, sidebar, problems))
