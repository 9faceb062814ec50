"""Advice on style transfers in words: for pages, for the command line, and for links."""

import pytest

from core.errors import UnknownName
from explorer.text import style_advice


@pytest.mark.parametrize(("problem", "setting"), style_advice.REASONS)
def test_every_reason_is_said_in_two_sentences(problem: str, setting: str) -> None:
    told = style_advice.describe_advice(problem, 0.42, setting)
    assert told.count(". ") == 1 and told.endswith(".")
    assert "42%" in told


def test_an_unknown_problem_is_refused() -> None:
    with pytest.raises(UnknownName, match="no problem 'dull'"):
        style_advice.describe_advice("dull", 0.5, "balance")


@pytest.mark.parametrize(
    ("setting", "value", "button", "option", "query"),
    [
        ("balance", 0.0125, "Balance: style 4\xd7", "--balance 0.0125", "0.0125"),
        ("balance", 0.05, "Balance: balanced", "--balance 0.05", "0.05"),
        ("loss", "nearest", "Keep shapes", "--loss nearest", "nearest"),
        ("init", "content", "Start from the picture", "--init content", "content"),
        ("steps", 20, "20 steps at each size", "--steps 20", "20"),
        ("style_layers", ("a", "b"), "Usual style layers", "--style-layers a,b", "a,b"),
    ],
)
def test_settings_are_named(
    setting: str, value: object, button: str, option: str, query: str
) -> None:
    assert style_advice.button_text(setting, value) == button
    assert style_advice.option_text(setting, value) == option
    assert style_advice.query_text(value) == query
