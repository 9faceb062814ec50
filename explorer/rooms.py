"""The rooms of the house: every page with its name, what it is for and a picture of it.

The home page and the navigation read the same list. Nothing here needs PyTorch, so that the first
page stands at once; the pictures are made by ``python -m explorer.furnishing``.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explorer import links, mounting, shared, thumbnails, widgets

# The network that ships; its own name, as the package that has it needs PyTorch.
SKETCHNET = "sketchnet"
EXHIBIT_PIXELS = 160
PICTURES = Path(__file__).parent / "assets" / "rooms"


@dataclass(frozen=True)
class Room:
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


ROOMS = (
    Room(
        "lessons",
        "Lessons",
        "Begin here: seven claims about networks, to try and to measure.",
        links.LESSONS,
        "school",
    ),
    Room(
        "layers",
        "Layers",
        "What every neuron of a layer wants to see, from edges to things.",
        links.LAYERS,
        "layers",
    ),
    Room(
        "neuron",
        "Neuron",
        "One neuron close by: its pictures, its kin, and what excites it.",
        links.NEURON,
        "center_focus_strong",
    ),
    Room(
        "probe",
        "Probe",
        "Which neurons know a picture of yours, and where in it they fire.",
        links.PROBE,
        "colorize",
    ),
    Room(
        "dream",
        "Dream",
        "Let a layer dream over a picture, as deep as you choose.",
        links.DREAM,
        "bedtime",
    ),
    Room(
        "depths",
        "Depths",
        "The same picture dreamt at several depths, with numbers.",
        links.DEPTHS,
        "view_column",
    ),
    Room(
        "style",
        "Style",
        "Paint a picture in the style of another, and choose who speaks.",
        links.STYLE,
        "palette",
    ),
    Room(
        "style_depths",
        "Style depths",
        "Every depth of style with every depth of content, and the wrong ones.",
        links.STYLE_DEPTHS,
        "grid_view",
    ),
    Room(
        "gallery",
        "Gallery",
        "Everything made so far: compare, name, save and open again.",
        links.GALLERY,
        "photo_library",
    ),
    Room(
        "library",
        "Library",
        "Other networks, weights of your own, and collections to ask neurons with.",
        links.LIBRARY,
        "local_library",
    ),
)

# Of each layer of SketchNet some neurons that show well what it is about, by eye.
EXHIBIT: dict[str, tuple[int, ...]] = {
    "relu1a": (14, 13, 5),
    "relu1b": (2, 7, 16),
    "relu2a": (3, 26, 4),
    "relu2b": (35, 22, 9),
    "relu3a": (39, 61, 25),
    "relu3b": (79, 78, 2),
    "relu4a": (121, 134, 130),
    "relu4b": (143, 56, 158),
    "relu5a": (136, 203, 104),
    "relu5b": (16, 18, 105),
    "logits": (38, 58, 43),
}


@functools.cache
def picture(name: str) -> str:
    """Give a room's picture as a URL; "" where it has not been made."""
    file = PICTURES / f"{name}.webp"
    return thumbnails.data_url(file.read_bytes()) if file.is_file() else ""


def front(key: str) -> str | None:
    """Show neurons from shallow to deep, and a door to every room.

    Args:
        key: the widget's key.

    Returns:
        ``room`` and its name, or ``neuron`` with its layer and number, parted by spaces, where a
        link was clicked just now; else None.
    """
    html = (
        '<div class="home"><div class="columns" role="group" aria-label="Neurons of SketchNet">'
        '</div><p class="ends"><span>shallow: edges and colours</span><span>deep: whole things'
        '</span></p><nav class="doors" aria-label="Rooms"></nav></div>'
    )
    doors = [
        {
            "id": f"room {it.name}",
            "href": it.path,
            "title": it.title,
            "line": it.line,
            "url": picture(it.name),
        }
        for it in ROOMS
    ]
    data = {"columns": [_column(layer) for layer in EXHIBIT], "doors": doors}
    return mounting.mount("home", html, key, data, "go", None)


def _column(layer: str) -> dict[str, Any]:
    units = EXHIBIT[layer]
    found = shared.store().exhibited(SKETCHNET, layer, units)
    depth = list(EXHIBIT).index(layer) / (len(EXHIBIT) - 1)
    pictures = [
        {
            "id": f"neuron {layer} {unit}",
            "href": f"neuron?network={SKETCHNET}&layer={layer}&unit={unit}",
            "label": f"Neuron {unit} of {layer}",
            "url": thumbnails.thumbnail(image, EXHIBIT_PIXELS),
        }
        for unit, image in zip(units, found, strict=False)
    ]
    return {"name": layer, "colour": widgets.depth_colour(depth), "pictures": pictures}


def of(name: str) -> Room:
    """Find a room by its name."""
    return next(it for it in ROOMS if it.name == name)
