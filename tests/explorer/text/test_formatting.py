"""Texts of probabilities and percentiles: nobody takes one for the other."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from explorer.text import formatting


@given(st.floats(0, 1), st.floats(0, 100))
def test_a_percentile_is_not_written_as_a_probability(share: float, percentile: float) -> None:
    probability, standing = formatting.probability(share), formatting.standing(percentile)
    assert re.fullmatch(r"(under |over )?\d+\.\d%", probability)
    assert re.fullmatch(r"top \d+(\.\d)?%|above all", standing)


@pytest.mark.parametrize(
    ("percentile", "text"),
    [
        (99.7, "top 0.3%"),
        (95, "top 5.0%"),
        (50, "top 50%"),
        (0, "top 100%"),
        (100, "above all"),
    ],
)
def test_the_best_have_the_smallest_numbers(percentile: float, text: str) -> None:
    assert formatting.standing(percentile) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.845, "84.5%"), (0.9996, "over 99.9%"), (0, "under 0.1%")]
)
def test_probabilities(share: float, text: str) -> None:
    assert formatting.probability(share) == text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("features.9.squeeze_activation", "features.<wbr>9.<wbr>squeeze_<wbr>activation"),
        ("features.9 +0.25%", "features.<wbr>9 +0.25%"),
        ("seen. <b>", "seen. &lt;b&gt;"),
        ("relu3b", "relu3b"),
    ],
)
def test_names_are_divided_after_dots_and_underscores_only(text: str, html: str) -> None:
    assert formatting.name_html(text) == html


@example(100.0, 2)
@example(1000.5, 5)
@given(st.floats(-1e12, 1e12), st.integers(2, 6))
def test_numbers_have_no_exponent_unless_tiny(value: float, digits: int) -> None:
    text = formatting.number(value, digits)
    assert "e+" not in text
    read = float(text.replace(",", ""))
    assert read == pytest.approx(value, rel=10.0 ** (1 - digits), abs=1e-300)
    signed = formatting.signed(value)
    assert float(signed.replace(",", "").replace("\N{MINUS SIGN}", "-")) == pytest.approx(
        value, rel=0.01, abs=1e-300
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(1315.2, "1,320"), (999.7, "1,000"), (0.12345, "0.123"), (12.0, "12"), (-2889.0, "-2,890")],
)
def test_large_numbers_have_commas(value: float, text: str) -> None:
    assert formatting.number(value) == text


def test_activations_and_losses_are_written_by_that_function() -> None:
    root = Path(formatting.__file__).parent.parent
    loose = re.compile(r"(activation|value|median|margin|lead|start|end)\w*('\])?\)?:\.\dg\}")
    found = [
        f"{file.name}: {line.strip()}"
        for folder in ("ui", "cli", "reports", "text")
        for file in (root / folder).rglob("*.py")
        for line in file.read_text("utf-8").splitlines()
        if loose.search(line) and file.name not in ("formatting.py", "style_advice.py")
    ]
    assert not found
