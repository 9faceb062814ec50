"""A component with a graph: nodes with pictures, and edges from left to right between them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from explorer.charts import graph_layout
from explorer.ui.components.mount import mount_component


@dataclass(frozen=True)
class GraphNode:
    """A node of a graph.

    Attributes:
        id: text that ``node_graph`` returns after a click on the node.
        label: description for screen readers.
        title: text beneath the picture; short.
        note: a second, paler line of text.
        picture: URL of the picture; None for an empty frame.
        colour: CSS colour of the node.
        group: title of the box that the node is in; nodes of one group have the same title. "" for
            no box.
        chosen: whether the node is the selected one.
        fixed: whether a click has no effect.
        smooth: whether the picture is a photograph; else each of its pixels is a sharp square.
    """

    id: str
    label: str
    title: str
    note: str = ""
    picture: str | None = None
    colour: str = "currentColor"
    group: str = ""
    chosen: bool = False
    fixed: bool = False
    smooth: bool = False


@dataclass(frozen=True)
class GraphEdge:
    """An edge of a graph.

    Attributes:
        source, target: ids of the nodes; the edge points from ``source`` to ``target``.
        weight: strength of the edge: the strongest edges are the thickest. Edges with negative
            weights are dashed, in another colour.
        skip: whether the edge goes around nodes that also connect its ends; it is then paler.
        id: text that ``node_graph`` returns after a click on the edge; "" if it cannot be clicked.
            Such edges have colours for positive and for negative weights.
        label: what the edge is, while the pointer is on it.
        chosen: whether the edge is the selected one.
    """

    source: str
    target: str
    weight: float = 1.0
    skip: bool = False
    id: str = ""
    label: str = ""
    chosen: bool = False

    @property
    def kind(self) -> str:
        """The class of the edge in the style sheet."""
        if self.weight < 0:
            return "against"
        return "for" if self.id else "skip" if self.skip else ""


def node_graph(
    nodes: Sequence[GraphNode],
    edges: Sequence[GraphEdge],
    key: str,
    label: str,
    on_open: Callable[[str], None],
    spread: bool = False,
) -> str | None:
    """Show a graph, which continues on a new line where the page is too narrow for it.

    Args:
        nodes: the nodes.
        edges: the edges, which form no circle.
        key: the widget's key.
        label: name of the graph; while it is the same, pictures are exchanged in place.
        on_open: called with the id of a clicked node or edge before the page runs again.
        spread: whether columns are farther apart if the page is wide enough, so that many edges
            between them are told apart.

    Returns:
        The id of the node or edge that was clicked just now, or None.
    """
    layout = graph_layout.lay_out(
        [node.id for node in nodes], [(edge.source, edge.target) for edge in edges]
    )
    heaviest = max((abs(edge.weight) for edge in edges), default=1.0) or 1.0
    order = {node.id: at for at, node in enumerate(nodes)}
    data = {
        "set": label,
        "label": label,
        "nodes": [{**vars(node), "place": layout.places[node.id]} for node in nodes],
        "edges": [
            {
                "source": order[edge.source],
                "target": order[edge.target],
                "bends": layout.bends[edge.source, edge.target],
                "share": abs(edge.weight) / heaviest,
                "kind": edge.kind,
                "id": edge.id,
                "label": edge.label,
                "chosen": edge.chosen,
            }
            for edge in edges
        ],
        "spread": spread,
        "breaks": line_breaks(nodes, layout),
    }
    html = (
        '<div class="graph" role="group"><div class="drawing">'
        '<svg aria-hidden="true"></svg></div></div>'
    )
    return mount_component("node_graph", html, key, data, "open", on_open)


def line_breaks(nodes: Sequence[GraphNode], layout: graph_layout.GraphLayout) -> list[int]:
    """Return the columns before which a new line may begin: the breaks that divide no group."""
    columns: dict[str, list[int]] = {}
    for node in nodes:
        if node.group:
            columns.setdefault(node.group, []).append(layout.places[node.id][0])
    inside = {at for found in columns.values() for at in range(min(found) + 1, max(found) + 1)}
    return [at for at in layout.breaks if at not in inside]
