"""Texts of the report on what units do."""

import pytest

from core.analysis.unit_effects import AnswerChange
from explorer.reports import effect_report


@pytest.mark.parametrize(
    ("after", "shares", "texts"),
    [
        ("sea", (0.941, 0.61), ("bird 94.1%", "sea 61.0%")),
        ("bird", (0.941, 0.61), ("bird 94.1%", "bird 61.0%")),
        ("bird", (0.99996, 0.9999), ("bird, 9.52 ahead", "8.1 ahead")),
    ],
)
def test_the_answers_before_and_after_read_differently(
    after: str, shares: tuple[float, float], texts: tuple[str, str]
) -> None:
    change = AnswerChange("1.png", "bird", "bird", after, *shares, 9.52, 8.1)
    assert effect_report.answer_texts(change) == texts
