"""Plotly figures, in the colours of the page."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import plotly.colors
import plotly.graph_objects as go
from torch import Tensor

BINS = 48
HEIGHT = 260
SMALL_HEIGHT = 190
LEGEND_HEIGHT = 60
# Half of the last label of an axis stands beyond its end.
LAST_LABEL = 24
# Of one row of a table, in pixels.
ROW_HEIGHT = 30
# Plotly's Magma; its first colour is darker there, but Streamlit takes that for one of its own.
GLOW = ["#060418", *plotly.colors.sequential.Magma[1:]]
# A cost below this is as good as none; a logarithm knows no 0.
LEAST_COST = 1e-6
# Above the highest curve, in powers of ten.
ROOM = 0.1
# Neurons that are named along each side of a square.
TICKS = 48
# Marks a place on a dark square.
MARK = "#6fe3ff"
# Grey that is legible on light and on dark paper.
QUIET = "rgba(128, 128, 128, 0.75)"
PALER = "rgba(128, 128, 128, 0.45)"


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
        name=f"{what}, %, by the middle of a span of activations",
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


def loss_curves(
    curves: Mapping[str, Sequence[float]], colours: Mapping[str, str], share: float = 1.0
) -> go.Figure:
    """Draw how costs fell from the first step to the last, on a scale of powers of ten.

    Args:
        curves: by the name of the cost; costs of content are dashed.
        colours: of them.
        share: of all steps, of 1, how many these are; there is room for the others.
    """
    figure = go.Figure()
    for name, curve in curves.items():
        last = max(len(curve) - 1, 1)
        figure.add_scatter(
            x=[100 * share * at / last for at in range(len(curve))],
            y=[it if it > LEAST_COST else None for it in curve],
            name=name,
            mode="lines",
            line={
                "color": colours[name],
                "width": 2,
                "dash": "dash" if name.startswith("content") else "solid",
            },
            hovertemplate=f"{name}: %{{y:.2g}}<extra></extra>",
        )
    figure.update_layout(
        height=HEIGHT + LEGEND_HEIGHT,
        margin={"l": 0, "r": LAST_LABEL, "t": 8, "b": 0},
        hovermode="x",
        legend={"itemclick": False, "itemdoubleclick": False, "orientation": "h", "y": -0.15},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(
        range=[0, 100], fixedrange=True, showgrid=False, ticksuffix=" %", zeroline=False
    )
    figure.update_yaxes(
        title="cost",
        type="log",
        range=_decades(it for curve in curves.values() for it in curve if it > LEAST_COST),
        fixedrange=True,
        dtick=1,
        exponentformat="power",
        gridcolor="rgba(128,128,128,0.2)",
    )
    return figure


def _decades(values: Iterable[float]) -> tuple[float, float]:
    """Choose a range of powers of ten, from a whole one so that it seldom moves as values fall."""
    logs = [math.log10(it) for it in values] or [0.0]
    low = math.floor(min(logs))
    return low, max(max(logs) + ROOM, low + 1)


def heatmap(
    values: Mapping[str, Sequence[float | None]],
    columns: Sequence[str],
    written: Callable[[float], str],
    colour: str,
    top: float,
) -> go.Figure:
    """Draw a table whose cells are the darker the larger they are.

    Args:
        values: by the name of the row, one for each column; None where there is none.
        columns: their names.
        written: writes a value into its cell.
        colour: of the largest, as ``#rrggbb``; values of 0 and less have no colour.
        top: the value that has the full colour.
    """
    names = list(values)[::-1]  # Plotly draws from below.
    cells = [list(values[name]) for name in names]
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    figure = go.Figure(
        go.Heatmap(
            x=list(columns),
            y=names,
            z=cells,
            text=[["" if it is None else written(it) for it in row] for row in cells],
            texttemplate="%{text}",
            hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
            zmin=0,
            zmax=top,
            colorscale=[
                [0, f"rgba({red}, {green}, {blue}, 0.04)"],
                [1, f"rgba({red}, {green}, {blue}, 0.75)"],
            ],
            showscale=False,
            xgap=3,
            ygap=3,
        )
    )
    figure.update_layout(
        height=ROW_HEIGHT * len(names) + ROW_HEIGHT,
        margin={"l": 0, "r": 0, "t": ROW_HEIGHT, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(side="top", fixedrange=True, showgrid=False, title=None)
    figure.update_yaxes(fixedrange=True, showgrid=False, title=None)
    return figure


def cosine_matrix(
    cosines: Tensor, order: Sequence[int], names: Sequence[str], side: int = 760
) -> go.Figure:
    """Draw which neurons fire together, as a square in which like company stands together.

    Args:
        cosines: ``[C, C]``, from 0 to 1.
        order: neurons from the upper left corner on; those left out are not drawn.
        names: of all C neurons.
        side: of the figure in pixels.
    """
    wanted = list(order)
    shown = [names[unit] for unit in wanted]
    heat = go.Heatmap(
        z=cosines[wanted][:, wanted].numpy().round(3),
        x=list(range(len(wanted))),
        y=list(range(len(wanted))),
        customdata=[[f"{one}<br>{other}" for other in shown] for one in shown],
        hovertemplate="%{customdata}<br>together %{z:.2f}<extra></extra>",
        colorscale=GLOW,
        zmin=0,
        zmax=1,
        colorbar={"title": {"text": "cosine"}, "thickness": 12, "outlinewidth": 0},
    )
    figure = go.Figure(heat)
    every = max(1, len(shown) // TICKS)
    ticks = {
        "tickvals": list(range(0, len(shown), every)),
        "ticktext": shown[::every],
        "tickfont": {"size": 10},
        "showgrid": False,
        "zeroline": False,
    }
    figure.update_xaxes(**ticks, tickangle=-90, constrain="domain")
    figure.update_yaxes(**ticks, autorange="reversed", scaleanchor="x", constrain="domain")
    figure.update_layout(
        width=side, height=side, margin={"l": 10, "r": 10, "t": 60, "b": 10}, font={"size": 13}
    )
    return figure


def make_clickable(
    figure: go.Figure, order: Sequence[int], pair: tuple[int, int], side: int
) -> None:
    """Let the places of a square be clicked, and mark two of them.

    Heat-maps tell nobody of clicks; points do. So a square that is not seen lies over each place.

    Args:
        figure: drawn by ``together``; its names are left to the hover.
        order: as it was drawn.
        pair: two neurons; where both are drawn, their two places are outlined.
        side: of the figure in pixels.
    """
    count = len(order)
    places = [(row, col) for row in range(count) for col in range(count)]
    unseen = {"marker": {"opacity": 0}}
    figure.add_scatter(
        x=[col for _, col in places],
        y=[row for row, _ in places],
        mode="markers",
        marker={"symbol": "square", "size": max(3.0, side / max(count, 1)), "opacity": 0},
        selected=unseen,
        unselected=unseen,
        customdata=[figure.data[0].customdata[row][col] for row, col in places],
        text=[f"{figure.data[0].z[row][col]:.2f}" for row, col in places],
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
                line={"color": MARK, "width": 2},
            )
    figure.update_traces(
        showscale=False, hoverinfo="skip", hovertemplate=None, selector={"type": "heatmap"}
    )
    ends = [-0.5, count - 0.5]
    figure.update_xaxes(showticklabels=False, ticks="", range=ends, fixedrange=True)
    figure.update_yaxes(
        showticklabels=False,
        ticks="",
        range=ends[::-1],
        autorange=False,
        fixedrange=True,
        constraintoward="top",
    )
    figure.update_layout(
        width=None,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        clickmode="event+select",
        dragmode=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )


def bars(
    values: Mapping[str, Mapping[str, float]],
    colours: Mapping[str, str],
    written: Callable[[float], str],
    height: int = HEIGHT,
) -> go.Figure:
    """Draw values by layer as bars, in the colour of each layer's depth.

    Args:
        values: by what they are called, then by layer; what comes first has the colours, the
            others are grey.
        colours: by layer; what is no layer has the middle one.
        written: writes a value above its bar.
        height: of the figure in pixels.
    """
    figure = go.Figure()
    usual = list(colours.values())[len(colours) // 2]
    for at, (name, row) in enumerate(values.items()):
        paint = [colours.get(it, usual) for it in row] if at == 0 else PALER
        figure.add_bar(
            name=name,
            x=list(row),
            y=list(row.values()),
            text=[written(it) for it in row.values()],
            textposition="outside",
            cliponaxis=False,
            marker={"color": paint, "line": {"width": 0}},
            hovertemplate=f"%{{x}}: %{{text}}<extra>{name}</extra>",
        )
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 28, "b": 0},
        bargap=0.25,
        bargroupgap=0.05,
        showlegend=len(values) > 1,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(title=None, fixedrange=True, showgrid=False, type="category")
    figure.update_yaxes(
        title=None, fixedrange=True, showgrid=False, zeroline=True, zerolinecolor=QUIET,
        showticklabels=False,
    )  # fmt: skip
    return figure
