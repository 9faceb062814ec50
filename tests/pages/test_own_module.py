"""Pages on networks of the user's own modules: grey ones, and ones that cannot be traced."""

from collections.abc import Iterator

import pytest
import streamlit as st

from core import networks
from core.networks import known_networks, registry
from core.neurons import render_neurons
from explorer.rendering import render_recipe
from tests.core.own_modules import OWN_MODULES, SIZE, build
from tests.pages.app import html, open_at
from tests.pages.stand_in import work_off


@pytest.fixture(params=["grey", "untraceable", "unet"])
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a network of the user's own that this process knows."""
    for module in (known_networks, registry):
        monkeypatch.setattr(module, "_own", {})
    own = OWN_MODULES[request.param]
    network = networks.wrap(
        build(request.param), SIZE, 0.45, 0.25, name="mine", channels=own.channels, device="cpu"
    )
    registry.register("mine", lambda: network, network)
    monkeypatch.setattr(render_neurons, "SUGGESTED_RANGE", (16, 16))
    monkeypatch.setattr(render_neurons, "DEEP_SIDE", 16)
    st.cache_resource.clear()
    render_recipe.forget_networks()
    yield request.param
    st.cache_resource.clear()
    render_recipe.forget_networks()


@pytest.mark.parametrize("page", ["layers", "neuron", "probe", "dream", "style", "library"])
def test_a_page_shows_the_network(name: str, page: str) -> None:
    layer = OWN_MODULES[name].layer
    app = open_at(page, network="mine", layer=layer)
    if page == "neuron":
        work_off(app)
    assert not app.exception and not app.error
    assert "mine" in html(app) + " ".join(str(it.value) for it in app.selectbox)
