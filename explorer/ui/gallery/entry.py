"""One entry of the gallery: pictures, settings, and buttons to rename, save or delete it."""

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from core.errors import ExplorerError
from explorer import thumbnails
from explorer.gallery import queries, zip_export
from explorer.gallery.pictures import GalleryPicture, PictureRef
from explorer.gallery.queries import Gallery
from explorer.jobs.job import Job
from explorer.text import formatting
from explorer.text.formatting import percent
from explorer.ui import (
    job_requests,
    job_status,
    page_list,
    presenter,
    url_codecs,
    url_controls,
    urls,
)
from explorer.ui.components import html_snippets
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.gallery import captions
from explorer.ui.link_problems import collect, show_problems, toast_problem

# Number of pictures on one sheet (page) of an entry; the Layers page has the same number.
SHEET = 64
TILE_PIXELS = 192
# With at most this many pictures, a row has four instead of eight.
FEW = 16
LARGE_PIXELS = 768
# Name of the stored fact of a style transfer that has the loss curves, as JSON.
LOSSES = "losses"
# Label of the link to each page.
LINKS = {
    urls.LAYERS: "Open in Layers",
    urls.NEURON: "Open the neuron",
    urls.DREAM: "Open in Dream",
    urls.STYLE: "Open in Style",
    urls.STYLE_DEPTHS: "Open in Styles by layer",
}


def show_entry(found: Gallery, job: Job) -> None:
    """Show one entry: its pictures, its settings, and buttons to rename, save or delete it."""
    html_snippets.start_at_top("top")
    with st.container(key="entry-way", horizontal=True, horizontal_alignment="distribute"):
        back_button()
        presenter.show_button()
    places = found.picture_refs(job)
    left, right = st.columns([5, 3], gap="large")
    with right:
        html_snippets.heading(found.title(job), captions.state_caption(job))
        st.html(html_snippets.facts_html("", captions.setting_rows(job)))
        _change(found, job)
    with left:
        pictures = st.container(key="few pictures" if len(places) <= FEW else "many pictures")
        sheet = show_pager("sheet", len(places), SHEET)
        with pictures:
            _pictures(found, job, sheet)
    part = st.query_params.get("picture")
    if part is not None and len(places) > 1:
        wanted = [it for it in places if str(it.number) == part]
        if wanted:
            dialog = st.dialog(
                f"{captions.picture_noun(job).capitalize()} {part}",
                width="medium",
                on_dismiss=partial(urls.update_query, picture=None),
            )
            dialog(_large)(found, job, wanted[0])


def back_button() -> None:
    """Show a button that leads back to all entries."""
    st.button(
        "Gallery",
        icon=":material/arrow_back:",
        type="tertiary",
        key="back",
        on_click=partial(urls.update_query, open=None, compare=None, picture=None, sheet=None),
    )


def show_pager(name: str, count: int, per_page: int) -> int:
    """Show buttons to the previous and the next page of a list.

    Args:
        name: parameter of the URL's query that has the number of the page, such as ``sheet``.
        count: number of items in the list.
        per_page: number of items on a page.

    Returns:
        The number of the page in the URL, counted from 1.
    """
    last = max(1, math.ceil(count / per_page))
    page, problems = 1, list[str]()
    with collect(problems):
        page = urls.number(name, (1, last)) or 1
    show_problems(problems)
    if last > 1:
        text = f"{(page - 1) * per_page + 1} to {min(page * per_page, count)} of {count}"
        url_controls.pager(f"{name} ", page, last, text, lambda to: urls.update_query(**{name: to}))
    return page


def _pictures(found: Gallery, job: Job, sheet: int) -> None:
    """Show one sheet of an entry's pictures, and update it while the entry's job runs."""
    stopped = job.state != "done"

    def show(now: Sequence[job_requests.Requested]) -> None:
        (job,) = (it for it in now if isinstance(it, Job))
        if stopped:
            job_status.show_progress(job, percent, "entry")
        places = found.picture_refs(job)
        shown = found.read_pictures(places[(sheet - 1) * SHEET : sheet * SHEET])
        if len(places) == 1 and shown:
            _one(found, job, shown[0])
        elif shown:
            tiles = [_tile(job, it) for it in shown]
            label = f"Pictures of {found.title(job)}, sheet {sheet}"
            if tile_grid(tiles, "tiles", label, lambda it: urls.update_query(picture=it)):
                st.rerun()

    job_status.follow([job], show, job_status.poll_interval(job))


def _tile(job: Job, shown: GalleryPicture) -> PictureTile:
    part = str(shown.ref.number)
    who = f"{captions.picture_noun(job)} {part}"
    if not shown.ref.finished:
        url = thumbnails.data_url(shown.image)
        return PictureTile(part, f"{who}, unfinished", url, title=part, preview=True)
    activation = shown.facts.get("activation")
    note = (
        formatting.number(activation) if isinstance(activation, float) and not shown.silent else ""
    )
    return PictureTile(
        id=part,
        label=f"{who}, no response" if shown.silent else who,
        picture=thumbnails.thumbnail(shown.image, TILE_PIXELS),
        title=part,
        note=note,
        silent=shown.silent,
    )


def _large(found: Gallery, job: Job, place: PictureRef) -> None:
    """Show one of an entry's pictures large; this is the content of a dialog."""
    shown = found.read_pictures([place])
    if not shown:
        st.markdown("This picture is gone.")
        return
    _one(found, job, shown[0])


def _one(found: Gallery, job: Job, shown: GalleryPicture) -> None:
    """Show one picture large, with a button that saves it and a link to the page of its recipe."""
    part = shown.ref.number
    alt = f"{captions.picture_noun(job).capitalize()} {part} of {found.title(job)}"
    if not shown.ref.finished:
        st.html(html_snippets.large_preview_html(shown.image, f"{alt}, unfinished"))
        return
    facts = facts_caption(shown.facts)
    url = thumbnails.thumbnail(shown.image, LARGE_PIXELS)
    with st.container(key="one picture"):
        st.html(
            html_snippets.large_picture_html(url, alt, shown.silent)
            + html_snippets.facts_html("", facts)
        )
    with st.container(horizontal=True, vertical_alignment="center", key="picture tools"):
        kind = "png" if shown.exact else "webp"
        st.download_button(
            f"Save as {'PNG' if shown.exact else 'WebP'}",
            shown.image,
            zip_export.picture_file_name(job, shown, found.title(job)),
            f"image/{kind}",
            key="save",
            on_click="ignore",
            help=None if shown.exact else "It came with the explorer in a compressed form.",
        )
        _link(job, part)


def facts_caption(facts: Mapping[str, float | bool | str]) -> dict[str, str]:
    """Return the measures of a picture as text, by name; for a loss, its first and last value."""
    rows = {name: _fact(it) for name, it in facts.items() if it is not False and name != LOSSES}
    losses = json.loads(str(facts.get(LOSSES, "{}")))
    rows |= {
        name: " \N{RIGHTWARDS ARROW} ".join(formatting.number(it[at]) for at in ("start", "end"))
        for name, it in losses.items()
    }
    return {name.capitalize(): it for name, it in rows.items()}


def _fact(value: float | bool | str) -> str:
    if value is True:
        return "yes"
    return formatting.number(value, 4) if isinstance(value, float) else str(value)


def _link(job: Job, part: int | None) -> None:
    """Show a link to the page that shows an entry's recipe, if there is such a page.

    Args:
        job: the entry.
        part: number of one of the recipe's pictures; None for all of them.
    """
    try:
        page, query = url_codecs.link_to(job.recipe, part)
    except ExplorerError:
        return
    page_list.page_link(page, LINKS[page], **query)


def _change(found: Gallery, job: Job) -> None:
    """Show controls to rename, star, save and delete an entry; of others' entries, only to save."""
    if not found.may_change(job):
        st.caption("Somebody else made this, so only they can change it.")
        download_button(found, [job], "Save as zip")
        _link(job, None)
        return
    rename = toast_problem()(partial(found.rename, job.key))
    st.text_input(
        "Name",
        max_chars=queries.TITLE_AT_MOST,
        placeholder="Give it a name",
        **url_controls.bind(f"title {job.key}", job.title, rename),
    )
    with st.container(horizontal=True, key="entry tools"):
        st.button(
            "Starred" if job.starred else "Star",
            icon=":material/star:" if job.starred else ":material/star_outline:",
            key="star",
            on_click=partial(toast_problem()(found.star), job.key, not job.starred),
        )
        download_button(found, [job], "Save as zip")
        delete_button(found, [job.key])
    _link(job, None)


def download_button(found: Gallery, jobs: Sequence[Job], label: str) -> None:
    """Show a button that saves entries as a zip file, which is written when it is clicked."""
    problem = None if jobs else "There is nothing to save."
    try:
        zip_export.check_size(found, jobs)
    except ExplorerError as error:
        problem = str(error).capitalize() + "."
    st.download_button(
        label,
        partial(_zip, found, list(jobs)),
        f"gallery-{jobs[0].id if len(jobs) == 1 else len(jobs)}.zip" if jobs else "gallery.zip",
        "application/zip",
        key="zip",
        icon=":material/folder_zip:",
        on_click="ignore",
        disabled=problem is not None,
        help=problem,
    )


def _zip(found: Gallery, jobs: Sequence[Job]) -> bytes:
    try:
        return zip_export.write_zip(found, jobs)
    finally:
        # Streamlit calls this function in another thread. The thread opened a database connection,
        # which has to be closed.
        found.jobs.store.close()


def delete_button(found: Gallery, keys: Sequence[str]) -> None:
    """Show a button that deletes entries."""
    st.button(
        "Delete",
        icon=":material/delete:",
        key="delete",
        on_click=lambda: delete_entries(found, keys),
    )


@toast_problem()
def delete_entries(found: Gallery, keys: Sequence[str]) -> None:
    """Move entries into the bin, and store their keys in the session for the Undo button.

    Entries whose job another visitor waits for are not deleted, nor are those of others if the
    visitor is a guest.
    """
    gone = found.delete(keys)
    if gone:
        st.session_state["deleted"] = gone
    st.session_state["chosen"] = [it for it in st.session_state.get("chosen", []) if it not in gone]
    if len(gone) < len(keys):
        st.toast("Not deleted: entries of somebody else, and those that somebody waits for.")
    else:
        urls.update_query(open=None, compare=None, picture=None, sheet=None)
