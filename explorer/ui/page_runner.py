"""Runs a page without a browser, for commands that make what pages show."""

from collections.abc import Mapping

from streamlit.testing.v1 import AppTest

from explorer.paths import ROOT

# How long one run of a page may take, in seconds.
PATIENCE_SECONDS = 600


def run_page(page: str, query: Mapping[str, str], visitor: str = "") -> AppTest:
    """Run a page once in this process, as at a visitor's first visit.

    Args:
        page: name of the page's file, such as ``dream``.
        query: the query of the URL.
        visitor: who visits the page; "" for somebody new.

    Returns:
        The page, which can be read and run again.

    Raises:
        RuntimeError: the page failed.
    """
    app = AppTest.from_file(str(ROOT / "explorer" / "app.py"), default_timeout=PATIENCE_SECONDS)
    app.switch_page(f"../pages/{page}.py")
    for name, value in query.items():
        app.query_params[name] = value
    if visitor:
        app.session_state["visitor"] = visitor
    app.run()
    if app.exception:
        raise RuntimeError(f"the page {page} failed: {app.exception[0].message}")
    return app
