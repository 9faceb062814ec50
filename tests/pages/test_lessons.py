"""The lessons, run without a browser: with SketchNet, by their numbers, and with any network."""

import json
import re
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from core.style import defaults
from explorer.ui.lessons.texts import LESSONS
from tests.conftest import tiny_module
from tests.pages.app import html, open_at, query
from tests.pages.stand_in import StandIn, open_stand_in, visit, work_off

NUMBERS = [it.number for it in LESSONS]


def reveal(app: AppTest) -> dict[str, dict[str, float]]:
    """Show what was measured, and return the numbers of the chart."""
    button = next(it for it in app.button if it.label == "Show what was measured")
    button.click().run()
    work_off(app)
    charts = [json.loads(it.proto.spec)["data"] for it in app.get("plotly_chart")]
    (bars,) = [it for it in charts if it[0]["type"] == "bar"]
    return {it["name"]: dict(zip(it["x"], it["y"], strict=True)) for it in bars}


def verdict(app: AppTest) -> str:
    """Return the sentence with the answer."""
    text = html(app)
    start = text.index('<p class="verdict">')
    return text[start : text.index("</p>", start)]


def test_1_shuffling_matters_from_relu4a_on() -> None:
    app = visit("lessons")
    assert "Lines, then things" in html(app)
    (values,) = reveal(app).values()
    assert "Measured: relu4a." in verdict(app)
    assert values["relu1a"] < 0.15 < 0.55 < values["relu5b"]


def test_2_deep_nines_agree() -> None:
    app = visit("lessons", lesson="2")
    app.get("button_group")
    (values,) = reveal(app).values()
    assert "8 or 9" in verdict(app)
    assert values["relu1a"] < 2.2 < 8 < values["logits"]


def test_3_edges_are_lost_in_the_fourth_stage() -> None:
    app = visit("lessons", lesson="3")
    (values,) = reveal(app).values()
    assert "Measured: relu4b." in verdict(app)
    assert values["relu1b"] > 0.9
    assert values["relu3b"] > 0.78 > 0.64 > values["relu4b"] > 0.5 > values["relu5b"]


def test_4_paintings_are_told_apart_by_what_fires_together() -> None:
    app = visit("lessons", lesson="4")
    found = reveal(app)
    assert "Measured: what fires together." in verdict(app)
    assert min(found["what fires together"].values()) >= 0.9


def test_5_what_content_wins_style_loses() -> None:
    app = visit("lessons", lesson="5")
    assert "content costs 0%, style 100%" in html(app)
    # The painting is measured in the size of the picture, so a little of its own style is lost.
    costs = re.findall(r"content costs 100%, style (\d+)%", html(app))
    assert [int(it) < 5 for it in costs] == [True]
    found = reveal(app)
    assert "Measured: more." in verdict(app)
    style, content = (list(found[it].values()) for it in ("style costs", "content costs"))
    assert style == sorted(style)
    assert content == sorted(content, reverse=True)
    # At the default balance both losses are below those of either image alone.
    assert found["style costs"]["balance 0.02"] < 0.2
    assert found["content costs"]["balance 0.02"] < 0.5


def test_6_a_deep_layer_alone_carries_less_of_the_style() -> None:
    app = visit("lessons", lesson="6")
    (values,) = reveal(app).values()
    best = max(values, key=lambda name: values[name])
    assert f"Measured: {best}." in verdict(app)
    assert best in ("relu1b", "relu2b", "relu3b")
    assert values["relu5b"] < values[best] - 0.2


def test_7_eyes_come_early() -> None:
    app = visit("lessons", lesson="7")
    (values,) = reveal(app).values()
    best = max(values, key=lambda name: values[name])
    assert f"Measured: {best}." in verdict(app)
    assert best in ("relu1b", "relu2b", "relu3b")


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    # The stand-in has SketchNet's name, but not its layers.
    monkeypatch.setattr(defaults, "DEFAULTS", {})
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


@pytest.mark.parametrize("number", NUMBERS)
def test_they_run_with_any_network(stand_in: StandIn, number: int) -> None:
    app = visit("lessons", lesson=str(number))
    assert not app.error
    assert LESSONS[number - 1].claim in html(app).replace("&#x27;", "'")
    assert reveal(app)
    assert not app.error


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"lesson": "9"}, "lesson is 9"),
        ({"lesson": "x"}, "lesson is"),
        ({"lesson": "1", "layer": "nowhere"}, "no layer"),
        ({"lesson": "1", "squares": "3"}, "squares is 3"),
        ({"lesson": "1", "picture": "nobody"}, "no picture"),
        ({"lesson": "2", "unit": "999"}, "unit is 999"),
        ({"lesson": "5", "painting": "mona"}, "no painting"),
        ({"lesson": "5", "balance": "7"}, "balance is 7"),
    ],
)
def test_a_bad_link_gets_one_sentence_and_the_usual_lesson(
    stand_in: StandIn, asked: dict[str, str], words: str
) -> None:
    app = open_at("lessons", **asked)
    assert [words in it.value.replace("\\", "") for it in app.warning] == [True]
    assert not app.error


def test_a_guess_is_judged_and_lessons_lead_on(stand_in: StandIn) -> None:
    app = visit("lessons", lesson="4", painting="glass")
    app.button(key="next lesson").click().run()
    assert query(app) == {"lesson": "5"}
