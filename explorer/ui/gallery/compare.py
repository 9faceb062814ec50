"""The comparison of two to four gallery entries: pictures and settings side by side."""

import math
from collections.abc import Sequence
from functools import partial
from html import escape

import streamlit as st

from core.errors import ExplorerError
from explorer import thumbnails
from explorer.gallery import queries
from explorer.gallery.pictures import GalleryPicture, PictureRef
from explorer.jobs.job import Job
from explorer.ui import urls
from explorer.ui.components import html_snippets
from explorer.ui.gallery import captions, entry

LARGE_PIXELS = 768
# Number of pictures that are shown of each entry, at most; they form a square.
COMPARED = 16
# How many entries can be compared: 2, 3 or 4.
COMPARABLE = range(2, 5)


def read_entries(found: queries.Gallery, text: str) -> list[Job]:
    """Return the entries that a link compares.

    Args:
        found: the gallery.
        text: ids of the entries, separated by commas.

    Raises:
        ExplorerError: an entry does not exist, or there are too few or too many entries.
    """
    keys = text.split(",")[: COMPARABLE.stop]
    jobs = list({job.key: job for job in map(found.find, keys)}.values())
    if len(jobs) not in COMPARABLE:
        raise ExplorerError("two, three or four entries can be compared")
    return jobs


def show_comparison(found: queries.Gallery, jobs: Sequence[Job]) -> None:
    """Show entries side by side with their settings; settings that differ are marked."""
    html_snippets.start_at_top("top")
    entry.back_button()
    tables = [captions.setting_rows(job, everything=True) for job in jobs]
    names = list(dict.fromkeys(name for table in tables for name in table))
    differing = {name for name in names if len({table.get(name) for table in tables}) > 1}
    for column, job, places, table in zip(
        st.columns(len(jobs), gap="medium"), jobs, _same_parts(found, jobs), tables, strict=True
    ):
        with column:
            html_snippets.heading(found.title(job), captions.state_caption(job))
            st.html(_mosaic(found.read_pictures(places), found.title(job)))
            st.html(_table({name: table.get(name, "\N{EN DASH}") for name in names}, differing))
            st.button(
                "Open",
                key=f"open {job.key}",
                on_click=partial(urls.update_query, open=job.id, compare=None),
            )


def _same_parts(found: queries.Gallery, jobs: Sequence[Job]) -> list[list[PictureRef]]:
    """Return for each entry the pictures to show, at most ``COMPARED``.

    These are the pictures with numbers that all entries have (a picture's number is that of its
    unit, for example). If the entries have no number in common, they are the first of each entry.
    """
    every = [found.picture_refs(job) for job in jobs]
    common = set.intersection(*({it.number for it in places} for places in every))
    return [
        [it for it in places if not common or it.number in common][:COMPARED] for places in every
    ]


def _mosaic(pictures: Sequence[GalleryPicture], name: str) -> str:
    """Return HTML of pictures in a square grid; the tooltip of each picture is its number."""
    across = math.ceil(math.sqrt(max(1, len(pictures))))
    images = (
        f'<img class="{"silent" if it.silent else ""}" title="{it.ref.number}" '
        f'alt="{escape(name)}, picture {it.ref.number}" '
        f'src="{thumbnails.thumbnail(it.image, LARGE_PIXELS // across)}">'
        for it in pictures
    )
    return f'<div class="mosaic" style="--across:{across}">{"".join(images)}</div>'


def _table(table: dict[str, str], differing: set[str]) -> str:
    pairs = (
        f'<dt>{escape(name)}</dt><dd class="{"differs" if name in differing else ""}">'
        f"{escape(value)}</dd>"
        for name, value in table.items()
    )
    return f'<dl class="facts compared">{"".join(pairs)}</dl>'
