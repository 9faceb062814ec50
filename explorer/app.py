"""The entry point of the Streamlit app: page set-up and navigation, nothing else."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    # `streamlit run explorer/app.py` puts only this file's folder on Python's import path.
    sys.path.insert(0, str(ROOT))

from core.errors import ExplorerError  # noqa: E402
from explorer.ui import page_list, png_drop, server_state, urls  # noqa: E402
from explorer.ui.components import html_snippets  # noqa: E402

st.set_page_config(page_title="Neuron explorer", page_icon=str(html_snippets.MARK), layout="wide")
st.logo(html_snippets.LOGO)
home = st.Page(urls.HOME, title="Home", icon=":material/home:", url_path="front", default=True)
pages = [
    st.Page(it.page, title=it.title, icon=f":material/{it.icon}:", url_path=it.name)
    for it in page_list.PAGES
]
# Streamlit shows the default page only at the root URL. This hidden page redirects /home there.
named = st.Page(lambda: st.switch_page(home), title="Home", url_path="home", visibility="hidden")
page = st.navigation([home, named, *pages], position="top")
html_snippets.page_css("page")
if page not in (home, named):
    # Other pages need PyTorch. The home page does not, so it is shown before the import.
    html_snippets.warm_up()
try:
    server_state.show_store_problem()
    png_drop.show_target()
    page.run()
except ExplorerError as error:
    st.error(str(error))
finally:
    # Workers start after the first page is drawn, so that they do not slow it down.
    server_state.work()
    server_state.keep_imported()
