"""The shape of the house: imports run one way, and nothing happens at import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# From the ground up; a module may import those of its own floor's line or below, never above.
FLOORS = [
    {"core.errors", "core.exports"},
    {
        "core.images",
        "core.recipe",
        "core.recipes",
        "core.dream_recipes",
        "core.style_recipes",
        "core.style_depth_recipes",
        "core.devices",
        "core.fields",
        "core.memory",
        "core.progress",
        "core.reliability",
    },
    {"core.framing", "core.ranking", "core.indexfile", "core.entries"},
    {"core.archives"},
    {"core.tracing", "core.checkpoints", "core.operations", "core.folding"},
    {"core.hooks", "core.describing", "core.rewriting", "core.narrowing", "core.fusing"},
    {"core.ladder"},
    {"core.layers"},
    {"core.sketchnet"},
    {"core.networks"},
    {
        "core.wiring",
        "core.plans",
        "core.sources",
        "core.samples",
        "core.paintings",
        "core.looking",
    },
    {"core.tally"},
    {"core.eye"},
    {"core.retrieval", "core.indexes"},
    {
        "core.objectives",
        "core.penalties",
        "core.canvas",
        "core.spectra",
        "core.transforms",
        "core.motion",
        "core.tiles",
    },
    {"core.style_losses", "core.retouch", "core.colours", "core.lbfgs"},
    {"core.easel"},
    {"core.whole"},
    {"core.ascent", "core.wishes"},
    {"core.neurons", "core.evidence", "core.dreams"},
    {"core.style_settings", "core.style_costs", "core.correlations"},
    {"core.styles"},
    {"core.crops"},
    {"core.plates", "core.probing"},
    {"core.portraits", "core.depths"},
    {"core.style_depths", "core.style_sheet", "core.lessons"},
    {"explorer"},
    {"pages"},
]


def floor(module: str) -> int:
    for height, modules in enumerate(FLOORS):
        if any(module == name or module.startswith(f"{name}.") for name in modules):
            return height
    raise AssertionError(f"{module} has no floor; give it one in FLOORS")


def modules() -> list[tuple[str, Path]]:
    files = [file for top in ("core", "explorer", "pages") for file in (ROOT / top).rglob("*.py")]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return [
        (name.removesuffix(".__init__"), file)
        for name, file in zip(names, files, strict=True)
        if name.count(".") or name != "__init__"
    ]


def imports(file: Path) -> set[str]:
    """Every module or name that a file imports, in full."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_imports_run_one_way() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, file in modules()
        if file.name != "__init__.py"
        for other in imports(file)
        if other.split(".")[0] in ("core", "explorer", "pages") and floor(other) > floor(name)
    ]
    assert wrong == []


def test_core_knows_no_user_interface_and_nothing_is_pickled() -> None:
    for name, file in modules():
        tops = {other.split(".")[0] for other in imports(file)}
        if name.startswith("core"):
            assert not tops & {"streamlit", "plotly", "typer"}, name
        # core.checkpoints only names pickle's error, which torch.load raises for what it refuses.
        assert not tops & {"pickle", "shelve", "dill", "joblib"} or name == "core.checkpoints", name


def test_every_package_is_installed() -> None:
    packages = {file.parent for _, file in modules()}
    assert [it for it in packages if not (it / "__init__.py").is_file()] == [ROOT / "pages"]


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
