"""The page that asks a visitor for the token, and the headers that every response has."""

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

STYLE = """
body { margin: 15vh auto; max-width: 26rem; padding: 0 1rem; font: 1rem/1.5 sans-serif }
body { color: #26282d; background: #fbfaf7 }
h1 { font: 1.6rem serif }
input { width: 100%; box-sizing: border-box }
input, button { font: inherit; padding: 0.4rem 0.6rem; margin: 0.3rem 0 }
"""
INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
# The browser itself shows and sends nothing of the app to other places.
COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def page_headers(index_page: Path) -> dict[str, str]:
    """Return the security headers of the app's responses.

    The policy allows what Streamlit needs besides its own files: the scripts in its index page, by
    their hashes; the code of components and Plotly's workers, from ``blob:`` URLs; inline styles;
    and pictures and fonts in ``data:`` URLs. Nothing may be loaded from, or sent to, another
    server, and no other page may show the app in a frame.

    Args:
        index_page: Streamlit's ``index.html``.
    """
    scripts = INLINE_SCRIPT.findall(index_page.read_text("utf-8"))
    hashes = " ".join(f"'{content_hash(script)}'" for script in scripts)
    policy = (
        f"default-src 'none'; script-src 'self' blob: {hashes}; worker-src 'self' blob:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "media-src 'self' data: blob:; connect-src 'self' data: blob:; manifest-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return {**COMMON, "Content-Security-Policy": policy}


def token_page_headers() -> dict[str, str]:
    """Return the security headers of the page that asks for the token."""
    policy = (
        f"default-src 'none'; style-src '{content_hash(STYLE)}'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    )
    return {**COMMON, "Content-Security-Policy": policy, "Cache-Control": "no-store"}


def content_hash(text: str) -> str:
    """Return the hash with which a Content Security Policy names an inline script or style."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def token_page(path: str, query: Sequence[tuple[str, str]], wrong: bool, again: str | None) -> str:
    """Return the HTML of the page that asks for the token.

    Args:
        path: path of the page that the visitor asked for.
        query: the query of that page; the form keeps it.
        wrong: whether the visitor has just given a wrong token.
        again: URL to which the browser goes at once; None to show the form.
    """
    go = f'<meta http-equiv="refresh" content="0; url={escape(again)}">' if again else ""
    kept = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in query
    )
    problem = "<p><strong>This token is wrong.</strong></p>" if wrong else ""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">{go}'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Neuron explorer</title><style>{STYLE}</style></head><body>"
        f"<h1>Neuron explorer</h1>{problem}"
        "<p>This server asks for a token. Whoever started it can read it in the terminal, in the "
        "link that ends with <code>?token=...</code></p>"
        f'<form method="get" action="{escape(path)}">{kept}'
        '<label for="token">Token</label>'
        '<input id="token" name="token" type="password" autocomplete="off" required autofocus>'
        "<button>Open</button></form></body></html>"
    )
