"""What the first visit of a page would wait for is done ahead."""

import builtins
import importlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from explorer.ui import image_picker, page_list, page_runner, preparation, server_state
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


class Recorded(preparation.NoVisits):
    """Visits that record who waits for them."""

    def __init__(self) -> None:
        self.waited: list[str] = []

    def wait_for_home(self, hurry: threading.Event) -> None:
        self.waited.append("hurried" if hurry.is_set() else "home")

    def wait_for_pages(self) -> None:
        self.waited.append("pages")


def test_workers_start_before_the_imports_and_both_once(monkeypatch: pytest.MonkeyPatch) -> None:
    visits = Recorded()
    done = visits.waited
    monkeypatch.setattr(preparation, "_thread", None)
    monkeypatch.setattr(preparation, "_hurry", threading.Event())
    monkeypatch.setattr(preparation, "prepare_home", lambda: done.append("small pictures"))
    monkeypatch.setattr(preparation, "prepare", lambda _: done.append("imports"))
    monkeypatch.setattr(server_state, "work", lambda: done.append("workers"))
    preparation.start(visits).join()
    preparation.start().join()
    assert done == ["small pictures", "home", "workers", "imports"]


# What the preparation imports while somebody opens the home page, and what a page imports.
AHEAD, OF_A_PAGE = "import imported_ahead_of_a_page\n", "import of_a_page_meanwhile\n"


def test_each_import_of_the_preparation_waits_for_the_home_page_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Waiting(preparation.NoVisits):
        def wait_for_home(self, hurry: threading.Event) -> None:
            # A page imports something meanwhile. It must not wait for the preparation.
            if not hurry.is_set() and not page.ident:
                page.start()
                page.join(PATIENCE)
            seen.append((hurry.is_set(), page.is_alive()))

    seen: list[tuple[bool, bool]] = []
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(preparation, "_hurry", threading.Event())
    (tmp_path / "imported_ahead.py").write_text(AHEAD)
    (tmp_path / "imported_ahead_of_a_page.py").write_text("")
    (tmp_path / "of_a_page.py").write_text(OF_A_PAGE)
    (tmp_path / "of_a_page_meanwhile.py").write_text("")
    page = threading.Thread(target=importlib.import_module, args=["of_a_page"], daemon=True)
    before = builtins.__import__
    with preparation._imports_waiting(Waiting()):
        importlib.import_module("json")  # is there already
        assert seen == []
        importlib.import_module("imported_ahead")
        assert seen == [(False, False)]
        list(preparation.import_for_page(["json"]))
        for name in ("imported_ahead", "imported_ahead_of_a_page"):
            del sys.modules[name]
        importlib.import_module("imported_ahead")
        assert seen[1:] == [(True, False)]
    assert builtins.__import__ is before
    for name in ("imported_ahead", "imported_ahead_of_a_page", "of_a_page", "of_a_page_meanwhile"):
        del sys.modules[name]


def test_what_no_page_needs_waits_for_every_page(monkeypatch: pytest.MonkeyPatch) -> None:
    visits = Recorded()
    monkeypatch.setattr(page_list, "PAGES", ())
    monkeypatch.setattr(preparation, "_listed", threading.Event())
    monkeypatch.setattr(image_picker, "thumbnail", visits.waited.append)
    preparation.prepare(visits)
    rest = [it for it in visits.waited if it not in ("home", "hurried")]
    shown = [it for title in image_picker.TITLES for it in ("pages", title)]
    assert rest == [*shown, *["pages"] * len(preparation.LATER)]


def test_a_page_shows_how_far_its_imports_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_to_import.py").write_text("import sys\nsys.ends.wait()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "ends", ends := threading.Event(), raising=False)
    monkeypatch.setattr(preparation, "_hurry", threading.Event())
    monkeypatch.setattr(preparation, "REPORT_SECONDS", 0.001)
    monkeypatch.setattr(preparation, "ALL_MODULES", preparation.NO_MODULES + 10**6)
    shares = preparation.import_for_page(["slow_to_import"])
    before = next(shares)
    added = {f"stands_for_a_module_{it}": sys for it in range(10**4)}
    monkeypatch.setattr(sys, "modules", sys.modules | added)
    assert next(shares) == pytest.approx(before + 0.01, abs=0.002)
    ends.set()
    assert all(0 <= it <= 1 for it in shares)


def test_a_page_fails_if_an_import_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "_hurry", threading.Event())
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        list(preparation.import_for_page(["json", "no_such_module"]))


@pytest.fixture
def of_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the name of a module that nothing has imported."""
    name = "of_no_page"
    (tmp_path / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


def test_nothing_is_imported_ahead_while_a_page_opens(
    of_no_page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "PAGE_SECONDS", 60.0)
    ahead = threading.Thread(target=preparation._import_ahead, args=[[of_no_page]])
    with preparation.page_first():
        with preparation.page_first():
            ahead.start()
        ahead.join(0.05)
        assert of_no_page not in sys.modules
    ahead.join()
    assert of_no_page in sys.modules


def test_a_page_that_stays_open_does_not_stop_the_imports(
    of_no_page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "PAGE_SECONDS", 0.01)
    with preparation.page_first():
        preparation._import_ahead([of_no_page])
        assert of_no_page in sys.modules


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
