"""Streamlit entry: page set-up and navigation, nothing else."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    # `streamlit run explorer/app.py` puts only this file's folder on the path.
    sys.path.insert(0, str(ROOT))

from core.errors import ExplorerError  # noqa: E402
from explorer import dropping, links, rooms, shared, widgets  # noqa: E402

st.set_page_config(page_title="Neuron explorer", page_icon=str(widgets.MARK), layout="wide")
st.logo(widgets.LOGO)
home = st.Page(links.HOME, title="Home", icon=":material/home:", url_path="front", default=True)
pages = [
    st.Page(it.page, title=it.title, icon=f":material/{it.icon}:", url_path=it.path)
    for it in rooms.ROOMS
]
# Streamlit gives the first page no place of its own; who types its name comes there too.
named = st.Page(lambda: st.switch_page(home), title="Home", url_path="home", visibility="hidden")
page = st.navigation([home, named, *pages], position="top")
widgets.page_style()
if page not in (home, named):
    # The first page shows its pictures before PyTorch is there.
    widgets.warm_up()
try:
    dropping.target()
    page.run()
except ExplorerError as error:
    st.error(str(error))
finally:
    # Only now, so that no starting worker takes processor time from the first page.
    shared.work()
    shared.keep_imported()
