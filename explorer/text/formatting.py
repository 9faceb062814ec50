"""Formatting of durations, probabilities and percentiles, and escaping of text that users wrote."""

import string

# A probability below this is written as "under 0.1 %", and one as close to 1 as "over 99.9 %".
LEAST_PROBABILITY = 0.001
# A percentile of at least this is written as "above all".
ABOVE_ALL = 99.95


def about_seconds(seconds: float) -> str:
    """Return a rounded duration as text, such as ``about 12 s`` or ``about 3 min``."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min"


def probability(share: float) -> str:
    """Return the probability of a class as text: ``84.5 %`` for 0.845."""
    if share < LEAST_PROBABILITY:
        return f"under {100 * LEAST_PROBABILITY:.1f} %"
    if share > 1 - LEAST_PROBABILITY:
        return f"over {100 * (1 - LEAST_PROBABILITY):.1f} %"
    return f"{100 * share:.1f} %"


def standing(percentile: float) -> str:
    """Return how few images have a higher activation, as text: ``top 0.3 %`` for 99.7.

    So nobody takes the percentile of an activation for the probability of a class.

    Args:
        percentile: percentage of the images with a lower activation, from 0 to 100.
    """
    if percentile >= ABOVE_ALL:
        return "above all"
    above = 100 - percentile
    return f"top {above:.1f} %" if above < 10 else f"top {above:.0f} %"


def escape_markdown(text: str) -> str:
    """Return a text that a user wrote, escaped so that Markdown shows it unchanged."""
    return "".join(f"\\{it}" if it in string.punctuation else it for it in " ".join(text.split()))
