"""The notebooks: they run from beginning to end, begin with pictures, and are stored empty."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from core.images.data_urls import data_url
from tests.conftest import ROOT

FILES = sorted((ROOT / "notebooks").glob("*.ipynb"))
PICTURE = f'<img src="{data_url(b"")}'
BYTES_AT_MOST = 20_000
# An executed notebook with all its pictures.
EXECUTED_AT_MOST = 3_000_000
SECONDS = 240  # for one cell, on a busy machine

Each = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def html(cell: Any) -> str:
    """Return all HTML that a cell has put out."""
    return "".join(it.get("data", {}).get("text/html", "") for it in cell.get("outputs", []))


@Each
def test_it_runs(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # The kernel inherits these; nothing may depend on the folder that it runs in.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    notebook = nbformat.read(file, as_version=4)
    NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    code = [it for it in notebook.cells if it.cell_type == "code"]
    assert PICTURE in html(code[0])
    # What goes to the standard error is a warning.
    printed = [it for cell in code for it in cell.outputs if it.output_type in ("stream", "error")]
    assert printed == []
    assert len(json.dumps(notebook)) < EXECUTED_AT_MOST


@Each
def test_it_is_stored_small_and_empty(file: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    assert file.stat().st_size < BYTES_AT_MOST
    first, second, *_ = notebook.cells
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    assert second.cell_type == "code" and len(first.source.split()) < 60
    for cell in notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None
        assert max(map(len, cell.source.splitlines())) <= 100


@Each
def test_what_it_names_is_there(file: Path) -> None:
    texts = [it.source for it in nbformat.read(file, as_version=4).cells]
    targets = [it for text in texts for it in re.findall(r"\]\((?!https?:)([^)#]+)", text)]
    targets += [it for text in texts for it in re.findall(r"`(\w+\.ipynb)`", text)]
    assert targets and [it for it in targets if not (file.parent / it).exists()] == []


def test_there_are_three() -> None:
    assert [it.stem for it in FILES] == ["dream_and_style", "see_a_neuron", "your_own_model"]
