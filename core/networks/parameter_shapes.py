"""The tensors of every network of the catalogue, without PyTorch: names and shapes.

``parameter_shapes.json`` has a table of modules, in which equal ones are one row: the shapes of a
module's own tensors, and the rows of the modules in it. It is made by
``python -m explorer.prebuilt.known_networks``.
"""

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.checkpoints import matching
from core.checkpoints.contents import FileContent
from core.checkpoints.matching import NetworkShapes
from core.files import write_file

FACTS = Path(__file__).with_name("parameter_shapes.json")
# A network of which a file has fewer of the names does not fit.
LEAST_SHARE = 0.5


@functools.cache
def read_shapes(file: Path = FACTS) -> Mapping[str, NetworkShapes]:
    """Return the tensors of all networks by the network's name."""
    content = json.loads(file.read_text(encoding="utf-8"))
    return {
        name: NetworkShapes(name, dict(_flat(content["modules"], row)), classes)
        for name, (row, classes) in content["networks"].items()
    }


def _flat(rows: list[dict[str, Any]], row: int, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in rows[row].items():
        if isinstance(value, int):
            yield from _flat(rows, value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", tuple(value)


def write_shapes(networks: Mapping[str, NetworkShapes], file: Path = FACTS) -> None:
    """Write the tensors of networks as JSON, with a line for each module that differs."""
    rows: dict[str, int] = {}
    roots = {name: [_row(_tree(it), rows), it.classes] for name, it in networks.items()}
    modules = ",\n".join(f"  {row}" for row in rows)
    text = f'{{\n "modules": [\n{modules}\n ],\n "networks": {json.dumps(roots)}\n}}\n'
    write_file(file, text.encode())


def _tree(network: NetworkShapes) -> dict[str, Any]:
    """Return the shapes of a network's tensors in mappings, one for each module."""
    tree: dict[str, Any] = {}
    for name, shape in network.shapes.items():
        *parents, last = name.split(".")
        inner = tree
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = list(shape)
    return tree


def _row(tree: dict[str, Any], rows: dict[str, int]) -> int:
    """Return the number of a module's row, which is added to the table if it is new."""
    content = {
        name: _row(value, rows) if isinstance(value, dict) else value
        for name, value in tree.items()
    }
    return rows.setdefault(json.dumps(content, separators=(",", ":")), len(rows))


def networks_that_fit(content: FileContent, part: str = "") -> list[str]:
    """Return the names of the networks of the catalogue that the tensors of a file fit.

    Args:
        content: the tensors of the file.
        part: which of several state dicts is meant; "" for any.
    """
    networks = read_shapes()
    names = {name for network in networks.values() for name in network.shapes}
    endings = matching.known_endings(content, names)
    return [
        name
        for name, network in networks.items()
        if len(endings & network.shapes.keys()) >= LEAST_SHARE * len(network.shapes)
        and matching.best_fit(content, network, part).fits
    ]
