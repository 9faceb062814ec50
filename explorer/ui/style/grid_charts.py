"""Charts of measures of style transfers, by the layer that is used for style."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

import streamlit as st

from core.experiments import style_grid_measures
from core.experiments.style_grid_measures import GridMeasures
from core.networks.network import Network
from core.recipes.style_grid import StyleDepthsRecipe
from explorer.charts import depth_colours, figures
from explorer.text.formatting import percent
from explorer.ui import chart, concept_chart, server_state
from explorer.ui.components import html_snippets

# Growth, in doublings, that the chart of labels draws in the full colour.
FULL = 2.0


@server_state.cached(16, "Measuring ...")
def grid_measures(network: Network, recipe: StyleDepthsRecipe) -> dict[str, GridMeasures]:
    """Measure all images of a finished matrix of style layers by content layers, cached.

    Returns:
        By style layer the measures, averaged over the content layers.
    """
    store = server_state.store()
    inputs = {it: store.input(it) or b"" for it in recipe.inputs}
    images = {number: it.image for number, it in store.pictures(recipe).items()}
    measured = style_grid_measures.measure_pictures(
        style_grid_measures.build_evaluator(network, recipe, inputs), recipe, images
    )
    return style_grid_measures.average_by_layer(recipe, measured)


def show_charts(network: Network, recipe: StyleDepthsRecipe) -> None:
    """Show charts of what is measured for each style layer.

    They show edges kept, colours, responses of eye units, style losses, and responses of the units
    of other labels.
    """
    measured = grid_measures(network, recipe)
    names = list(measured)
    colours = {it: depth_colours.depth_colour(network.layer(it).depth) for it in names}
    html_snippets.section(
        "What each depth of style does",
        "What is kept of the photograph, what is taken from the painting, and whether eyes "
        "appear. Each bar is the mean of one row of pictures.",
    )
    charts: list[tuple[str, str, str, Callable[[float], str]]] = [
        ("Edges kept", "of the photograph; 0% is chance", "edges", percent),
        ("Colours", "difference from the painting's: 0 is the same", "colours", "{:.0f}".format),
    ]
    values: dict[str, list[float]] = {
        "edges": [it.edges for it in measured.values()],
        "colours": [it.to_painting for it in measured.values()],
    }
    eyes = [it.eyes for it in measured.values() if it.eyes is not None]
    if len(eyes) == len(measured):
        values["eyes"] = [2**it for it in eyes]
        charts.append(("Eyes", "their neurons: 1 is as active as before", "eyes", "{:.2f}".format))
    for column, (title, line, name, form) in zip(st.columns(len(charts)), charts, strict=True):
        with column:
            st.html(f'<h4 class="side">{title}</h4><p class="quiet">{line}</p>')
            rows = {title: dict(zip(names, values[name], strict=True))}
            figure = figures.bars(rows, colours, form, figures.SMALL_HEIGHT)
            chart.show_chart(figure, f"{name} chart", f"style-depths-{name}")
    if len(eyes) == len(measured):
        st.html(f'<p class="fact-words">{escape(eyes_answer(names, values["eyes"]))}</p>')
    show_grams(names, measured)
    line = (
        "For each label: how many times as strongly its neurons respond to the painted picture as "
        "to the photograph, compared with a typical neuron of their layer. The style layer itself "
        "is left out."
    )
    grown = [it.grown for it in measured.values()]
    concept_chart.show_growth(network, names, grown, FULL, line, "style-depths")


def show_grams(names: Sequence[str], measured: Mapping[str, GridMeasures]) -> None:
    """Show how far the rendered pictures are from the painting's style, as a table.

    A column has the pictures that were rendered with one style layer, on average. A row has the
    layer at which their style loss is measured.

    Args:
        names: the style layers.
        measured: the measures, by style layer.
    """
    html_snippets.section(
        "How much of the painting's style is missing",
        "Rows: the layer at which it is measured. Columns: the layer that the style was taken "
        "from. 0% means that neurons respond together exactly as in the painting.",
    )
    layers = list(next(iter(measured.values())).gram)
    colour = depth_colours.depth_colour(0.5)
    table = {layer: [it.gram[layer] for it in measured.values()] for layer in layers}
    chart.show_table(table, names, percent, colour, 1.0, "grams", "style-depths-missing")


def eyes_answer(names: Sequence[str], eyes: Sequence[float]) -> str:
    """Return a sentence on whether eye units respond more to a result with a deep style layer.

    Args:
        names: the style layers, from shallow to deep.
        eyes: for each style layer, the factor by which the responses of eye units grew.
    """
    at = max(range(len(eyes)), key=eyes.__getitem__)
    deep = eyes[-1]
    first = (
        f"Do neurons of eyes respond more when style is taken from the deepest layer? "
        f"{'Yes' if deep > 1 else 'No'}: {deep:.2f} times as strongly with {names[-1]}, "
        f"{eyes[0]:.2f} times with {names[0]}."
    )
    return first if at == len(eyes) - 1 else f"{first} They respond most with {names[at]}."
