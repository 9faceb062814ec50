"""Durations and other people's text, ready to be shown."""

import string


def about_seconds(seconds: float) -> str:
    """Write a duration as a person would: ``about 12 s``, ``about 3 min``."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min"


def escape_markdown(text: str) -> str:
    """Write a text that others wrote so that Markdown shows it as it is."""
    return "".join(f"\\{it}" if it in string.punctuation else it for it in " ".join(text.split()))
