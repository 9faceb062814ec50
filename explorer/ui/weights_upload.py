"""The form of the Library page with which a visitor adds weights of their own."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from core.checkpoints import class_names
from core.errors import ExplorerError, FitsAnother
from core.networks.known_networks import title_of
from explorer.library import catalogue
from explorer.text import formatting
from explorer.ui import page_list, server_state, urls
from explorer.ui.components import html_snippets

# The choice of the network that the file fits, and how it is called.
FIND, FIND_TEXT = "", "Find out from the file"
# The most characters of class names: 1,000 names of 200.
CHARACTERS_AT_MOST = 200_000


def show_upload(architectures: Sequence[str]) -> None:
    """Show the form with which a visitor adds a checkpoint.

    Args:
        architectures: names of the networks whose architecture the checkpoint may have.
    """
    html_snippets.section(
        "Weights of your own",
        "A file with the weights of one of these networks, as a training saves it. The number of "
        "classes may differ, and the last layer may be missing. No code in the file is run.",
    )
    if added := st.session_state.pop("added", None):
        st.success(f"{formatting.escape_markdown(added)} is here.")
        page_list.page_link(urls.LAYERS, "See its neurons", network=added)
    with st.form("own", border=False):
        architecture = st.selectbox(
            "Network",
            [FIND, *architectures],
            format_func=lambda it: title_of(it) if it else FIND_TEXT,
            key="architecture",
        )
        title = st.text_input(
            "Title; without one, the file's name",
            max_chars=catalogue.TITLE_CHARACTERS,
            placeholder="birds",
            key="title",
        )
        sent = st.file_uploader(
            f"A .safetensors, .pth or .ckpt file of at most {catalogue.LARGEST_FILE / 1024:g} GB",
            [it.removeprefix(".") for it in catalogue.ENDINGS],
            key=f"weights {st.session_state.get('taken', 0)}",
            max_upload_size=catalogue.LARGEST_FILE,
        )
        names = st.text_area(
            "Class names, one a line, if the file has none",
            height=68,
            max_chars=CHARACTERS_AT_MOST,
            placeholder="robin\nwren",
            key="class names",
        )
        again = bool(st.session_state.pop("again", False))
        if not st.form_submit_button("Add it", icon=":material/add:") and not again:
            return
    if sent is None:
        st.error("Choose a file first.")
        return
    _add(architecture or FIND, title.strip() or catalogue.title_of_file(sent.name), sent, names)


def _add(architecture: str, title: str, sent: Any, names: str) -> None:
    """Add an uploaded file, with the progress, and run the page again; show what is wrong with it.

    If the file fits another network, a button adds it as that one.
    """
    doing = f"Fitting {sent.name} to {architecture or 'every network'}"
    bar = st.progress(0.0, formatting.escape_markdown(doing))
    try:
        classes = class_names.parse_names(names, "the list of class names") if names.strip() else ()
        st.session_state["added"] = catalogue.add_checkpoint(
            architecture,
            title,
            sent.name,
            sent.getvalue(),
            server_state.visitor(),
            classes,
            lambda share: bar.progress(share, formatting.escape_markdown(doing)),
        )
    except ExplorerError as error:
        bar.empty()
        st.error(f"This cannot be added: {formatting.escape_markdown(str(error))}")
        for network in error.networks[:1] if isinstance(error, FitsAnother) else ():
            st.button(f"Add it as {network}", key="fits", on_click=partial(_retry, network))
        return
    st.session_state["taken"] = st.session_state.get("taken", 0) + 1
    st.rerun()


def _retry(network: str) -> None:
    """Choose another network, and let the page send the form again."""
    st.session_state["architecture"] = network
    st.session_state["again"] = True
