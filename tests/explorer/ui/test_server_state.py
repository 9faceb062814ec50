"""State that visitors share, and how visitors are identified."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit
import tomllib
from PIL import Image

from core.networks import Network
from explorer.jobs.ownership import VISITOR_HEADER
from explorer.ui import server_state
from explorer.ui.image_picker import PickedImage


def test_a_visitor_is_whom_the_guard_names(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {VISITOR_HEADER: "guest 0123"}
    monkeypatch.setattr(type(server_state.st.context), "headers", property(lambda _: headers))
    assert server_state.visitor() == "guest 0123"


def test_what_is_imported_is_set_apart_whenever_there_is_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []
    monkeypatch.setattr(server_state.gc, "freeze", lambda: done.append("freeze"))
    monkeypatch.setattr(server_state.gc, "collect", lambda: done.append("collect"))
    monkeypatch.setattr(server_state, "_imported", 0)
    server_state.collect_garbage()
    server_state.collect_garbage()
    assert done == ["collect", "freeze", "collect"]
    monkeypatch.setitem(sys.modules, "imported_later", type(sys)("imported_later"))
    server_state.collect_garbage()
    assert done[3:] == ["collect", "freeze"]


def test_no_garbage_is_collected_while_modules_are_imported_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_state.gc, "isenabled", lambda: False)
    monkeypatch.setattr(server_state.gc, "collect", lambda: pytest.fail("all threads would wait"))
    server_state.collect_garbage()
    # Streamlit does not do it either, after each run of a page or a part of one.
    settings = tomllib.loads(Path(".streamlit/config.toml").read_text("utf-8"))
    assert settings["runner"]["postScriptGC"] is False
    assert streamlit.config.get_option("runner.postScriptGC") is not None


def test_results_are_shared_by_equal_weights_and_equal_pixels(tiny: Network) -> None:
    measured: list[str] = []

    @server_state.cached(8)
    def measure(network: Network, picked: PickedImage, size: int) -> str:
        measured.append(f"{network.name} {picked.title} {size}")
        return measured[-1]

    grey, red = (Image.new("RGB", (4, 3), colour) for colour in ("grey", "red"))
    first = measure(tiny, PickedImage("a", "one", grey), 1)
    assert measure(replace(tiny, name="again"), PickedImage("b", "two", grey.copy()), 1) == first
    assert len(measured) == 1
    measure(replace(tiny, fingerprint="other"), PickedImage("a", "one", grey), 1)
    measure(tiny, PickedImage("a", "one", red), 1)
    measure(tiny, PickedImage("a", "one", grey), 2)
    assert len(measured) == 4


@pytest.mark.parametrize("name", server_state.HASHES)
def test_every_type_that_is_told_apart_exists(name: str) -> None:
    module, _, kind = name.rpartition(".")
    assert getattr(importlib.import_module(module), kind).__module__ == module
