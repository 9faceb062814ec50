"""Plotly figures: histograms, loss curves and bar charts."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

Axis = Mapping[str, Any]

BINS = 48
HEIGHT = 260
SMALL_HEIGHT = 190
LEGEND_HEIGHT = 60
# Right margin in pixels: the last label of an axis extends beyond the end of the axis.
LABEL_MARGIN = 24
# Largest number of bars that stand side by side, the height of a bar that lies with its gap, and
# the space beside lying bars for the value of the longest one, in pixels.
UPRIGHT_AT_MOST = 8
BAR_HEIGHT = 22
VALUE_WIDTH = 44
# Height of a line of labels above a histogram, in pixels.
LABEL_LINE = 16
# Smaller losses are not drawn, because a logarithmic axis has no 0.
LEAST_LOSS = 1e-6
# Space above the highest curve, in powers of ten.
HEADROOM = 0.1
# Greys that are legible on the light and the dark theme.
GREY = "rgba(128, 128, 128, 0.75)"
PALE_GREY = "rgba(128, 128, 128, 0.45)"
GRID = "rgba(128,128,128,0.2)"
TRANSPARENT = "rgba(0,0,0,0)"


def histogram(
    values: npt.NDArray[np.float32], marks: Mapping[str, float], colour: str, what: str
) -> go.Figure:
    """Draw the histogram of a neuron's activations, with a logarithmic axis of percentages.

    Args:
        values: a sample of activations.
        marks: values to mark with a line, by their labels.
        colour: colour of the bars.
        what: noun for what is counted, such as ``drawings``.
    """
    counts, edges = np.histogram(values, BINS)
    shares = 100 * counts / max(len(values), 1)
    width = edges[1] - edges[0]
    bars = go.Bar(
        name=f"{what}, %, by activation (middle of each bar)",
        x=edges[:-1] + width / 2,
        y=shares,
        width=width,
        customdata=np.stack([edges[:-1], edges[1:]], 1),
        marker={"color": colour, "line": {"width": 0}},
        hovertemplate=f"%{{y:.1f}}% of {what} excite it to %{{customdata[0]:.3g}} to "
        "%{customdata[1]:.3g}<extra></extra>",
    )
    top = LABEL_LINE * len(marks) + LABEL_LINE // 2
    x = {"zeroline": False, "showgrid": False}
    # Most images activate a neuron little. On a linear axis, the other bars would be invisible.
    y = {"title": f"{what}, % (log scale)", "type": "log", "dtick": 1, "gridcolor": GRID}
    figure = go.Figure(bars, flat_layout(HEIGHT, x, y, top, bargap=0, showlegend=False))
    for line, (name, value) in enumerate(marks.items()):
        figure.add_vline(value, line={"color": GREY, "width": 1, "dash": "dot"})
        right = value > (edges[0] + edges[-1]) / 2
        figure.add_annotation(
            x=value,
            y=1,
            yref="paper",
            text=name,
            showarrow=False,
            xanchor="right" if right else "left",
            yanchor="bottom",
            xshift=-4 if right else 4,
            yshift=LABEL_LINE * line,  # values may be close, so every label has a line of its own
            font={"size": 12},
        )
    return figure


def loss_curves(
    curves: Mapping[str, Sequence[float]], colours: Mapping[str, str], share: float = 1.0
) -> go.Figure:
    """Draw loss curves over the optimiser's steps, on a logarithmic axis.

    Args:
        curves: the curves by the name of their loss; content losses are dashed.
        colours: colours by the name of the loss.
        share: fraction of all steps that the curves cover, from 0 to 1. The x-axis always covers
            all steps.
    """
    lines = []
    for name, curve in curves.items():
        last = max(len(curve) - 1, 1)
        dash = "dash" if name.startswith("content") else "solid"
        lines.append(
            go.Scatter(
                x=[100 * share * at / last for at in range(len(curve))],
                y=[it if it > LEAST_LOSS else None for it in curve],
                name=name,
                mode="lines",
                line={"color": colours[name], "width": 2, "dash": dash},
                hovertemplate=f"{name}: %{{y:.2g}}<extra></extra>",
            )
        )
    # At the bottom of the figure: relative to the axes, it covers them in a window that grows.
    legend = {"itemclick": False, "itemdoubleclick": False, "orientation": "h"}
    legend |= {"yref": "container", "y": 0, "yanchor": "bottom"}
    x = {"range": [0, 100], "showgrid": False, "ticksuffix": "%", "zeroline": False}
    y = {
        "title": "loss",
        "type": "log",
        "range": _decades(it for curve in curves.values() for it in curve if it > LEAST_LOSS),
        "dtick": 1,
        "exponentformat": "power",
        "gridcolor": GRID,
    }
    height = HEIGHT + LEGEND_HEIGHT
    return go.Figure(
        lines, flat_layout(height, x, y, 8, LABEL_MARGIN, hovermode="x", legend=legend)
    )


def _decades(values: Iterable[float]) -> tuple[float, float]:
    """Return the range of a logarithmic axis for positive values, as base-10 logarithms.

    The lower end is a whole number, so that the axis seldom changes while the values fall.
    """
    logs = [math.log10(it) for it in values] or [0.0]
    low = math.floor(min(logs))
    return low, max(max(logs) + HEADROOM, low + 1)


def bars(
    values: Mapping[str, Mapping[str, float]],
    colours: Mapping[str, str],
    format_value: Callable[[float], str],
    height: int = HEIGHT,
) -> go.Figure:
    """Draw values by layer as a bar chart; the bars have the colours of the layers' depths.

    Many bars lie, one beneath the other: on a phone, upright ones would be narrower than the values
    that are written above them.

    Args:
        values: the values by series name, then by layer. The first series has the layers' colours,
            the others are grey.
        colours: colours by layer; a bar whose name is not a layer has the middle one of them.
        format_value: returns the text above the bar of a value.
        height: height of the figure in pixels; lying bars have the height that they need.
    """
    drawn = []
    default = list(colours.values())[len(colours) // 2]
    count = sum(map(len, values.values()))
    lying = count > UPRIGHT_AT_MOST
    names, lengths = ("y", "x") if lying else ("x", "y")
    for number, (name, row) in enumerate(values.items()):
        colour = [colours.get(it, default) for it in row] if number == 0 else PALE_GREY
        bar = go.Bar(
            name=name,
            **{names: list(row), lengths: list(row.values())},
            orientation="h" if lying else "v",
            text=[format_value(it) for it in row.values()],
            textposition="outside",
            # Plotly would shrink or turn words that are wider than their bar.
            constraintext="none",
            textangle=0,
            textfont={"size": 12},
            cliponaxis=False,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate=f"%{{{names}}}: %{{text}}<extra>{name}</extra>",
        )
        drawn.append(bar)
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    top = 28 if len(values) > 1 or not lying else 0
    if lying:
        height = top + BAR_HEIGHT * count
    right = VALUE_WIDTH if lying else 0
    words: Axis = {"showgrid": False, "type": "category"}
    zero = {"showgrid": False, "showticklabels": False, "zeroline": True, "zerolinecolor": GREY}
    x, y = (zero, {**words, "autorange": "reversed"}) if lying else (words, zero)
    layout = flat_layout(height, x, y, top, right, showlegend=len(values) > 1, legend=legend)
    return go.Figure(drawn, {**layout, "bargap": 0.25, "bargroupgap": 0.05})


def flat_layout(
    height: int, x: Axis, y: Axis, top: int = 0, right: int = 0, **layout: Any
) -> dict[str, Any]:
    """Return a layout with a transparent background, in which one cannot zoom.

    It is given to Plotly at once, because each later change takes milliseconds.

    Args:
        height, top, right: the height of the figure and its margins in pixels.
        x, y: settings of the axes.
        layout: further settings of the layout.
    """
    return {
        "height": height,
        "margin": {"l": 0, "r": right, "t": top, "b": 0},
        "xaxis": {**x, "fixedrange": True},
        "yaxis": {**y, "fixedrange": True},
        "paper_bgcolor": TRANSPARENT,
        "plot_bgcolor": TRANSPARENT,
        **layout,
    }
