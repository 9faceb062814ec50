"""The saved numbers of charts."""

import csv
import io
import json
import re

import numpy as np
import pytest
import streamlit as st
import torch

from explorer.charts import figures, heat_table
from explorer.charts.cosine_matrix import cosine_matrix
from explorer.ui import chart


def test_bars_give_a_row_for_each_series() -> None:
    values = {"style": {"a": 0.25, "b": 1.0}, "content": {"a": 0.5, "b": 0.125}}
    figure = figures.bars(values, {"a": "#000000", "b": "#ffffff"}, "{:.0%}".format)
    assert chart.numbers_of(figure) == values
    assert json.loads(chart.as_json(chart.numbers_of(figure))) == values
    rows = list(csv.reader(io.StringIO(chart.as_csv(chart.numbers_of(figure)))))
    assert rows == [["", "a", "b"], ["style", "0.25", "1.0"], ["content", "0.5", "0.125"]]


def test_many_bars_lie_and_give_the_same_numbers() -> None:
    row = {f"layer{number}": number / 10 for number in range(figures.UPRIGHT_AT_MOST)}
    colours = dict.fromkeys(row, "#123456")
    upright = figures.bars({"style": row}, colours, "{:.0%}".format)
    lying = figures.bars({"style": row, "content": row}, colours, "{:.0%}".format)
    assert (upright.data[0].orientation, lying.data[0].orientation) == ("v", "h")
    assert chart.numbers_of(upright) == {"style": row}
    assert chart.numbers_of(lying) == {"style": row, "content": row}
    # The first name is at the top, and every bar has room for a line of text.
    assert lying.layout.yaxis.autorange == "reversed"
    assert lying.layout.height / (2 * len(row)) > 1.5 * lying.data[0].textfont.size


def test_tables_give_their_rows_with_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, saved = list[str](), list[chart.Numbers]()
    monkeypatch.setattr(st, "html", shown.append)
    monkeypatch.setattr(chart, "download_buttons", lambda *it: saved.append(it[-1]))
    table: heat_table.Table = {"<eye>": [1.5, None], "wheel": [-0.5, 4.0]}
    words = "{:.1f}".format
    chart.show_table(table, ["shallow", "deep"], words, "#0a1020", 2.0, "key", "name")
    assert saved == [
        {"<eye>": {"shallow": 1.5, "deep": None}, "wheel": {"shallow": -0.5, "deep": 4.0}}
    ]
    assert "<eye>,1.5,\n" in chart.as_csv(saved[0])
    (page,) = shown
    assert re.findall(r'<th scope="(\w+)">(.*?)</th>', page) == [
        ("col", "shallow"), ("col", "deep"), ("row", "&lt;eye&gt;"), ("row", "wheel"),
    ]  # fmt: skip
    cells = re.findall(r"rgba\(10,16,32,([\d.]+)\)\">(.*?)</td>", page)
    # Three quarters of the way from the least colour to the full one, the least, and the full one.
    assert cells == [("0.422", "1.5"), ("0.040", "-0.5"), ("0.550", "4.0")]
    assert page.count("<td></td>") == 2  # the corner, and the gap


def test_squares_and_histograms_give_theirs() -> None:
    cosines = torch.tensor([[1.0, 0.25], [0.25, 1.0]])
    square = chart.numbers_of(cosine_matrix(cosines, [1, 0], ["one", "two"]))
    assert square == {"two": {"two": 1.0, "one": 0.25}, "one": {"two": 0.25, "one": 1.0}}
    values = np.array([0.0, 0.0, 1.0, 2.0], np.float32)
    (row,) = chart.numbers_of(figures.histogram(values, {}, "#123456", "drawings")).values()
    assert len(row) == figures.BINS
    assert sum(float(it or 0) for it in row.values()) == 100


def test_labels_of_close_values_are_on_lines_of_their_own() -> None:
    values = np.array([0.0, 1.0], np.float32)
    marks = {"median": 0.98, "best": 1.0}
    figure = figures.histogram(values, marks, "#123456", "drawings")
    places = [it.yshift for it in figure.layout.annotations]
    assert min(np.diff(sorted(places))) >= figure.layout.annotations[0].font.size
    assert figure.layout.margin.t >= max(places) + figure.layout.annotations[0].font.size


def test_a_spreadsheet_takes_no_name_for_a_formula() -> None:
    assert chart.as_csv({"=1+1": {"a": 1}}) == ",a\n'=1+1,1\n"
