"""Small pictures beside some terms of the glossary, all of which ship with the project."""

from collections.abc import Mapping

from explorer import thumbnails
from explorer.ui import server_state
from explorer.ui.home import front_page

PIXELS = 96
# For some terms, the page whose preview shows what is meant.
PREVIEWS: Mapping[str, str] = {
    "layer": "layers",
    "class": "library",
    "activation map": "probe",
    "dream": "dream",
    "style": "style",
    "texture": "style_depths",
}
# For others, units of SketchNet: (layer, unit).
UNITS: Mapping[str, tuple[tuple[str, int], ...]] = {
    "depth": (("relu1a", 14), ("relu3b", 79), ("relu5b", 105)),
    "neuron": (("relu4b", 143),),
    "logits": (("logits", 58),),
    "feature visualization": (("relu5b", 16),),
}


def find(term: str) -> list[str]:
    """Return the URLs of the pictures of a term; an empty list for most terms."""
    if term in PREVIEWS:
        url = front_page.preview_url(PREVIEWS[term])
        return [url] if url else []
    images = [
        image
        for layer, unit in UNITS.get(term, ())
        for image in server_state.store().shipped_units(front_page.SKETCHNET, layer, [unit])
    ]
    return [thumbnails.thumbnail(it, PIXELS) for it in images]
