"""State that all visitors of the app share: the store, the job queue and the loaded networks.

PyTorch is imported only when a network is loaded. Before that, ``html_snippets.warm_up`` shows the
outline of the page.
"""

import atexit
import functools
import gc
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import streamlit as st

from core.networks import known_networks
from core.networks.known_networks import SKETCHNET
from explorer import cores
from explorer.jobs.job_queue import Jobs
from explorer.jobs.ownership import VISITOR_HEADER
from explorer.paths import home
from explorer.store.database import FILE_NAME
from explorer.store.results import Store
from explorer.text import formatting

if TYPE_CHECKING:
    from core.networks.network import Network
    from core.recipes.recipe import Recipe
    from explorer.engine import Engine

Params = ParamSpec("Params")
Result = TypeVar("Result")

# Number of loaded networks that stay in memory: the most recently used ones.
NETWORKS_AT_MOST = 4
# The engine (the workers) of each data folder. A server has one folder; tests use several.
_ENGINES: "dict[Path, Engine]" = {}
_STARTING = threading.Lock()
# For each type of argument that Streamlit cannot tell apart: what tells its objects apart.
HASHES: dict[str | type[Any], Callable[[Any], Any]] = {
    "core.networks.network.Network": attrgetter("fingerprint"),
    "core.networks.layers.Layer": attrgetter("name"),
    "core.index.reader.Index": attrgetter("plan.fingerprint"),
    "explorer.ui.image_picker.PickedImage": attrgetter("fingerprint"),
    "explorer.store.results.StoredPicture": attrgetter("image"),
}
# Number of imported modules when ``gc.freeze`` was last called.
_imported = 0
# The store of ``using``.
_used: Store | None = None


def store() -> Store:
    """Return the store in the data folder, or that of ``using``."""
    return _used or _store(home())


@contextmanager
def using(store: Store) -> Iterator[None]:
    """Use another store within the ``with`` statement, in commands that run pages."""
    global _used
    _used = store
    try:
        yield
    finally:
        _used = None


@functools.lru_cache(maxsize=4)
def _store(folder: Path) -> Store:
    return Store(folder / FILE_NAME)


def show_store_problem() -> None:
    """Show in a line that nothing can be saved, or that a damaged store was set aside."""
    for problem in filter(None, (store().problem, store().set_aside)):
        st.warning(formatting.escape_markdown(problem[:1].upper() + problem[1:]))


def finished_image(recipe: "Recipe") -> bytes | None:
    """Return the encoded image of a recipe of one image; None if the image is not finished."""
    found = store().picture(recipe.key, 0)
    return None if found is None else found.image


def jobs() -> Jobs:
    """Return the job queue, whose jobs the workers of this server run."""
    return Jobs(store())


def work() -> None:
    """Start the workers of this server, unless they are already running."""
    from explorer import engine

    with _STARTING:
        if home() not in _ENGINES:
            started = _ENGINES[home()] = engine.create_engine(Store(home() / FILE_NAME))
            # The server ends by SIGTERM or Ctrl-C: Streamlit then returns from its loop.
            atexit.register(started.stop)
            started.start()


def collect_garbage() -> None:
    """Collect garbage, unless it is off (``preparation``), and never look at modules again.

    Each run of a page ends with it, as otherwise by Streamlit itself. The objects of imported
    modules are never freed, and to check them each time took longer than to run most pages: so
    they are excluded. While modules are imported ahead, they would still be checked, and all other
    threads would wait.
    """
    global _imported
    if not gc.isenabled():
        return
    gc.collect()
    if len(sys.modules) != _imported:
        _imported = len(sys.modules)
        gc.freeze()


def visitor() -> str:
    """Return the identifier of the visitor, the same in all tabs of a browser.

    The guard (``explorer.server.guard``) takes it from a cookie, and tells in it whether the
    visitor may change only what is their own.
    """
    named = st.context.headers.get(VISITOR_HEADER)
    if named is not None:
        return named
    name: str = st.session_state.setdefault("visitor", secrets.token_hex(8))
    return name


def cached(
    entries: int, words: str | bool = False
) -> Callable[[Callable[Params, Result]], Callable[Params, Result]]:
    """Return a decorator that caches what a function computes from networks and images.

    Networks with equal weights are equal arguments; so are images with equal pixels. The results
    are shared, so they must not be changed.

    Args:
        entries: number of results that stay in memory, the most recent ones.
        words: what the page shows while the function runs; False for nothing.
    """

    def decorate(function: Callable[Params, Result]) -> Callable[Params, Result]:
        @functools.wraps(function)
        def compute(*args: Params.args, **kwargs: Params.kwargs) -> Result:
            with cores.joined(cores.PAGE):
                return function(*args, **kwargs)

        cache = st.cache_resource(max_entries=entries, show_spinner=words, hash_funcs=HASHES)
        cached_function: Callable[Params, Result] = cache(compute)
        return cached_function

    return decorate


@st.cache_resource(max_entries=NETWORKS_AT_MOST, show_spinner=False)
def network(name: str) -> "Network":
    """Load a network, cached.

    All visitors share it. Its weights are frozen, and each optimisation truncates a copy of the
    network, so the shared network never changes.

    Raises:
        ExplorerError: the network does not exist, or its weights cannot be downloaded.
    """
    from core.networks import registry
    from explorer.library import catalogue

    own = catalogue.list_checkpoints().get(name)
    return registry.load(name, None if own is None else own.file)


def network_infos() -> dict[str, known_networks.NetworkInfo]:
    """Return all networks by name.

    SketchNet is the first, then come those whose weights are on this machine, then all others.
    """
    from explorer.library import catalogue

    infos = known_networks.describe_networks()
    infos = (*infos[:1], *catalogue.describe_checkpoints(), *infos[1:])
    ordered = sorted(infos, key=lambda info: (info.name != SKETCHNET, not info.ready))
    return {info.name: info for info in ordered}
