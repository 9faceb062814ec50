"""Probe: the units that respond most to an image, and the positions where they respond."""

import streamlit as st

from explorer.ui import image_picker, index_picker, link_problems, switches, url_controls, urls
from explorer.ui.page_opener import OpenPage, open_page
from explorer.ui.probe import probe_page, why
from explorer.ui.probe.probe_page import ProbeView

SAMPLE = "village"


def show(page: OpenPage) -> None:
    """Read the URL, and show the image at the left, and the most active units at the right."""
    network, problems = page.network, page.problems
    index = index_picker.chosen_index(network, problems)
    with page.sidebar:
        stage = st.container(key="stage")
        picked = image_picker.pick_image("picture", SAMPLE, problems)
    place = probe_page.read_place(network, index, problems)
    view = ProbeView(network, picked, index, *place, switches.read_off(network, problems))
    shown = urls.one_of("ask", [why.WHY], "", problems)
    with stage:
        if shown == why.WHY:
            probe_page.show_picture(view, why.lit_picture(view), why.hint(network))
        else:
            probe_page.show_picture(view)
    warning = st.container()
    url_controls.word_control("ask", why.VIEWS, [], "What to show", forget=["row", "col"])
    if shown == why.WHY:
        why.show_why(view, problems)
    with warning:
        link_problems.show_problems(problems)
    if shown != why.WHY:
        probe_page.show_units(view)


open_page(show, "probe", columns=(2, 3), sidebar_key="probe-sidebar")
