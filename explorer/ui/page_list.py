"""The list of all pages, which the navigation and the home page read.

A new page needs an entry in ``PAGES`` and a file in ``pages/``. This module does not import
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
    """

    name: str
    icon: str
    line: str

    @property
    def title(self) -> str:
        """Title in the navigation, and beneath the picture on the home page."""
        return self.name.replace("_", " ").capitalize()

    @property
    def page(self) -> str:
        """Path of the page's file, such as ``urls.NEURON``."""
        return str(urls.PAGES / f"{self.name}.py")


PAGES = (
    Page("lessons", "school", "Begin here: seven claims about networks, to try and to measure."),
    Page("layers", "layers", "What every neuron of a layer wants to see, from edges to things."),
    Page(
        "neuron",
        "center_focus_strong",
        "One neuron close by: its pictures, its kin, and what excites it.",
    ),
    Page("probe", "colorize", "Which neurons know a picture of yours, and where in it they fire."),
    Page("dream", "bedtime", "Let a layer dream over a picture, as deep as you choose."),
    Page("depths", "view_column", "The same picture dreamt at several depths, with numbers."),
    Page("style", "palette", "Paint a picture in the style of another, and choose who speaks."),
    Page(
        "style_depths",
        "grid_view",
        "Every depth of style with every depth of content, and the wrong ones.",
    ),
    Page("gallery", "photo_library", "Everything made so far: compare, name, save and open again."),
    Page(
        "library",
        "local_library",
        "Other networks, weights of your own, and collections to ask neurons with.",
    ),
)


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
