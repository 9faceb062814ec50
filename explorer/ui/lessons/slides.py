"""The slides of a lesson in presenter mode: its claim, experiment, question, answer and beliefs."""

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import NamedTuple

import streamlit as st

from explorer.charts import depth_colours
from explorer.ui import link_problems, presenter
from explorer.ui.components.term_marks import mark_terms
from explorer.ui.lessons import beliefs, claim_strips, lesson_question
from explorer.ui.lessons.lesson_context import LessonContext
from explorer.ui.lessons.lesson_parts import parts_of
from explorer.ui.lessons.lesson_question import MeasuredAnswer
from explorer.ui.lessons.texts import LESSONS, Belief, Lesson, beliefs_of, find_lesson

Show = Callable[[LessonContext], None]
# The numbers of the slide of the experiment, and of the first slide with an answer.
EXPERIMENT, FIRST_ANSWER = 2, 4


class Asked(NamedTuple):
    """A question of a lesson.

    Attributes:
        text: the lesson itself or one of its beliefs, with the question.
        options: returns the possible answers.
        answer: measures the answer; returns None while images are being made.
        pictures: shows pictures beneath the answer; None for none.
    """

    text: Lesson | Belief
    options: Callable[[LessonContext], Sequence[str]]
    answer: Callable[[LessonContext], MeasuredAnswer | None]
    pictures: Show | None = None


def questions_of(lesson: Lesson) -> list[Asked]:
    """Return the question of a lesson, and those of its beliefs."""
    parts = parts_of(lesson)
    of_beliefs = [Asked(it, *beliefs.PARTS[it.name]) for it in beliefs_of(lesson)]
    return [Asked(lesson, parts.options, parts.answer), *of_beliefs]


def slides_of(lesson: Lesson) -> list[Show]:
    """Return the slides of a lesson: claim, experiment, and two for each question."""
    asked = [
        partial(show, asked=it) for it in questions_of(lesson) for show in (show_asked, show_told)
    ]
    return [show_claim, show_experiment, *asked]


def answer_slides(lesson: Lesson) -> list[int]:
    """Return the numbers of the slides that show what was measured."""
    return [FIRST_ANSWER + 2 * at for at in range(len(questions_of(lesson)))]


def show_slide(context: LessonContext) -> None:
    """Show the slide that the URL names, with the bar of presenter mode."""
    lesson, network = context.lesson, st.query_params.get("network")
    slides = slides_of(lesson)
    number = presenter.slide_number(len(slides), context.problems)

    def query(step: int) -> presenter.Query | None:
        """Return the query of the next or the previous slide, perhaps of another lesson."""
        to = number + step
        if 1 <= to <= len(slides):
            return {**st.query_params.to_dict(), presenter.PARAMETER: to}
        if not 1 <= lesson.number + step <= len(LESSONS):
            return None
        beside = find_lesson(lesson.number + step)
        slide = 1 if step > 0 else len(slides_of(beside))
        return {"network": network, "lesson": beside.number, presenter.PARAMETER: slide}

    where = f"{lesson.number} \N{MIDDLE DOT} {lesson.title}, {number} of {len(slides)}"
    presenter.show_frame(where, query(-1), query(1))
    slides[number - 1](context)
    link_problems.show_problems(context.problems)


def show_claim(context: LessonContext) -> None:
    """Show the claim of a lesson, a row of pictures, and what the next slide shows."""
    title = title_html(context.lesson)
    words = "".join(f"<p>{mark_terms(it)}</p>" for it in context.lesson.words)
    strip = claim_strips.strip_html(context.lesson.number, context.network)
    st.html(f'<div class="slide claim">{title}{strip}<h4>On the next slide</h4>{words}</div>')


def title_html(lesson: Lesson) -> str:
    """Return HTML of the number, the title and the claim of a lesson."""
    colour = depth_colours.depth_colour((lesson.number - 1) / (len(LESSONS) - 1))
    ink = depth_colours.ink_on(colour)
    return (
        f'<h2><i style="background:{colour};color:{ink}">{lesson.number}</i>'
        f"{escape(lesson.title)}</h2><blockquote>{mark_terms(lesson.claim)}</blockquote>"
    )


def show_experiment(context: LessonContext) -> None:
    """Show the experiment of a lesson."""
    place, errors = st.container(key="slide-experiment"), link_problems.show_errors
    with place, errors("This cannot be shown"):
        parts_of(context.lesson).stage(context)


def show_asked(context: LessonContext, asked: Asked) -> None:
    """Show a question and the possible answers, after what many people believe."""
    with st.container(key="slide-question"):
        if isinstance(asked.text, Belief):
            words = f"<blockquote>“{escape(asked.text.belief)}”</blockquote>"
            st.html(f'<div class="slide">{words}<p>{mark_terms(asked.text.words)}</p></div>')
        lesson_question.show_question(context, asked.text, asked.options(context))


def show_told(context: LessonContext, asked: Asked) -> None:
    """Show a question with what was measured: at the left in words, at the right as a chart."""
    with st.container(key="slide-answer"):
        left, right = st.columns([2, 3], gap="large")
        with left:
            guess = lesson_question.show_question(context, asked.text, asked.options(context))
            found = lesson_question.measure(lambda: asked.answer(context))
            if found is not None:
                lesson_question.show_verdict(asked.text, found, guess)
        with right:
            if found is not None:
                lesson_question.show_values(context, asked.text, found)
                if asked.pictures is not None:
                    asked.pictures(context)
