"""The entry point of the Streamlit app: page set-up and navigation, nothing else."""

import sys
from contextlib import nullcontext
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    # `streamlit run explorer/app.py` puts only this file's folder on Python's import path.
    sys.path.insert(0, str(ROOT))

from core.errors import ExplorerError  # noqa: E402
from explorer.ui import page_list, png_drop, preparation, server_state, urls  # noqa: E402
from explorer.ui.components import html_snippets, term_marks  # noqa: E402

st.set_page_config(page_title="Neuron explorer", page_icon=str(html_snippets.MARK), layout="wide")
st.logo(html_snippets.LOGO)
home = st.Page(urls.HOME, title="Home", icon=":material/home:", url_path="front", default=True)
# Streamlit shows the default page only at the root URL. This hidden page redirects /home there.
named = st.Page(lambda: st.switch_page(home), title="Home", url_path="home", visibility="hidden")
# The pages of the section "" are links; the others are menus. A menu of one page would be no use.
menus: dict[str, list[StreamlitPage]] = {"": [home, named]}
for section, entries in page_list.SECTIONS.items():
    menus.setdefault(section if len(entries) > 1 else "", []).extend(
        st.Page(it.page, title=it.title, icon=f":material/{it.icon}:", url_path=it.name)
        for it in entries
    )
page = st.navigation(menus, position="top")
html_snippets.page_css("page")
term_marks.start_page()
links = len(menus.pop("")) - 1  # one of these pages is hidden
found = [(at, name) for at, (name, menu) in enumerate(menus.items(), links + 1) if page in menu]
html_snippets.complete_navigation(*(found[0] if found else (0, "")), page.title)
# Most pages need PyTorch. The home page does not, so it is shown before the import.
needed = None if page in (home, named) else Path(page_list.find_page(page.url_path).page)
try:
    with preparation.page_first() if needed else nullcontext():
        if needed:
            html_snippets.warm_up(needed)
        server_state.show_store_problem()
        urls.restore_query(page.url_path)
        png_drop.show_target()
        urls.note_look(page.url_path)
        page.run()
        png_drop.show_fallback()
        urls.note_end()
except ExplorerError as error:
    st.error(str(error))
finally:
    # `explorer app` did both when the server began to answer; `streamlit run` did not.
    server_state.work()
    preparation.start()
    server_state.collect_garbage()
