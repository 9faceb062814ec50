"""Captions of gallery entries in a visitor's time zone."""

from datetime import timedelta, timezone

import streamlit as st

from explorer.gallery import pictures
from explorer.jobs.job import Job
from explorer.text import captions


def setting_rows(job: Job) -> dict[str, str]:
    """Return what an entry was made with, by captions."""
    return captions.setting_rows(job.kind, pictures.recipe_settings(job))


def state_caption(job: Job) -> str:
    """Return what became of an entry, and when."""
    if job.open:
        return "being made"
    zone = timezone(-timedelta(minutes=st.context.timezone_offset or 0))
    return captions.state_caption(job.state, job.ended or job.queued, zone)


def picture_noun(job: Job) -> str:
    """Return what one picture of an entry shows: ``neuron`` or ``picture``."""
    return "neuron" if job.kind == "neurons" else "picture"
