"""The rooms of the house: every page with its name, what it is for and a picture of it.

The home page and the navigation read the same list. Nothing here needs PyTorch, so that the first
page stands at once; the pictures are made by ``python -m explorer.prebuilt.page_previews``.
"""

from dataclasses import dataclass
from pathlib import Path

from explorer.ui import urls


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        name: of its picture's file.
        title: in the navigation, and beneath its picture.
        line: what a visitor does there.
        page: its file, one of ``links``.
        icon: of Streamlit's icons.
    """

    name: str
    title: str
    line: str
    page: str
    icon: str

    @property
    def path(self) -> str:
        """The page's place in the app's address."""
        return Path(self.page).stem


PAGES = (
    Page(
        "lessons",
        "Lessons",
        "Begin here: seven claims about networks, to try and to measure.",
        urls.LESSONS,
        "school",
    ),
    Page(
        "layers",
        "Layers",
        "What every neuron of a layer wants to see, from edges to things.",
        urls.LAYERS,
        "layers",
    ),
    Page(
        "neuron",
        "Neuron",
        "One neuron close by: its pictures, its kin, and what excites it.",
        urls.NEURON,
        "center_focus_strong",
    ),
    Page(
        "probe",
        "Probe",
        "Which neurons know a picture of yours, and where in it they fire.",
        urls.PROBE,
        "colorize",
    ),
    Page(
        "dream",
        "Dream",
        "Let a layer dream over a picture, as deep as you choose.",
        urls.DREAM,
        "bedtime",
    ),
    Page(
        "depths",
        "Depths",
        "The same picture dreamt at several depths, with numbers.",
        urls.DEPTHS,
        "view_column",
    ),
    Page(
        "style",
        "Style",
        "Paint a picture in the style of another, and choose who speaks.",
        urls.STYLE,
        "palette",
    ),
    Page(
        "style_depths",
        "Style depths",
        "Every depth of style with every depth of content, and the wrong ones.",
        urls.STYLE_DEPTHS,
        "grid_view",
    ),
    Page(
        "gallery",
        "Gallery",
        "Everything made so far: compare, name, save and open again.",
        urls.GALLERY,
        "photo_library",
    ),
    Page(
        "library",
        "Library",
        "Other networks, weights of your own, and collections to ask neurons with.",
        urls.LIBRARY,
        "local_library",
    ),
)


def find_page(name: str) -> Page:
    """Find a room by its name."""
    return next(it for it in PAGES if it.name == name)
