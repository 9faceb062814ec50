"""Columns and rows for the nodes of a graph whose edges point from left to right.

The method is that of Sugiyama, Tagawa and Toda (1981): a node is one column right of the last node
that it reads; an edge over several columns gets a bend in each column between; then the order in
the columns is improved until the edges cross little.
"""

import bisect
import graphlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

# Times that all columns are sorted, from left to right and back.
SWEEPS = 12
# Rows that a node and a bend of an edge take up.
NODE_HEIGHT, BEND_HEIGHT = 1.0, 0.3

Edge: TypeAlias = tuple[str, str]
# A node has its name; the bend of an edge has the edge and the number of its column.
Item: TypeAlias = str | tuple[str, str, int]


@dataclass(frozen=True)
class GraphLayout:
    """Places of the nodes and the bends of a graph.

    Attributes:
        places: by node, its column, counted from 0, and its row. Rows may be fractions; row 0 is
            the middle of a column's nodes. Nodes of one column are at least ``NODE_HEIGHT`` apart.
        bends: by edge, the (column, row) that it passes in each column between its ends.
        breaks: the columns before which a drawing may continue on a new line, as all edges that
            lead to them come from one node.
    """

    places: Mapping[str, tuple[int, float]]
    bends: Mapping[Edge, tuple[tuple[int, float], ...]]
    breaks: tuple[int, ...]


def lay_out(nodes: Sequence[str], edges: Sequence[Edge]) -> GraphLayout:
    """Return columns and rows for the nodes of a graph.

    Args:
        nodes: the names of the nodes. Where the edges leave the choice, nodes of a column keep
            this order.
        edges: (source, target) of each edge.

    Raises:
        graphlib.CycleError: the edges form a circle.
    """
    column_of = _columns(nodes, edges)
    columns: list[list[Item]] = [[] for _ in range(max(column_of.values(), default=-1) + 1)]
    for node in nodes:
        columns[column_of[node]].append(node)
    segments: list[tuple[Item, Item]] = []
    for source, target in edges:
        between: list[Item] = [
            (source, target, at) for at in range(column_of[source] + 1, column_of[target])
        ]
        for at, bend in enumerate(between, column_of[source] + 1):
            columns[at].append(bend)
        segments += zip([source, *between], [*between, target], strict=True)
    columns = _order(columns, segments)
    rows = {item: row for column in columns for item, row in _rows(column).items()}
    return GraphLayout(
        {node: (column_of[node], rows[node]) for node in nodes},
        {
            (source, target): tuple(
                (at, rows[source, target, at])
                for at in range(column_of[source] + 1, column_of[target])
            )
            for source, target in edges
        },
        _breaks(columns, segments),
    )


def _columns(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Return the column of each node: the length of the longest path that leads to it."""
    before: dict[str, set[str]] = {node: set() for node in nodes}
    for source, target in edges:
        before[target].add(source)
    found: dict[str, int] = {}
    for node in graphlib.TopologicalSorter(before).static_order():
        found[node] = max((found[it] + 1 for it in before[node]), default=0)
    return found


def _order(columns: list[list[Item]], segments: Sequence[tuple[Item, Item]]) -> list[list[Item]]:
    """Return the columns with their items in an order in which few segments cross."""
    left: dict[Item, list[Item]] = {item: [] for column in columns for item in column}
    right: dict[Item, list[Item]] = {item: [] for column in columns for item in column}
    for source, target in segments:
        left[target].append(source)
        right[source].append(target)
    columns = [list(column) for column in columns]
    best, fewest = [list(column) for column in columns], _all_crossings(columns, right)
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        forward = sweep % 2 == 0
        for at in range(len(columns)) if forward else reversed(range(len(columns))):
            fixed = columns[at - 1 if forward else at + 1 : at if forward else at + 2]
            if fixed:
                _sort_by_middle(columns[at], fixed[0], left if forward else right)
            _swap_neighbours(columns, at, left, right)
        crossings = _all_crossings(columns, right)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    return best


def _sort_by_middle(
    column: list[Item], fixed: Sequence[Item], neighbours: Mapping[Item, Sequence[Item]]
) -> None:
    """Sort a column by the mean place of each item's neighbours in a column that stays."""
    place = {item: at for at, item in enumerate(fixed)}

    def middle(at: int) -> float:
        found = [place[it] for it in neighbours[column[at]]]
        return sum(found) / len(found) if found else float(at)

    column[:] = [column[at] for at in sorted(range(len(column)), key=middle)]


def _swap_neighbours(
    columns: Sequence[list[Item]],
    at: int,
    left: Mapping[Item, Sequence[Item]],
    right: Mapping[Item, Sequence[Item]],
) -> None:
    """Swap neighbours in a column as long as that removes crossings."""
    column = columns[at]
    sides = [
        ({item: place for place, item in enumerate(columns[other])}, neighbours)
        for other, neighbours in ((at - 1, left), (at + 1, right))
        if 0 <= other < len(columns)
    ]

    def crossings(upper: Item, lower: Item) -> int:
        return sum(
            sum(place[one] > place[two] for one in ends[upper] for two in ends[lower])
            for place, ends in sides
        )

    improved = True
    while improved:
        improved = False
        for upper in range(len(column) - 1):
            pair = column[upper], column[upper + 1]
            if crossings(pair[1], pair[0]) < crossings(*pair):
                column[upper : upper + 2] = pair[::-1]
                improved = True


def _all_crossings(columns: Sequence[Sequence[Item]], right: Mapping[Item, Sequence[Item]]) -> int:
    total = 0
    for column, following in itertools.pairwise(columns):
        place = {item: at for at, item in enumerate(following)}
        ends = [at for item in column for at in sorted(place[it] for it in right[item])]
        total += count_crossings(ends)
    return total


def count_crossings(ends: Sequence[int]) -> int:
    """Return how many edges between two columns cross.

    Args:
        ends: places in the right column at which the edges end, sorted by their places in the left
            column, and for equal places there by the end itself.
    """
    seen: list[int] = []
    crossings = 0
    for end in ends:
        crossings += len(seen) - bisect.bisect_right(seen, end)
        bisect.insort(seen, end)
    return crossings


def _rows(column: Sequence[Item]) -> dict[Item, float]:
    """Return the rows of a column's items; the mean row of its nodes is 0."""
    rows: dict[Item, float] = {}
    edge = 0.0
    for item in column:
        height = NODE_HEIGHT if isinstance(item, str) else BEND_HEIGHT
        rows[item] = edge + height / 2
        edge += height
    nodes = [row for item, row in rows.items() if isinstance(item, str)]
    middle = sum(nodes) / len(nodes)
    return {item: row - middle for item, row in rows.items()}


def _breaks(
    columns: Sequence[Sequence[Item]], segments: Sequence[tuple[Item, Item]]
) -> tuple[int, ...]:
    """Return the columns that only segments from one node lead to."""
    column_of = {item: at for at, column in enumerate(columns) for item in column}
    sources: list[set[Item]] = [set() for _ in columns]
    for source, target in segments:
        sources[column_of[target]].add(source)
    return tuple(
        at
        for at, found in enumerate(sources)
        if len(found) == 1 and all(isinstance(it, str) for it in found)
    )
