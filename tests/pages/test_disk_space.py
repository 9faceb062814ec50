"""The limit of the data folder, as visitors of pages meet it."""

import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from torch import nn

from core.errors import ExplorerError
from core.recipes.neuron import NeuronRecipe
from explorer.jobs.claims import Claims
from explorer.jobs.job_queue import Jobs
from explorer.jobs.queue_order import UNASKED
from explorer.store.results import StoredPicture
from explorer.ui import image_picker, server_state
from tests.conftest import tiny_module
from tests.pages.app import open_at
from tests.pages.stand_in import StandIn, open_stand_in

LIMIT = "EXPLORER_DISK_GB"


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    module: nn.Sequential = tiny_module()
    yield from open_stand_in(StandIn(module), monkeypatch)


def shown_only(stand_in: StandIn, seed: int) -> NeuronRecipe:
    """Finish a picture of 400 kB that a page has shown and nobody asked for."""
    network, jobs = stand_in.network, Jobs(server_state.store())
    layer = network.shown[0].name
    plain = NeuronRecipe(network.name, network.fingerprint, layer=layer, units=(0,), size=16)
    recipe = replace(plain, seed=seed)
    jobs.submit(recipe, "somebody", UNASKED)
    claims = Claims(jobs.store)
    claim = claims.claim("w")
    assert claim is not None
    claims.finish(claim, [StoredPicture(0, bytes(400_000), {})], 1.0)
    return recipe


def test_the_oldest_that_nobody_asked_for_gives_way_to_what_a_page_requests(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, store = shown_only(stand_in, 1000), server_state.store()
    assert store.get(recipe.key) is not None
    monkeypatch.setenv(LIMIT, str(300_000 / 2**30))
    open_at("neuron", layer=stand_in.network.shown[1].name, unit="2")
    assert store.get(recipe.key) is None


def test_an_upload_of_a_guest_is_refused_when_nothing_can_give_way(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    monkeypatch.setenv(LIMIT, str(100_000 / 2**30))
    monkeypatch.setattr(server_state, "visitor", lambda: "guest somebody")
    with pytest.raises(ExplorerError, match="disk space of this server is used up"):
        image_picker.accept_upload(buffer.getvalue())
