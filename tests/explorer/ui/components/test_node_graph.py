"""The data of the graph component; its drawing is tested in a browser."""

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest


def circuit() -> None:
    """Show a graph with weighted edges, as a page does."""
    from explorer.ui.components.node_graph import GraphEdge, GraphNode, node_graph

    groups = {"a1": "", "a2": "", "b1": "box", "b2": "box", "d1": "", "e1": ""}
    nodes = [GraphNode(it, f"neuron {it}", it, group=group) for it, group in groups.items()]
    edges = [
        GraphEdge("a1", "b1", 2.0),
        GraphEdge("a2", "b1", -4.0),
        GraphEdge("b1", "b2"),
        GraphEdge("b2", "d1", 0.5),
        GraphEdge("d1", "e1", skip=True),
    ]
    node_graph(nodes, edges, "graph", "a circuit", lambda _: None)


@pytest.fixture
def drawn() -> dict[str, Any]:
    app = AppTest.from_function(circuit).run()
    assert not app.exception
    (element,) = app.get("bidi_component")
    data: dict[str, Any] = json.loads(element.proto.json)
    return data


def test_edges_have_their_share_of_the_heaviest_and_their_kind(drawn: dict[str, Any]) -> None:
    ids = [node["id"] for node in drawn["nodes"]]
    edges = {(ids[it["source"]], ids[it["target"]]): it for it in drawn["edges"]}
    assert [it["share"] for it in edges.values()] == [0.5, 1.0, 0.25, 0.125, 0.25]
    assert edges["a2", "b1"]["kind"] == "against"
    assert edges["d1", "e1"]["kind"] == "skip"
    assert edges["a1", "b1"]["kind"] == ""


def test_lines_break_where_one_edge_leads_on_and_no_box_is_cut(drawn: dict[str, Any]) -> None:
    columns = {node["id"]: node["place"][0] for node in drawn["nodes"]}
    assert columns == {"a1": 0, "a2": 0, "b1": 1, "b2": 2, "d1": 3, "e1": 4}
    assert drawn["breaks"] == [3, 4]
