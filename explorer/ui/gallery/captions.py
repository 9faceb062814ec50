"""Captions of gallery entries; times are in the visitor's time zone.

An entry is a job with its recipe and its pictures.
"""

from datetime import timedelta, timezone

import streamlit as st

from explorer.gallery import pictures
from explorer.jobs.job import Job
from explorer.text import captions
from explorer.ui import server_state


def setting_rows(job: Job, everything: bool = False) -> dict[str, str]:
    """Return the settings of an entry's recipe as text, by their captions.

    Args:
        job: the entry.
        everything: as for ``captions.setting_rows``.
    """
    settings = pictures.recipe_settings(job)
    texts = {it for it in settings.values() if isinstance(it, str)}
    texts |= {
        it for value in settings.values() if isinstance(value, list) for it in map(str, value)
    }
    titles = server_state.store().input_titles(texts)
    return captions.setting_rows(job.kind, settings, titles, everything)


def state_caption(job: Job) -> str:
    """Return the state of an entry and its time, such as ``made 03 May 2026, 14:05``."""
    if job.open:
        return "being made"
    zone = timezone(-timedelta(minutes=st.context.timezone_offset or 0))
    return captions.state_caption(job.state, job.ended or job.queued, zone)


def picture_noun(job: Job) -> str:
    """Return the word for one picture of an entry: ``neuron`` (of a unit) or ``picture``."""
    return "neuron" if job.kind == "neurons" else "picture"
