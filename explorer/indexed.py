"""The indexes that pages look things up in: SketchNet's own, and those of the server's owner.

Pages use every finished index of their network's weights among the ``*.index`` files in the folder
``indexes`` of the data folder and the files that ``app --index`` names. A link chooses by name.
"""

import functools
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core.datasets.sources import SKETCHWORLD
from core.errors import ExplorerError, unknown
from core.index import reader
from core.index.reader import Index
from core.networks.network import Network
from core.networks.registry import SKETCHNET
from explorer import links, ready
from explorer.jobs import supervisor
from explorer.paths import home
from explorer.ready import Making
from explorer.text import formatting

# The command that starts the server leaves here which files were named.
VARIABLE = "EXPLORER_INDEXES"
POLL_SECONDS = 0.6
LOG = logging.getLogger(__name__)
OPEN_AT_MOST = 64
_MAKING: dict[Path, Making] = {}
_STARTING = threading.Lock()


def configure(files: Sequence[Path]) -> None:
    """Name index files for the server that this process is about to run.

    Raises:
        ExplorerError: one of them cannot be opened.
    """
    for file in files:
        reader.open_index(file)
    os.environ[VARIABLE] = os.pathsep.join(str(file.resolve()) for file in files)


def known(network: Network) -> dict[str, Index]:
    """Open the finished indexes of a network by their names, those named by the owner first."""
    named = [Path(it) for it in os.environ.get(VARIABLE, "").split(os.pathsep) if it]
    folder = home() / ready.FOLDER
    found: dict[str, Index] = {}
    for file in [*named, *sorted(folder.glob(f"*{ready.ENDING}"))]:
        index = _open(file)
        if index is not None and index.complete and index.plan.weights == network.fingerprint:
            found.setdefault(file.name.removesuffix(ready.ENDING), index)
    return found


def _open(file: Path) -> Index | None:
    """Open a file, once for as long as it stays the same; None if that is impossible."""
    try:
        state = file.stat()
        return _opened(file, state.st_mtime_ns, state.st_size)
    except (OSError, ExplorerError) as error:
        # Only the owner can do something about it.
        LOG.warning("%s cannot be used: %s", file, error)
        return None


@functools.lru_cache(maxsize=OPEN_AT_MOST)
def _opened(file: Path, changed: int, size: int) -> Index:
    return reader.open_index(file)


def chosen(network: Network, problems: list[str]) -> Index | None:
    """Give the index that the URL names, or the first one; None if the network has none."""
    found = known(network)
    name = st.query_params.get("index")
    if name is not None and name not in found:
        problems.append(str(unknown("index", name, found, network.name)))
        name = None
    return found[name] if name else next(iter(found.values()), None)


def choose(network: Network) -> None:
    """Let the visitor choose between several indexes."""
    found = known(network)
    if len(found) < 2:
        return
    st.session_state["index"] = st.query_params.get("index", next(iter(found)))
    st.selectbox(
        "Pictures of",
        list(found),
        format_func=lambda name: words(found[name]),
        key="index",
        label_visibility="collapsed",
        on_change=lambda: links.change(index=st.session_state["index"]),
    )


def words(index: Index) -> str:
    """Say of what collection an index is: ``5,000 drawings of SketchWorld``."""
    kind, _, rest = index.plan.collection.partition(" ")
    if kind == SKETCHWORLD:
        return f"{index.count:,} drawings of SketchWorld"
    return f"{index.count:,} pictures in {Path(rest).name if rest else kind}"


def noun(index: Index, count: int = 2) -> str:
    """Name the pictures of a collection: ``drawings`` or ``pictures``."""
    one = "drawing" if index.plan.collection.startswith(SKETCHWORLD) else "picture"
    return one if count == 1 else f"{one}s"


def making(network: Network) -> Making | None:
    """Give what makes SketchNet's own index; None if nothing does."""
    return _MAKING.get(ready.file_of(network.fingerprint))


def can_make(network: Network) -> bool:
    """Tell whether the server makes an index of a network by itself."""
    return network.name == SKETCHNET and supervisor.worker_count() > 0


def start(network: Network) -> None:
    """Have SketchNet's own index made, or gone on with, unless that goes on already."""
    file = ready.file_of(network.fingerprint)
    with _STARTING:
        before = _MAKING.get(file)
        if before is None or not before.open:
            _MAKING[file] = Making(file)


def missing(network: Network, where: str, what: str, ask: bool = False) -> None:
    """Show what is done about a network that has no index yet.

    Args:
        network: which one.
        where: names the place.
        what: what could be seen here: ``the pictures that excite it most``.
        ask: whether a visitor has to ask for it, where it can be made here.
    """
    if not can_make(network):
        st.caption(
            f"To see {what}, index a folder of photographs: "
            f"`python -m explorer index {network.name} --images FOLDER --out "
            f"{network.name}{ready.ENDING}`, and start the app with `--index "
            f"{network.name}{ready.ENDING}`."
        )
        return
    if making(network) is None and not ask:
        start(network)
    before = making(network)

    def body() -> None:
        now = making(network)
        with st.container(key=f"making {where}", horizontal=True, vertical_alignment="center"):
            if now is None:
                _button(network, "Find its pictures", where, "image_search")
            elif now.open:
                share = now.done / now.total if now.total else 0.0
                left = now.seconds_left
                st.progress(
                    share,
                    f"Showing {network.name} {now.total or 5000:,} drawings, once"
                    + ("" if left is None else f": {formatting.about_seconds(left)} left"),
                )
                if st.button("Stop", key=f"stop making {where}"):
                    now.stop()
                    st.rerun()
            elif now.problem:
                st.markdown(formatting.escape_markdown(now.problem))
                _button(network, "Go on", where, "play_arrow")
            else:
                st.rerun()  # It is there.

    following = before is not None and before.open
    st.fragment(body, run_every=POLL_SECONDS if following else None)()


def _button(network: Network, label: str, where: str, icon: str) -> None:
    if st.button(label, key=f"make {where}", icon=f":material/{icon}:"):
        start(network)
        st.rerun()
