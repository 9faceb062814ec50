"""The layout of the code: packages import one way, and nothing happens at import."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Every package (or module that stands alone), and which others it may import. A package may always
# import itself; `core` stands for all of core but its figures where explorer imports it.
LEAVES = "core.errors core.exports core.progress core.allocator"
DATA = f"{LEAVES} core.images core.recipes.neuron core.sketchworld core.paintings core.datasets"
NETWORKS = f"{DATA} core.checkpoints core.devices core.sketchnet core.networks.network"
TECHNIQUES = f"{NETWORKS} core.optim"
STUDIES = f"{TECHNIQUES} core.index core.neurons core.dreams core.style core.analysis"
FACTS = "core explorer.paths explorer.text explorer.thumbnails explorer.recipe_fields"
STORED = f"{FACTS} explorer.layer_pages explorer.video_io explorer.store explorer.rendering"
SERVED = f"{STORED} explorer.jobs explorer.library explorer.gallery"
MAY_IMPORT = {
    "core.errors": "",
    "core.exports": "",
    "core.progress": "",
    "core.allocator": "",
    "core.checkpoints": LEAVES,
    "core.devices": LEAVES,
    "core.images": LEAVES,
    "core.recipes.neuron": LEAVES,
    "core.sketchworld": LEAVES,
    "core.paintings": LEAVES,
    "core.datasets": f"{LEAVES} core.images core.sketchworld core.paintings",
    "core.sketchnet": f"{LEAVES} core.checkpoints core.devices core.images core.sketchworld",
    "core.networks.network": NETWORKS,
    "core.optim": NETWORKS,
    "core.index": NETWORKS,
    "core.neurons": TECHNIQUES,
    "core.dreams": TECHNIQUES,
    "core.style": TECHNIQUES,
    "core.analysis": f"{NETWORKS} core.index",
    "core.experiments": STUDIES,
    "core.figures": f"{STUDIES} core.experiments",
    "explorer.paths": "core.errors",
    "explorer.text": "core.errors core.recipes.neuron core.networks.network explorer.paths",
    "explorer.thumbnails": "core.errors",
    "explorer.recipe_fields": "core.errors core.recipes.neuron",
    "explorer.layer_pages": "core",
    "explorer.video_io": "core",
    "explorer.store": "core.errors core.recipes.neuron explorer.paths",
    "explorer.rendering": f"{FACTS} core.figures explorer.store",
    "explorer.jobs": f"{FACTS} explorer.store explorer.rendering",
    "explorer.library": f"{STORED} explorer.jobs",
    "explorer.gallery": f"{STORED} explorer.jobs",
    "explorer.cluster": f"{STORED} explorer.jobs",
    "explorer.engine": f"{STORED} explorer.jobs explorer.cluster",
    "explorer.charts": FACTS,
    "explorer.reports": f"{SERVED} core.figures explorer.charts",
    "explorer.ui": f"{SERVED} core.figures explorer.engine explorer.charts explorer.reports",
    "explorer.cli": f"{SERVED} core.figures explorer.engine explorer.cluster explorer.cli.serve "
    "explorer.charts explorer.reports",
    "explorer.cli.serve": f"{SERVED} explorer.engine explorer.cli explorer.ui",
    "explorer.prebuilt": f"{SERVED} core.figures explorer.ui",
    "explorer.app": f"{SERVED} explorer.ui",
    "explorer.__main__": "explorer.cli",
    "pages": f"{SERVED} explorer.ui explorer.charts explorer.reports",
}


def modules() -> dict[str, Path]:
    """Return every module of the project by its full name; a package by its own."""
    files = [file for top in ("core", "explorer", "pages") for file in (ROOT / top).rglob("*.py")]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return {name.removesuffix(".__init__"): file for name, file in zip(names, files, strict=True)}


MODULES = modules()


def imports(file: Path) -> set[str]:
    """Return every module that a file imports, in full; of our own the module, not its names."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES else node.module)
    return found


def package(module: str) -> str:
    """Return which entry of the table a module belongs to; "" where it has none."""
    if module in MAY_IMPORT:
        return module
    parts = module.split(".")
    name = parts[0] if parts[0] == "pages" else ".".join(parts[:2])
    return name if name in MAY_IMPORT else ""


def allowed(owner: str, other: str) -> bool:
    """Whether a package may import another one."""
    may = MAY_IMPORT[owner].split()
    every = "core" in may and other.startswith("core.") and other != "core.figures"
    return owner == other or other in may or every or other == "core.exports"


def test_packages_import_one_way() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, file in MODULES.items()
        for other in imports(file)
        if other.split(".")[0] in ("core", "explorer", "pages")
        and package(name)
        and package(other)
        and not allowed(package(name), package(other))
    ]
    assert wrong == []


def test_core_knows_no_user_interface_and_nothing_is_pickled() -> None:
    for name, file in MODULES.items():
        tops = {other.split(".")[0] for other in imports(file)}
        if name.startswith("core"):
            assert not tops & {"streamlit", "plotly", "typer"}, name
        # core.checkpoints only names pickle's error, which torch.load raises for what it refuses.
        assert not tops & {"pickle", "shelve", "dill", "joblib"} or name == "core.checkpoints", name


def test_every_package_is_installed() -> None:
    packages = {file.parent for file in MODULES.values()}
    assert [it for it in packages if not (it / "__init__.py").is_file()] == [ROOT / "pages"]


def test_packages_offer_names_that_are_there() -> None:
    for name, file in MODULES.items():
        if name.startswith("core.") and file.name == "__init__.py":
            offered = getattr(importlib.import_module(name), "__all__", ())
            # A module of that name would hide the offered one as soon as it is imported.
            assert [it for it in offered if f"{name}.{it}" in MODULES] == [], name
            assert all(hasattr(importlib.import_module(name), it) for it in offered), name


@pytest.mark.parametrize("module", ["core.neurons", "explorer.cli", "explorer.store"])
def test_nothing_happens_at_import(module: str, tmp_path: Path) -> None:
    code = f"import {module}, os; print(os.listdir({str(tmp_path)!r}))"
    environment = {"EXPLORER_HOME": str(tmp_path / "home"), "TORCH_HOME": str(tmp_path / "torch")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": "", **environment},
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
