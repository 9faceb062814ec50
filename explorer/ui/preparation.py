"""Does ahead what the first visit of a page would otherwise wait for.

This is the start of the workers, the import of charts, image processing and all computation, which
takes a second or two, and the small pictures of the samples, which most pages show. The module
itself imports none of that. While a browser loads a page, all that gives way.
"""

import ast
import contextlib
import functools
import gc
import importlib
import importlib.abc
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from explorer.ui import page_list, urls

LOG = logging.getLogger(__name__)
# What pages import only when they measure something for the first time.
LATER = ("scipy.cluster.hierarchy", "scipy.ndimage", "scipy.spatial.distance")


# What the list of the home page imports, and whether that has been imported.
LISTED = ("core.networks.registry", "core.datasets.samples", "explorer.library.indexes")
_listed = threading.Event()
# Set when a page waits for what is imported here, so that nothing gives way any more.
_hurry = threading.Event()
# Number of pages that import what they need themselves just now, and what is waited for until none
# does: two threads that import different things take twice as long each.
_importing = 0
_idle = threading.Condition()
_once = threading.Lock()
_thread: threading.Thread | None = None

# Waits while a browser loads a page, unless the event is set.
GiveWay = Callable[[threading.Event], None]


def start(give_way: GiveWay | None = None) -> threading.Thread:
    """Start the workers and call ``prepare`` in a thread, once in this process; return the thread.

    The server calls it when it begins to answer. What is done while nobody loads a page need not be
    waited for. Workers import on another core meanwhile, and have a lower priority than the pages.

    Args:
        give_way: called before each import; None to import at once.
    """
    global _thread
    with _once:
        if _thread is None:
            arguments = (give_way or (lambda _: None),)
            _thread = threading.Thread(
                target=_prepare_and_log, args=arguments, name="preparation", daemon=True
            )
            _thread.start()
        return _thread


def import_for_page(names: Sequence[str]) -> None:
    """Import what a page waits for; nothing else is begun meanwhile, and nothing gives way."""
    global _importing
    _hurry.set()
    with _idle:
        _importing += 1
    try:
        for name in names:
            importlib.import_module(name)
    finally:
        with _idle:
            _importing -= 1
            _idle.notify_all()


def _import_ahead(names: Iterable[str]) -> None:
    """Import modules, each when no page imports what it needs."""
    for name in names:
        with _idle:
            _idle.wait_for(lambda: _importing == 0)
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


def _prepare_and_log(give_way: GiveWay) -> None:
    from explorer.ui import server_state

    try:
        # Nothing of what is imported becomes garbage; to look for it takes a sixth of the time.
        gc.disable()
        prepare_home()
        give_way(_hurry)
        server_state.work()
        with _imports_giving_way(give_way):
            prepare()
    except Exception:
        # A page that needs what failed tries it again, and shows the reason.
        LOG.exception("what pages need could not be prepared")
    finally:
        gc.enable()
        server_state.keep_imported()


class _BeforeImports(importlib.abc.MetaPathFinder):
    """A finder that finds no modules, but makes imports of its thread wait for pages.

    Only imports of the thread that has made it wait.
    """

    def __init__(self, give_way: GiveWay) -> None:
        self._give_way = give_way
        self._thread = threading.get_ident()

    def find_spec(self, *_: object) -> None:
        """Wait while a page is being loaded; return None, for the other finders."""
        if threading.get_ident() == self._thread:
            self._give_way(_hurry)


@contextlib.contextmanager
def _imports_giving_way(give_way: GiveWay) -> Iterator[None]:
    """Make each import of this thread wait while a page is being loaded.

    An import keeps a core and Python's lock busy.
    """
    finder = _BeforeImports(give_way)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def prepare_home() -> None:
    """Make the small pictures of the home page, for which nothing slow is imported."""
    from explorer.ui.home import front_page

    for layer in front_page.FEATURED_UNITS:
        front_page.column(layer)


def prepare() -> None:
    """Make the small pictures of the home page and the samples, and import what all pages import.

    The home page comes first: it needs no PyTorch, and most visitors begin there. A page that is
    opened meanwhile waits only for what it needs itself.
    """
    prepare_home()
    _import_ahead(LISTED)
    _listed.set()
    for page in page_list.PAGES:
        _import_ahead(imported_modules(Path(page.page)))
    from explorer.ui import image_picker

    for sample in image_picker.TITLES:
        image_picker.thumbnail(sample)
    _import_ahead(LATER)


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
