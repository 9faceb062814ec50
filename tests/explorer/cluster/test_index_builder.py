"""Indexing on a Ray cluster when an image ends its process."""

import importlib.util
import os
from typing import Any

import pytest

from core.datasets import sources
from core.datasets.image_source import ImageEntry
from core.index import build
from core.index.accumulator import IndexAccumulator
from core.index.plan import IndexPlan
from core.index.top_k import picture_id
from core.networks.network import Network
from explorer.cluster import index_builder

pytestmark = [
    pytest.mark.usefixtures("ray_environment"),
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="ray is not installed: pip install -r requirements-cluster.txt",
    ),
]
COUNT, DEADLY = 12, "7"


def index_or_die(
    _name: str, _shared: Any, plan: IndexPlan, text: str, entries: list[ImageEntry]
) -> IndexAccumulator:
    if any(it.name == DEADLY for it in entries):
        os._exit(1)
    made = IndexAccumulator.empty(plan, text)
    made.pictures.extend(picture_id(it.name) for it in entries)
    return made


def test_an_image_that_ends_its_process_is_skipped(
    tiny: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    from explorer.cluster.ray_worker import Cluster

    monkeypatch.setattr(index_builder, "_index_shard", index_or_die)
    monkeypatch.setattr(index_builder, "SHARD", 4)
    monkeypatch.setattr(index_builder, "RETRIES", 0)
    for name, value in index_builder.ray_settings(None).items():
        monkeypatch.setenv(name, value)
    source = sources.find_source(f"sketchworld:{COUNT}:1")
    plan = build.plan_index(tiny, source)
    whole = IndexAccumulator.empty(plan, source.text)
    cluster = Cluster(None)
    try:
        arguments = ("tiny", None, plan, source.text)
        done = 0
        for parts in index_builder._run_shards(cluster.allocation(), arguments, source.entries()):
            for part, size in parts:
                whole.merge(part)
                done += size
    finally:
        cluster.disconnect()
    others = sorted(picture_id(str(it)) for it in range(COUNT) if str(it) != DEADLY)
    assert done == COUNT and sorted(whole.pictures) == others
    assert whole.skipped == {DEADLY: f"{DEADLY} ended the process that opened it"}
