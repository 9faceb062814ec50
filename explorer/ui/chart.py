"""Charts with buttons that save the plotted numbers; every chart of the app is shown from here.

The numbers are saved as CSV, for a spreadsheet, or as JSON, for a program.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import streamlit as st

from explorer.charts import heat_table
from explorer.ui.components.pair_matrix import TOGETHER, PairScale, pair_matrix

Value: TypeAlias = float | int | str | None
# A table of numbers: for each row its name, and the row's values by the names of their columns.
Numbers: TypeAlias = Mapping[str, Mapping[str, Value]]


def show_chart(figure: go.Figure, key: str, name: str) -> None:
    """Show a chart, with buttons that save the plotted numbers.

    Args:
        figure: the chart: bars or lines.
        key: the widget's key.
        name: name of the saved files, without an ending.
    """
    st.plotly_chart(figure, key=key, config={"displayModeBar": False})
    download_buttons(key, name, numbers_of(figure))


def show_table(
    values: heat_table.Table,
    columns: Sequence[str],
    format_value: Callable[[float], str],
    colour: str,
    top: float,
    key: str,
    name: str,
) -> None:
    """Show a table whose cells have a stronger colour for larger values, with the same buttons.

    Args:
        values, columns, format_value, colour, top: as for ``heat_table_html``.
        key: beginning of the buttons' keys.
        name: name of the saved files, without an ending.
    """
    st.html(heat_table.heat_table_html(values, columns, format_value, colour, top))
    rows = {it: dict(zip(columns, map(_plain, row), strict=True)) for it, row in values.items()}
    download_buttons(key, name, rows)


def show_square(
    values: npt.NDArray[np.float32],
    names: Sequence[str],
    key: str,
    name: str,
    label: str,
    side: int,
    marked: tuple[int, int] | None = None,
    on_pick: Callable[[str], None] | None = None,
    scale: PairScale = TOGETHER,
) -> None:
    """Show a matrix with a value for each pair of neurons, with buttons that save its numbers.

    Args:
        name: name of the saved files, without an ending.
        values, names, key, label, side, marked, on_pick, scale: as for ``pair_matrix``.
    """
    pair_matrix(values, names, key, label, side, marked, on_pick, scale)
    rows = ((it, dict(zip(names, map(_plain, row.round(3)), strict=True))) for it, row in
            zip(names, values, strict=True))  # fmt: skip
    download_buttons(key, name, dict(rows))


def numbers_of(figure: go.Figure) -> Numbers:
    """Return the numbers of a chart: a row for each series, or for each row of a heat map."""
    found: dict[str, Mapping[str, Value]] = {}
    for at, trace in enumerate(figure.data):
        if trace.type == "heatmap":
            columns = _names(trace.x, figure.layout.xaxis.ticktext)
            lines = _names(trace.y, figure.layout.yaxis.ticktext)
            for line, values in zip(lines, trace.z, strict=True):
                found[line] = dict(zip(columns, map(_plain, values), strict=True))
        else:
            lying = trace.type == "bar" and trace.orientation == "h"
            places, values = (trace.y, trace.x) if lying else (trace.x, trace.y)
            points = zip(_names(places, None), map(_plain, values), strict=True)
            found[trace.name or f"series {at + 1}"] = dict(points)
    return found


def _names(places: Sequence[object], words: Sequence[str] | None) -> list[str]:
    """Return a name for each value on an axis: its tick label if all have one, else the value."""
    if words is not None and len(words) == len(places):
        return [str(it) for it in words]
    return [str(_plain(it)) for it in places]


def _plain(value: object) -> Value:
    """Return a number, also of NumPy or Plotly, as a Python number with seven significant digits.

    Infinity and NaN become None; texts and integers stay as they are.
    """
    if value is None or isinstance(value, str | int):
        return value
    number = float(value)  # type: ignore[arg-type]
    return float(f"{number:.7g}") if math.isfinite(number) else None


def download_buttons(key: str, name: str, numbers: Numbers) -> None:
    """Show buttons that save numbers as CSV and as JSON."""
    with st.container(key=f"numbers {key}", horizontal=True, horizontal_alignment="right"):
        for kind, write in (("csv", as_csv), ("json", as_json)):
            st.download_button(
                kind.upper(),
                write(numbers),
                f"{name}.{kind}",
                "text/csv" if kind == "csv" else "application/json",
                key=f"{kind} {key}",
                type="tertiary",
                on_click="ignore",
                help=f"Save the numbers of this chart as {kind.upper()}",
            )


def as_csv(numbers: Numbers) -> str:
    """Return a table as CSV: first a column of the rows' names, then the columns of the table."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    # The names of the columns, in the order in which the rows use them.
    columns = dict.fromkeys(column for row in numbers.values() for column in row)
    writer.writerow(["", *columns])
    for name, row in numbers.items():
        writer.writerow([_safe(name), *(row.get(column) for column in columns)])
    return buffer.getvalue()


def as_json(numbers: Numbers) -> str:
    """Return a table as JSON: ``{"row": {"column": value}}``."""
    return json.dumps({name: dict(row) for name, row in numbers.items()}, indent=2) + "\n"


def _safe(name: str) -> str:
    """Return a name with ``'`` before it where a spreadsheet would read the name as a formula."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@") else name
