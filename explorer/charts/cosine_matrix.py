"""Plotly figures of Gram matrices: which neurons are active together, as cosine similarities."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.colors
import plotly.graph_objects as go
from torch import Tensor

from explorer.charts.figures import TRANSPARENT, flat_layout

# Plotly's colour scale Magma with another first colour, because Streamlit replaces Magma's own.
COLOUR_SCALE = ["#060418", *plotly.colors.sequential.Magma[1:]]
# Approximate largest number of labels along each side of a matrix.
TICKS_AT_MOST = 48
# The colour of the outline of selected cells of a matrix.
MARK_COLOUR = "#6fe3ff"


def cosine_matrix(
    cosines: Tensor,
    order: Sequence[int],
    names: Sequence[str],
    side: int = 760,
    bare: bool = False,
) -> go.Figure:
    """Draw which neurons are active together, as a matrix of cosine similarities.

    Args:
        cosines: ``[C, C]``, the cosine similarity of each pair of neurons, from 0 to 1.
        order: numbers of the neurons, in the order of rows (from the top) and columns (from the
            left). Neurons that are not in it are not drawn.
        names: names of all C neurons.
        side: side of the figure in pixels.
        bare: whether to draw the matrix alone, without margins, labels and the scale of colours.
    """
    units = list(order)
    shown = [names[unit] for unit in units]
    heat = go.Heatmap(
        z=cosines[units][:, units].numpy().round(3),
        x=list(range(len(units))),
        y=list(range(len(units))),
        # An array, as Plotly checks the values of lists one by one.
        customdata=np.array([[f"{a}<br>{b}" for b in shown] for a in shown], dtype=object),
        hovertemplate="%{customdata}<br>together %{z:.2f}<extra></extra>",
        colorscale=COLOUR_SCALE,
        zmin=0,
        zmax=1,
        showscale=not bare,
        colorbar={"title": {"text": "cosine"}, "thickness": 12, "outlinewidth": 0},
    )
    step = max(1, len(shown) // TICKS_AT_MOST)
    ticks: dict[str, Any] = {
        "tickvals": list(range(0, len(shown), step)),
        "ticktext": shown[::step],
        "tickfont": {"size": 10},
        "showgrid": False,
        "zeroline": False,
        "constrain": "domain",
    }
    layout: dict[str, Any] = {
        "width": side,
        "height": side,
        "margin": {"l": 10, "r": 10, "t": 60, "b": 10},
        "font": {"size": 13},
    }
    if bare:
        ticks |= {"showticklabels": False, "ticks": ""}
        layout |= {"margin": {"l": 0, "r": 0, "t": 0, "b": 0}}
        layout |= {"paper_bgcolor": TRANSPARENT, "plot_bgcolor": TRANSPARENT}
    layout["xaxis"] = {**ticks, "tickangle": -90}
    layout["yaxis"] = {**ticks, "autorange": "reversed", "scaleanchor": "x"}
    return go.Figure(heat, layout)


def make_clickable(
    figure: go.Figure, order: Sequence[int], pair: tuple[int, int], side: int
) -> None:
    """Make the cells of a cosine matrix clickable, and outline the two cells of a pair.

    Plotly reports no clicks on heat maps, but it does on scatter points. Therefore an invisible
    point covers each cell.

    Args:
        figure: a figure that ``cosine_matrix`` returned. It is changed; its axes lose their labels.
        order: the ``order`` with which ``cosine_matrix`` drew the figure.
        pair: two neurons. If both are drawn, their two cells are outlined.
        side: side of the figure in pixels.
    """
    count = len(order)
    rows, cols = np.indices((count, count)).reshape(2, -1)
    words, values = figure.data[0].customdata, figure.data[0].z
    invisible = {"marker": {"opacity": 0}}
    figure.add_scatter(
        x=cols,
        y=rows,
        mode="markers",
        marker={"symbol": "square", "size": max(3.0, side / max(count, 1)), "opacity": 0},
        selected=invisible,
        unselected=invisible,
        customdata=words[rows, cols],
        text=np.array([f"{it:.2f}" for it in values[rows, cols]], dtype=object),
        hovertemplate="%{customdata}<br>together %{text}<extra></extra>",
        showlegend=False,
    )
    if set(pair) <= set(order):
        one, other = (list(order).index(unit) for unit in pair)
        for row, col in ((one, other), (other, one)):
            figure.add_shape(
                type="rect",
                x0=col - 0.5,
                x1=col + 0.5,
                y0=row - 0.5,
                y1=row + 0.5,
                line={"color": MARK_COLOUR, "width": 2},
            )
    figure.update_traces(
        showscale=False, hoverinfo="skip", hovertemplate=None, selector={"type": "heatmap"}
    )
    ends = [-0.5, count - 0.5]
    x = {"range": ends, "showticklabels": False, "ticks": ""}
    y = {**x, "range": ends[::-1], "autorange": False, "constraintoward": "top"}
    layout = flat_layout(figure.layout.height, x, y, width=None, clickmode="event+select")
    figure.update_layout(layout, dragmode=False)
