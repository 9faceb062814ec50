"""What was measured of style at every depth, in charts and a sentence."""

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from core.analysis import unit_labels
from core.experiments import concept_growth, style_grid_measures
from core.experiments.style_grid_measures import GridMeasures
from core.networks.network import Network
from core.recipes.style_grid import StyleDepthsRecipe
from explorer.charts import depth_colours, figures
from explorer.ui import chart, server_state

LABELS = 10
# This label answers the question that everybody asks, so it is always there.
ASKED = "eye"
# A growth of so much has the full colour, in doublings.
FULL = 2.0


@st.cache_data(max_entries=16, show_spinner="Measuring ...")
def grid_measures(
    _network: Network, weights: str, recipe: StyleDepthsRecipe
) -> dict[str, GridMeasures]:
    """Measure all pictures of a finished matrix once for all, averaged by the depth of style."""
    store = server_state.store()
    inputs = {it: store.input(it) or b"" for it in recipe.inputs}
    images = {number: it.image for number, it in store.pictures(recipe).items()}
    told = style_grid_measures.measure_pictures(
        style_grid_measures.build_evaluator(_network, recipe, inputs), recipe, images
    )
    return style_grid_measures.average_by_layer(recipe, told)


def show_charts(network: Network, recipe: StyleDepthsRecipe) -> None:
    """Show what style by one depth after the other keeps, takes and brings along."""
    told = grid_measures(network, network.fingerprint, recipe)
    names = list(told)
    colours = {it: depth_colours.depth_colour(network.layer(it).depth) for it in names}
    _section(
        "What each depth of style does",
        "What is kept of the photograph, what is taken from the painting, and whether eyes come: "
        "means over the depths of content.",
    )
    charts = [
        ("Edges kept", "of the photograph, beyond chance", "edges", "{:.0%}"),
        ("Colours", "distance to the painting's, in CIELAB", "colours", "{:.0f}"),
    ]
    values: dict[str, list[float]] = {
        "edges": [it.edges for it in told.values()],
        "colours": [it.to_painting for it in told.values()],
    }
    eyes = [it.eyes for it in told.values() if it.eyes is not None]
    if len(eyes) == len(told):
        values["eyes"] = [2**it for it in eyes]
        charts.append(("Eyes", "how much their neurons grew, times", "eyes", "{:.2f}"))
    for column, (title, line, name, form) in zip(st.columns(len(charts)), charts, strict=True):
        with column:
            st.html(f'<h4 class="side">{title}</h4><p class="quiet">{line}</p>')
            rows = {title: dict(zip(names, values[name], strict=True))}
            figure = figures.bars(rows, colours, form.format, figures.SMALL_HEIGHT)
            chart.show_chart(figure, f"{name} chart", f"style-depths-{name}")
    if len(eyes) == len(told):
        st.html(f'<p class="fact-words">{escape(eyes_answer(names, values["eyes"]))}</p>')
    show_grams(names, told)
    show_grown(network, names, told)


def show_grams(names: Sequence[str], told: Mapping[str, GridMeasures]) -> None:
    """Show where the painting's style is reached: at the layers that were asked, and elsewhere."""
    _section(
        "How much of the painting's style is missing",
        "At each layer (rows), where the layer above spoke for style: 0% where neurons fire "
        "together exactly as in the painting.",
    )
    layers = list(next(iter(told.values())).gram)
    table = {layer: [it.gram[layer] for it in told.values()] for layer in layers}
    figure = figures.heatmap(table, list(names), "{:.0%}".format, _paint(), 1.0)
    chart.show_chart(figure, "grams", "style-depths-missing")


def show_grown(network: Network, names: Sequence[str], told: Mapping[str, GridMeasures]) -> None:
    """Show which labels' neurons grew, where neurons have labels."""
    if unit_labels.labels_of(network) is None:
        return
    _section(
        "Whose neurons grew",
        "How many times as much the neurons of a label answer to the painted picture as to the "
        "photograph, against a usual neuron of their layer. The layer that spoke is not asked.",
    )
    table = concept_growth.growth_table([it.grown for it in told.values()], LABELS, ASKED)
    figure = figures.heatmap(table, list(names), "{:.1f}".format, _paint(), 2**FULL)
    chart.show_chart(figure, "grown", "style-depths-labels")


def eyes_answer(names: Sequence[str], eyes: Sequence[float]) -> str:
    """Say in a sentence whether eyes grow when deep layers speak for style."""
    at = max(range(len(eyes)), key=eyes.__getitem__)
    deep = eyes[-1]
    first = (
        f"Do eyes grow when the deepest layer is asked for style? {'Yes' if deep > 1 else 'No'}: "
        f"{deep:.2f} times with {names[-1]}, against {eyes[0]:.2f} with {names[0]}."
    )
    return first if at == len(eyes) - 1 else f"{first} They grow most with {names[at]}."


def _paint() -> str:
    return "#" + "".join(f"{part:02x}" for part in depth_colours.DEPTH_COLOURS[1])


def _section(title: str, line: str) -> None:
    st.html(f'<div class="section"><h3>{escape(title)}</h3><p>{escape(line)}</p></div>')
