"""Circuits: which neurons a neuron reads, and which it feeds, as a graph to walk through."""

from explorer.ui import index_picker, link_problems
from explorer.ui.circuits import circuits_page
from explorer.ui.page_opener import OpenPage, open_page


def show(page: OpenPage) -> None:
    """Read the URL, and show the circuit of one unit."""
    network, problems = page.network, page.problems
    layer, unit = page.read(lambda: circuits_page.read_place(network), ["index"])
    index = index_picker.chosen_index(network, problems)
    with page.sidebar:
        circuits_page.show_choice(network, layer, unit)
    circuits_page.show(network, layer, unit, index, problems)
    link_problems.show_problems(problems)


open_page(show, "circuits", columns=(1, 4), sidebar_key="circuits-sidebar")
