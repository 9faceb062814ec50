"""What a worker does ahead leaves nothing to be imported or loaded for the first preview."""

import subprocess
import sys

import pytest

# Prints the modules that the first preview of each kind of picture imports, and the networks that
# it loads, in a process that has warmed up or has not.
FIRST = """
import sys
from core.dreams import render_dreams
from core.images import image_io
from core.networks import registry
from core.neurons import render_neurons
from core.style import transfer
from explorer.rendering import render_recipe

PICTURE = "ab" * 16
loaded, load = [], registry.load
registry.load = lambda *args: loaded.append(args[0]) or load(*args)
network = load(registry.SKETCHNET)
if "warm" in sys.argv:
    render_recipe.warm_up()
loaded.clear()
before = set(sys.modules)
image = image_io.encode_png(image_io.to_picture(render_recipe.torch.rand(3, 32, 32)))
recipes = [
    render_neurons.plan(network, "relu4b", [56], size=32, steps=2),
    render_dreams.plan(network, ["relu3b"], PICTURE, size=32, steps=1, octaves=1),
    transfer.plan(network, content=PICTURE, styles=(PICTURE,), size=32, smallest=32, steps=1),
]
for recipe in recipes:
    next(render_recipe.render_updates(recipe, inputs={PICTURE: image}))
print(len(loaded), len([it for it in set(sys.modules) - before if it.startswith("torch")]))
"""


@pytest.mark.parametrize("warm", [True, False])
def test_a_warm_process_imports_and_loads_nothing_more(warm: bool) -> None:
    line = [sys.executable, "-c", FIRST, "warm" if warm else "cold"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loads, imports = map(int, done.stdout.split())
    assert (loads == 0) == warm
    assert imports == 0, "PyTorch imports more when it computes"
