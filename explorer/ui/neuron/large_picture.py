"""The large picture of one unit, with its progress, buttons to save it, and its settings."""

from collections.abc import Sequence
from dataclasses import asdict

import streamlit as st

from explorer import thumbnails
from explorer.recipe_fields import NEURONS, page_fields
from explorer.reports import html_report
from explorer.store.results import StoredPicture
from explorer.text.formatting import percent
from explorer.ui import download_buttons, index_picker, job_requests, job_status, server_state, urls
from explorer.ui.components import html_snippets
from explorer.ui.link_problems import toast_problem
from explorer.ui.neuron.pictures import NeuronView, RenderSettings, UnitPicture
from explorer.ui.recipe_controls import draw_field

# Side of the picture on the page, in pixels; smaller pictures are enlarged. This is enough for half
# of a wide page on a screen of high resolution.
LARGE_PIXELS = 768
LOSSY = (
    "This picture came with the explorer in a compressed form. A click draws it again in full "
    "quality, which takes a moment; the PNG then has all settings inside."
)


def request_picture(take: UnitPicture) -> job_requests.Requested:
    """Request the large picture if it is missing.

    Returns:
        The job, or a sentence that says why there is none. If the picture is there only as a lossy
        WebP, the job that renders the PNG, if the visitor has started it. None otherwise.
    """
    stored = take.find()
    if stored is None:
        return job_requests.request(take.recipe)
    if download_buttons.is_png(stored.image):
        return None
    job = server_state.jobs().get(take.recipe.key)
    return None if job is None or job_requests.is_left(job) else job


def show_picture(neuron: NeuronView, view: str, job: job_requests.Requested) -> None:
    """Show a picture of a unit large, with the progress of its job, its buttons and its settings.

    Args:
        neuron: the unit.
        view: which picture of the unit, one of ``urls.VIEWS`` or "".
        job: result of ``request_picture``.
    """
    take = neuron.large(view)
    stored = take.find()

    def show(now: Sequence[job_requests.Requested]) -> bool:
        (job,) = now
        st.html(_picture(neuron, view, take, stored))
        with st.container(key="large-picture-status", horizontal=True, vertical_alignment="center"):
            if isinstance(job, str):
                st.caption(job)
            elif job is not None and job.state != "done":
                job_status.show_progress(job, percent, "large")
            elif stored is not None:
                _tools(neuron, take, stored)
            _choose(neuron, view)
        return stored is None and take.find() is not None

    with st.container(key="large-picture"):
        job_status.follow([job], show, job_status.poll_interval(job), False)


def alt_text(neuron: NeuronView, view: str) -> str:
    """Return what the large picture of a unit shows, for screen readers."""
    how = "least" if view == urls.NEGATIVE else "strongly"
    return f"Picture to which neuron {neuron.unit} of {neuron.layer.name} responds {how}"


def _picture(neuron: NeuronView, view: str, take: UnitPicture, stored: StoredPicture | None) -> str:
    """Return HTML of the finished picture, else of its preview, else of a frame.

    In the frame is the picture with the usual settings, if it is there.
    """
    alt = alt_text(neuron, view)
    if stored is None:
        preview = server_state.jobs().previews(take.recipe.key).get(take.number)
        usual = None if preview else neuron.usual_picture(view).find()
        sample = None if usual is None else thumbnails.thumbnail(usual.image, LARGE_PIXELS)
        return html_snippets.large_preview_html(preview, f"{alt}, unfinished", sample)
    url = thumbnails.thumbnail(stored.image, LARGE_PIXELS)
    silent = stored.silent and view != urls.NEGATIVE
    return html_snippets.large_picture_html(url, alt, silent)


def _tools(neuron: NeuronView, take: UnitPicture, stored: StoredPicture) -> None:
    """Show the buttons beneath a finished picture.

    The first saves the PNG, or renders it if the picture is a lossy WebP. The others save a report
    on the unit, and show the picture's Python code.
    """
    network, layer, unit = neuron.network, neuron.layer, neuron.unit
    if download_buttons.is_png(stored.image):
        name = f"{network.name}-{layer.name}-{take.number}-seed{take.recipe.seed}"
        download_buttons.save_button(stored.image, name)
    else:
        st.button("Prepare a PNG", help=LOSSY, key="prepare", on_click=_prepare, args=(take,))
    index = index_picker.chosen_index(network, [])
    download_buttons.report_button(
        f"{network.name}-{layer.name}-{unit}".replace(":", "-"),
        lambda: html_report.neuron_report(network, layer, unit, take.recipe, stored, index),
        "neuron",
    )
    download_buttons.python_button(take.recipe, take.number, "neuron")


@toast_problem()
def _prepare(take: UnitPicture) -> None:
    job_requests.submit(take.recipe)


def _choose(neuron: NeuronView, view: str) -> None:
    """Show controls of the picture's settings, and a button that draws it with the new settings."""
    now, usual = neuron.settings, neuron.usual
    # The widgets' keys contain everything that a link can change. So after a new link the widgets
    # are new, and start with the values of the link.
    key = f"{neuron.network.name} {neuron.layer.name} {neuron.unit} {view} {now}"
    with st.popover("Draw it differently", icon=":material/tune:"):
        chosen = RenderSettings(
            **{
                it.name: draw_field(
                    it, getattr(now, it.name), f"{it.name} {key}", [getattr(usual, it.name)]
                )
                for it in page_fields(NEURONS)
            }
        )
        if st.button(
            "Draw with these settings",
            type="primary",
            key="draw",
            disabled=chosen == now,
            on_click=lambda: go_to_settings(neuron, chosen, view),
        ):
            # This code runs in a fragment (a part of the page), so the rest of the page has to be
            # run again.
            st.rerun()
        if now != usual and st.button(
            "Back to the usual settings",
            key="usual",
            on_click=lambda: go_to_settings(neuron, usual, view),
        ):
            st.rerun()


def go_to_settings(neuron: NeuronView, settings: RenderSettings, view: str) -> None:
    """Write the settings and the view of a unit into the URL; default values are left out."""
    usual = asdict(neuron.usual)
    urls.update_query(
        view=view or None,
        **{name: None if it == usual[name] else it for name, it in asdict(settings).items()},
    )
