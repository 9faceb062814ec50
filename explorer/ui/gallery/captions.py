"""Words beneath what stands in the gallery: when it was made, and what with."""

from datetime import datetime, timedelta, timezone
from typing import Any

import streamlit as st

from explorer.gallery.pictures import recipe_settings
from explorer.jobs.job import Job
from explorer.text import recipe_summary

WORDS = {
    "network": "Network",
    "layer": "Layer",
    "units": "Neurons",
    "size": "Size",
    "steps": "Steps",
    "seed": "Seed",
    "weights": "Weights",
}
STATES = {"cancelled": "stopped", "interrupted": "interrupted", "failed": "failed"}
LONGEST = 60
UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


def time_ago(seconds: float) -> str:
    """Say how long ago something was: ``5 min ago``."""
    for unit, word in UNITS:
        if seconds >= unit:
            return f"{int(seconds // unit)} {word} ago"
    return "just now"


def local_time(seconds: float) -> str:
    """Write a time, seconds since 1970, as the visitor's clock shows it."""
    zone = timezone(-timedelta(minutes=st.context.timezone_offset or 0))
    return f"{datetime.fromtimestamp(seconds, zone):%d %b %Y, %H:%M}"


def setting_rows(job: Job) -> dict[str, str]:
    """Write what an entry was made with, by names that a person reads."""
    return {
        WORDS.get(name, name.capitalize()): _value(name, it)
        for name, it in sorted(recipe_settings(job).items(), key=lambda row: _place(row[0]))
    }


def _place(name: str) -> int:
    return list(WORDS).index(name) if name in WORDS else len(WORDS)


def _value(name: str, value: Any) -> str:
    if name == "size":
        return f"{value} px"
    if isinstance(value, list):
        value = recipe_summary.spans(value) if all(isinstance(it, int) for it in value) else value
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def state_caption(job: Job) -> str:
    """Say what became of an entry, and when."""
    if job.open:
        return "being made"
    when = local_time(job.ended or job.queued)
    return f"{STATES[job.state]} {when}" if job.state in STATES else f"made {when}"


def picture_noun(job: Job) -> str:
    """Say what one picture of an entry is of."""
    return "neuron" if job.kind == "neurons" else "picture"
