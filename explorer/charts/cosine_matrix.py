"""Plotly figures of Gram matrices: which neurons are active together, as cosine similarities."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.colors
import plotly.graph_objects as go
from torch import Tensor

# Plotly's colour scale Magma with another first colour, because Streamlit replaces Magma's own.
COLOUR_SCALE = ["#060418", *plotly.colors.sequential.Magma[1:]]
# Approximate largest number of labels along each side of a matrix.
TICKS_AT_MOST = 48


def cosine_matrix(
    cosines: Tensor,
    order: Sequence[int],
    names: Sequence[str],
    side: int = 760,
) -> go.Figure:
    """Draw which neurons are active together, as a matrix of cosine similarities.

    Args:
        cosines: ``[C, C]``, the cosine similarity of each pair of neurons, from 0 to 1.
        order: numbers of the neurons, in the order of rows (from the top) and columns (from the
            left). Neurons that are not in it are not drawn.
        names: names of all C neurons.
        side: side of the figure in pixels.
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
    layout["xaxis"] = {**ticks, "tickangle": -90}
    layout["yaxis"] = {**ticks, "autorange": "reversed", "scaleanchor": "x"}
    return go.Figure(heat, layout)
