"""The question of a lesson, the visitor's guess, and the measured answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from explorer.charts import figures
from explorer.ui import chart as ui_chart
from explorer.ui import link_problems, presenter
from explorer.ui.components.term_marks import mark_terms
from explorer.ui.lessons.feedback import Feedback
from explorer.ui.lessons.lesson_context import LessonContext, layer_colour
from explorer.ui.lessons.texts import Belief, Lesson

# The answer to the question which layer is the first one that reaches something, if none does.
NO_LAYER = "no layer"


@dataclass(frozen=True)
class MeasuredAnswer:
    """The measured answer to a lesson's question.

    Attributes:
        right: the option that the measurement shows to be right.
        words: a sentence with the most important numbers.
        values: the measured numbers for the chart: for each series its name, and in the series the
            number by layer or by case, such as ``balance 0.02``.
        written: formats one of the numbers as text.
        of_guess: returns a sentence on what was measured of a wrong guess, one of the options.
        reason: why it is so, in a sentence; may be empty.
    """

    right: str
    words: str
    values: Mapping[str, Mapping[str, float]]
    written: Callable[[float], str]
    of_guess: Feedback
    reason: str = ""


def ask_question(
    context: LessonContext,
    asked: Lesson | Belief,
    options: Sequence[str],
    answer: Callable[[], MeasuredAnswer | None],
) -> bool:
    """Show a question, and after a click on a button the measured answer.

    Args:
        context: the lesson.
        asked: the lesson itself or one of its beliefs, with the question.
        options: the possible answers.
        answer: measures the answer; returns None while images for the measurement are being made.

    Returns:
        Whether the measured answer is shown.
    """
    name = _key_of(context, asked)
    guess = show_question(context, asked, options)
    key = f"answered {name}"
    if not st.session_state.get(key):
        st.button(
            "Show what was measured",
            key=f"tell {name}",
            type="primary",
            icon=":material/straighten:",
            on_click=lambda: st.session_state.update({key: True}),
        )
        return False
    with st.container(key=f"lesson-answer {asked.name}"):
        found = measure(answer)
        if found is not None:
            show_verdict(asked, found, guess)
            show_values(context, asked, found)
    return found is not None


def _key_of(context: LessonContext, asked: Lesson | Belief) -> str:
    """Return the end of the keys of a question's widgets."""
    return f"{context.key} {asked.name}".rstrip()


def show_question(
    context: LessonContext, asked: Lesson | Belief, options: Sequence[str]
) -> str | None:
    """Show a question with the possible answers, and return the one that the visitor guesses."""
    st.html(f'<div class="section lesson-question"><h3>{escape(asked.question)}</h3></div>')
    return st.pills("Your guess", list(options), key=f"guess {_key_of(context, asked)}")


def measure(answer: Callable[[], MeasuredAnswer | None]) -> MeasuredAnswer | None:
    """Return what ``answer`` returns; show its error and return None if there is one."""
    with link_problems.show_errors("This cannot be measured"):
        return answer()
    return None


def show_verdict(asked: Lesson | Belief, found: MeasuredAnswer, guess: str | None) -> None:
    """Show a measured answer in sentences.

    Args:
        asked: the lesson itself or one of its beliefs, with the question.
        found: the measured answer.
        guess: the option that the visitor guessed, if any.
    """
    st.html(
        f'<p class="verdict">{verdict_html(found, guess)}</p>'
        f'<p class="fact-words lesson-method">{mark_terms(asked.method)}</p>'
    )


def show_values(context: LessonContext, asked: Lesson | Belief, found: MeasuredAnswer) -> None:
    """Show the measured numbers of an answer as a chart."""
    layers = {it.name: layer_colour(it) for it in context.network.shown}
    chart = presenter.enlarge(figures.bars(found.values, layers, found.written))
    name = "-".join(filter(None, ("lesson", str(context.lesson.number), asked.name)))
    ui_chart.show_chart(
        chart, f"chart {context.key} {asked.name}", f"{name}-{context.network.name}"
    )


def verdict_html(found: MeasuredAnswer, guess: str | None) -> str:
    """Return HTML of a measured answer in sentences, which take up the visitor's guess, if any."""
    if guess is None or guess == found.right:
        verdict, of_guess = f"{'Measured' if guess is None else 'Right'}: {found.right}.", ""
    else:
        verdict, of_guess = f"You chose {guess}; it is {found.right}.", found.of_guess(guess)
    words = " ".join(filter(None, (of_guess, found.words, found.reason)))
    return f"<b>{escape(verdict)}</b> {escape(words)}"
