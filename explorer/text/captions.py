"""Captions of gallery entries: when they were made, and with which settings."""

import dataclasses
import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from core.networks.known_networks import title_of
from core.recipes.kinds import KINDS
from explorer.recipe_fields import DREAM, FIELDS, STYLE, VARIATIONS
from explorer.recipe_fields.field import SWITCHED, RecipeField
from explorer.text import recipe_summary

# The settings that come first, in this order. The others follow in the order of the recipe's JSON.
FIRST_ROWS = ("network", "layer", "units", "size", "steps", "seed", "weights")
STATES = {"cancelled": "stopped", "interrupted": "interrupted", "failed": "failed"}
LONGEST = 60
# The fingerprint of a picture.
FINGERPRINT = re.compile("[0-9a-f]{32}")
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


def setting_rows(
    kind: str,
    settings: Mapping[str, Any],
    titles: Mapping[str, str] | None = None,
    everything: bool = False,
) -> dict[str, str]:
    """Return the settings of a recipe as texts by caption, such as ``{"Size": "128 px"}``.

    Settings without a value are left out, and so are pictures without a title.

    Args:
        kind: kind of the recipe.
        settings: values of the recipe's fields by name. The recipe may be of an older version, with
            other fields.
        titles: titles of pictures that the recipe starts from, by fingerprint.
        everything: whether settings at their default that no page can change are among them.
    """
    fields = CAPTIONED.get(kind, {})
    known = [it for it in FIRST_ROWS if it in settings]
    names = (*known, *(it for it in settings if it not in FIRST_ROWS))
    usual = _defaults(kind)
    rows = {}
    for name in names:
        field, value = fields.get(name, RecipeField(name)), settings[name]
        shown = everything or field.title or name in FIRST_ROWS
        plain = tuple(value) if isinstance(value, list) else value
        if not shown and name in usual and plain == usual[name]:
            continue
        if text := _value(field, value, titles or {}):
            rows[field.caption or name.capitalize().replace("_", " ")] = text
    return rows


def _defaults(kind: str) -> dict[str, Any]:
    """Return the defaults of the fields of a kind of recipe; of variations, of all their bases."""
    kinds = (STYLE, DREAM, kind) if kind == VARIATIONS else (kind,)
    found = [it for each in kinds if each in KINDS for it in dataclasses.fields(KINDS[each])]
    return {it.name: it.default for it in found if it.default is not dataclasses.MISSING}


def _value(field: RecipeField, value: Any, titles: Mapping[str, str]) -> str:
    if field.unit:
        return f"{value} {field.unit}"
    if field.name == SWITCHED.name:
        value = recipe_summary.describe_switched(value)
    if isinstance(value, list) and value and all(isinstance(it, int) for it in value):
        value = recipe_summary.spans(value)
    items = value if isinstance(value, (list, tuple)) else [value]
    text = ", ".join(it for it in (_text(field, one, titles) for one in items) if it)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _text(field: RecipeField, value: Any, titles: Mapping[str, str]) -> str:
    """Return one value as text: of a picture its title, of a word what pages call it."""
    if value is None or isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    if FINGERPRINT.fullmatch(text):
        return titles.get(text, "")
    if field.name == "network":
        return title_of(text)
    return (field.words or {}).get(text, text)
