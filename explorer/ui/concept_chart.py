"""The chart of labels, such as "eye", whose units respond more to a result than to its original.

A result is a dream or a style transfer; the original is the image that it was made from.
"""

from collections.abc import Sequence

from core.analysis import unit_labels
from core.experiments import concept_growth
from core.networks.network import Network
from explorer.charts import depth_colours
from explorer.ui import chart
from explorer.ui.components import html_snippets

# Number of labels in the chart: those whose units' responses change most.
LABELS = 10
# This label is always in the chart: most visitors look for it.
HIGHLIGHTED = "eye"


def show_growth(
    network: Network,
    columns: Sequence[str],
    grown: Sequence[Sequence[concept_growth.ConceptGrowth]],
    full: float,
    line: str,
    name: str,
) -> bool:
    """Show the chart if the network's units have labels.

    Args:
        network: the network whose units are compared.
        columns: names of the results.
        grown: growth of the labels for each result, from ``concept_growth.concept_growth``.
        full: growth, in doublings, that is drawn in the full colour.
        line: a sentence beneath the title on what is measured.
        name: beginning of the saved files' names; ``-labels`` and an ending are added.

    Returns:
        Whether the units have labels.
    """
    if unit_labels.labels_of(network) is None:
        return False
    html_snippets.section("What its neurons respond to more than before", line)
    table = concept_growth.growth_table(grown, LABELS, HIGHLIGHTED)
    colour = depth_colours.depth_colour(0.5)
    words = "{:.1f}".format
    chart.show_table(table, columns, words, colour, 2**full, "grown", f"{name}-labels")
    return True
