"""The layout of graphs, against brute force on small graphs."""

import graphlib
import itertools
import random
from collections.abc import Mapping, Sequence

import pytest

from explorer.charts import graph_layout
from explorer.charts.graph_layout import GraphLayout, lay_out

Point = tuple[int, float]


def lines(layout: GraphLayout) -> list[tuple[Point, Point]]:
    """Return the straight pieces of all edges, each from one column to the next."""
    found = []
    for (source, target), bends in layout.bends.items():
        points = [layout.places[source], *bends, layout.places[target]]
        found += itertools.pairwise(points)
    return found


def crossings(pieces: Sequence[tuple[Point, Point]]) -> int:
    """Count the pairs of pieces that cross between two columns."""
    return sum(
        one[0][0] == two[0][0] and (one[0][1] - two[0][1]) * (one[1][1] - two[1][1]) < 0
        for one, two in itertools.combinations(pieces, 2)
    )


def fewest_crossings(layout: GraphLayout) -> int:
    """Try every order of every column, and return the fewest crossings."""
    pieces = lines(layout)
    columns: dict[int, list[Point]] = {}
    for point in sorted({*layout.places.values(), *itertools.chain(*pieces)}):
        columns.setdefault(point[0], []).append(point)
    orders = itertools.product(*map(itertools.permutations, columns.values()))
    best = len(pieces) ** 2
    for order in orders:
        rank: Mapping[Point, Point] = {
            point: (point[0], float(at)) for column in order for at, point in enumerate(column)
        }
        best = min(best, crossings([(rank[one], rank[two]) for one, two in pieces]))
    return best


def random_graph(seed: int) -> tuple[list[str], list[tuple[str, str]]]:
    chance = random.Random(seed)
    nodes = [f"n{at}" for at in range(chance.randint(2, 7))]
    pairs = itertools.combinations(nodes, 2)
    return nodes, [pair for pair in pairs if chance.random() < 0.35]


def check(nodes: Sequence[str], edges: Sequence[tuple[str, str]], layout: GraphLayout) -> None:
    """Check that edges go forward, and that nothing lies on top of anything else."""
    assert set(layout.places) == set(nodes) and set(layout.bends) == set(edges)
    for source, target in edges:
        start, end = layout.places[source][0], layout.places[target][0]
        assert start < end
        assert [at for at, _ in layout.bends[source, target]] == list(range(start + 1, end))
    bends = [point for points in layout.bends.values() for point in points]
    for (column, row), (other, height) in itertools.combinations(layout.places.values(), 2):
        assert column != other or abs(row - height) > 0.999
    for column, row in bends:
        assert all(at != column or abs(row - it) > 0.649 for at, it in layout.places.values())
    assert len(set(bends)) == len(bends)


def test_small_graphs_cross_as_little_as_any_order_allows() -> None:
    optimal, total = 0, 0
    for seed in range(200):
        nodes, edges = random_graph(seed)
        layout = lay_out(nodes, edges)
        check(nodes, edges, layout)
        columns = [at for at, _ in {*layout.places.values(), *itertools.chain(*lines(layout))}]
        if max(columns.count(at) for at in columns) > 4 or len(columns) > 14:
            continue  # too many orders for brute force
        found, best = crossings(lines(layout)), fewest_crossings(layout)
        assert best <= found <= best + 1
        total += 1
        optimal += found == best
    assert total >= 150 and optimal >= 0.95 * total


def test_large_graphs_are_laid_out() -> None:
    chance = random.Random(0)
    nodes = [f"n{at}" for at in range(60)]
    edges = [(nodes[at], nodes[at + chance.randint(1, 6)]) for at in range(54) for _ in range(2)]
    edges = list(dict.fromkeys(edges))
    check(nodes, edges, lay_out(nodes, edges))


def test_branches_lie_around_the_middle_and_a_skip_passes_beneath() -> None:
    edges = [("in", "a"), ("in", "b"), ("a", "join"), ("b", "join"), ("join", "c")]
    edges += [("c", "out"), ("join", "out")]
    layout = lay_out(["in", "a", "b", "join", "c", "out"], edges)
    assert layout.places == {
        "in": (0, 0.0),
        "a": (1, -0.5),
        "b": (1, 0.5),
        "join": (2, 0.0),
        "c": (3, 0.0),
        "out": (4, 0.0),
    }
    assert layout.bends["join", "out"] == ((3, pytest.approx(0.65)),)
    assert layout.breaks == (1, 3)
    chain = lay_out(["a", "b", "c"], [("a", "b"), ("b", "c")])
    assert chain.breaks == (1, 2)


def test_crossings_are_counted_as_inversions() -> None:
    chance = random.Random(1)
    for _ in range(50):
        ends = [chance.randint(0, 5) for _ in range(chance.randint(0, 9))]
        slow = sum(one > two for one, two in itertools.combinations(ends, 2))
        assert graph_layout.count_crossings(ends) == slow


def test_a_circle_is_refused_and_no_nodes_are_no_places() -> None:
    with pytest.raises(graphlib.CycleError):
        lay_out(["a", "b"], [("a", "b"), ("b", "a")])
    assert lay_out([], []) == GraphLayout({}, {}, ())
