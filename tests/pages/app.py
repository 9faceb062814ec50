"""The app without a browser: functions that open and read a page, for the tests of all pages."""

import re

from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT

TIMEOUT = 60


def open_at(page: str | None = None, /, **query: str) -> AppTest:
    """Open a page, the first one by default, at a link."""
    app = AppTest.from_file(str(ROOT / "explorer" / "app.py"), default_timeout=TIMEOUT)
    if page is not None:
        app.switch_page(f"../pages/{page}.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def query(app: AppTest) -> dict[str, str]:
    """Return the query of the URL, one value a name."""
    values = app.query_params.items()
    return {name: value if isinstance(value, str) else value[0] for name, value in values}


def html(app: AppTest) -> str:
    """Return all HTML that the page wrote with ``st.html``, without the marks of terms."""
    return re.sub(r"</?dfn[^>]*>", "", "".join(it.proto.body for it in app.get("html")))
