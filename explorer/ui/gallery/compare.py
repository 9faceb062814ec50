"""Entries of the gallery side by side, with the same parts of each, and their settings compared."""

import math
from collections.abc import Sequence
from functools import partial
from html import escape

import streamlit as st

from core.errors import ExplorerError
from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.gallery import queries
from explorer.gallery.pictures import GalleryPicture, PictureRef
from explorer.gallery.queries import Gallery
from explorer.jobs.job import Job
from explorer.ui import urls
from explorer.ui.components import html_snippets
from explorer.ui.gallery import captions, entry

LARGE_PIXELS = 768
# Number of pictures of each entry, four in a row.
COMPARED = 16
# Numbers of entries that can be compared.
COMPARABLE = range(2, 5)


def read_entries(found: Gallery, text: str) -> list[Job]:
    """Return the entries that a link compares, given their keys parted by commas.

    Raises:
        ExplorerError: one does not exist, or their number is none of ``COMPARABLE``.
    """
    keys = text.split(",")[: COMPARABLE.stop]
    jobs = list({job.key: job for job in map(found.find, keys)}.values())
    if len(jobs) not in COMPARABLE:
        raise ExplorerError("two, three or four entries can be compared")
    return jobs


def show_comparison(found: Gallery, jobs: Sequence[Job]) -> None:
    """Show entries side by side with their settings; those that differ are marked."""
    entry.back_button()
    tables = [captions.setting_rows(job) for job in jobs]
    names = list(dict.fromkeys(name for table in tables for name in table))
    differing = {name for name in names if len({table.get(name) for table in tables}) > 1}
    for column, job, places, table in zip(
        st.columns(len(jobs), gap="medium"), jobs, _same_parts(found, jobs), tables, strict=True
    ):
        with column:
            html_snippets.heading(
                queries.entry_title(job),
                captions.state_caption(job),
                depth_colours.depth_colour(0.5),
            )
            st.html(_mosaic(found.read_pictures(places), queries.entry_title(job)))
            st.html(_table({name: table.get(name, "\N{EN DASH}") for name in names}, differing))
            st.button(
                "Open",
                key=f"open {job.key}",
                on_click=partial(urls.update_query, open=job.id, compare=None),
            )


def _same_parts(found: Gallery, jobs: Sequence[Job]) -> list[list[PictureRef]]:
    """Return pictures of each entry: those of the same parts, if the entries share any."""
    every = [found.picture_refs(job) for job in jobs]
    common = set.intersection(*({it.number for it in places} for places in every))
    return [
        [it for it in places if not common or it.number in common][:COMPARED] for places in every
    ]


def _mosaic(pictures: Sequence[GalleryPicture], name: str) -> str:
    """Return a square of pictures as HTML; the tooltip of each has its number."""
    across = math.ceil(math.sqrt(max(1, len(pictures))))
    images = (
        f'<img class="{"dead" if it.dead else ""}" title="{it.ref.number}" '
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
