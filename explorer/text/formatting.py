"""Formatting of durations, and escaping of text that users wrote."""

import string


def about_seconds(seconds: float) -> str:
    """Return a rounded duration as text, such as ``about 12 s`` or ``about 3 min``."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min"


def escape_markdown(text: str) -> str:
    """Return a text that a user wrote, escaped so that Markdown shows it unchanged."""
    return "".join(f"\\{it}" if it in string.punctuation else it for it in " ".join(text.split()))
