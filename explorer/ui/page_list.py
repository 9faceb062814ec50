"""The list of all pages, which the navigation and the home page read.

A new page needs an entry in ``PAGES`` and a file in ``pages/``. This module does not import
PyTorch, so that the home page is shown immediately. ``python -m explorer.prebuilt.page_previews``
renders the picture of each page that the home page shows.
"""

from dataclasses import dataclass

from explorer.ui import urls


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        name: name of the page's file in ``pages/``, of its picture, and its path in the URL.
        title: title in the navigation, and beneath the picture on the home page.
        line: a sentence on what a visitor does on the page.
        icon: name of one of Streamlit's Material icons.
    """

    name: str
    title: str
    line: str
    icon: str

    @property
    def page(self) -> str:
        """Path of the page's file, such as ``urls.NEURON``."""
        return str(urls.PAGES / f"{self.name}.py")


PAGES = (
    Page(
        "lessons",
        "Lessons",
        "Begin here: seven claims about networks, to try and to measure.",
        "school",
    ),
    Page(
        "layers",
        "Layers",
        "What every neuron of a layer wants to see, from edges to things.",
        "layers",
    ),
    Page(
        "neuron",
        "Neuron",
        "One neuron close by: its pictures, its kin, and what excites it.",
        "center_focus_strong",
    ),
    Page(
        "probe",
        "Probe",
        "Which neurons know a picture of yours, and where in it they fire.",
        "colorize",
    ),
    Page(
        "dream",
        "Dream",
        "Let a layer dream over a picture, as deep as you choose.",
        "bedtime",
    ),
    Page(
        "depths",
        "Depths",
        "The same picture dreamt at several depths, with numbers.",
        "view_column",
    ),
    Page(
        "style",
        "Style",
        "Paint a picture in the style of another, and choose who speaks.",
        "palette",
    ),
    Page(
        "style_depths",
        "Style depths",
        "Every depth of style with every depth of content, and the wrong ones.",
        "grid_view",
    ),
    Page(
        "gallery",
        "Gallery",
        "Everything made so far: compare, name, save and open again.",
        "photo_library",
    ),
    Page(
        "library",
        "Library",
        "Other networks, weights of your own, and collections to ask neurons with.",
        "local_library",
    ),
)


def find_page(name: str) -> Page:
    """Find a page by its name."""
    return next(it for it in PAGES if it.name == name)
