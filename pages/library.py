"""Library: the networks, downloads and uploads of weights, and indexes of image collections."""

import streamlit as st

from core.networks.known_networks import OWN_CODE
from explorer.library import catalogue
from explorer.ui import (
    library_page,
    link_problems,
    network_picker,
    server_state,
    weights_upload,
)
from explorer.ui.components import html_snippets


def main() -> None:
    """Show the networks and indexes on this machine, and forms to add more."""
    html_snippets.page_css("library")
    problems: list[str] = []
    infos = server_state.network_infos()
    name = network_picker.network_name(infos, problems)
    link_problems.show_problems(problems)
    left, right = st.columns(2, gap="large")
    with left:
        library_page.show_networks(infos)
        library_page.show_download([it for it in infos.values() if not it.ready])
        weights_upload.show_upload(
            [it.name for it in infos.values() if it.source not in (catalogue.OWN, OWN_CODE)]
        )
    with right:
        library_page.show_collections([it.name for it in infos.values() if it.ready], name)


main()
