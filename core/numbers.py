"""The one door for numbers that users give: in options, URLs, recipes and the metadata of PNGs.

A number in a text has ASCII digits only. What Python would also read is refused: digits of other
scripts, ``1_000``, ``0x10``, ``nan`` and ``inf``. A text is bounded before it becomes a number,
because Python reads no integers of more than 4,300 digits, and long ones slowly.
"""

import re
from typing import Any

from core.errors import ExplorerError, quoted

# The weight of a penalty.
WEIGHT_RANGE = (0.0, 1000.0)
# Integers of 19 digits reach beyond every bound.
WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
RANGE = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,19}))?")
DECIMAL = re.compile(r"[+-]?(?=\.?[0-9])[0-9]{0,40}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,3})?")


def read_whole(name: str, text: str, bounds: tuple[int, int]) -> int:
    """Convert a text into a whole number.

    Args:
        name: what the number is, for the message.
        text: the text that a user gave.
        bounds: the smallest and the largest valid value.

    Raises:
        ExplorerError: the text is no whole number, or the number is out of bounds.
    """
    text = text.strip()
    value: int | str = int(text) if WHOLE.fullmatch(text) else text
    require(name, value, bounds)
    return int(value)


def read_decimal(name: str, text: str, bounds: tuple[float, float]) -> float:
    """Convert a text into a number, as ``read_whole`` does for whole numbers.

    Raises:
        ExplorerError: the text is no number, or the number is not finite or out of bounds.
    """
    text = text.strip()
    value: float | str = float(text) if DECIMAL.fullmatch(text) else text
    require_number(name, value, bounds)
    return float(value)


def read_ranges(name: str, text: str) -> list[tuple[int, int]]:
    """Return the first and the last number of each range in a text.

    ``0-15,40`` becomes ``[(0, 15), (40, 40)]``. The caller checks the last numbers before it counts
    from the first to the last one.

    Raises:
        ExplorerError: the text cannot be read, or a range runs backwards.
    """
    ranges = []
    for piece in text.replace(" ", "").split(","):
        found = RANGE.fullmatch(piece)
        if found is None:
            raise ExplorerError(f"{name} {quoted(text)} cannot be read; write them like 0-15,40")
        low, high = int(found[1]), int(found[2] or found[1])
        if low > high:
            raise ExplorerError(f"{name} {quoted(piece)} run backwards; write {high}-{low}")
        ranges.append((low, high))
    return ranges


def read_decimals(name: str, text: str, bounds: tuple[float, float]) -> tuple[float, ...]:
    """Return the numbers in a text such as ``2,1``, each as ``read_decimal`` reads it."""
    return tuple(read_decimal(name, it, bounds) for it in text.split(","))


def require(name: str, value: Any, bounds: tuple[int, int]) -> None:
    """Raise ExplorerError unless a setting is a whole number within its bounds, both included."""
    low, high = bounds
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ExplorerError(
            f"{name} is {quoted(value)}; it must be a whole number from {low} to {high}"
        )


def require_number(name: str, value: Any, bounds: tuple[float, float] = WEIGHT_RANGE) -> None:
    """Raise ExplorerError unless a setting is a float within its bounds, both included."""
    low, high = bounds
    if not isinstance(value, float) or not low <= value <= high:
        raise ExplorerError(f"{name} is {quoted(value)}; it must be a number from {low} to {high}")
