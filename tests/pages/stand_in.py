"""A tiny network that stands in for SketchNet, and a worker in this process, for tests of pages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from torch import nn

from core.errors import ExplorerError
from core.networks import known_networks, registry
from core.networks.known_networks import NetworkInfo
from core.networks.layers import Layer
from core.networks.network import Network
from core.neurons import render_neurons
from core.progress import Progress
from core.recipes.neuron import NeuronRecipe
from explorer.jobs.worker import Worker
from explorer.library import effects, unit_places
from explorer.rendering import render_recipe
from explorer.ui import server_state
from tests.conftest import as_network
from tests.pages.app import open_at

SIZE, STEPS = 16, 3
# Drawings on which the effect of a unit is measured.
EFFECT_DRAWINGS = 12


class StandIn:
    """The stand-in network, and every recipe that was rendered in it."""

    def __init__(self, module: nn.Module) -> None:
        self.network = replace(as_network(module), name=registry.SKETCHNET)
        self.rendered: list[NeuronRecipe] = []

    def load(self, name: str, weights: Path | None = None, device: str = "auto") -> Network:
        if name != registry.SKETCHNET:
            raise ExplorerError(f"the weights of {name} are not on this machine")
        return self.network

    def plan(
        self,
        network: Network,
        layer: str,
        units: Sequence[int] = (),
        size: int = SIZE,
        steps: int = STEPS,
        seed: int = 0,
        **other: Any,
    ) -> NeuronRecipe:
        return PLAN(network, layer, units, size, steps, seed, **other)

    def render(
        self, network: Network, recipe: NeuronRecipe, inputs: Mapping[str, bytes]
    ) -> Iterator[Progress]:
        self.rendered.append(recipe)
        return RENDER(network, recipe, inputs)


PLAN, RENDER = render_neurons.plan, render_neurons.render


def open_stand_in(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    infos = (
        NetworkInfo(registry.SKETCHNET, "ships with the explorer", True, 1000, 0.0),
        NetworkInfo("resnet18", "torchvision", False, 11_689_512, 44.7),
    )

    def small(network: Network, layer: Layer) -> int:
        return SIZE

    monkeypatch.setattr(known_networks, "describe_networks", lambda: infos)
    monkeypatch.setattr(registry, "load", stand_in.load)
    monkeypatch.setattr(render_neurons, "plan", stand_in.plan)
    monkeypatch.setitem(render_recipe.RENDERERS, NeuronRecipe.kind, stand_in.render)
    monkeypatch.setattr(render_neurons, "suggested_size", small)
    monkeypatch.setattr(effects, "PICTURES", EFFECT_DRAWINGS)
    monkeypatch.setattr(unit_places, "DRAWINGS", EFFECT_DRAWINGS)
    render_recipe.forget_networks()
    st.cache_resource.clear()
    yield stand_in
    st.cache_resource.clear()
    render_recipe.forget_networks()


def work_off(app: AppTest) -> AppTest:
    """Finish the jobs that the page has submitted, as a worker does, and run it again.

    The visitor watches the jobs meanwhile, as a page in a browser does.
    """
    jobs = server_state.jobs()

    def watch(*_: object) -> None:
        if "visitor" in app.session_state:
            for job in jobs.open():
                jobs.watch(job.key, app.session_state["visitor"])

    worker = Worker(jobs.store, "test", render_recipe.render_updates, watch)
    watch()
    while worker.run_next_part():
        while worker.run_next_part():
            watch()
        app.run()
        watch()
    assert not app.exception
    return app


def visit(page: str | None = None, /, **query: str) -> AppTest:
    """Open a page at a link, and wait until everything is rendered."""
    return work_off(open_at(page, **query))
