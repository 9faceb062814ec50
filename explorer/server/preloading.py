"""Files of Streamlit that a page needs soon, named in the page's first response.

Streamlit's code asks for the code of charts and of other elements only when the page has run and
the first of them arrives. A browser that knows of them before loads them meanwhile.
"""

import re
from collections.abc import Mapping
from pathlib import Path

# The parts of Streamlit that every page uses.
EVERYWHERE = ("Html", "BidiComponent")
CHART = "PlotlyChart"
# The pages that show a chart before any click, and what their queries have if they do not.
CHARTS: Mapping[str, tuple[str, str] | None] = {
    "style": None,
    "style_depths": ("view", "together"),
}
FILE_NAME = re.compile(r"static/js/([\w.$-]+\.js)")
IMPORTED = re.compile(r"""(?:from|import)\s*["'`]\./([\w.$-]+\.js)["'`]""")
# The imports of a file are in its beginning, of so many characters.
BEGINNING = 20_000


class Preloading:
    """The ``Link`` headers of pages."""

    def __init__(self, index_page: Path) -> None:
        """Find out which files the parts need.

        Args:
            index_page: Streamlit's ``index.html``; the files are in ``static/js`` beside it. Parts
                that have no file there are left out.
        """
        self._folder = index_page.parent / "static" / "js"
        named = FILE_NAME.findall(index_page.read_text("utf-8"))
        everywhere = self._needed(EVERYWHERE, named)
        self._everywhere = _headers(everywhere)
        self._with_charts = _headers([*everywhere, *self._needed((CHART,), [*named, *everywhere])])

    def headers(self, path: str, query: Mapping[str, str]) -> dict[str, str]:
        """Return the ``Link`` header of a page.

        Args:
            path: path of the page in the URL, such as ``/style``.
            query: query of the URL.
        """
        page = path.strip("/").rpartition("/")[2]
        if page not in CHARTS:
            return self._everywhere
        without = CHARTS[page]
        hidden = without is not None and query.get(without[0]) == without[1]
        return self._everywhere if hidden else self._with_charts

    def _needed(self, parts: tuple[str, ...], known: list[str]) -> list[str]:
        """Return the files of parts and all files that these import, without the known ones."""
        waiting = [it.name for part in parts for it in sorted(self._folder.glob(f"{part}.*.js"))]
        found: list[str] = []
        while waiting:
            name = waiting.pop(0)
            if name in found or name in known:
                continue
            found.append(name)
            with (self._folder / name).open(encoding="utf-8") as file:
                waiting += IMPORTED.findall(file.read(BEGINNING))
        return found


def _headers(files: list[str]) -> dict[str, str]:
    links = (f"<./static/js/{it}>; rel=modulepreload; crossorigin" for it in files)
    return {"Link": ", ".join(links)} if files else {}
