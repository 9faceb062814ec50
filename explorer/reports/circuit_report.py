"""Circuits in words, and as one HTML file with the graph, its pictures and its kernels."""

from collections.abc import Mapping, Sequence
from html import escape

from core.analysis import unit_labels
from core.analysis.circuits import Circuit, CircuitEdge
from core.networks.network import Network
from core.networks.unit_graph import UnitRef
from explorer.charts import depth_colours, graph_layout, kernel_pictures
from explorer.reports import html_report
from explorer.text import neuron_names
from explorer.text.formatting import name_html, percent

# Units that a sentence names on each side.
NAMED = 4
# Sides of the pictures in the report, and distances of their middles, in CSS pixels.
THUMB, ACROSS, DOWN = 84, 180, 144
PIXELS = 168
THICKEST = 7
DRAWING = """<style>.circuit { position: relative; margin: 2rem 0; overflow: auto; }
.circuit svg { position: absolute; inset: 0; } .circuit figure { position: absolute; width: 84px; }
.circuit figure img, .circuit figure span { display: block; width: 84px; height: 84px;
  border-radius: .5rem; background: var(--line); } .circuit figcaption { text-align: center;
  margin: .2rem -1.5rem 0; font-size: .75rem; opacity: 1; }
.circuit figcaption i { display: block; font-style: normal; opacity: .7; }
.circuit figure.middle img { outline: 3px solid #c8702f; outline-offset: 2px; }
td img { width: 60px; border-radius: .25rem; image-rendering: pixelated; background: var(--line); }
</style>"""


def unit_words(network: Network, unit: UnitRef) -> str:
    """Return a unit in a few words, such as ``neuron 34 (wheel) of relu4b``."""
    return neuron_names.long_name(unit.unit, unit_name(network, unit), unit.layer)


def unit_name(network: Network, unit: UnitRef) -> str:
    """Return what a unit stands for; "" if it is not known."""
    layer, classes = network.layer(unit.layer), network.class_layer
    name = unit_labels.unit_name(network, layer, unit.unit)
    if not name and classes is not None and layer.channels == classes.channels:
        # An activation function or pooling may lie between this layer and the logits.
        between = layer.index > max(
            it.index for it in network.layers if it.channels != layer.channels
        )
        name = network.labels[unit.unit] if between else ""
    return name


def short_words(network: Network, unit: UnitRef) -> str:
    """Return a unit in as few words as possible, such as ``34 (wheel)``."""
    return neuron_names.short_name(unit.unit, unit_name(network, unit))


def strength(share: float) -> str:
    """Return a strength with its sign, such as ``+32%``."""
    return f"{'+' if share > 0 else MINUS if share < 0 else ''}{percent(abs(share))}"


MINUS = "\N{MINUS SIGN}"


def describe(network: Network, circuit: Circuit) -> str:
    """Return in sentences what a unit reads and what it feeds."""
    inputs, readers = circuit.inputs(circuit.middle), circuit.readers(circuit.middle)
    sides = [
        ("is excited by", [it for it in inputs if it.share > 0], "source"),
        ("is inhibited by", [it for it in inputs if it.share < 0], "source"),
        ("excites", [it for it in readers if it.share > 0], "target"),
        ("inhibits", [it for it in readers if it.share < 0], "target"),
    ]
    parts = [
        f"{verb} {_listed([short_words(network, getattr(it, end)) for it in some[:NAMED]])}"
        for verb, some, end in sides
        if some
    ]
    if circuit.image_kernel:
        parts.insert(0, "reads the picture itself")
    if not parts:
        return "This neuron never responds to these pictures, so it has no circuit here."
    first, last = parts[:-1], parts[-1]
    return f"This neuron {', '.join(first)} and {last}." if first else f"This neuron {last}."


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def describe_edge(network: Network, edge: CircuitEdge) -> str:
    """Return in sentences what a connection does, measured and predicted."""
    source, target = unit_words(network, edge.source), unit_words(network, edge.target)
    rows, columns = len(edge.kernel), len(edge.kernel[0])
    weights = "one weight" if rows * columns == 1 else f"{rows} x {columns} weights"
    verb = "excites" if edge.share > 0 else "inhibits"
    words = f"{source} {verb} {target} through {weights}."
    if edge.measured is not None:
        change = "less" if edge.measured >= 0 else "more"
        words += (
            f" With this connection cut, {short_words(network, edge.target)} responds "
            f"{percent(abs(edge.measured))} {change}."
        )
    return words


def circuit_report(
    network: Network, circuit: Circuit, collection: str, pictures: Mapping[UnitRef, bytes]
) -> str:
    """Write the report of a circuit as HTML.

    Args:
        network: the network.
        circuit: the circuit.
        collection: the collection on which it was measured, as ``find_source`` reads it.
        pictures: encoded feature visualisations of its units, as far as there are any.
    """
    layer = network.layer(circuit.layer)
    body = [
        DRAWING,
        f"<p>{escape(describe(network, circuit))} {LEGEND}</p>",
        _drawing(network, circuit, pictures),
        "<h2>Connections</h2>",
        _edges_table(network, circuit.edges),
        html_report.code(_script(circuit, collection)),
    ]
    note = (
        f"Measured on {circuit.pictures} pictures of {collection}. A share is weight times mean "
        "activation of the source, of the sum over all that the target receives. What the target "
        "loses without the connection is predicted by this product, and measured by cutting the "
        f"connection alone, both relative to its mean activation. {POOLING}"
    )
    title = f"The circuit of {unit_words(network, circuit.middle)} in {network.name}"
    numbers = [
        {
            "source": f"{it.source.layer} {it.source.unit}",
            "target": f"{it.target.layer} {it.target.unit}",
            "weight": it.weight,
            "share": it.share,
            "predicted": it.predicted,
            "measured": it.measured,
        }
        for it in circuit.edges
    ]
    return html_report.html_page(title, note, layer, body, numbers)


LEGEND = "Orange connections excite, blue and dashed ones inhibit; thick ones matter most."
POOLING = "Maximum pooling counts as mean pooling in the weights; the measurement has it as it is."


def _drawing(network: Network, circuit: Circuit, pictures: Mapping[UnitRef, bytes]) -> str:
    """Return HTML of the graph."""
    names = {it.ref: f"{it.layer} {it.unit}" for it in circuit.nodes}
    ends = [(names[it.source], names[it.target]) for it in circuit.edges]
    layout = graph_layout.lay_out(list(names.values()), ends)
    rows = [row for _, row in layout.places.values()]
    top = THUMB / 2 + 8 - min(rows, default=0.0) * DOWN
    height = top + max(rows, default=0.0) * DOWN + THUMB / 2 + 48
    width = ACROSS * (1 + max((column for column, _ in layout.places.values()), default=0))

    def middle(place: tuple[int, float]) -> tuple[float, float]:
        return ACROSS * (place[0] + 0.5), top + place[1] * DOWN

    most = max((abs(it.share) for it in circuit.edges), default=1.0) or 1.0
    lines, figures = [], []
    for edge, pair in zip(circuit.edges, ends, strict=True):
        points = [layout.places[pair[0]], *layout.bends[pair], layout.places[pair[1]]]
        lines.append(_line([middle(it) for it in points], edge.share / most))
    for ref, name in names.items():
        x, y = middle(layout.places[name])
        picture = pictures.get(ref)
        words = escape(unit_words(network, ref))
        shown = "<span></span>"
        if picture is not None:
            shown = f'<img src="{html_report.small_png_url(picture, PIXELS)}" alt="{words}">'
        kind = ' class="middle"' if ref == circuit.middle else ""
        colour = depth_colours.depth_colour(network.layer(ref.layer).depth)
        figures.append(
            f'<figure{kind} style="left:{x - THUMB / 2:.0f}px;top:{y - THUMB / 2:.0f}px">{shown}'
            f"<figcaption><b>{escape(short_words(network, ref))}</b><br>"
            f'<i style="border-bottom:2px solid {colour}">{name_html(ref.layer)}</i>'
            "</figcaption></figure>"
        )
    return (
        f'<div class="circuit" style="height:{height:.0f}px"><svg width="{width}" '
        f'height="{height:.0f}" aria-hidden="true">{"".join(lines)}</svg>{"".join(figures)}</div>'
    )


def _line(points: Sequence[tuple[float, float]], share: float) -> str:
    """Return SVG of an edge through some points, for a strength from -1 to 1."""
    colour = "#{:02x}{:02x}{:02x}".format(
        *(kernel_pictures.EXCITES if share > 0 else kernel_pictures.INHIBITS)
    )
    path = ""
    for at, (x, y) in enumerate(points):
        left, right = (0 if at == 0 else THUMB / 2 + 4), (THUMB / 2 + 4)
        if at == 0:
            path, before = f"M{x + right:.0f},{y:.0f}", (x + right, y)
            continue
        end = x - left
        middle = (before[0] + end) / 2
        path += f"C{middle:.0f},{before[1]:.0f} {middle:.0f},{y:.0f} {end:.0f},{y:.0f}"
        before = (end, y)
    dashes = "" if share > 0 else ' stroke-dasharray="6 4"'
    thick = max(1.0, THICKEST * abs(share))
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{thick:.1f}"{dashes}/>'


def _edges_table(network: Network, edges: Sequence[CircuitEdge]) -> str:
    """Return HTML of a table of connections with their kernels."""
    rows = []
    for it in edges:
        url = html_report.encode_png_url(kernel_pictures.kernel_picture(it.kernel))
        measured = "" if it.measured is None else strength(it.measured)
        source, target = (escape(unit_words(network, end)) for end in (it.source, it.target))
        rows.append(
            f'<tr><td><img src="{url}" alt="kernel from {source} to {target}"></td>'
            f"<td>{source}</td><td>{target}</td><td>{strength(it.share)}</td>"
            f"<td>{strength(it.predicted)}</td><td>{measured}</td></tr>"
        )
    heads = "".join(
        f"<th>{it}</th>" for it in ("kernel", "from", "to", "share", "predicted", "measured")
    )
    return f"<table><tr>{heads}</tr>{''.join(rows)}</table>"


def _script(circuit: Circuit, collection: str) -> str:
    """Return the lines of Python that find the same circuit."""
    return (
        "from core import networks\n"
        "from core.analysis.circuit_meter import CircuitMeter\n"
        "from core.analysis.picture_sample import sample_pictures\n"
        "from core.datasets.sources import find_source\n\n"
        f"network = networks.load({circuit.network!r})\n"
        f"pictures = sample_pictures(network, find_source({collection!r}), {circuit.pictures})\n"
        "meter = CircuitMeter(network, pictures)\n"
        f"circuit = meter.circuit(network.layer({circuit.layer!r}), {circuit.unit})\n"
        "for edge in circuit.inputs(circuit.middle):\n"
        "    print(edge.source, edge.predicted, edge.measured)\n"
    )
