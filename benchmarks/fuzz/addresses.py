"""Addresses of pages: strange values of the parameters in the query, alone and together."""

import functools
import os
import random
import shutil
import urllib.parse
from pathlib import Path

from streamlit.testing.v1 import AppTest

from benchmarks.fuzz import commands, words
from benchmarks.fuzz.trials import SECONDS, Attempt, Wrong
from explorer.paths import ROOT

NETWORK, LAYERS = "network", ("layer", "index", "show", "page")
PICTURES = ("picture", "style", "guide", "mask", "content")
HOW = ("seed", "size", "steps", "strength", "octaves", "colours", "loss", "init", "balance")
PARAMETERS = {
    "home": (),
    "lessons": (NETWORK, "layer", "picture", "lesson", "squares", "unit", "off",
                "cut"),
    "layers": (NETWORK, *LAYERS, "unit"),
    "neuron": (NETWORK, "layer", "unit", "view", "canvas", "index", "pictures", "evidence", "seed",
               "size", "steps"),
    "probe": (NETWORK, "layer", "picture", "row", "col", "unit", "index", "off",
              "ask", "class", "against"),
    "circuits": (NETWORK, "layer", "unit", "edge", "index"),
    "dream": (NETWORK, "layer", "unit", *PICTURES, *HOW),
    "depths": (NETWORK, "picture", "depths", "strength", "seed"),
    "style": (NETWORK, *PICTURES, *HOW, "content_layers", "style_layers", "style_scale"),
    "style_depths": (NETWORK, *PICTURES, *HOW, "view"),
    "gallery": ("open", "compare", "kind", NETWORK, "layer", "page"),
    "library": (NETWORK,),
}  # fmt: skip
GOOD = {
    "network": ("sketchnet",),
    "layer": ("relu1b", "relu3b", "relu5b", "logits"),
    "unit": ("0", "5", "2,3"),
    "lesson": tuple("123456789"),
    "picture": ("cat",),
}


def prepare(ready: Path) -> None:
    """Make an index and a picture, so that pages have something to show."""
    commands.prepare(ready)
    indexes = ready / "home" / "indexes"
    indexes.mkdir(parents=True, exist_ok=True)
    shutil.copy(ready / "some.index", indexes / "some.index")


def make(source: random.Random, folder: Path) -> Attempt:
    """Build the address of a page with one to four parameters."""
    shutil.copytree(folder.parent / "ready" / "home", folder / "home")
    page = source.choice(list(PARAMETERS))
    names = PARAMETERS[page]
    query = {}
    for name in source.sample(names, min(len(names), source.choice((1, 1, 2, 3, 4)))):
        if name in GOOD and source.random() < 0.4:
            query[name] = source.choice(GOOD[name])
        else:
            query[name] = source.choice((words.number, words.word, words.text))(source)
    if source.random() < 0.05:
        query[words.text(source)[:100] or "x"] = words.text(source)
    # Addresses are UTF-8: browsers and servers replace lone surrogates.
    query = {_clean(name): _clean(value) for name, value in query.items()}
    line = urllib.parse.urlencode({name: value[:60] for name, value in query.items()})
    return Attempt(
        f"/{page}?{line}", functools.partial(open_page, page, query), tuple(query.values())
    )


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def open_page(page: str, query: dict[str, str]) -> None:
    """Open a page at an address, without a browser.

    Raises:
        PageError: the page shows a traceback.
        Wrong: it repeats what the address says as HTML, or at length.
    """
    os.chdir(ROOT)
    app = AppTest.from_file(str(ROOT / "explorer" / "app.py"), default_timeout=3 * SECONDS)
    if page != "home":
        app.switch_page(f"../pages/{page}.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    if app.exception:
        raise PageError(app.exception[0])
    said = [str(it.value) for it in (*app.error, *app.warning)]
    html = "".join(it.proto.body for it in app.get("html"))
    for text in (*said, html):
        if "<script>alert" in text or "<img src=x" in text:
            raise Wrong("writes what the address says as HTML")
        if any(len(it) >= 100 and it[:100] in text for it in query.values()):
            raise Wrong("repeats more than 80 characters of the address")
    if any(len(it) > 500 for it in said):
        raise Wrong("says more than a sentence")


class PageError(Exception):
    """A page showed a traceback."""

    def __init__(self, element: object) -> None:
        trace = getattr(element, "stack_trace", None) or []
        super().__init__(f"{getattr(element, 'message', element)} {' '.join(trace)[-300:]}")
