"""Lessons: seven claims about networks, each with something to try and a measured answer."""

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

import streamlit as st

from core.errors import ExplorerError
from explorer import links, opening, shared, widgets
from explorer.lessons import company, content, eyes, hierarchy, interrogation, transfer
from explorer.lessons.desk import Answer, Desk, ask
from explorer.lessons.texts import LESSONS, Lesson, of
from explorer.text import formatting


class Room(NamedTuple):
    """How a lesson is shown: its stage, what the reader may guess, and what was measured."""

    stage: Callable[[Desk], None]
    options: Callable[[Desk], Sequence[str]]
    answer: Callable[[Desk], Answer | None]


SHOWN = (
    Room(hierarchy.stage, hierarchy.options, hierarchy.answer),
    Room(interrogation.stage, interrogation.options, interrogation.answer),
    Room(content.stage, content.options, content.answer),
    Room(company.stage, company.options, company.answer),
    Room(transfer.balance_stage, transfer.balance_options, transfer.balance_answer),
    Room(transfer.layers_stage, transfer.layers_options, transfer.layers_answer),
    Room(eyes.stage, eyes.options, eyes.answer),
)
# What a link says of every lesson; the rest belongs to one.
STAYS = ("network", "lesson")


def main() -> None:
    """Read the URL, and show one lesson."""
    st.html(widgets.FRONTEND / "dream.css")
    st.html(widgets.FRONTEND / "lessons.css")
    problems: list[str] = []
    lesson = which(problems)
    show_all(lesson)
    infos = shared.network_infos()
    left, right = st.columns([2, 3], gap="large")
    with left:
        show_words(lesson)
        name = opening.named(infos, problems)
        asking = st.container(key="lesson-asking")
        show_next(lesson)
        with st.expander("With another network", expanded=name != opening.networks.SKETCHNET):
            opening.choose(infos, problems, keep=("lesson", "picture", "painting"))
    with right, st.container(key="lesson-stage"):
        network = opening.network(infos[name])
        if network is None:
            opening.tell(problems)
            return
        desk = Desk(lesson, network, problems)
        told = st.container()
        stage, options, answer = SHOWN[lesson.number - 1]
        try:
            stage(desk)
        except ExplorerError as error:
            st.error(f"This cannot be shown: {formatting.escape_markdown(str(error))}")
        with told:
            opening.tell(problems)
    with asking:
        ask(desk, options(desk), lambda: answer(desk))
    desk.wanted.settle()


def which(problems: list[str]) -> Lesson:
    """Tell which lesson the URL asks for."""
    try:
        return of(links.number("lesson", (1, len(LESSONS))) or 1)
    except ExplorerError as error:
        problems.append(str(error))
        return of(1)


def go(number: int) -> None:
    """Go to a lesson; what was chosen in another one is left behind."""
    links.go(network=st.query_params.get("network"), lesson=number)


def show_all(lesson: Lesson) -> None:
    """Show the way through all lessons."""
    st.session_state["lesson"] = lesson.number
    st.segmented_control(
        "Lesson",
        [it.number for it in LESSONS],
        format_func=lambda number: f"{number} · {of(number).title}",
        key="lesson",
        label_visibility="collapsed",
        required=True,
        on_change=lambda: go(st.session_state["lesson"]),
    )


def show_words(lesson: Lesson) -> None:
    """Say what it is about."""
    words = "".join(f"<p>{escape(it)}</p>" for it in lesson.words)
    colour = widgets.depth_colour((lesson.number - 1) / (len(LESSONS) - 1))
    st.html(
        f'<div class="lesson"><h2><i style="background:{colour}">{lesson.number}</i>'
        f"{escape(lesson.title)}</h2><blockquote>{escape(lesson.claim)}</blockquote>{words}</div>"
    )


def show_next(lesson: Lesson) -> None:
    """Offer the next lesson."""
    if lesson.number < len(LESSONS):
        following = of(lesson.number + 1)
        st.button(
            f"Next: {following.title}",
            key="next lesson",
            icon=":material/arrow_forward:",
            icon_position="right",
            type="tertiary",
            on_click=go,
            args=(following.number,),
        )


main()
