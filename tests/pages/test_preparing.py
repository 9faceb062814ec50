"""Preparing all lessons beforehand, with a tiny stand-in for SketchNet."""

import functools
import json
from collections.abc import Iterator

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.experiments import lesson_measures
from core.networks import Network
from core.style import defaults
from explorer.jobs.supervisor import WORKERS_VARIABLE
from explorer.library import background_task, lessons_task
from explorer.ui import page_runner, server_state
from explorer.ui.lessons import lesson_parts, preparing, remembered, slides, style_balance
from explorer.ui.lessons.texts import LESSONS
from tests.conftest import tiny_module
from tests.pages.app import open_at
from tests.pages.stand_in import StandIn, open_stand_in

BALANCE = LESSONS[4]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    """Yield the stand-in; pages start no workers."""
    monkeypatch.setenv(WORKERS_VARIABLE, "0")
    monkeypatch.setattr(defaults, "DEFAULTS", {})
    for name, small in {"SIZE": 48, "SMALLEST": 32, "STEPS": 2}.items():
        monkeypatch.setattr(style_balance, name, small)
    for stand_in in open_stand_in(StandIn(tiny_module()), monkeypatch):
        yield stand_in.network


def test_every_setting_and_every_answer_is_opened(network: Network) -> None:
    found = preparing.queries(network)
    assert len({json.dumps(it, sort_keys=True) for it in found}) == len(found)
    for lesson in LESSONS:
        of_lesson = [it for it in found if it["lesson"] == str(lesson.number)]
        opened = {int(it["present"]) for it in of_lesson}
        assert opened == {slides.EXPERIMENT, *slides.answer_slides(lesson)}
        choices = lesson_parts.parts_of(lesson).choices(network)
        assert all(any(it.items() <= place.items() for place in of_lesson) for it in choices)
    squares = [it["squares"] for it in found if it["present"] == "4" and "squares" in it]
    assert squares == ["2", "4", "8"]


def test_nothing_is_missing_afterwards(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "LESSONS", (LESSONS[0], BALANCE))
    progress = list(preparing.prepare(network))
    shares = [done / total for done, total in progress]
    assert shares[-1] == 1.0 and min(shares) < 0.5
    assert not server_state.jobs().open()

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("it was measured before")

    monkeypatch.setattr(lesson_measures, "shuffle_effect", fail)
    st.cache_resource.clear()
    for query in preparing.queries(network):
        app = page_runner.run_page("lessons", query)
        assert not app.session_state["filling"] and not app.error
    # All that there is to choose from is opened, so another balance needs a picture.
    monkeypatch.setattr(style_balance, "BALANCES", (*style_balance.BALANCES, 0.5))
    app = page_runner.run_page("lessons", {"lesson": "5", "balance": "0.5"})
    assert app.session_state["filling"]


def test_it_goes_on_where_it_was_stopped(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "LESSONS", (BALANCE,))
    for done, total in preparing.prepare(network):
        if total > len(preparing.queries(network)) and done > total / 2:
            break  # as by the button Stop
    made = len(server_state.store().present(_keys(network)))
    assert made < len(style_balance.BALANCES)
    *_, (done, total) = preparing.prepare(network)
    assert done == total
    assert len(server_state.store().present(_keys(network))) == len(style_balance.BALANCES)


def _keys(network: Network) -> list[str]:
    """Return the keys of the pictures of lesson 5."""
    picture, painting = (
        style_balance.image_picker.find_image(it)
        for it in (style_balance.SAMPLE, style_balance.BALANCE_PAINTING)
    )
    recipe = functools.partial(style_balance.recipe, network, picture, painting)
    return [recipe(balance=it).key for it in style_balance.BALANCES]


def test_measurements_are_kept_and_measured_again_if_damaged(network: Network) -> None:
    calls = []

    @remembered.remembered(2)
    def measure(network: Network, parts: int) -> dict[str, tuple[float, float]]:
        calls.append(parts)
        return {"layer": (0.5, float(parts))}

    assert measure(network, 2) == measure(network, 2) == {"layer": (0.5, 2.0)}
    st.cache_resource.clear()
    assert measure(network, 2) == {"layer": (0.5, 2.0)} and calls == [2]
    assert measure(network, 3) == {"layer": (0.5, 3.0)} and calls == [2, 3]
    (file, *_) = sorted(remembered.folder().glob("measure-*.json"))
    file.write_text("{", "utf-8")
    st.cache_resource.clear()
    measure(network, 2), measure(network, 3)
    assert len(calls) == 3


def test_a_folder_that_cannot_be_written_is_no_obstacle(network: Network) -> None:
    remembered.folder().parent.mkdir(parents=True, exist_ok=True)
    remembered.folder().write_text("a file", "utf-8")

    @remembered.remembered(2)
    def measure(network: Network) -> dict[str, float]:
        return {"layer": 0.5}

    assert measure(network) == {"layer": 0.5}


def start(app: AppTest) -> None:
    next(it for it in app.button if it.label == "Prepare all lessons").click().run()


def test_the_button_starts_the_task_and_says_how_it_ended(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons_task, "MODULE", "tests.explorer.library.short_task")
    app = open_at("lessons")
    start(app)
    task = background_task.latest_task(lessons_task.key_of(network.name, network.fingerprint))
    assert task is not None
    task._listener.join()
    app.run()
    assert [it.value for it in app.markdown if "All lessons are ready" in it.value]
