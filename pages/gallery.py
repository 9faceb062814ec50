"""Gallery: all pictures that have been made, and the jobs that are making more."""

import contextlib

import streamlit as st

from core.errors import ExplorerError
from explorer.gallery.queries import Gallery
from explorer.store.database import NothingSaved
from explorer.ui import link_problems, presenter, server_state
from explorer.ui.components import html_snippets
from explorer.ui.gallery import compare, entry, overview, presented


def main() -> None:
    """Read the URL, and show one entry, a comparison of several entries, or all entries."""
    html_snippets.page_css("gallery")
    found = Gallery(server_state.jobs(), visitor=server_state.visitor())
    # If the store cannot be written, deleted entries stay in the bin.
    with contextlib.suppress(NothingSaved):
        found.purge()
    overview.show_undo(found)
    try:
        if "open" in st.query_params:
            opened = found.find(st.query_params["open"])
            show = presented.show_presented if presenter.is_on() else entry.show_entry
            show(found, opened)
            return
        if "compare" in st.query_params:
            compare.show_comparison(found, compare.read_entries(found, st.query_params["compare"]))
            return
    except ExplorerError as error:
        link_problems.show_problems([str(error)])
    overview.show_all(found)


main()
