"""Streamlit entry: page set-up and navigation, nothing else."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    # `streamlit run explorer/app.py` puts only this file's folder on the path.
    sys.path.insert(0, str(ROOT))

from core.errors import ExplorerError  # noqa: E402
from explorer import dropping, links, shared, widgets  # noqa: E402

st.set_page_config(page_title="Neuron explorer", page_icon=str(widgets.MARK), layout="wide")
st.logo(widgets.LOGO)
page = st.navigation(
    [
        st.Page(links.LAYERS, title="Layers", icon=":material/layers:", default=True),
        st.Page(links.NEURON, title="Neuron", icon=":material/center_focus_strong:"),
        st.Page(links.PROBE, title="Probe", icon=":material/colorize:"),
        st.Page(links.DREAM, title="Dream", icon=":material/bedtime:"),
        st.Page(links.DEPTHS, title="Depths", icon=":material/view_column:"),
        st.Page(links.GALLERY, title="Gallery", icon=":material/photo_library:"),
    ],
    position="top",
)
widgets.page_style()
widgets.warm_up()
try:
    dropping.target()
    page.run()
except ExplorerError as error:
    st.error(str(error))
finally:
    # Only now, so that no starting worker takes processor time from the first page.
    shared.work()
