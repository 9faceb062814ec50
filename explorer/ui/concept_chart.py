"""The chart of labels whose units respond more to a result than to its original."""

from collections.abc import Sequence

from core.analysis import unit_labels
from core.experiments import concept_growth
from core.experiments.concept_growth import ConceptGrowth
from core.networks.network import Network
from explorer.charts import depth_colours, figures
from explorer.ui import chart
from explorer.ui.components import html_snippets

# Number of labels in the chart: those that gain or lose most.
LABELS = 10
# This label is always in the chart: most visitors look for it.
HIGHLIGHTED = "eye"


def show_growth(
    network: Network,
    columns: Sequence[str],
    grown: Sequence[Sequence[ConceptGrowth]],
    full: float,
    line: str,
    name: str,
) -> bool:
    """Show the chart where the network's units have labels, and return whether they have.

    Args:
        network: whose units.
        columns: names of the results.
        grown: of each result, as ``concept_growth.concept_growth`` returns it.
        full: number of doublings that has the full colour.
        line: what is measured.
        name: of the saved numbers, without "-labels" and an ending.
    """
    if unit_labels.labels_of(network) is None:
        return False
    html_snippets.section("Whose neurons grew", line)
    table = concept_growth.growth_table(grown, LABELS, HIGHLIGHTED)
    colour = depth_colours.depth_colour(0.5)
    figure = figures.heatmap(table, list(columns), "{:.1f}".format, colour, 2**full)
    chart.show_chart(figure, "grown", f"{name}-labels")
    return True
