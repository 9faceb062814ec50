"""The files that the first response of a page names."""

import re
from pathlib import Path

import pytest

from explorer.server.preloading import Preloading
from explorer.server.run_app import INDEX_PAGE


def files(preloading: Preloading, path: str, **query: str) -> list[str]:
    links = preloading.headers(path, query).get("Link", "")
    return re.findall(r"<\./static/js/([^>]+)>; rel=modulepreload", links)


def test_streamlit_has_the_files_and_its_index_page_does_not_name_them() -> None:
    preloading, index = Preloading(INDEX_PAGE), INDEX_PAGE.read_text("utf-8")
    names = files(preloading, "/style")
    parts = {it.partition(".")[0] for it in names}
    assert {"Html", "BidiComponent", "PlotlyChart"} <= parts
    assert len(names) == len(set(names))
    for name in names:
        assert (INDEX_PAGE.parent / "static" / "js" / name).is_file()
        assert name not in index


@pytest.mark.parametrize(
    ("path", "query", "charts"),
    [
        ("/", {}, False),
        ("/dream", {"picture": "cat"}, False),
        ("/style", {}, True),
        ("/style_depths", {}, True),
        ("/style_depths", {"view": "rows"}, True),
        ("/style_depths", {"view": "together"}, False),
        ("/lessons", {"lesson": "4"}, False),
    ],
)
def test_only_pages_with_charts_load_their_code(
    path: str, query: dict[str, str], charts: bool
) -> None:
    found = files(Preloading(INDEX_PAGE), path, **query)
    assert found and any(it.startswith("PlotlyChart.") for it in found) == charts


def test_imports_of_imports_are_named_once_and_known_files_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "static" / "js"
    folder.mkdir(parents=True)
    (tmp_path / "index.html").write_text('<script src="./static/js/index.js"></script>')
    (folder / "Html.1a.js").write_text('import{a}from"./one.js";import"./index.js";')
    (folder / "BidiComponent.2b.js").write_text('import{b as c}from"./two.js";')
    (folder / "one.js").write_text('import{b}from"./two.js";')
    (folder / "two.js").write_text('import{a}from"./one.js";')
    found = files(Preloading(tmp_path / "index.html"), "/")
    assert sorted(found) == ["BidiComponent.2b.js", "Html.1a.js", "one.js", "two.js"]


def test_a_streamlit_without_these_files_gets_no_header(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<html></html>")
    assert Preloading(tmp_path / "index.html").headers("/style", {}) == {}
