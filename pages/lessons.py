"""Lessons: claims about networks, each with an experiment and a measured answer."""

import streamlit as st

from core.networks import Network
from core.networks.known_networks import SKETCHNET, NetworkInfo, title_of
from explorer.library import background_task, lessons_task
from explorer.ui import (
    link_problems,
    network_picker,
    page_list,
    presenter,
    server_state,
    task_status,
    url_controls,
    urls,
)
from explorer.ui.components import html_snippets
from explorer.ui.components.term_marks import mark_terms
from explorer.ui.layers import small_pictures
from explorer.ui.lessons import beliefs, slides
from explorer.ui.lessons.lesson_context import LessonContext
from explorer.ui.lessons.lesson_parts import parts_of
from explorer.ui.lessons.lesson_question import ask_question
from explorer.ui.lessons.texts import LESSONS, Lesson, find_lesson


def main() -> None:
    """Read the URL, and show one lesson."""
    html_snippets.page_css("dream")
    html_snippets.page_css("lessons")
    problems: list[str] = []
    lesson = read_lesson(problems)
    infos = server_state.network_infos()
    if presenter.is_on():
        show_presented(lesson, infos, problems)
        return
    with st.container(key="lessons-head", horizontal=True, vertical_alignment="center"):
        show_all(lesson)
        presenter.show_button()
    left, right = st.columns([2, 3], gap="large")
    with left:
        show_words(lesson)
        name = network_picker.network_name(infos, problems)
        asking = st.container(key="lesson-asking")
        beliefs_place = st.container(key="lesson-beliefs")
        show_way(lesson)
        preparing_place = st.container()
        with st.expander("With another network", expanded=name != SKETCHNET):
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
        parts = parts_of(lesson)
        with link_problems.show_errors("This cannot be shown"):
            parts.stage(context)
        with warning:
            link_problems.show_problems(problems)
    with asking:
        ask_question(context, lesson, parts.options(context), lambda: parts.answer(context))
    with preparing_place:
        show_preparing(network)
    with beliefs_place:
        beliefs.show_beliefs(context)
    small_pictures.request_examples(context.requests, network, context.slid)
    context.requests.settle()


def show_presented(lesson: Lesson, infos: dict[str, NetworkInfo], problems: list[str]) -> None:
    """Show one slide of a lesson in presenter mode."""
    network = network_picker.load_network(infos[network_picker.network_name(infos, problems)])
    if network is None:
        link_problems.show_problems(problems)
        return
    context = LessonContext(lesson, network, problems)
    slides.show_slide(context)
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
    title = slides.title_html(lesson)  # first, as the first mention of each term is marked
    words = "".join(f"<p>{mark_terms(it)}</p>" for it in lesson.words)
    st.html(f'<div class="lesson">{title}{words}</div>')


def show_preparing(network: Network) -> None:
    """Show a button that makes all images and measurements of the lessons, with its progress."""
    key = lessons_task.key_of(network.name, network.fingerprint)
    running = background_task.latest_task(key)
    with st.expander("Prepare all lessons for a class", expanded=running is not None):
        st.caption(
            "Makes every picture and measurement of all lessons with "
            f"{title_of(network.name)}, for the pictures that they begin with, so that nobody "
            "waits for them later."
        )
        task_status.show_task(
            key,
            "Preparing all lessons",
            "Prepare all lessons",
            lambda: lessons_task.start_preparing(
                network.name, network.fingerprint, server_state.visitor()
            ),
            "All lessons are ready.",
        )


def show_way(lesson: Lesson) -> None:
    """Show buttons to the previous and the next lesson; at the end a link to the layers."""
    with st.container(key="lesson-way", horizontal=True, vertical_alignment="center"):
        for word, arrow, to in (("back", "left", -1), ("next", "right", 1)):
            if not 1 <= lesson.number + to <= len(LESSONS):
                continue
            other = find_lesson(lesson.number + to)
            st.button(
                f"{word.capitalize()}: {other.title}",
                key=f"{word} lesson",
                icon=f":material/arrow_{'back' if to < 0 else 'forward'}:",
                icon_position=arrow,
                type="tertiary",
                on_click=go,
                args=(other.number,),
            )
        if lesson.number == len(LESSONS):
            network = st.query_params.get("network")
            page_list.page_link(urls.LAYERS, "Go on: look at all neurons", network=network)


main()
