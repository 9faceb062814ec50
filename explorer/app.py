"""Streamlit entry: page set-up and navigation, nothing else."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    # `streamlit run explorer/app.py` puts only this file's folder on the path.
    sys.path.insert(0, str(ROOT))

from core.errors import ExplorerError  # noqa: E402
from explorer import widgets  # noqa: E402

st.set_page_config(page_title="Neuron explorer", page_icon=str(widgets.MARK), layout="wide")
st.logo(widgets.LOGO)
page = st.navigation(
    [st.Page(ROOT / "pages" / "layers.py", title="Layers", icon=":material/layers:", default=True)],
    position="top",
)
widgets.page_style()
widgets.warm_up()
try:
    page.run()
except ExplorerError as error:
    st.error(str(error))
