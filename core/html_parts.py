"""Parts of the HTML that notebooks show; text has the colour of the page around it."""

from collections.abc import Sequence

# Readable on white and on black.
ACCENT = "#c8702f"
CELL = "padding: 3px 24px 3px 0; text-align: left; vertical-align: middle; border: 0"
TABLE = "border-collapse: collapse; border: 0; margin: 8px 0; font-size: 13px"
BAR = "display: inline-block; height: 8px; margin-right: 8px; border-radius: 2px"


def html_table(rows: Sequence[Sequence[str]], heads: Sequence[str] = ()) -> str:
    """Return a table of cells of HTML, with heads of columns if there are any."""
    head = "".join(f'<th scope="col" style="{CELL}">{pale(it)}</th>' for it in heads)
    top = f"<thead><tr>{head}</tr></thead>" if heads else ""
    body = "".join(
        "<tr>" + "".join(f'<td style="{CELL}">{it}</td>' for it in row) + "</tr>" for row in rows
    )
    return f'<table style="{TABLE}">{top}<tbody>{body}</tbody></table>'


def html_bar(length: float, text: str) -> str:
    """Return a bar of a length in pixels, and HTML beside it."""
    return f'<span style="{BAR}; width: {length:.0f}px; background: {ACCENT}"></span>{text}'


def pale(html: str) -> str:
    """Return HTML in a weaker colour."""
    return f'<span style="opacity: 0.7; font-weight: normal">{html}</span>'
