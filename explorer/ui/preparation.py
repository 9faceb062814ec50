"""Does ahead what the first visit of a page would otherwise wait for.

This is the start of the workers, the import of charts, image processing and all computation, which
takes a second or two, and the small pictures of the samples, which most pages show. The module
itself imports none of that.
"""

import ast
import functools
import gc
import importlib
import logging
import threading
from pathlib import Path

from explorer.ui import page_list, urls

LOG = logging.getLogger(__name__)
# What pages import only when they measure something for the first time.
LATER = ("scipy.cluster.hierarchy", "scipy.ndimage", "scipy.spatial.distance")


@functools.cache
def start() -> threading.Thread:
    """Start the workers and call ``prepare`` in a thread, once in this process; return the thread.

    The server calls it when it begins to answer. What is done while the first visitor's browser
    still loads the app need not be waited for. Workers import on another core meanwhile, and have a
    lower priority than the pages.
    """
    thread = threading.Thread(target=_prepare_and_log, name="preparation", daemon=True)
    thread.start()
    return thread


def _prepare_and_log() -> None:
    from explorer.ui import server_state

    try:
        server_state.work()
        # Nothing of what is imported becomes garbage; to look for it takes a sixth of the time.
        gc.disable()
        prepare()
    except Exception:
        # A page that needs what failed tries it again, and shows the reason.
        LOG.exception("what pages need could not be prepared")
    finally:
        gc.enable()
        server_state.keep_imported()


def prepare() -> None:
    """Make the small pictures of the home page and the samples, and import what all pages import.

    The home page comes first: it needs no PyTorch, and most visitors begin there. A page that is
    opened meanwhile waits only for what it needs itself.
    """
    from explorer.ui.home import front_page

    for layer in front_page.FEATURED_UNITS:
        front_page.column(layer)
    for page in page_list.PAGES:
        for name in imported_modules(Path(page.page)):
            importlib.import_module(name)
    from explorer.ui import image_picker

    for sample in image_picker.TITLES:
        image_picker.thumbnail(sample)
    for name in LATER:
        importlib.import_module(name)


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
