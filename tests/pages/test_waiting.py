"""What a page shows of a job that waits while a worker is at another visitor's."""

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from core.recipes.neuron import NeuronRecipe
from explorer.jobs.claims import Claim, Claims
from explorer.ui import server_state
from tests.conftest import tiny_module
from tests.explorer.workers import alive
from tests.pages.app import html, open_at
from tests.pages.stand_in import StandIn, open_stand_in, work_off

WORKER = "at another visitor's"


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


@pytest.fixture
def claim(stand_in: StandIn) -> Iterator[Claim]:
    """A part of another visitor's job that a worker is at."""
    store, layer = server_state.store(), stand_in.network.shown[1].name
    recipe = NeuronRecipe(
        stand_in.network.name, stand_in.network.fingerprint, 77, layer, (0,), size=16, steps=2
    )
    server_state.jobs().submit(recipe, "bert")
    with alive(store, WORKER):
        found = Claims(store).claim(WORKER)
        assert found is not None
        yield found


def bars(app: AppTest) -> list[tuple[int, str]]:
    """Return the values, from 0 to 100, and the texts of the progress bars of a page."""
    return [(it.proto.value, it.proto.text) for it in app.get("progress")]


def open_neuron(stand_in: StandIn) -> AppTest:
    return open_at("neuron", layer=stand_in.network.shown[1].name, unit="2", seed="5")


def test_a_job_that_waits_shows_the_progress_of_what_comes_first(
    stand_in: StandIn, claim: Claim
) -> None:
    claims = Claims(server_state.store())
    claims.report(claim, 1, 4)
    app = open_neuron(stand_in)
    # One bar, although parts of the page beside the large picture wait, too.
    ((value, words),) = bars(app)
    assert value == 25 and words.startswith("Waiting: 1 job comes first, about ")
    assert words.endswith(" Now: pictures of neurons, 25%.")
    claims.report(claim, 3, 4)
    app.run()
    ((value, words),) = bars(app)
    assert value == 75 and words.endswith("75%.")


def test_a_job_that_has_begun_keeps_its_own_progress_in_the_turns_of_others(
    stand_in: StandIn, claim: Claim
) -> None:
    app = open_neuron(stand_in)
    claims = Claims(server_state.store())
    claims.pause(claim)
    own = claims.claim(WORKER)
    assert own is not None and isinstance(own.recipe, NeuronRecipe) and own.recipe.seed == 5
    claims.report(own, 1, 2, {2: b"RIFF"})
    app.run()
    # Other parts of the page may wait for the same job; the large picture comes first.
    (value, words), *_ = bars(app)
    assert value == 50 and "turn" not in words
    claims.pause(own)
    again = claims.claim(WORKER)
    assert again == claim
    app.run()
    (value, words), *_ = bars(app)
    assert value == 50 and words.endswith("; another job has its turn")


def test_the_usual_picture_is_shown_pale_until_the_own_one_has_begun(
    stand_in: StandIn, claim: Claim
) -> None:
    app = open_neuron(stand_in)
    assert 'class="sample"' not in html(app)
    layer = stand_in.network.shown[1].name
    usual = open_at("neuron", layer=layer, unit="2")
    claims = Claims(server_state.store())
    claims.release(claim)
    work_off(usual)
    app = open_at("neuron", layer=layer, unit="2", seed="6")
    assert 'class="sample"' in html(app)
