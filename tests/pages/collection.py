"""An index for the tiny network of the pages' tests, where the server's owner would put it."""

from pathlib import Path

from core.datasets import sources
from core.index import build, reader
from core.index.reader import Index
from core.networks.network import Network
from explorer.library.index_task import ENDING, FOLDER
from explorer.paths import home
from tests.core.picture_folders import fill

COUNT = 20


def index_of(network: Network, folder: Path, name: str = "photos", mean: bool = True) -> Index:
    """Index some synthetic images of two labels."""
    source = sources.find_source(str(fill(folder / name, COUNT)))
    out = home() / FOLDER / f"{name}{ENDING}"
    out.parent.mkdir(parents=True, exist_ok=True)
    plan = build.plan_index(network, source, by=("max", "mean") if mean else ("max",))
    tally = build.open_accumulator(plan, source, out)
    for _ in build.build_index(network, source, tally, out):
        pass
    return reader.open_index(out)
