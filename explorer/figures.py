"""Plotly figures, in the colours of the page."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

BINS = 48
HEIGHT = 260
# Grey that is legible on light and on dark paper.
QUIET = "rgba(128, 128, 128, 0.75)"


def histogram(
    values: npt.NDArray[np.float32], marks: Mapping[str, float], colour: str, what: str
) -> go.Figure:
    """Draw how often a neuron is excited how much.

    Args:
        values: a sample of activations.
        marks: values to point out, by their names.
        colour: of the bars.
        what: names what is counted, such as ``drawings``.
    """
    counts, edges = np.histogram(values, BINS)
    shares = 100 * counts / max(len(values), 1)
    width = edges[1] - edges[0]
    bars = go.Bar(
        x=edges[:-1] + width / 2,
        y=shares,
        width=width,
        customdata=np.stack([edges[:-1], edges[1:]], 1),
        marker={"color": colour, "line": {"width": 0}},
        hovertemplate=f"%{{y:.1f}} % of {what} excite it to %{{customdata[0]:.3g}} to "
        "%{customdata[1]:.3g}<extra></extra>",
    )
    figure = go.Figure(bars)
    for name, value in marks.items():
        figure.add_vline(value, line={"color": QUIET, "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=value,
            y=1,
            yref="paper",
            text=name,
            showarrow=False,
            xanchor="right" if value > (edges[0] + edges[-1]) / 2 else "left",
            yanchor="bottom",
            xshift=-4 if value > (edges[0] + edges[-1]) / 2 else 4,
            font={"size": 12, "color": QUIET},
        )
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 0, "t": 22, "b": 0},
        bargap=0,
        showlegend=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(title=None, fixedrange=True, zeroline=False, showgrid=False)
    # Most pictures excite a neuron little: on a plain scale nothing else would be seen.
    figure.update_yaxes(
        title=f"{what}, %", type="log", fixedrange=True, dtick=1, gridcolor="rgba(128,128,128,0.2)"
    )
    return figure
