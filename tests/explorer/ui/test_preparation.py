"""What the first visit of a page would wait for is done ahead."""

import functools
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.ui import page_runner, preparation, server_state
from explorer.ui.components import html_snippets
from tests.conftest import ROOT
from tests.explorer.commands import PATIENCE

# Prepares all pages, runs some, and prints what they still import: packages that take long, and
# modules of the pages.
CODE = """
import sys
from explorer.ui import page_runner, preparation

assert "torch" not in sys.modules
preparation.prepare()
from explorer.ui import image_picker

before = set(sys.modules)
for page in ("lessons", "neuron", "circuits", "depths", "style_depths"):
    page_runner.run_page(page, {})
new = set(sys.modules) - before
packages = "torch torchvision numpy scipy skimage plotly PIL sympy pandas pyarrow"
slow = new & set(packages.split())
print(*sorted(slow | {it for it in new if it.startswith("explorer.ui.")}))
samples = image_picker.thumbnail.cache_info()
assert (samples.currsize, samples.misses) == (len(image_picker.TITLES), len(image_picker.TITLES))
"""


def test_pages_import_nothing_slow_after_that() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_modules_of_a_page_are_found(tmp_path: Path) -> None:
    file = tmp_path / "page.py"
    file.write_text("import json, sys\nfrom explorer.ui import urls\nfrom pathlib import Path\n")
    found = preparation.imported_modules(file)
    assert found == ("json", "sys", "explorer.ui", "explorer.ui.urls", "pathlib")


GLOSSARY = """
import sys
from explorer.ui import page_runner, preparation

preparation.start = lambda: None
page_runner.run_page("glossary", {})
print("torch" in sys.modules)
"""


def test_a_page_without_networks_does_not_wait_for_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GLOSSARY], capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE
    )
    assert done.stdout.split() == ["False"], done.stderr


def test_the_outline_of_a_page_is_shown_until_everything_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, module = tmp_path / "page.py", "imported_for_the_first_time"
    page.write_text(f"import {module}\n")
    (tmp_path / f"{module}.py").write_text("import sys\nsys.done.append('imported')\n")
    done: list[str] = []
    monkeypatch.setattr(sys, "done", done, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(html_snippets, "skeleton", lambda *_, **__: done.append("outline"))
    html_snippets.warm_up(page)
    html_snippets.warm_up(page)
    sys.modules.pop(module)
    assert done == ["outline", "imported"]


def test_the_first_page_that_is_opened_starts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[bool] = []
    monkeypatch.setattr(preparation, "start", lambda: started.append(True))
    page_runner.run_page("glossary", {})
    assert started == [True]


def test_workers_start_before_the_imports_and_both_once(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(preparation, "start", functools.cache(preparation.start.__wrapped__))
    monkeypatch.setattr(preparation, "prepare", lambda: done.append("imports"))
    monkeypatch.setattr(server_state, "work", lambda: done.append("workers"))
    preparation.start().join()
    preparation.start().join()
    assert done == ["workers", "imports"]
