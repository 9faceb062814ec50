"""The gallery's overview: unfinished jobs, filters, and cards of the entries with their buttons."""

import time
from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.errors import ExplorerError
from core.networks.known_networks import title_of
from explorer import thumbnails
from explorer.gallery import queries, zip_export
from explorer.gallery.pictures import GalleryPicture
from explorer.gallery.queries import Gallery, Search
from explorer.jobs.job import Job
from explorer.rendering import png_metadata
from explorer.text import captions, formatting
from explorer.text.formatting import percent
from explorer.ui import job_status, page_list, picture_upload, png_drop, urls
from explorer.ui.components import html_snippets, tiles
from explorer.ui.gallery import entry
from explorer.ui.gallery.compare import COMPARABLE
from explorer.ui.home import front_page
from explorer.ui.link_problems import toast_problem
from explorer.ui.url_controls import bind

COVER = 4
COVER_PIXELS = 128
THUMBNAIL_PIXELS = 64
# Number of unfinished jobs that are shown above the entries, at most.
UNFINISHED_AT_MOST = 4
# Beginning of the keys of the upload for a picture that was made here.
OPENER = "opener"
# What is offered in an empty gallery, by page.
TO_MAKE = {"dream": "Make a dream", "style": "Paint in a style", "neuron": "Draw a neuron"}
FILTERS = ("kind", "network", "layer")
EVERY = {"kind": "Every kind", "network": "Every network", "layer": "Every layer"}


def show_undo(found: Gallery) -> None:
    """Show which entries were deleted just now, and a button that restores them."""
    keys: list[str] = st.session_state.get("deleted", [])
    if not keys:
        return

    def forget() -> None:
        del st.session_state["deleted"]

    @toast_problem()
    def undo() -> None:
        with toast_problem():
            found.restore(keys)
        forget()

    with st.container(key="undo", horizontal=True, vertical_alignment="center"):
        job = found.jobs.get(keys[0])
        what = f"{len(keys)} entries" if len(keys) > 1 or job is None else found.title(job)
        st.markdown(f"{formatting.escape_markdown(what)} deleted.")
        st.button("Undo", key="take back", on_click=undo)
        st.button("", icon=":material/close:", key="forget", type="tertiary", on_click=forget)


def show_all(found: Gallery) -> None:
    """Show the unfinished jobs, and beneath them the entries that the URL's filters select."""
    head, tools = st.columns([5, 2], vertical_alignment="bottom")
    with head:
        html_snippets.heading("Gallery", "Everything made so far, newest first.")
    with tools:
        show_opener()
    show_unfinished(found)
    search = read_search()
    count = found.count(search)
    if count or search != Search():
        show_filters(found, search)
    if not count:
        show_nothing(search)
        return
    show_tools(found, search, count)
    cards = st.container()
    page = entry.show_pager("page", count, queries.PER_PAGE)
    with cards:
        show_cards(found, found.entries(search, page), page)


def show_opener() -> None:
    """Show an upload for a PNG that was saved from the app; it opens on the page of its recipe."""
    sent = picture_upload.opener_popover(
        OPENER,
        "Open a picture made here",
        "A PNG that was saved here,",
        "Or drop it anywhere on the page. It opens with the settings it was made with.",
    )
    picture_upload.show_problems(OPENER)
    if not sent:
        return
    try:
        png_drop.open_recipe(*png_metadata.read_recipe(sent[0].getvalue()))
    except ExplorerError as error:
        picture_upload.finish(OPENER, [png_drop.problem(error)])


def show_unfinished(found: Gallery) -> None:
    """Show the jobs that wait, run or were interrupted, and update them while one is open."""
    before, total = found.unfinished(UNFINISHED_AT_MOST)
    active = any(job.open for job in before)

    def show(_: Sequence[object]) -> tuple[list[str], int]:
        jobs, count = found.unfinished(UNFINISHED_AT_MOST)
        for job in jobs:
            show_row(found, job)
        if count > len(jobs):
            st.caption(f"and {count - len(jobs)} more")
        return [job.key for job in jobs], count

    if before:
        interval = job_status.POLL_SECONDS if active else None
        with st.container(key="unfinished"):
            # When a job is finished, the page runs again: the job then belongs to the entries.
            job_status.follow([], show, interval, ([job.key for job in before], total))


def show_row(found: Gallery, job: Job) -> None:
    """Show one unfinished job as a row: a picture, its title and its progress."""
    pictures = found.cover_pictures(job, 1)
    with st.container(key=f"row-{job.key}", horizontal=True, vertical_alignment="center"):
        st.html(
            thumbnail(pictures[0]) if pictures else '<div class="row-picture"></div>',
            width="content",
        )
        with st.container(gap=None):
            st.button(
                formatting.escape_markdown(found.title(job)),
                key=f"look-{job.key}",
                type="tertiary",
                on_click=lambda: urls.update_query(open=job.id),
            )
            job_status.show_progress(job, percent, "gallery", listed=True)


def thumbnail(shown: GalleryPicture) -> str:
    """Return HTML of the small picture of a job's row."""
    if shown.ref.finished:
        url = thumbnails.thumbnail(shown.image, THUMBNAIL_PIXELS)
    else:
        url = thumbnails.data_url(shown.image)
    return f'<img class="row-picture" alt="" src="{url}">'


def read_search() -> Search:
    """Return the filters of the entries that the URL contains."""
    query = st.query_params
    return Search(
        **{name: query.get(name, "") for name in FILTERS},
        starred=query.get("starred") == "1",
        text=query.get("text", "")[: queries.TITLE_AT_MOST],
    )


def show_filters(found: Gallery, search: Search) -> None:
    """Show the controls that filter the entries."""
    choices = found.choices()
    with st.container(key="filters", horizontal=True, vertical_alignment="center"):
        st.text_input(
            "Search",
            placeholder="Search by name",
            icon=":material/search:",
            label_visibility="collapsed",
            max_chars=queries.TITLE_AT_MOST,
            **bind("text", search.text, partial(filter_by, "text")),
        )
        for name in FILTERS:
            show_choice(name, getattr(search, name), choices[name])
        st.toggle(
            "Starred",
            **bind("starred", search.starred, lambda it: filter_by("starred", "1" if it else "")),
        )


def show_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Show the selectbox of one filter, unless there is only one value to choose.

    Args:
        name: name of the filter, one of ``FILTERS``.
        value: present value; "" for none.
        choices: the values that occur among the entries.
    """
    if len(choices) < 2 and not value:
        return
    st.selectbox(
        name.capitalize(),
        ["", *dict.fromkeys([*choices, value] if value else choices)],
        format_func=lambda it: title_of(it) if it and name == "network" else it or EVERY[name],
        label_visibility="collapsed",
        **bind(name, value, partial(filter_by, name)),
    )


def filter_by(name: str, value: str) -> None:
    """Write the value of a filter into the URL, and go to the first page of the entries."""
    urls.update_query(**{name: value or None}, page=None)


def show_nothing(search: Search) -> None:
    """Show that there are no entries, or none that match the filters, and what to do."""
    if search != Search():
        st.html(
            '<div class="nothing"><h3>Nothing found</h3>'
            "<p>Remove a filter, or search for a shorter word.</p></div>"
        )
        with st.container(horizontal_alignment="center"):
            st.button("Show everything", key="everything", on_click=urls.replace_query)
        return
    st.html(
        '<div class="nothing"><h3>Nothing made yet</h3>'
        "<p>Make a dream of your own picture, give it a style, or draw a neuron differently: "
        "whatever you make is kept here, with its settings.</p></div>"
    )
    made = [
        tiles.PictureTile(page, words, front_page.preview_url(page), caption=words)
        for page, words in TO_MAKE.items()
    ]
    with st.container(key="to-make"):
        page = tiles.tile_grid(made, "make", "What can be made", columns=len(made))
    if page:
        st.switch_page(page_list.find_page(page).page)


def show_tools(found: Gallery, search: Search, count: int) -> None:
    """Show buttons to compare, save and delete the chosen entries; without any, to save all.

    Args:
        found: the gallery.
        search: the present filters.
        count: number of entries that match the filters.
    """
    chosen = st.session_state.setdefault("chosen", [])
    jobs = [job for job in map(found.jobs.get, chosen) if job is not None and job.deleted is None]
    with st.container(key="tools", horizontal=True, vertical_alignment="center"):
        total = "1 entry" if count == 1 else f"{count} entries"
        st.markdown(f"**{len(jobs)} chosen** of {total}" if jobs else total)
        st.button(
            "Compare",
            icon=":material/compare:",
            key="compare",
            disabled=len(jobs) not in COMPARABLE,
            help="Choose two, three or four." if len(jobs) not in COMPARABLE else None,
            on_click=lambda: urls.update_query(compare=",".join(job.id for job in jobs)),
        )
        everything = [] if jobs else found.entries(search, 1, zip_export.ENTRIES_AT_MOST + 1)
        entry.download_button(
            found, jobs or everything, "Save as zip" if jobs else "Save all as zip"
        )
        if jobs:
            entry.delete_button(found, [job.key for job in jobs])
            st.button("Clear", key="clear", type="tertiary", on_click=chosen.clear)


def show_cards(found: Gallery, jobs: Sequence[Job], page: int) -> None:
    """Show one page of entries as cards."""
    chosen: list[str] = st.session_state["chosen"]
    path = str(found.jobs.store.path)
    cards = [
        tiles.Card(
            id=job.key,
            name=found.title(job),
            note=note(job),
            pictures=cover(found, path, job.key, job.state, job.ended),
            starred=job.starred,
            chosen=job.key in chosen,
        )
        for job in jobs
    ]

    @toast_problem()
    def act(what: str) -> None:
        verb, _, key = what.partition(" ")
        if verb == "open":
            urls.update_query(open=key[: len(jobs[0].id)])
        elif verb == "star":
            job = found.jobs.get(key)
            if job is not None:
                with toast_problem():
                    found.star(key, not job.starred)
        elif key in chosen:
            chosen.remove(key)
        else:
            chosen.append(key)

    tiles.card_grid(cards, "cards", f"Gallery, page {page}", act)


def note(job: Job) -> str:
    """Return how long ago an entry was made: ``5 min ago``, or ``stopped · 5 min ago``."""
    when = captions.time_ago(time.time() - (job.ended or job.queued))
    return f"{captions.STATES[job.state]} · {when}" if job.state in captions.STATES else when


@st.cache_data(max_entries=512, show_spinner=False)
def cover(
    _found: Gallery, path: str, key: str, state: str, ended: float | None
) -> list[dict[str, str]]:
    """Return the pictures of an entry's cover, as ``Card.pictures`` has them.

    The result is cached until the job's ``state`` or ``ended`` changes.
    """
    job = _found.jobs.get(key)
    pictures = [] if job is None else _found.cover_pictures(job, COVER)
    if len(pictures) < COVER:
        pictures = pictures[:1]
    return [
        {
            "url": thumbnails.thumbnail(it.image, COVER_PIXELS * (1 if len(pictures) > 1 else 2)),
            "kind": "silent" if it.silent else "" if it.ref.finished else "preview",
        }
        for it in pictures
    ]
