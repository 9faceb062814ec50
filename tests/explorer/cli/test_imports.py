"""Commands import only what they need: those that compute nothing do without PyTorch."""

import json
import subprocess
import sys
from pathlib import Path

from core.datasets import samples
from core.images import image_io
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from core.recipes.style import StyleRecipe
from core.recipes.style_grid import StyleDepthsRecipe
from explorer.rendering.png_metadata import RECIPE_CHUNK
from tests.conftest import ROOT
from tests.explorer.commands import PATIENCE

# Runs commands in one process and prints which of the slow modules have been imported.
CODE = """
import contextlib, io, json, sys
from explorer.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["explorer", *words]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main()
slow = {"torch", "torchvision", "torch._dynamo", "sympy", "scipy", "numpy", "streamlit"}
print(*sorted(slow & {*sys.modules}))
"""


def imported(*commands: str) -> list[str]:
    """Run commands in a new process, and return the slow modules that they imported."""
    lines = json.dumps([command.split() for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", CODE, lines],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE,
    )
    assert done.returncode == 0 and "error" not in done.stderr.lower(), done.stderr
    return done.stdout.split()


def test_listings_import_neither_torch_nor_numpy() -> None:
    assert imported("--help", "neurons --help", "gallery", "jobs") == []
    assert imported("networks", "layers sketchnet", "layers squeezenet1_0 --json") == []
    assert imported("labels sketchnet", "labels sketchnet --count") == []


def test_a_script_is_printed_without_torch(tmp_path: Path) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    cat, own = image_io.fingerprint(samples.picture("cat")), "ab" * 16
    common = {"network": "sketchnet", "weights": "0123456789abcdef", "size": 64}
    recipes: list[Recipe] = [
        NeuronRecipe(**common, layer="relu1a", units=(3,)),
        DreamRecipe(**common, layers=("relu1a",), image=cat),
        StyleRecipe(**common, content=own, styles=(cat,), content_layers=("relu2a",),
                    style_layers=("relu1a",)),
        StyleDepthsRecipe(
            **common, content=cat, style=own, style_depths=("relu1a",), content_depths=("relu1b",),
            stages=("relu1a", "relu1b"), content_layer="relu1b",
        ),
    ]  # fmt: skip
    for recipe in recipes:
        text = PngInfo()
        text.add_text(RECIPE_CHUNK, recipe.to_json())
        Image.new("RGB", (16, 16)).save(tmp_path / f"{recipe.kind}.png", pnginfo=text)
    found = imported(*(f"script {tmp_path / recipe.kind}.png" for recipe in recipes))
    assert not {"torch", "torchvision"} & {*found}


def test_pictures_of_sketchnet_need_torch_and_nothing_else_that_is_slow(tmp_path: Path) -> None:
    found = imported(
        "neurons sketchnet relu3b --units 0 --steps 2 --fresh --device cpu",
        "neurons sketchnet relu3b --units 0 --size 48 --steps 2 --fresh --device cpu",
        "texture sketchnet dots relu1a --size 32 --steps 1 --method lbfgs "
        f"--out {tmp_path / 'texture.png'}",
    )
    assert "torch" in found
    assert not {"torchvision", "torch._dynamo", "sympy", "scipy"} & {*found}


def test_the_first_page_has_its_pictures_before_torch_is_imported() -> None:
    code = """
import sys
import explorer.engine, explorer.server.run_app
from explorer.ui import page_list, png_drop, server_state, urls
from explorer.ui.home import front_page

columns = [front_page.column(layer) for layer in front_page.FEATURED_UNITS]
assert all(it["pictures"] for it in columns)
print("torch" in sys.modules, "numpy" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE
    )
    assert done.stdout.split() == ["False", "False"], done.stderr
