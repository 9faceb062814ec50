"""The connections of a circuit on the page: their kernels, and one of them in detail."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape

import streamlit as st

from core.analysis.circuits import Circuit, CircuitEdge
from core.errors import unknown
from core.networks import Network
from core.networks.unit_graph import UnitRef
from explorer.charts import kernel_pictures
from explorer.reports import circuit_report, html_report
from explorer.text import formatting, layer_summary
from explorer.text.formatting import name_html
from explorer.ui import job_status, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.layers.small_pictures import SmallPictures

# Tiles of a row on a wide page; pixels of the pictures beside the chosen kernel, and the others.
COLUMNS = 4
PIXELS, SMALL_PIXELS = 192, 128

# Connections, each with the unit at its other end.
_Edges = Sequence[tuple[CircuitEdge, UnitRef]]


def edge_text(edge: CircuitEdge) -> str:
    """Return how the URL names a connection, such as ``relu5a:205>relu5b:79``."""
    return ">".join(f"{it.layer}:{it.unit}" for it in (edge.source, edge.target))


def chosen_edge(circuit: Circuit, problems: list[str]) -> CircuitEdge | None:
    """Return the connection that the URL names; by default the strongest one.

    If the URL names another one than those of the circuit, a sentence is appended to ``problems``.
    """
    usual = circuit.edges[0] if circuit.edges else None
    known = {edge_text(it): it for it in circuit.edges}
    text = st.query_params.get("edge")
    if text is None or text in known:
        return usual if text is None else known[text]
    problems.append(str(unknown("connection", text, known, "this circuit")))
    return usual


def show_edge(
    network: Network,
    edge: CircuitEdge,
    pictures: Mapping[str, SmallPictures],
    previews: job_status.Previews,
) -> None:
    """Show a connection: both neurons, the kernel between them, and how strong it is."""

    def figure(unit: UnitRef) -> str:
        tile = pictures[unit.layer].tile(unit.unit, previews, PIXELS)
        words = circuit_report.unit_words(network, unit)
        shown = "<span></span>"
        if tile.picture:
            shown = f'<img src="{tile.picture}" alt="{escape(words)}">'
        return f"<figure>{shown}<figcaption>{name_html(words)}</figcaption></figure>"

    kernel = kernel_pictures.kernel_picture(edge.kernel)
    size = layer_summary.times((len(edge.kernel), len(edge.kernel[0])))
    rows = {"Share of what it receives": circuit_report.strength(edge.share)}
    if edge.measured is not None:
        rows["Measured by cutting"] = circuit_report.strength(edge.measured)
    rows["Sum of the weights"] = formatting.number(edge.weight).replace("-", circuit_report.MINUS)
    arrow = "<i>\N{RIGHTWARDS ARROW}</i>"
    st.html(
        f'<div class="connection">{figure(edge.source)}{arrow}'
        f'<figure class="kernel"><img src="{html_report.encode_png_url(kernel)}" '
        f'alt="kernel of {size} weights"><figcaption>{size} weights</figcaption></figure>'
        f"{arrow}{figure(edge.target)}<div>"
        f"{html_snippets.facts_html(circuit_report.describe_edge(network, edge), rows)}</div></div>"
    )


def show_connections(
    network: Network,
    circuit: Circuit,
    chosen: CircuitEdge | None,
    pictures: Mapping[str, SmallPictures],
    previews: job_status.Previews,
) -> None:
    """Show the units and kernels of all connections of the middle unit; a click chooses one."""

    def side(title: str, line: str, edges: _Edges, most: float | None = None) -> None:
        tiles = [
            _tile(network, edge, other, most, pictures[other.layer], previews)
            for edge, other in edges
        ]
        if tiles:
            html_snippets.section(title, line)
            marked = [replace(it, chosen=it.id == place) for it in tiles]
            if tile_grid(marked, f"kernels {title}", title, pick, COLUMNS, pairs=True):
                st.rerun()

    def pick(text: str) -> None:
        urls.update_query(edge=text)

    place = None if chosen is None else edge_text(chosen)
    if circuit.image_kernel:
        html_snippets.section("The picture that it reads", "Its weights, as colours of pixels.")
        picture = kernel_pictures.image_kernel_picture(circuit.image_kernel)
        st.html(
            f'<img class="image-kernel" src="{html_report.encode_png_url(picture)}" '
            'alt="the pattern that this neuron is strongest for">'
        )
    inputs, readers = circuit.inputs(circuit.middle), circuit.readers(circuit.middle)
    most = max((abs(one) for it in inputs for row in it.kernel for one in row), default=None)
    side(
        "What it reads",
        "Neurons, with the weights of connections: orange excites, blue inhibits, pale is weak.",
        [(it, it.source) for it in inputs],
        most,
    )
    side(
        "What it feeds",
        "The weights with which other neurons read this one.",
        [(it, it.target) for it in readers],
    )


def _tile(
    network: Network,
    edge: CircuitEdge,
    other: UnitRef,
    most: float | None,
    pictures: SmallPictures,
    previews: job_status.Previews,
) -> PictureTile:
    """Return the unit at the other end of a connection beside the kernel.

    Args:
        network: the network.
        edge: the connection.
        other: the unit.
        most: the size of an opaque weight; None for the largest of the kernel.
        pictures, previews: pictures of the unit's layer, and those that are being made.
    """
    share = circuit_report.strength(edge.share)
    measured = "" if edge.measured is None else circuit_report.strength(edge.measured)
    words = circuit_report.unit_words(network, other)
    tile = pictures.tile(other.unit, previews, SMALL_PIXELS)
    return PictureTile(
        id=edge_text(edge),
        label=f"{words}, {share}" + (f", measured {measured}" if measured else ""),
        picture=tile.picture,
        caption=f"{circuit_report.short_words(network, other)} {share}",
        detail=f"measured {measured}" if measured else "",
        preview=tile.preview,
        opens=True,
        beside=html_report.encode_png_url(kernel_pictures.kernel_picture(edge.kernel, most)),
    )
