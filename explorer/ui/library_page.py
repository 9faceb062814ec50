"""The parts of the Library page: networks, downloads, visitors' weights, and image collections."""

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from core.errors import ExplorerError
from core.networks.registry import NetworkInfo
from explorer.jobs.ownership import may_change
from explorer.library import background_task, catalogue, index_task, indexes
from explorer.text import formatting
from explorer.ui import job_status, link_problems, page_list, server_state, urls
from explorer.ui.components import html_snippets
from explorer.ui.link_problems import toast_problem

POLL_SECONDS = 0.5


def choose(label: str, options: Sequence[str], **settings: Any) -> str:
    """Show a selectbox with at least one option, and return the selected option.

    Args:
        label, options, settings: passed to ``st.selectbox``.
    """
    return str(st.selectbox(label, options, **settings))


def show_networks(infos: dict[str, NetworkInfo]) -> None:
    """List the networks whose weights are on this machine, with links to their units."""
    html_snippets.heading("Networks", "Those that are on this machine open at once.", 0.0)
    rows = [
        f'<tr><td><a href="layers?network={escape(it.name)}" target="_self">{escape(it.name)}</a>'
        f"</td><td>{it.parameters / 1e6:.1f} M weights</td><td>{escape(it.source)}</td></tr>"
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
    """Show the download of weights that torchvision publishes.

    Args:
        others: the networks whose weights are not on this machine yet.
    """
    if not others:
        return
    sizes = {it.name: it.download_mb for it in others}
    html_snippets.section("Published weights")
    name = choose(
        "Published weights of torchvision",
        list(sizes),
        format_func=lambda it: f"{it} · {sizes[it]:.0f} MB" if it in sizes else it,
        key="published",
        label_visibility="collapsed",
    )
    visitor = server_state.visitor()
    show_task(
        f"fetch {name}",
        f"Downloading {name}",
        "Download",
        lambda: catalogue.start_download(name, visitor),
    )


def show_upload(architectures: list[str]) -> None:
    """Show the form with which a visitor adds a checkpoint.

    Args:
        architectures: names of the networks whose architecture the checkpoint may have.
    """
    html_snippets.section(
        "Weights of your own",
        "A state dict for one of these networks, also with another number of classes. Nothing in "
        "the file is run.",
    )
    if added := st.session_state.pop("added", None):
        st.success(f"{formatting.escape_markdown(added)} is here.")
        page_list.page_link(urls.LAYERS, "See its neurons", network=added)
    with st.form("own", border=False):
        architecture = choose("Network", architectures, key="architecture")
        title = st.text_input("Title", max_chars=32, placeholder="birds", key="title")
        sent = st.file_uploader(
            f"A .safetensors or .pth file of at most {catalogue.LARGEST_FILE} MB",
            [it.removeprefix(".") for it in catalogue.ENDINGS],
            key=f"weights {st.session_state.get('taken', 0)}",
            max_upload_size=catalogue.LARGEST_FILE,
        )
        if not st.form_submit_button("Add it", icon=":material/add:"):
            return
    if sent is None:
        st.error("Choose a file first.")
        return
    with link_problems.show_errors("This cannot be added"):
        with st.spinner(f"Fitting {sent.name} to {architecture} ..."):
            st.session_state["added"] = catalogue.add_checkpoint(
                architecture, title.strip(), sent.name, sent.getvalue(), server_state.visitor()
            )
        st.session_state["taken"] = st.session_state.get("taken", 0) + 1
        st.rerun()


def show_collections(networks: list[str], chosen: str) -> None:
    """Show the indexes of a network, and a form that builds an index of another collection.

    The collections are those that the owner of the server allows.

    Args:
        networks: names of the networks to choose from.
        chosen: name of the network that is selected at first.
    """
    html_snippets.heading(
        "Collections",
        "A network looks at all pictures once; then every neuron knows its favourites.",
        1.0,
    )
    index = networks.index(chosen) if chosen in networks else 0
    name = choose("Network that looks", networks, index=index, key="looking")
    network = server_state.network(name)
    found = indexes.finished_indexes(network)
    own_index = index_task.index_file_of(network.fingerprint).name.removesuffix(index_task.ENDING)
    rows = [
        f'<tr><td><a href="layers?network={escape(name)}&show=crops&index={escape(it)}" '
        f'target="_self">{escape(indexes.describe_index(each))}</a></td>'
        f"<td>{'made here' if it == own_index else escape(it)}</td></tr>"
        for it, each in found.items()
    ]
    if rows:
        st.html(f'<table class="library">{"".join(rows)}</table>')
    else:
        st.caption(f"{name} has looked at no collection yet.")
    for broken in indexes.unreadable_files():
        st.warning(
            f"{formatting.escape_markdown(broken)} is damaged or no index, and left out; whoever "
            "runs this server finds the reason in its log."
        )
    allowed = catalogue.list_collections()
    if not allowed:
        st.caption(
            "Whoever runs this server can allow folders of pictures: "
            "`python -m explorer app --library FOLDER`."
        )
        return
    source = choose("Collection", list(allowed), key="collection")
    own = catalogue.list_checkpoints().get(name)
    out = catalogue.index_file(name, network.fingerprint, source)
    file = None if own is None else own.file
    if out.name.removesuffix(index_task.ENDING) in found:
        st.caption(f"{name} knows {source} already.")
        return
    visitor = server_state.visitor()
    show_task(
        f"index {out.name}",
        f"{name} looks at {source}",
        "Make the index",
        lambda: catalogue.start_index(name, network.fingerprint, source, file, visitor),
    )


def show_task(key: str, doing: str, label: str, start: Callable[[], None]) -> None:
    """Show a button that starts a background task, or the task's progress while it runs.

    The page runs again once the task has ended.

    Args:
        key: key of the task, for ``background_task.latest_task``.
        doing: what the task does, beside its progress: ``Downloading resnet50``.
        label: text of the button.
        start: starts the task.
    """
    before = background_task.latest_task(key)

    def begin() -> None:
        try:
            start()
        except ExplorerError as error:
            st.session_state[f"refused {key}"] = str(error)

    following = before is not None and before.open

    def show(_: Sequence[object]) -> bool:
        now = background_task.latest_task(key)
        running = now is not None and now.open
        with st.container(key=f"task {key}", horizontal=True, vertical_alignment="center"):
            if now is not None and now.open:
                st.progress(now.share, f"{doing}{_time_left(now)}")
                if may_change(server_state.visitor(), now.owner):
                    stop = partial(now.stop, server_state.visitor())
                    st.button("Stop", key=f"stop {key}", on_click=toast_problem()(stop))
            elif running == following:
                if now is not None and now.problem:
                    st.markdown(formatting.escape_markdown(now.problem))
                if refused := st.session_state.pop(f"refused {key}", ""):
                    st.error(f"This cannot be done: {formatting.escape_markdown(refused)}")
                st.button(label, key=f"start {key}", type="primary", on_click=begin)
        return running

    job_status.follow([], show, POLL_SECONDS if following else None, following)


def _time_left(task: background_task.BackgroundTask) -> str:
    """Return the time that a task still takes, such as ``, about 2 min left``."""
    seconds = task.seconds_left
    return " ..." if seconds is None else f", {formatting.about_seconds(seconds)} left"
