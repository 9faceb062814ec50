"""The list of all pages, which the navigation and the home page read.

A page is registered by an entry here and a file in ``pages``. Nothing here needs PyTorch, so that
the home page is shown at once. ``python -m explorer.prebuilt.page_previews`` renders its pictures.
"""

from dataclasses import dataclass

from explorer.ui import urls


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        name: name of its file in ``pages`` and of its picture, and the path in its URL.
        title: in the navigation, and beneath its picture.
        line: what a visitor does there.
        icon: one of Streamlit's Material icons.
    """

    name: str
    title: str
    line: str
    icon: str

    @property
    def page(self) -> str:
        """Its file, as ``urls`` names it."""
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
