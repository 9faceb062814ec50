"""What each lesson consists of: its experiment, its question, and the choices it offers."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from core.networks import Network
from explorer.ui.lessons import (
    dream_eyes,
    gram_lesson,
    reconstruction,
    shuffled_patches,
    stripes_off,
    style_balance,
    top_examples,
    wheel_circuit,
)
from explorer.ui.lessons.lesson_context import LessonContext
from explorer.ui.lessons.lesson_question import MeasuredAnswer
from explorer.ui.lessons.texts import Lesson


class LessonParts(NamedTuple):
    """The functions of a lesson.

    Attributes:
        stage: shows the experiment.
        options: returns the possible answers to the question.
        answer: measures the answer; returns None while images are being made.
        choices: returns the queries of all settings of the experiment that need other images or
            measurements than the default ones; without those of another picture.
        measured_by: the parameters of these queries on which answers depend.
    """

    stage: Callable[[LessonContext], None]
    options: Callable[[LessonContext], Sequence[str]]
    answer: Callable[[LessonContext], MeasuredAnswer | None]
    choices: Callable[[Network], Sequence[Mapping[str, str]]]
    measured_by: Sequence[str] = ()


PARTS = (
    LessonParts(
        shuffled_patches.stage,
        shuffled_patches.options,
        shuffled_patches.answer,
        shuffled_patches.choices,
        ("squares",),
    ),
    LessonParts(
        top_examples.stage, top_examples.options, top_examples.answer, top_examples.choices
    ),
    LessonParts(
        reconstruction.stage, reconstruction.options, reconstruction.answer, reconstruction.choices
    ),
    LessonParts(
        gram_lesson.stage,
        gram_lesson.options,
        gram_lesson.answer,
        gram_lesson.choices,
        ("beside",),
    ),
    LessonParts(
        style_balance.balance_stage,
        style_balance.balance_options,
        style_balance.balance_answer,
        style_balance.balance_choices,
    ),
    LessonParts(
        style_balance.layers_stage,
        style_balance.layers_options,
        style_balance.layers_answer,
        style_balance.layers_choices,
    ),
    LessonParts(
        dream_eyes.stage, dream_eyes.options, dream_eyes.answer, dream_eyes.choices, ("layer",)
    ),
    LessonParts(
        stripes_off.stage,
        stripes_off.options,
        stripes_off.answer,
        stripes_off.choices,
        ("layer",),
    ),
    LessonParts(
        wheel_circuit.stage,
        wheel_circuit.options,
        wheel_circuit.answer,
        wheel_circuit.choices,
        ("layer",),
    ),
)


def parts_of(lesson: Lesson) -> LessonParts:
    """Return the functions of a lesson."""
    return PARTS[lesson.number - 1]
