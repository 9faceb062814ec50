"""Does ahead what the first visit of a page would otherwise wait for.

This is the start of the workers, the import of charts, image processing and all computation, which
takes a second or two, and the small pictures of the samples, which most pages show. The module
itself imports none of that. While a browser loads the home page, all that waits, and what pages can
be shown without waits for all pages.
"""

import ast
import builtins
import contextlib
import functools
import gc
import importlib
import logging
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, Protocol

from explorer.ui import page_list, urls

LOG = logging.getLogger(__name__)
# What pages import only when they measure something for the first time.
LATER = ("scipy.cluster.hierarchy", "scipy.ndimage", "scipy.spatial.distance")


# What the list of the home page imports, and whether that has been imported.
LISTED = ("core.networks.registry", "core.datasets.samples", "explorer.library.indexes")
_listed = threading.Event()
# Set when a page waits for what is imported here, so that no import waits any more.
_hurry = threading.Event()
# Number of pages that import what they need, or show themselves for the first time after that, and
# what is waited for until none does: two threads that import different things, or one that imports
# while a page runs, take twice as long each.
_pages_first = 0
_idle = threading.Condition()
# The longest wait for pages that open, in seconds before each module.
PAGE_SECONDS = 2.0
# Number of modules of a server that has imported nothing for pages, and of one whose first page is
# open: its progress runs from one to the other.
NO_MODULES, ALL_MODULES = 900, 2100
# Time between two reports of progress.
REPORT_SECONDS = 0.2
_once = threading.Lock()
_thread: threading.Thread | None = None


class Visits(Protocol):
    """What is known of the browsers that load pages."""

    def wait_for_home(self, hurry: threading.Event) -> None:
        """Wait until no browser loads the home page; end when the event is set."""

    def wait_for_pages(self) -> None:
        """Wait until no browser loads any page, but not for ever."""


class NoVisits:
    """Stands for ``Visits`` where nothing is known of browsers: it never waits."""

    def wait_for_home(self, hurry: threading.Event) -> None:
        """Return at once."""

    def wait_for_pages(self) -> None:
        """Return at once."""


def start(visits: Visits | None = None) -> threading.Thread:
    """Start the workers and call ``prepare`` in a thread, once in this process; return the thread.

    The server calls it when it begins to answer. What is done while nobody loads a page need not be
    waited for. Workers import on another core meanwhile, and have a lower priority than the pages.

    Args:
        visits: what the work waits for; None to do it at once.
    """
    global _thread
    with _once:
        if _thread is None:
            _thread = threading.Thread(
                target=_prepare_and_log,
                args=(visits or NoVisits(),),
                name="preparation",
                daemon=True,
            )
            _thread.start()
        return _thread


@contextlib.contextmanager
def page_first() -> Iterator[None]:
    """Import nothing ahead while a page imports what it needs, and shows itself."""
    global _pages_first
    with _idle:
        _pages_first += 1
    try:
        yield
    finally:
        with _idle:
            _pages_first -= 1
            _idle.notify_all()


def import_for_page(names: Sequence[str]) -> Iterator[float]:
    """Import what a page waits for, in a thread; no import waits for pages any more.

    Args:
        names: names of modules.

    Yields:
        The share that is done, between 0 and 1, every ``REPORT_SECONDS``.

    Raises:
        Exception: what the import of a module has raised.
    """
    _hurry.set()
    done: Future[None] = Future()
    # Whoever opens another page meanwhile does not stop it: that page needs most of this, too.
    threading.Thread(target=_import_all, args=(names, done), name="imports", daemon=True).start()
    while wait([done], REPORT_SECONDS).not_done:
        share = (len(sys.modules) - NO_MODULES) / (ALL_MODULES - NO_MODULES)
        yield min(max(share, 0.0), 1.0)
    done.result()


def _import_all(names: Iterable[str], done: "Future[None]") -> None:
    try:
        for name in names:
            importlib.import_module(name)
        done.set_result(None)
    except BaseException as error:
        done.set_exception(error)


def _import_ahead(names: Iterable[str]) -> None:
    """Import modules, each when no page opens."""
    for name in names:
        with _idle:
            _idle.wait_for(lambda: _pages_first == 0, PAGE_SECONDS)
        importlib.import_module(name)


def is_opening(seconds: float) -> bool:
    """Wait until what the home page lists is imported, if it is being imported.

    Args:
        seconds: the longest wait.

    Returns:
        Whether it is not yet imported, and will be.
    """
    running = _thread is not None and _thread.is_alive()
    return running and not _listed.wait(seconds)


def _prepare_and_log(visits: Visits) -> None:
    from explorer.ui import server_state

    try:
        # Nothing of what is imported becomes garbage; to look for it takes a sixth of the time.
        gc.disable()
        prepare_home()
        visits.wait_for_home(_hurry)
        server_state.work()
        prepare(visits)
    except Exception:
        # A page that needs what failed tries it again, and shows the reason.
        LOG.exception("what pages need could not be prepared")
    finally:
        # To look through all that was imported would stop every other thread for a while.
        gc.freeze()
        gc.enable()


@contextlib.contextmanager
def _imports_waiting(visits: Visits) -> Iterator[None]:
    """Make each import statement of this thread wait while the home page is being loaded.

    An import keeps a core and Python's lock busy. The wait is before the search for the module,
    during which imports of other threads, thus also those of the home page, would wait, too.
    """
    thread, original = threading.get_ident(), builtins.__import__

    @functools.wraps(original)
    def wait_and_import(name: str, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() == thread and name not in sys.modules:
            visits.wait_for_home(_hurry)
        return original(name, *args, **kwargs)

    builtins.__import__ = wait_and_import
    try:
        yield
    finally:
        builtins.__import__ = original


def prepare_home() -> None:
    """Make the small pictures of the home page, for which nothing slow is imported."""
    from explorer.ui.home import front_page

    for layer in front_page.FEATURED_UNITS:
        front_page.column(layer)


def prepare(visits: Visits | None = None) -> None:
    """Make the small pictures of the home page and the samples, and import what all pages import.

    The home page comes first: it needs no PyTorch, and most visitors begin there. A page that is
    opened meanwhile waits only for what it needs itself.

    Args:
        visits: what the work waits for; None to do it at once.
    """
    visits = visits or NoVisits()
    prepare_home()
    with _imports_waiting(visits):
        _import_ahead(LISTED)
        _listed.set()
        for page in page_list.PAGES:
            _import_ahead(imported_modules(Path(page.page)))
    # A page can be shown without the rest, which it makes or imports itself if it comes first.
    from explorer.ui import image_picker

    for sample in image_picker.TITLES:
        visits.wait_for_pages()
        image_picker.thumbnail(sample)
    for name in LATER:
        visits.wait_for_pages()
        _import_ahead([name])


@functools.cache
def imported_modules(file: Path) -> tuple[str, ...]:
    """Return the names of the modules that the file of a page imports, in their order.

    For ``from package import name`` these are ``package`` and, if ``name`` is a module of the
    project, ``package.name``.
    """
    found: dict[str, None] = {}
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            found |= dict.fromkeys(it.name for it in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found[node.module] = None
            names = (f"{node.module}.{it.name}" for it in node.names)
            found |= dict.fromkeys(it for it in names if _is_module(it))
    return tuple(found)


def _is_module(name: str) -> bool:
    """Whether a name is that of a module or a package of the project."""
    path = urls.PAGES.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
