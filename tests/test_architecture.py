"""The layout of the code: packages import one way, and nothing happens at import."""

import ast
import graphlib
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Every package, or module that stands alone, and which others it may import. A package may always
# import itself, and every one `core.exports`. For explorer, `core` means all of core but figures.
DOORS = "core.errors core.files core.numbers"
NETWORKS = (
    f"{DOORS} core.devices core.fixed_order core.html_parts core.images core.recipes core.networks"
)
TECHNIQUE = f"{NETWORKS} core.allocator core.progress core.optim"
FACTS = "core explorer.paths explorer.text explorer.thumbnails explorer.recipe_fields"
SERVICES = (
    f"{FACTS} explorer.cores explorer.layer_pages explorer.store explorer.rendering explorer.jobs"
)
FRONT = f"{SERVICES} explorer.library explorer.gallery explorer.charts explorer.reports"
MAY_IMPORT = {
    "core.errors": "",
    "core.files": "core.errors",
    "core.numbers": "core.errors",
    "core.exports": "",
    "core.fixed_order": "core.devices",
    "core.html_parts": "",
    "core.progress": "core.images",
    "core.notebook": "core.images core.progress",
    "core.allocator": "",
    "core.safetensors_header": "core.errors",
    "core.checkpoints": f"{DOORS} core.safetensors_header",
    "core.devices": DOORS,
    "core.images": f"{DOORS} core.devices core.fixed_order",
    "core.recipes": DOORS,
    "core.sketchworld": DOORS,
    "core.paintings": DOORS,
    "core.datasets": f"{DOORS} core.images core.sketchworld core.paintings",
    "core.sketchnet": f"{DOORS} core.checkpoints core.devices core.images core.sketchworld",
    "core.networks": f"{NETWORKS} core.checkpoints core.sketchnet core.sketchworld",
    "core.optim": NETWORKS,
    "core.index": f"{NETWORKS} core.progress core.datasets core.safetensors_header",
    "core.neurons": TECHNIQUE,
    "core.dreams": TECHNIQUE,
    "core.style": TECHNIQUE,
    "core.analysis": f"{NETWORKS} core.datasets core.index core.sketchnet",
    "core.experiments": f"{TECHNIQUE} core.datasets core.sketchnet core.sketchworld core.index "
    "core.dreams core.style core.analysis",
    "core.figures": f"{NETWORKS} core.sketchnet core.sketchworld core.index core.neurons "
    "core.analysis",
    "explorer.paths": "",
    "explorer.text": f"{DOORS} core.recipes core.networks explorer.recipe_fields",
    "explorer.cores": "",
    "explorer.own_code": f"{DOORS} core.images core.networks",
    "explorer.thumbnails": f"{DOORS} core.images",
    "explorer.recipe_fields": f"{DOORS} core.recipes",
    "explorer.layer_pages": "core",
    "explorer.video_io": f"{DOORS} core.images",
    "explorer.store": f"{DOORS} core.recipes explorer.paths",
    "explorer.rendering": "core core.figures explorer.cores explorer.store",
    "explorer.jobs": f"{DOORS} core.allocator core.recipes explorer.cores explorer.own_code "
    "explorer.paths explorer.store explorer.rendering",
    "explorer.library": f"{FACTS} explorer.cores explorer.own_code explorer.store explorer.jobs",
    "explorer.gallery": f"{FACTS} explorer.store explorer.jobs",
    "explorer.cluster": f"{FACTS} explorer.store explorer.rendering explorer.jobs",
    "explorer.engine": f"{DOORS} explorer.store explorer.jobs explorer.cluster",
    "explorer.server": "core.errors explorer.paths explorer.jobs",
    "explorer.charts": FACTS,
    "explorer.reports": f"{FACTS} core.figures explorer.store explorer.library explorer.charts",
    "explorer.ui": f"{FRONT} explorer.video_io explorer.engine",
    "explorer.cli": f"{FRONT} core.figures explorer.own_code explorer.video_io explorer.engine "
    "explorer.cluster explorer.cli.serve",
    "explorer.cli.serve": f"{FRONT} explorer.own_code explorer.engine explorer.server explorer.cli "
    "explorer.ui",
    "explorer.prebuilt": f"{FRONT} explorer.ui",
    "explorer.app": "core.errors explorer.ui",
    "explorer.__main__": "explorer.cli",
    "pages": f"{FRONT} explorer.ui",
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


def test_every_module_belongs_to_the_table() -> None:
    alone = {"core", "explorer", *(name for name in MODULES if name.startswith("pages"))}
    assert [name for name in MODULES if name not in alone and not package(name)] == []
    later = {"pages", "explorer.recipe_fields"}
    missing = [name for name in MAY_IMPORT if name not in MODULES and name not in later]
    assert missing == []


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = {
        name: {it for it in imports(file) if it in MODULES and it != name}
        for name, file in MODULES.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


def test_only_the_pages_and_their_package_import_streamlit() -> None:
    allowed_to = ("explorer.ui", "explorer.app", "explorer.server.run_app", "pages")
    found = [
        name
        for name, file in MODULES.items()
        if any(it.split(".")[0] == "streamlit" for it in imports(file))
        and not any(name == it or name.startswith(f"{it}.") for it in allowed_to)
    ]
    assert found == []


def test_what_must_start_at_once_imports_no_torch() -> None:
    light = ("core.recipes", "explorer.text", "explorer.store", "explorer.jobs")
    alone = {
        "core.networks.known_networks",
        "explorer.cli",
        "explorer.paths",
        "explorer.thumbnails",
        "explorer.layer_pages",
    }
    alone |= {"core.checkpoints.outline", "explorer.library.checkpoint_task"}
    alone |= {"core.datasets.bundled", "core.datasets.sources", "core.images.image_io"}
    alone |= {"core.index.opening_log", "explorer.reports.python_script"}
    names = sorted(it for it in MODULES if package(it) in light or it in alone)
    code = f"import sys, {', '.join(names)}; print({{'torch', 'streamlit'}} & {{*sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_no_class_name_means_two_things() -> None:
    homes: dict[str, list[str]] = {}
    for name, file in MODULES.items():
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(name)
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


def test_no_module_hides_another() -> None:
    leaves = [
        name.rpartition(".")[2]
        for name, file in MODULES.items()
        if name.startswith("core.") and file.name != "__init__.py"
    ]
    assert sorted(leaves) == sorted(set(leaves))
    # Streamlit puts the folder explorer/ first on the path, before the standard library.
    tops = {name.split(".")[1] for name in MODULES if name.startswith("explorer.")}
    assert tops & sys.stdlib_module_names == set()


def test_core_knows_no_user_interface_and_nothing_is_pickled() -> None:
    for name, file in MODULES.items():
        tops = {other.split(".")[0] for other in imports(file)}
        if name.startswith("core"):
            assert not tops & {"streamlit", "plotly", "typer"}, name
        assert not tops & {"pickle", "shelve", "dill", "joblib"}, name


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
