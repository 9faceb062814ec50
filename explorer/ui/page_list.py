"""The list of all pages, which the navigation and the home page read.

A new page needs an entry in ``SECTIONS`` and a file in ``pages/``. This module does not import
PyTorch, so that the home page is shown immediately. ``python -m explorer.prebuilt.page_previews``
renders the picture of each page that the home page shows.
"""

from dataclasses import dataclass

import streamlit as st

from explorer.ui import urls


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        name: name of the page's file in ``pages/``, of its picture, and its path in the URL.
        icon: name of one of Streamlit's Material icons.
        line: a sentence on what a visitor does on the page.
        named: the title, if it is another word than ``name``.
    """

    name: str
    icon: str
    line: str
    named: str = ""

    @property
    def title(self) -> str:
        """Title in the navigation, and beneath the picture on the home page."""
        return self.named or self.name.capitalize()

    @property
    def page(self) -> str:
        """Path of the page's file, such as ``urls.NEURON``."""
        return str(urls.PAGES / f"{self.name}.py")


# All pages, by the section of the navigation and of the home page that they are in.
SECTIONS: dict[str, tuple[Page, ...]] = {
    "Learn": (
        Page("lessons", "school", "Begin here: short lessons, each with something to try."),
        Page("glossary", "dictionary", "Every term of these pages, in one or two sentences."),
    ),
    "Explore": (
        Page(
            "layers", "layers", "What the neurons of each layer respond to, from edges to things."
        ),
        Page(
            "neuron",
            "center_focus_strong",
            "One neuron: its pictures, what excites it, and which neurons are similar.",
        ),
        Page("probe", "colorize", "Which neurons respond to your picture, and where in it."),
        Page(
            "circuits",
            "hub",
            "Which neurons a neuron reads, and which it feeds: walk from one to the next.",
        ),
    ),
    "Create": (
        Page(
            "dream",
            "bedtime",
            "Change a picture so that a layer responds more: it begins to dream.",
        ),
        Page(
            "depths",
            "view_column",
            "The same picture dreamt by several layers, side by side, with numbers.",
            "Dreams by layer",
        ),
        Page(
            "style",
            "palette",
            "Paint a picture in the style of another one, and choose the layers.",
        ),
        Page(
            "style_depths",
            "grid_view",
            "Style from shallow to deep layers with content from shallow to deep, with numbers.",
            "Styles by layer",
        ),
    ),
    "Yours": (
        Page(
            "gallery",
            "photo_library",
            "Everything made so far: compare, name, save and open again.",
        ),
        Page(
            "library",
            "local_library",
            "Other networks, your own weights, and collections of pictures to look through.",
        ),
    ),
}
PAGES = tuple(page for pages in SECTIONS.values() for page in pages)


def find_page(name: str) -> Page:
    """Find a page by its name."""
    return next(it for it in PAGES if it.name == name)


def page_link(path: str, label: str, **query: str | int | None) -> None:
    """Show a link to a page with the page's icon.

    Args:
        path: path of the page's file, such as ``urls.NEURON``.
        label: text of the link.
        query: the query of the URL; a parameter whose value is None is left out.
    """
    icon = next(it.icon for it in PAGES if it.page == path)
    given = urls.as_query(**query)
    st.page_link(path, label=label, icon=f":material/{icon}:", query_params=given)
