"""The parts of the home page: units from shallow to deep, links to all pages, and what is loaded.

What is loaded are the networks and the indexes on this machine.
"""

import functools
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.ui import page_list, server_state
from explorer.ui.components.mount import mount_component

# Name of the network that ships with the explorer. It is repeated here because the package that
# defines it imports PyTorch.
SKETCHNET = "sketchnet"
FEATURED_PIXELS = 160
# Largest number of links to pages side by side.
DOORS_IN_ROW = 5
PREVIEWS = Path(__file__).parent / "previews"

# For each layer of SketchNet, three units that are typical of what the layer responds to. They
# were chosen manually.
FEATURED_UNITS: dict[str, tuple[int, ...]] = {
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
def preview_url(name: str) -> str:
    """Return the picture of a page as a URL; "" if the picture has not been rendered."""
    file = PREVIEWS / f"{name}.webp"
    return thumbnails.data_url(file.read_bytes()) if file.is_file() else ""


def show_front(key: str) -> str | None:
    """Show neurons from shallow to deep, and a link to every page.

    Args:
        key: the widget's key.

    Returns:
        The link that was clicked just now, such as ``page dream`` or ``neuron relu1a 14`` (layer
        and unit); None if there was no click.
    """
    html = (
        '<div class="home"><div class="columns" role="group" aria-label="Neurons of SketchNet">'
        '</div><p class="ends"><span>shallow: edges and colours</span><span>deep: parts and things'
        '</span></p><nav class="pages" aria-label="Pages"></nav></div>'
    )
    sections = page_list.SECTIONS
    rows = [
        [{"title": it, "pages": [_door(page) for page in sections[it]]} for it in row]
        for row in pack_sections({name: len(pages) for name, pages in sections.items()})
    ]
    data = {"columns": [column(layer) for layer in FEATURED_UNITS], "rows": rows}
    return mount_component("front_page", html, key, data, "go", None)


def pack_sections(sizes: Mapping[str, int], most: int = DOORS_IN_ROW) -> list[list[str]]:
    """Divide sections into rows that hold whole sections in their order.

    Args:
        sizes: number of pages by section.
        most: largest number of pages in a row. A section with more pages has a row of its own.
    """
    rows: list[list[str]] = []
    for section, size in sizes.items():
        if rows and sum(sizes[it] for it in rows[-1]) + size <= most:
            rows[-1].append(section)
        else:
            rows.append([section])
    return rows


def _door(page: page_list.Page) -> dict[str, str]:
    """Return what the home page shows of a page: title, line, picture and link."""
    return {
        "id": f"page {page.name}",
        "href": page.name,
        "title": page.title,
        "line": page.line,
        "url": preview_url(page.name),
    }


def column(layer: str) -> dict[str, Any]:
    """Return the data of a layer's column: its name, its colour, and pictures with links."""
    units = FEATURED_UNITS[layer]
    found = server_state.store().shipped_units(SKETCHNET, layer, units)
    depth = list(FEATURED_UNITS).index(layer) / (len(FEATURED_UNITS) - 1)
    pictures = [
        {
            "id": f"neuron {layer} {unit}",
            "href": f"neuron?network={SKETCHNET}&layer={layer}&unit={unit}",
            "label": f"Neuron {unit} of {layer}",
            "url": thumbnails.thumbnail(image, FEATURED_PIXELS),
        }
        for unit, image in zip(units, found, strict=False)
    ]
    return {"name": layer, "colour": depth_colours.depth_colour(depth), "pictures": pictures}


def loaded_html() -> str:
    """Return HTML, for ``st.html``, of a list of networks, samples and indexes on this machine.

    Raises:
        ExplorerError: SketchNet cannot be opened.
    """
    from core import paintings
    from core.datasets import samples
    from core.networks import registry
    from explorer.library import indexes

    infos = server_state.network_infos()
    network = server_state.network(registry.SKETCHNET)
    neurons = sum(layer.channels for layer in network.shown)
    ready = [it.name for it in infos.values() if it.ready and it.name != network.name]
    others = ", ".join(ready[:3]) + (f" and {len(ready) - 3} more" if len(ready) > 3 else "")
    found = indexes.finished_indexes(network)
    names = ", ".join(indexes.describe_index(it) for it in found.values())
    rows = {
        "Network": f"SketchNet: {neurons:,} neurons in {len(network.shown)} layers, "
        f"{len(network.labels)} classes",
        "Other networks": f"{others or 'none here yet'}; {len(infos) - 1:,} can be opened",
        "Pictures": f"{len(samples.SAMPLES)} samples, {len(paintings.PAINTINGS)} paintings, "
        "and any of your own",
        "What excites neurons": names or "found in 5,000 drawings when you first ask",
    }
    cells = (f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in rows.items())
    return f'<dl class="loaded">{"".join(cells)}</dl>'
