"""The tensors of every network of the catalogue, without PyTorch: names and shapes.

``parameter_shapes.json`` has a table of modules, in which equal ones are one row: the shapes of a
module's own tensors, and the rows of the modules in it. ``timm_shapes.json.gz`` has the same for
the networks of timm that have published weights; it is compressed, because they are a thousand.
Both are made by ``python -m explorer.prebuilt.known_networks``.
"""

import functools
import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.checkpoints import matching
from core.checkpoints.contents import FileContent
from core.checkpoints.matching import NetworkShapes
from core.files import write_file
from core.networks import known_timm

FACTS = Path(__file__).with_name("parameter_shapes.json")
TIMM_FACTS = Path(__file__).with_name("timm_shapes.json.gz")
# A network of which a file has fewer of the names does not fit.
LEAST_SHARE = 0.5


@dataclass(frozen=True)
class ShapeTable:
    """The tensors of many networks, as a file holds them.

    Attributes:
        modules: by the row of a module, the shapes of its tensors and the rows of the modules in
            it, by name.
        networks: by name of a network, its row and its number of classes.
    """

    modules: tuple[Mapping[str, Any], ...]
    networks: Mapping[str, tuple[int, int]]

    def shapes(self, name: str) -> NetworkShapes:
        """Return the tensors of a network."""
        row, classes = self.networks[name]
        return NetworkShapes(name, dict(self._tensors(row)), classes)

    def first_tensor(self, name: str) -> str:
        """Return the name of a network's first tensor, which no file of the network lacks."""
        return next(self._tensors(self.networks[name][0]))[0]

    def _tensors(self, row: int, prefix: str = "") -> Iterator[tuple[str, tuple[int, ...]]]:
        for name, value in self.modules[row].items():
            if isinstance(value, int):
                yield from self._tensors(value, f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}", tuple(value)


@functools.cache
def read_table(file: Path) -> ShapeTable:
    """Return the table that ``write_shapes`` wrote into a file."""
    data = file.read_bytes()
    content = json.loads(gzip.decompress(data) if file.suffix == ".gz" else data)
    networks = {name: (row, classes) for name, (row, classes) in content["networks"].items()}
    return ShapeTable(tuple(content["modules"]), networks)


def write_shapes(networks: Mapping[str, NetworkShapes], file: Path) -> None:
    """Write the tensors of networks as JSON, with a line for each module that differs.

    Args:
        networks: the tensors by name of the network.
        file: where they go; if its name ends with ``.gz``, they are compressed.
    """
    rows: dict[str, int] = {}
    roots = {name: [_row(_tree(it), rows), it.classes] for name, it in networks.items()}
    modules = ",\n".join(f"  {row}" for row in rows)
    text = f'{{\n "modules": [\n{modules}\n ],\n "networks": {json.dumps(roots)}\n}}\n'
    data = text.encode()
    # Without the time, equal tables are equal files.
    write_file(file, gzip.compress(data, mtime=0) if file.suffix == ".gz" else data)


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


def networks_that_fit(
    content: FileContent, part: str = "", file_name: str = ""
) -> dict[str, NetworkShapes]:
    """Return the networks of the catalogue that the tensors of a file fit, by name.

    Several networks of timm have the same tensors and differ in what has no weights, such as the
    normalisation of images. One whose name is in the name of the file comes first, then those of
    torchvision, then those of timm with the shortest names.

    Args:
        content: the tensors of the file.
        part: which of several state dicts is meant; "" for any.
        file_name: name of the file.
    """
    tables = [read_table(FACTS), *([read_table(TIMM_FACTS)] if known_timm.is_installed() else [])]
    endings = matching.endings(content)
    found = {
        name: network
        for table in tables
        for name in table.networks
        if table.first_tensor(name) in endings
        and _has_most(network := table.shapes(name), endings)
        and matching.best_fit(content, network, part).fits
    }
    return {name: found[name] for name in sorted(found, key=lambda it: _order(it, file_name))}


def _has_most(network: NetworkShapes, endings: set[str]) -> bool:
    """Whether the paths in a file end with many of a network's names."""
    return len(endings & network.shapes.keys()) >= LEAST_SHARE * len(network.shapes)


def _order(name: str, file_name: str) -> tuple[int, bool, int]:
    """Return the key by which the likeliest of several networks comes first."""
    own = name.removeprefix(known_timm.PREFIX)
    is_timm = name != own
    return -len(own) if own in file_name else 0, is_timm, len(own) if is_timm else 0
