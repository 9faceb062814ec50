"""The Circuits page, run without a browser on a tiny network."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core.analysis import circuit_meter
from explorer.library import background_task, circuits
from explorer.library.circuits import CircuitPlace
from explorer.paths import home
from tests.conftest import tiny_module
from tests.pages.app import html, open_at, query
from tests.pages.stand_in import StandIn, open_stand_in


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    torch.manual_seed(0)
    monkeypatch.setattr(circuit_meter, "MOST", 6)
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


def graph(app: AppTest) -> dict[str, Any]:
    data = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    (found,) = (it for it in data if "nodes" in it)
    return found


def kernels(app: AppTest, title: str) -> list[dict[str, Any]]:
    data = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    return next((it["tiles"] for it in data if it.get("label") == title), [])


def test_it_shows_what_a_neuron_reads_and_feeds(stand_in: StandIn) -> None:
    names = [it.name for it in stand_in.network.shown]
    app = open_at("circuits", layer=names[1], unit="1")
    shown = graph(app)
    (middle,) = (it for it in shown["nodes"] if it["chosen"])
    assert middle["id"] == f"{names[1]} 1"
    place = {it["id"]: it["place"][0] for it in shown["nodes"]}
    assert place[middle["id"]] == max(
        place[it["id"]] for it in shown["nodes"] if it["id"].startswith(names[1])
    )
    assert all(it["id"] and it["kind"] in ("for", "against") for it in shown["edges"])
    words = html(app)
    assert "This neuron " in words and "With this connection cut" in words
    tiles = kernels(app, "What it reads") + kernels(app, "What it feeds")
    assert tiles and all(it["beside"].startswith("data:image/png") for it in tiles)
    assert all(it["detail"].startswith("measured ") for it in tiles)


def test_the_url_chooses_a_connection(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[1].name
    app = open_at("circuits", layer=layer, unit="1")
    other = next(it["id"] for it in graph(app)["edges"] if not it["chosen"])
    app = open_at("circuits", layer=layer, unit="1", edge=other)
    (chosen,) = (it["id"] for it in graph(app)["edges"] if it["chosen"])
    assert chosen == other and not app.warning


def test_a_bad_unit_is_a_sentence_and_a_circuit_is_shown(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[1]
    app = open_at("circuits", layer=layer.name, unit=str(layer.channels))
    said = [it.value for it in (*app.warning, *app.error)]
    assert len(said) == 1 and str(layer.channels - 1) in said[0]
    assert graph(app)["nodes"] and "unit" not in query(app)


def test_circuits_are_kept(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = stand_in.network.shown[1].name
    before = graph(open_at("circuits", layer=layer, unit="1"))

    def refuse(*_: Any) -> None:
        raise AssertionError("a circuit that is kept is measured once more")

    monkeypatch.setattr(CircuitPlace, "measure", refuse)
    after = graph(open_at("circuits", layer=layer, unit="1"))
    assert [it["id"] for it in after["nodes"]] == [it["id"] for it in before["nodes"]]


def test_large_networks_are_measured_in_the_background(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(circuits, "PAGE_PIXELS", 4)
    monkeypatch.setattr(
        background_task, "start_task", lambda key, module, *_: started.append(module)
    )
    app = open_at("circuits", layer=stand_in.network.shown[1].name, unit="1")
    assert started == ["explorer.library.circuits"]
    assert [it.label for it in app.button if it.key.startswith("start circuit")]
    # Meanwhile the page shows what the weights alone say.
    assert "By its weights alone" in html(app)
    nodes, edges = graph(app)["nodes"], graph(app)["edges"]
    assert len(nodes) > 2 and any(it["chosen"] for it in nodes)
    assert edges and not kernels(app, "What it reads")


def test_a_damaged_file_is_measured_again(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[1].name
    open_at("circuits", layer=layer, unit="1")
    (file,) = (home() / "circuits").iterdir()
    file.write_text('{"nodes": 3}')
    assert graph(open_at("circuits", layer=layer, unit="1"))["nodes"]
