"""Tables whose cells have a stronger colour for larger values, as HTML.

They need no Plotly, whose code is larger than all else that a page loads, and which draws each
chart three times; and a screen reader reads their rows and columns.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape

# Opacity of the colour of values up to 0, and of the largest; the words are legible in both themes.
LEAST_COLOUR, FULL_COLOUR = 0.04, 0.55

Table = Mapping[str, Sequence[float | None]]


def heat_table_html(
    values: Table,
    columns: Sequence[str],
    format_value: Callable[[float], str],
    colour: str,
    top: float,
) -> str:
    """Return a table as HTML, for ``st.html``.

    Args:
        values: the values of each row by its name, one for each column; None for an empty cell.
        columns: names of the columns.
        format_value: returns the text in the cell of a value.
        colour: colour of the largest values, as ``#rrggbb``.
        top: values from this one on have the full colour.
    """
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))

    def cell(value: float | None) -> str:
        if value is None:
            return "<td></td>"
        share = min(max(value / top, 0.0), 1.0)
        alpha = LEAST_COLOUR + (FULL_COLOUR - LEAST_COLOUR) * share
        style = f"background:rgba({red},{green},{blue},{alpha:.3f})"
        return f'<td style="{style}">{escape(format_value(value))}</td>'

    heads = "".join(f'<th scope="col">{escape(it)}</th>' for it in columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(map(cell, row))}</tr>'
        for name, row in values.items()
    )
    return (
        f'<table class="heat" style="--across:{len(columns)}"><thead><tr><td></td>{heads}</tr>'
        f"</thead><tbody>{rows}</tbody></table>"
    )
