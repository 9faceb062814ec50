"""Captions of gallery entries: when they were made, and with which settings."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from explorer.recipe_fields import DREAM, FIELDS, STYLE, SWITCHED, VARIATIONS, RecipeField
from explorer.text import recipe_summary

# The settings that come first, in this order. The others follow in the order of the recipe's JSON.
FIRST_ROWS = ("network", "layer", "units", "size", "steps", "seed", "weights")
STATES = {"cancelled": "stopped", "interrupted": "interrupted", "failed": "failed"}
LONGEST = 60
VARIED = {
    "across": "From left to right",
    "across_values": "Its values",
    "down": "From top to bottom",
    "down_values": "Its values, too",
}
# The fields of each kind of recipe; of variations, also those of their base.
CAPTIONED = {
    **FIELDS,
    VARIATIONS: {
        **FIELDS[STYLE],
        **FIELDS[DREAM],
        **{name: RecipeField(name, caption=words) for name, words in VARIED.items()},
    },
}
TIME_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


def time_ago(seconds: float) -> str:
    """Return a duration in seconds as text such as ``5 min ago``."""
    for unit, word in TIME_UNITS:
        if seconds >= unit:
            return f"{int(seconds // unit)} {word} ago"
    return "just now"


def state_caption(state: str, ended: float, zone: tzinfo) -> str:
    """Return the final state of an entry and its time, such as ``made 02 May 2025, 14:30``.

    Args:
        state: state of the entry's job, which is not open.
        ended: when the job ended, in seconds since 1970.
        zone: time zone of the reader.
    """
    when = f"{datetime.fromtimestamp(ended, zone):%d %b %Y, %H:%M}"
    return f"{STATES.get(state, 'made')} {when}"


def setting_rows(kind: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a recipe as texts by caption, such as ``{"Size": "128 px"}``.

    Args:
        kind: kind of the recipe.
        settings: values of the recipe's fields by name. The recipe may be of an older version, with
            other fields.
    """
    fields = CAPTIONED.get(kind, {})
    known = [it for it in FIRST_ROWS if it in settings]
    names = (*known, *(it for it in settings if it not in FIRST_ROWS))
    described = {it: fields.get(it, RecipeField(it)) for it in names}
    return {
        field.caption or name.capitalize(): _value(field, settings[name])
        for name, field in described.items()
    }


def _value(field: RecipeField, value: Any) -> str:
    if field.unit:
        return f"{value} {field.unit}"
    if field.name == SWITCHED.name:
        value = ", ".join(recipe_summary.describe_switched(value))
    elif isinstance(value, list):
        value = recipe_summary.spans(value) if all(isinstance(it, int) for it in value) else value
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
