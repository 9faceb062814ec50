"""Numbers in texts: what is accepted, and that everything else is one short sentence."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import QUOTED_CHARACTERS, ExplorerError
from core.numbers import (
    read_decimal,
    read_decimals,
    read_ranges,
    read_whole,
    require,
    require_number,
)
from tests.conftest import short

# What Python's own conversions read, or fail on, and no user means.
NO_WHOLE = (
    "", " ", "9" * 5000, "-" + "9" * 5000, "1_000", "0x10", "\N{ARABIC-INDIC DIGIT THREE}",
    "\N{FULLWIDTH DIGIT ONE}", "\N{SUPERSCRIPT TWO}", "1.0", "1e3", "nan", "inf", "--1", "+-1",
    "1 2", "1\x002", "\ud800",
)  # fmt: skip
NO_DECIMAL = (
    "", ".", "-", "e5", "9" * 5000, "0." + "9" * 5000, "1e99999", "1e999", "-1e999", "nan", "NaN",
    "inf", "-inf", "Infinity", "1_0.5", "0x1p3", "\N{ARABIC-INDIC DIGIT THREE}", "1,5", "1e",
    "\ud800",
)  # fmt: skip


@pytest.mark.parametrize("text", NO_WHOLE, ids=short)
def test_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(ExplorerError, match="it must be a whole number from -5 to 5") as caught:
        read_whole("steps", text, (-5, 5))
    assert len(str(caught.value)) < QUOTED_CHARACTERS + 60


@pytest.mark.parametrize("text", NO_DECIMAL, ids=short)
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ExplorerError, match=r"it must be a number from -5\.0 to 5\.0") as caught:
        read_decimal("balance", text, (-5.0, 5.0))
    assert len(str(caught.value)) < QUOTED_CHARACTERS + 60


@given(st.text(max_size=50) | st.from_regex(r"[-+0-9_.eExX]{1,30}", fullmatch=True))
def test_any_text_is_a_number_within_its_bounds_or_one_sentence(text: str) -> None:
    for read, bounds in ((read_whole, (0, 100)), (read_decimal, (0.0, 100.0))):
        try:
            value = read("size", text, bounds)  # type: ignore[operator]
        except ExplorerError as error:
            assert "\n" not in str(error)
        else:
            assert 0 <= value <= 100 and math.isfinite(value)


@given(st.integers(-(10**17), 10**17))
def test_whole_numbers_are_read_back(value: int) -> None:
    assert read_whole("seed", str(value), (-(10**18), 10**18)) == value


@given(st.floats(-1e6, 1e6))
def test_numbers_are_read_back(value: float) -> None:
    assert read_decimal("turn", repr(value), (-1e6, 1e6)) == value
    assert read_decimal("turn", f"{value:g}", (-1e7, 1e7)) == float(f"{value:g}")


def test_a_wrong_value_of_a_recipe_is_one_sentence() -> None:
    for value in (10**5000, math.nan, math.inf, True, "4", None, [4]):
        with pytest.raises(ExplorerError, match="it must be a whole number"):
            require("size", value, (1, 10))
        with pytest.raises(ExplorerError, match="it must be a number"):
            require_number("balance", value, (1.0, 10.0))


def test_ranges_are_read() -> None:
    assert read_ranges("units", "5, 0-2,1,5") == [(5, 5), (0, 2), (1, 1), (5, 5)]


@pytest.mark.parametrize(
    "text",
    ["-1", "1-", "1,,2", ",", "\N{SUPERSCRIPT TWO}", "0x1", "9" * 5000, "0-" + "9" * 5000, "1_0"],
    ids=short,
)
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ExplorerError, match="cannot be read; write them like 0-15,40") as caught:
        read_ranges("units", text)
    assert len(str(caught.value)) < QUOTED_CHARACTERS + 60


def test_a_range_that_runs_backwards() -> None:
    with pytest.raises(ExplorerError, match="run backwards; write 2-9"):
        read_ranges("units", "9-2")


def test_a_list_of_numbers() -> None:
    assert read_decimals("share", "2,0.5", (0.0, 9.0)) == (2.0, 0.5)
    with pytest.raises(ExplorerError, match="share is 'much'"):
        read_decimals("share", "2,much", (0.0, 9.0))
