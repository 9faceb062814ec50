"""What the first visit of a page would wait for is done ahead."""

import importlib
import subprocess
import sys
import threading
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
    monkeypatch.setattr(preparation, "_thread", None)
    monkeypatch.setattr(preparation, "prepare_home", lambda: done.append("home"))
    monkeypatch.setattr(preparation, "prepare", lambda: done.append("imports"))
    monkeypatch.setattr(server_state, "work", lambda: done.append("workers"))
    preparation.start(lambda _: done.append("gives way")).join()
    preparation.start().join()
    assert done == ["home", "gives way", "workers", "imports"]


def test_each_import_of_the_preparation_gives_way_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []
    hurry = threading.Event()
    monkeypatch.setattr(preparation, "_hurry", hurry)
    for name in ("colorsys", "tabnanny"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    other = threading.Thread(target=importlib.import_module, args=["tabnanny"])
    with preparation._imports_giving_way(lambda event: asked.append(event.is_set())):
        importlib.import_module("json")  # is there already
        assert asked == []
        other.start()
        other.join()
        assert asked == []
        importlib.import_module("colorsys")
        assert asked and not any(asked)
        preparation.import_for_page(["json"])
        assert hurry.is_set()
    before = len(asked)
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    importlib.import_module("colorsys")
    assert len(asked) == before


def test_nothing_is_imported_ahead_while_a_page_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ends, done = threading.Event(), threading.Event(), list[str]()
    (tmp_path / "of_a_page.py").write_text("import sys\nsys.begun.set()\nsys.ends.wait()\n")
    (tmp_path / "of_no_page.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "begun", begun, raising=False)
    monkeypatch.setattr(sys, "ends", ends, raising=False)
    monkeypatch.setattr(preparation, "_hurry", threading.Event())

    def ahead() -> None:
        preparation._import_ahead(["of_no_page"])
        done.append("ahead")

    def of_page() -> None:
        preparation.import_for_page(["of_a_page"])
        done.append("page")

    page, other = threading.Thread(target=of_page), threading.Thread(target=ahead)
    page.start()
    begun.wait()
    other.start()
    other.join(0.05)
    assert "of_no_page" not in sys.modules
    ends.set()
    page.join()
    other.join()
    assert sorted(done) == ["ahead", "page"]
    for name in ("of_a_page", "of_no_page"):
        del sys.modules[name]


def test_the_home_page_waits_for_what_is_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    listed, ends = threading.Event(), threading.Event()
    monkeypatch.setattr(preparation, "_listed", listed)
    monkeypatch.setattr(preparation, "_thread", None)
    assert not preparation.is_opening(0)
    running = threading.Thread(target=ends.wait)
    monkeypatch.setattr(preparation, "_thread", running)
    running.start()
    assert preparation.is_opening(0.01)
    listed.set()
    assert not preparation.is_opening(0)
    listed.clear()
    ends.set()
    running.join()
    assert not preparation.is_opening(0)
