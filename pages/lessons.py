"""Lessons: seven claims about networks, each with an experiment and a measured answer."""

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

import streamlit as st

from explorer.charts import depth_colours
from explorer.ui import link_problems, network_picker, server_state, url_controls, urls
from explorer.ui.components import html_snippets
from explorer.ui.lessons import (
    dream_eyes,
    gram_lesson,
    reconstruction,
    shuffled_patches,
    style_balance,
    top_examples,
)
from explorer.ui.lessons.lesson_context import LessonContext, MeasuredAnswer, ask_question
from explorer.ui.lessons.texts import LESSONS, Lesson, find_lesson


class LessonParts(NamedTuple):
    """The functions of a lesson.

    Attributes:
        stage: shows the experiment.
        options: returns the possible answers to the question.
        answer: measures the answer; returns None while images are being made.
    """

    stage: Callable[[LessonContext], None]
    options: Callable[[LessonContext], Sequence[str]]
    answer: Callable[[LessonContext], MeasuredAnswer | None]


SHOWN = (
    LessonParts(shuffled_patches.stage, shuffled_patches.options, shuffled_patches.answer),
    LessonParts(top_examples.stage, top_examples.options, top_examples.answer),
    LessonParts(reconstruction.stage, reconstruction.options, reconstruction.answer),
    LessonParts(gram_lesson.stage, gram_lesson.options, gram_lesson.answer),
    LessonParts(
        style_balance.balance_stage, style_balance.balance_options, style_balance.balance_answer
    ),
    LessonParts(
        style_balance.layers_stage, style_balance.layers_options, style_balance.layers_answer
    ),
    LessonParts(dream_eyes.stage, dream_eyes.options, dream_eyes.answer),
)


def main() -> None:
    """Read the URL, and show one lesson."""
    html_snippets.page_css("dream")
    html_snippets.page_css("lessons")
    problems: list[str] = []
    lesson = read_lesson(problems)
    show_all(lesson)
    infos = server_state.network_infos()
    left, right = st.columns([2, 3], gap="large")
    with left:
        show_words(lesson)
        name = network_picker.network_name(infos, problems)
        asking = st.container(key="lesson-asking")
        show_next(lesson)
        with st.expander(
            "With another network", expanded=name != network_picker.registry.SKETCHNET
        ):
            network_picker.network_selectbox(
                infos, problems, keep=("lesson", "picture", "painting")
            )
    with right, st.container(key="lesson-stage"):
        network = network_picker.load_network(infos[name])
        if network is None:
            link_problems.show_problems(problems)
            return
        context = LessonContext(lesson, network, problems)
        warning = st.container()
        stage, options, answer = SHOWN[lesson.number - 1]
        with link_problems.show_errors("This cannot be shown"):
            stage(context)
        with warning:
            link_problems.show_problems(problems)
    with asking:
        ask_question(context, options(context), lambda: answer(context))
    context.requests.settle()


def read_lesson(problems: list[str]) -> Lesson:
    """Return the lesson that the URL names; by default the first lesson.

    If the URL names an unknown lesson, a sentence is appended to ``problems``.
    """
    with link_problems.collect(problems):
        return find_lesson(urls.number("lesson", (1, len(LESSONS))) or 1)
    return find_lesson(1)


def go(number: int) -> None:
    """Go to a lesson; all parameters of the URL except the network are removed."""
    urls.replace_query(network=st.query_params.get("network"), lesson=number)


def show_all(lesson: Lesson) -> None:
    """Show a control with the titles of all lessons, which opens the chosen lesson."""
    st.segmented_control(
        "Lesson",
        [it.number for it in LESSONS],
        format_func=lambda number: f"{number} · {find_lesson(number).title}",
        label_visibility="collapsed",
        required=True,
        **url_controls.bind("lesson", lesson.number, go),
    )


def show_words(lesson: Lesson) -> None:
    """Show the claim and the explanation of a lesson."""
    words = "".join(f"<p>{escape(it)}</p>" for it in lesson.words)
    colour = depth_colours.depth_colour((lesson.number - 1) / (len(LESSONS) - 1))
    st.html(
        f'<div class="lesson"><h2><i style="background:{colour}">{lesson.number}</i>'
        f"{escape(lesson.title)}</h2><blockquote>{escape(lesson.claim)}</blockquote>{words}</div>"
    )


def show_next(lesson: Lesson) -> None:
    """Show a button to the next lesson."""
    if lesson.number < len(LESSONS):
        following = find_lesson(lesson.number + 1)
        st.button(
            f"Next: {following.title}",
            key="next lesson",
            icon=":material/arrow_forward:",
            icon_position="right",
            type="tertiary",
            on_click=lambda: go(following.number),
        )


main()
