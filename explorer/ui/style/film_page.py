"""The Style page for a film: the film is shown while it is painted, frame by frame."""

import functools
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core.recipes.style_film import StyleFilmRecipe
from explorer import paths, thumbnails, video_io
from explorer.rendering.film_inputs import Film
from explorer.text import formatting
from explorer.ui import (
    download_buttons,
    film_upload,
    image_picker,
    job_requests,
    job_status,
    link_problems,
    result_view,
    server_state,
    url_codecs,
)
from explorer.ui.components import image_viewers
from explorer.ui.image_picker import PickedImage
from explorer.ui.layers import small_pictures
from explorer.ui.page_opener import OpenPage
from explorer.ui.recipe_controls import recipe_controls
from explorer.ui.style import style_page, style_view
from explorer.ui.style.style_view import StyleView

POLL_SECONDS = 0.4
# Number of encoded films that stay in memory.
ENCODED_AT_MOST = 4
MP4, GIF = ".mp4", ".gif"


def show(page: OpenPage, content: PickedImage, style: PickedImage, film: Film) -> None:
    """Read the URL, and show one painted film."""
    network = page.network

    def read() -> tuple[StyleView, StyleFilmRecipe]:
        painting = image_picker.store_input(style)
        query = st.query_params.to_dict()
        recipe = url_codecs.style_film_from_query(query, network, film.frames, painting)
        asked = bool(set(st.query_params) - {"network"})
        return StyleView(content, style, recipe, asked), recipe

    view, recipe = page.read(read, keep=("picture", "style"))
    with page.sidebar:
        controls = recipe_controls(recipe)
        controls.draw("balance")
        controls.draw_more(without=("balance",))
    style_page.show_head(network, view)
    st.caption(_describe(film))
    link_problems.show_problems(page.problems)
    with st.container(key="style-layers"):
        style_page.show_layers(network, view)
    job = job_requests.request_exclusive(recipe, "painting", view.asked)
    show_film(view, recipe, film, job)
    requests = job_requests.JobRequests()
    small_pictures.request_examples(requests, network, style_view.style_layers(network))
    requests.settle()


def _describe(film: Film) -> str:
    """Return a sentence on the length of a film."""
    count = len(film.frames)
    words = f"A film of {count} pictures, {film.rate:.3g} a second."
    if count == film_upload.FRAMES_AT_MOST:
        words += f" Of longer films the first {count} pictures are painted here."
    return words


def show_film(
    view: StyleView, recipe: StyleFilmRecipe, film: Film, job: job_requests.Requested
) -> None:
    """Show the picture that is painted now on top of its original; the film when it is finished."""
    finished = count_finished(recipe)
    total = len(recipe.pictures)
    title = style_view.describe_pair(view.content, view.style)
    label = title[:1].upper() + title[1:]

    def doing(fraction: float) -> str:
        return f"{int(fraction * total)} of {total} pictures painted"

    def look(now: Sequence[job_requests.Requested]) -> bool:
        count = finished if finished == total else count_finished(recipe)
        if count < total:
            _show_frame(view, recipe, count, label)
        else:
            _show_finished(recipe, film, label)
        job_status.show_status(
            now[0],
            doing,
            recipe.kind,
            lambda: None,
            lambda: _show_tools(recipe, film, title) if count == total else None,
        )
        return count == total

    with st.container(key="stage"):
        interval = job_status.poll_interval(job, seconds=POLL_SECONDS)
        job_status.follow([job], look, interval, finished == total)


def count_finished(recipe: StyleFilmRecipe) -> int:
    """Return how many pictures of a film are painted."""
    return len(server_state.store().present([it.key for it in recipe.parts()]))


def _show_frame(view: StyleView, recipe: StyleFilmRecipe, count: int, label: str) -> None:
    """Show the picture that is painted now, or the last finished one, on top of its original.

    Args:
        view: what the page shows.
        recipe: the recipe of the film.
        count: number of finished pictures.
        label: description for screen readers.
    """
    preview = server_state.jobs().previews(recipe.key).get(count)
    number, after = count, thumbnails.data_url(preview) if preview else None
    if after is None and count:
        number = count - 1
        stored = server_state.store().picture(recipe.parts()[number].key, number)
        after = result_view.picture_url(stored.image) if stored is not None else None
    before = result_view.original_url(recipe.film[number], recipe.size)
    image_viewers.image_compare(
        before,
        after,
        view.content.size,
        "compare",
        f"{label}, picture {number + 1}, unfinished",
        f"{recipe.content} {recipe.styles[0]} {recipe.network}",
        "painted",
        style_page.ABOVE,
    )


def _show_finished(recipe: StyleFilmRecipe, film: Film, label: str) -> None:
    """Play the finished film, again and again and without sound."""
    encoded = _encoded(paths.home(), recipe, MP4, film.rate)
    with st.container(key="film"):
        st.video(encoded, format="video/mp4", loop=True, autoplay=True, muted=True)
        st.caption(f"{label}.")


def _show_tools(recipe: StyleFilmRecipe, film: Film, title: str) -> None:
    """Show the buttons beneath the finished film."""
    name = formatting.file_stem(f"{title} {recipe.network}")
    for kind, mime in ((MP4, "video/mp4"), (GIF, "image/gif")):
        st.download_button(
            f"Save as {kind[1:].upper()}",
            functools.partial(_encoded, paths.home(), recipe, kind, film.rate),
            f"{name}{kind}",
            mime,
            key=f"save {kind}",
            icon=":material/download:",
            on_click="ignore",
        )
    download_buttons.python_button(recipe, None, "film")


@functools.lru_cache(maxsize=ENCODED_AT_MOST)
def _encoded(folder: Path, recipe: StyleFilmRecipe, kind: str, rate: float) -> bytes:
    """Encode a finished film, cached because pages run often.

    Args:
        folder: data folder with the store; part of the cache's key only.
        recipe: the recipe of the film.
        kind: ``.mp4`` or ``.gif``.
        rate: frames per second.
    """
    found = server_state.store().pictures(recipe)
    pictures = [found[it].image for it in recipe.pictures]
    return video_io.encode_video(pictures, kind, video_io.whole_rate(rate))
