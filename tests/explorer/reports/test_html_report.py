"""Tests of self-contained HTML reports."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from core.networks import registry
from explorer.cli import cli
from tests.pages.collection import index_of

RUN = CliRunner()


class Page(HTMLParser):
    """Parses what a report contains."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.pictures: list[tuple[str, str]] = []
        self.addresses: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "img":
            self.pictures.append((found["src"] or "", found["alt"] or ""))
        if tag == "script":
            self.scripts.append(found.get("type") or "")
        self.addresses += [str(found[it]) for it in ("src", "href") if it in found]


def read(file: Path) -> tuple[str, Page]:
    text = file.read_text("utf-8")
    page = Page(text)
    # The report loads no other file and runs no script.
    assert all(it.startswith("data:image/png;base64,") for it in page.addresses)
    assert page.scripts == ["application/json"]
    assert "@import" not in text and "url(" not in text
    return text, page


def numbers(text: str) -> list[dict[str, object]]:
    found = re.search(r'<script type="application/json" id="numbers">(.*?)</script>', text, re.S)
    assert found
    return list(json.loads(found[1]))


def test_a_layer(tmp_path: Path) -> None:
    out = tmp_path / "layer.html"
    done = RUN.invoke(cli, ["report", "sketchnet", "relu1a", "--out", str(out)])
    assert done.exit_code == 0, done.output
    text, page = read(out)
    assert len(page.pictures) == 24
    assert [it["neuron"] for it in numbers(text)] == list(range(24))
    assert "relu1a of sketchnet" in text
    picture = Image.open(io.BytesIO(base64.b64decode(page.pictures[0][0].partition(",")[2])))
    assert (picture.format, picture.size) == ("PNG", (128, 128))
    assert "neurons.plan(network, &quot;relu1a&quot;" in text


def test_a_neuron_with_what_excites_it(tmp_path: Path) -> None:
    network = registry.load(registry.SKETCHNET, device="cpu")
    index = index_of(network, tmp_path)
    out = tmp_path / "neuron.html"
    command = ["report", "sketchnet", "relu1a", "14", "--index", str(index.path)]
    done = RUN.invoke(cli, [*command, "--out", str(out)])
    assert done.exit_code == 0, done.output
    text, page = read(out)
    assert len(page.pictures) == 2
    assert "Neuron 14 (horizontal edge, lighter below) of relu1a" in text
    assert len(numbers(text)) == 1 + len(index.top("relu1a", 14))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["relu9", "--out", "a.html"], "no layer"),
        (["relu1a", "99", "--out", "a.html"], "unit"),
        (["relu1a", "--out", "a.txt"], "must end in"),
    ],
)
def test_what_is_not_there_is_refused(
    asked: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = RUN.invoke(cli, ["report", "sketchnet", *asked])
    assert done.exit_code == 1
    assert words in str(done.exception)
    assert not list(tmp_path.glob("a.*"))
