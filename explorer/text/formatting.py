"""Formatting of durations and percentages, and escaping of text that users wrote.

Every percentage of the pages and of the command line is written by a function of this module.
"""

import re
import string
from html import escape

# A probability below this is written as "under 0.1%", and one as close to 1 as "over 99.9%".
LEAST_PROBABILITY = 0.001
# A percentile of at least this is written as "above all".
ABOVE_ALL = 99.95
# Behind the dots and underscores of names, but not within numbers such as 0.25.
NAME_BREAK = re.compile(r"(?<=[a-z][._])(?=[a-z\d])|(?<=\d[._])(?=[a-z])", re.IGNORECASE)
# Longest name of a file, without its ending, and longest title of a picture.
STEM_AT_MOST, TITLE_AT_MOST = 120, 60


def about_seconds(seconds: float) -> str:
    """Return a rounded duration as text, such as ``about 12 s`` or ``about 3 min``."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min"


def percent(share: float, digits: int = 0) -> str:
    """Return a share as a percentage: ``84%`` for 0.84.

    Args:
        share: 0 for nothing, 1 for all.
        digits: number of digits after the decimal point.
    """
    return f"{share:.{digits}%}"


def probability(share: float) -> str:
    """Return the probability of a class as text: ``84.5%`` for 0.845."""
    if share < LEAST_PROBABILITY:
        return f"under {percent(LEAST_PROBABILITY, 1)}"
    if share > 1 - LEAST_PROBABILITY:
        return f"over {percent(1 - LEAST_PROBABILITY, 1)}"
    return percent(share, 1)


def number(value: float, digits: int = 3) -> str:
    """Return a number with some significant digits: ``0.123``, and ``1,320`` instead of 1.32e+03.

    Args:
        value: the number.
        digits: how many of its digits are written.
    """
    rounded = f"{value:.{digits}g}"
    read = float(rounded)
    if "e+" not in rounded and abs(read) < 1000:
        return rounded
    return f"{read:,.0f}" if read.is_integer() else f"{read:,}"


def signed(value: float) -> str:
    """Return a number with its sign, such as ``+0.25``; the minus is as long as the plus."""
    return ("\N{MINUS SIGN}" if value < 0 else "+") + number(abs(value))


def standing(percentile: float) -> str:
    """Return how few images have a higher activation, as text: ``top 0.3%`` for 99.7.

    So nobody takes the percentile of an activation for the probability of a class.

    Args:
        percentile: percentage of the images with a lower activation, from 0 to 100.
    """
    if percentile >= ABOVE_ALL:
        return "above all"
    above = (100 - percentile) / 100
    return f"top {percent(above, 1 if above < 0.1 else 0)}"


def file_stem(words: str) -> str:
    """Return a text as the name of a file without its ending: letters, digits, dots and hyphens.

    ``dream My cat! relu3b`` becomes ``dream-My-cat-relu3b``. It has at most ``STEM_AT_MOST``
    characters.
    """
    return re.sub(r"[^\w.]+", "-", words)[:STEM_AT_MOST].strip("-.") or "picture"


def picture_title(file_name: str) -> str:
    """Return the title of a picture with a file name: ``garden`` for ``garden.jpg``.

    It has at most ``TITLE_AT_MOST`` characters, and is empty if no printable ones are left.
    """
    printable = "".join(it if it.isprintable() else " " for it in file_name)
    stem = printable.rpartition(".")[0] or printable
    return " ".join(stem.split())[:TITLE_AT_MOST].strip()


def name_html(text: str) -> str:
    """Return a text as HTML that may be divided after the dots and underscores of layers' names.

    Else a browser divides ``features.9.squeeze_activation`` anywhere.
    """
    return NAME_BREAK.sub("<wbr>", escape(text))


def escape_markdown(text: str) -> str:
    """Return a text that a user wrote, escaped so that Markdown shows it unchanged."""
    return "".join(f"\\{it}" if it in string.punctuation else it for it in " ".join(text.split()))
