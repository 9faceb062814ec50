"""The lessons, run without a browser: with SketchNet, by their numbers, and with any network."""

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.style import defaults
from explorer.ui.lessons import beliefs, lesson_question, slides
from explorer.ui.lessons.lesson_question import MeasuredAnswer
from explorer.ui.lessons.texts import BELIEFS, LESSONS, Belief, Lesson
from tests.conftest import tiny_module
from tests.pages.app import html, open_at, query
from tests.pages.stand_in import StandIn, open_stand_in, visit, work_off

NUMBERS = [it.number for it in LESSONS]


def reveal(app: AppTest, belief: str = "") -> dict[str, dict[str, float]]:
    """Show what was measured, and return the numbers of the chart.

    Args:
        app: the page.
        belief: name of one of the lesson's beliefs; by default the lesson itself is asked.
    """
    button = next(
        it
        for it in app.button
        if it.label == "Show what was measured" and it.key.endswith(f"sketchnet {belief}".rstrip())
    )
    button.click().run()
    work_off(app)
    charts = [json.loads(it.proto.spec)["data"] for it in app.get("plotly_chart")]
    (bars,) = [it for it in charts if it[0]["type"] == "bar"]
    # Many bars lie, and then their values are on the x-axis.
    axes = {"v": ("x", "y"), "h": ("y", "x")}
    chosen = [(it, *axes[it["orientation"]]) for it in bars]
    return {
        it["name"]: dict(zip(it[names], it[lengths], strict=True)) for it, names, lengths in chosen
    }


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
    assert "Measured: which respond together." in verdict(app)
    assert min(found["which respond together"].values()) >= 0.9


def test_5_what_content_wins_style_loses() -> None:
    app = visit("lessons", lesson="5")
    assert "content loss 0%, style loss 100%" in html(app)
    # The painting is measured in the size of the picture, so a little of its own style is lost.
    costs = re.findall(r"content loss 100%, style loss (\d+)%", html(app))
    assert [int(it) < 5 for it in costs] == [True]
    found = reveal(app)
    assert "Measured: more." in verdict(app)
    style, content = (list(found[it].values()) for it in ("style loss", "content loss"))
    assert style == sorted(style)
    assert content == sorted(content, reverse=True)
    # At the default balance both losses are below those of either image alone.
    assert found["style loss"]["balance 0.02"] < 0.2
    assert found["content loss"]["balance 0.02"] < 0.5


def test_6_a_deep_layer_alone_carries_less_of_the_style() -> None:
    app = visit("lessons", lesson="6")
    (values,) = reveal(app).values()
    best = max(values, key=lambda name: values[name])
    assert f"Measured: {best}." in verdict(app)
    assert best in ("relu1b", "relu2b", "relu3b")
    deep = values["relu4b"], values["relu5b"]
    assert max(deep) < values[best] - 0.1 and min(deep) < values[best] - 0.2
    assert min(deep) == min(values.values())


def test_7_eyes_come_early() -> None:
    app = visit("lessons", lesson="7")
    (values,) = reveal(app).values()
    best = max(values, key=lambda name: values[name])
    assert f"Measured: {best}." in verdict(app)
    assert best in ("relu1b", "relu2b", "relu3b")


def test_8_many_neurons_know_stripes() -> None:
    app = visit("lessons", lesson="8")
    # With the eight neurons off that the lesson begins with, every answer is still right.
    assert html(app).count("still") >= 8 and "→" not in html(app)
    found = reveal(app)
    assert "Measured: 9 to 32." in verdict(app)
    striped, others = found["striped drawings"], found["other drawings"]
    assert striped["8 off"] < 0.1 < 0.5 < striped["32 off"] and others["32 off"] < 0.1
    assert found["striped, neurons at random"]["32 off"] < 0.1
    more = visit("lessons", lesson="8", off="64")
    assert "vertical stripes → " in html(more) and "still house" in html(more)


def test_9_a_wheel_is_built_of_spokes_and_round_things() -> None:
    app = visit("lessons", lesson="9")
    assert "79 (spoke)</b><small>of relu5b" in html(app)
    # Nothing is cut at first, and nothing shows what would be measured.
    assert "% weaker" not in html(app) and "with all connections" in html(app)
    found = reveal(app)
    assert "Measured: 5 to 25%." in verdict(app)
    assert max(found["measured"], key=found["measured"].__getitem__) == "171 (disc)"
    # What the weights predict has the same sign, and the ReLU makes it too large.
    for name, share in found["measured"].items():
        assert share * found["predicted"][name] > 0
    other = visit("lessons", lesson="9", cut="4")
    page = html(other)
    assert re.search(r"with the connection to \d+ \(tier\) cut", page) and "% weaker" in page
    data = [json.loads(it.proto.json) for it in other.get("bidi_component") if it.proto.json]
    tiles = next(it["tiles"] for it in data if "wheels" in it.get("label", ""))
    (cut,) = [it for it in tiles if it["chosen"]]
    assert cut["detail"].startswith("cut: responds ")


def test_training_makes_the_nines_agree() -> None:
    app = visit("lessons", lesson="2")
    found = reveal(app, "trained")
    assert "Measured: 1 to 3." in verdict(app)
    assert found["trained"]["logits"] > 8 > 3 > found["random weights"]["logits"]


def test_class_pictures_go_another_way_than_drawings() -> None:
    app = visit("lessons", lesson="2")
    (values,) = reveal(app, "fool").values()
    assert "Measured: in some layers." in verdict(app)
    assert min(values.values()) < 0.4 < 0.9 < values["relu5b"]


def test_another_seed_gives_another_picture_in_deep_layers() -> None:
    app = visit("lessons", lesson="3")
    (values,) = reveal(app, "seed").values()
    assert values["relu1b"] > 0.8 > 0.5 > values["relu5b"]


def test_gram_matrices_do_not_record_places() -> None:
    app = visit("lessons", lesson="4", beside="shuffled")
    assert "a mosaic, shuffled" not in html(app) and "swirling strokes, shuffled" in html(app)
    found = reveal(app, "places")
    assert "Measured: it stays the same." in verdict(app)
    assert max(found["Gram matrix"].values()) < 0.02 < min(found["place by place"].values())


def test_no_weight_changes_in_a_dream() -> None:
    app = visit("lessons", lesson="7")
    (values,) = reveal(app, "learning").values()
    assert "Measured: none. 0 of " in re.sub("<[^>]*>", "", verdict(app))
    assert values["weights"] == 0 and values["pixels"] > 0.5


def test_eyes_are_the_most_frequent_part() -> None:
    app = visit("lessons", lesson="7")
    (values,) = reveal(app, "data").values()
    assert "Measured: eye." in verdict(app)
    assert values["eye"] > 0.08


def test_more_sizes_bring_larger_forms() -> None:
    app = visit("lessons", lesson="7")
    (values,) = reveal(app, "sizes").values()
    assert "Measured: they get stronger." in verdict(app)
    assert values["3 sizes"] > values["1 size"]


def test_every_belief_has_a_measurement() -> None:
    assert [it.name for it in BELIEFS] == list(beliefs.PARTS)
    assert {it.lesson for it in BELIEFS} <= set(NUMBERS)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    # The stand-in has SketchNet's name, but not its layers.
    monkeypatch.setattr(defaults, "DEFAULTS", {})
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[MeasuredAnswer]:
    """Return a list to which every answer is appended that a page shows."""
    answers: list[MeasuredAnswer] = []
    show = lesson_question.show_verdict

    def record(asked: Lesson | Belief, found: MeasuredAnswer, guess: str | None) -> None:
        answers.append(found)
        show(asked, found, guess)

    monkeypatch.setattr(lesson_question, "show_verdict", record)
    return answers


def options(app: AppTest, name: str) -> list[str]:
    """Return the possible answers of a question by the end of its widget's key."""
    (group,) = (it for it in app.get("button_group") if it.key == f"guess {name}")
    return [it.content for it in group.proto.options]


def check_guesses(app: AppTest, name: str, found: MeasuredAnswer) -> None:
    """Check that a wrong guess is taken up, and that there is a sentence for each of them."""
    wrong = [it for it in options(app, name) if it != found.right]
    assert all(len(found.of_guess(it).split()) > 3 for it in wrong)
    app.session_state[f"guess {name}"] = wrong[0]
    app.run()
    verdict = lesson_question.verdict_html(found, wrong[0])
    assert f"You chose {wrong[0]}; it is {found.right}." in unescape(verdict)
    assert verdict in html(app)


@pytest.mark.parametrize("number", NUMBERS)
def test_they_run_with_any_network(
    stand_in: StandIn, number: int, told: list[MeasuredAnswer]
) -> None:
    app = visit("lessons", lesson=str(number))
    assert not app.error
    assert LESSONS[number - 1].claim in html(app).replace("&#x27;", "'")
    assert reveal(app)
    check_guesses(app, f"lesson {number} sketchnet", told[-1])
    assert not app.error


@pytest.mark.parametrize("belief", BELIEFS, ids=lambda it: it.name)
def test_beliefs_are_measured_with_any_network(
    stand_in: StandIn, belief: Belief, told: list[MeasuredAnswer]
) -> None:
    app = visit("lessons", lesson=str(belief.lesson))
    assert [it.label for it in app.expander if belief.belief in it.label]
    assert reveal(app, belief.name)
    check_guesses(app, f"lesson {belief.lesson} sketchnet {belief.name}", told[-1])
    assert not app.error


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"lesson": "10"}, "lesson is 10"),
        ({"lesson": "x"}, "lesson is"),
        ({"lesson": "1", "layer": "nowhere"}, "no layer"),
        ({"lesson": "1", "squares": "3"}, "squares is 3"),
        ({"lesson": "1", "picture": "nobody"}, "no picture"),
        ({"lesson": "2", "unit": "999"}, "unit is 999"),
        ({"lesson": "5", "painting": "mona"}, "no painting"),
        ({"lesson": "3", "seed": "99"}, "seed is 99"),
        ({"lesson": "4", "beside": "mona"}, "no beside"),
        ({"lesson": "5", "balance": "7"}, "balance is 7"),
    ],
)
def test_a_bad_link_gets_one_sentence_and_the_usual_lesson(
    stand_in: StandIn, asked: dict[str, str], words: str
) -> None:
    app = open_at("lessons", **asked)
    assert [words in it.value.replace("\\", "") for it in app.warning] == [True]
    assert not app.error


def test_lessons_lead_on_and_back(stand_in: StandIn) -> None:
    app = visit("lessons", lesson="4", painting="glass")
    app.button(key="next lesson").click().run()
    assert query(app) == {"lesson": "5"}
    app.button(key="back lesson").click().run()
    assert query(app) == {"lesson": "4"}


def bar(app: AppTest) -> dict[str, Any]:
    """Return the data of the bar of presenter mode."""
    found = [json.loads(it.proto.json) for it in app.get("bidi_component")]
    (data,) = (it for it in found if "where" in it)
    return dict(data)


# Pictures on the first slide: photographs or paintings; neurons and dreams of the tiny network are
# not drawn yet.
PICTURES = {1: 0, 2: 0, 3: 8, 4: 5, 5: 5, 6: 5, 7: 0, 8: 8, 9: 0}


@pytest.mark.parametrize("number", NUMBERS)
def test_every_slide_of_a_lesson_is_shown(stand_in: StandIn, number: int) -> None:
    lesson = LESSONS[number - 1]
    count = len(slides.slides_of(lesson))
    for slide in range(1, count + 1):
        app = visit("lessons", lesson=str(number), present=str(slide))
        assert not app.error and not app.warning
        assert bar(app)["where"].endswith(f"{lesson.title}, {slide} of {count}")
        told = slide in slides.answer_slides(lesson)
        assert ('class="verdict"' in html(app)) == told
        strip = html(app).partition('class="strip"')[2]
        assert strip.count("<img") == (PICTURES[number] if slide == 1 else 0)
        if told:
            (chart,) = (json.loads(it.proto.spec) for it in app.get("plotly_chart"))
            assert chart["layout"]["font"]["size"] == chart["data"][0]["textfont"]["size"] > 20
        # Nothing else is on it.
        assert not app.expander and not [it for it in app.button if it.key == "next lesson"]
    assert bar(app)["forward"] == (number < len(LESSONS))


def test_slides_lead_from_lesson_to_lesson(stand_in: StandIn) -> None:
    first = visit("lessons", lesson="1", present="1")
    assert bar(first) == {"where": bar(first)["where"], "back": False, "forward": True}
    assert "Lines, then things" in html(first)
    unknown = visit("lessons", lesson="1", present="99")
    assert ["present is 99" in it.value for it in unknown.warning] == [True]
    assert "1 of 4" in bar(unknown)["where"]


def test_a_guess_on_a_slide_is_taken_up_on_the_next(stand_in: StandIn) -> None:
    app = visit("lessons", lesson="1", present="3")
    assert 'class="verdict"' not in html(app)
    app.session_state["guess lesson 1 sketchnet"] = guess = options(app, "lesson 1 sketchnet")[-1]
    app.run()
    app.query_params["present"] = "4"
    app.run()
    assert re.search(f"(You chose|Right:) {guess}", html(app))
