"""The command that renders what pages show before the first click.

It is run as ``python -m explorer.prebuilt.first_views``. It opens the pages in ``VIEWS`` with an
empty data folder, renders what they request, and opens them again until they request nothing. The
pictures are written into a store that ships with the project. Run the command again when the
weights, the recipes or the default choices of a page change; a test opens the pages and fails if
one of them requests anything.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import track

from core.files import replacing
from core.networks import registry
from core.recipes.recipe import Recipe
from explorer.jobs.supervisor import WORKERS_VARIABLE
from explorer.jobs.worker import gather_inputs
from explorer.paths import HOME_VARIABLE
from explorer.prebuilt.pictures import encode, pack
from explorer.rendering import render_recipe
from explorer.store.database import FILE_NAME, FIRST_VIEWS, SHIPPED
from explorer.store.results import Store, StoredPicture
from explorer.ui import server_state
from explorer.ui.lessons.texts import LESSONS
from explorer.ui.page_runner import run_page

# Three units that are shown with their variants: of an early, a middle and a late layer. Their
# pictures are on the home page.
UNITS = (("relu2b", 35), ("relu3b", 79), ("relu5b", 16))
# The pages and their queries.
VIEWS: Sequence[tuple[str, Mapping[str, str]]] = (
    ("dream", {}),
    ("depths", {}),
    ("style", {}),
    ("style_depths", {"view": "rows"}),
    ("neuron", {}),
    *(("lessons", {"lesson": str(it.number)}) for it in LESSONS),
    *(("neuron", {"layer": layer, "unit": str(unit)}) for layer, unit in UNITS),
)

# The pages that measure their pictures, and compare them with pictures that do not ship. So theirs
# ship without loss: a lossy picture of lesson 5 has a content loss of its own.
MEASURING = ("lessons",)


def requested(store: Store) -> list[Recipe]:
    """Return the recipes of all parts that pages have requested and that have no result yet."""
    parts = {part.key: part for job in server_state.jobs().open() for part in job.recipe.parts()}
    present = store.present(parts)
    return [part for key, part in parts.items() if key not in present]


def render(store: Store, recipe: Recipe, lossless: bool) -> list[StoredPicture]:
    """Render a recipe with SketchNet, and return its encoded pictures."""
    network = server_state.network(registry.SKETCHNET)
    inputs = gather_inputs(store, recipe)
    *_, last = render_recipe.RENDERERS[recipe.kind](network, recipe, inputs)
    return [encode(picture, lossless) for picture in last.pictures]


def write_views(path: Path, add: bool = False) -> None:
    """Render what the pages in ``VIEWS`` show at first, into a new store that replaces an old one.

    Args:
        path: file of the store.
        add: whether to keep the results of the existing file, and to render only what is missing
            from those that ship.
    """
    # What a shipped file has counts as finished, so the one that is made anew is left out.
    finished = SHIPPED if add else tuple(it for it in SHIPPED if it != FIRST_VIEWS)
    with tempfile.TemporaryDirectory() as folder, replacing(path) as partial:
        os.environ |= {HOME_VARIABLE: folder, WORKERS_VARIABLE: "0"}
        if add:
            shutil.copyfile(path, partial)
        own, shipped = Store(Path(folder) / FILE_NAME, finished), Store(partial, shipped=())
        with server_state.using(own):
            for page, query in track(VIEWS, "rendering", console=Console(stderr=True)):
                run_page(page, query)
                while recipes := requested(own):
                    for recipe in recipes:
                        started = time.monotonic()
                        pictures = render(own, recipe, page in MEASURING)
                        for store in (own, shipped):
                            store.put(recipe, pictures, time.monotonic() - started)
                    run_page(page, query)
        shipped.close()
        own.close()
        pack(partial)


def main(
    what: Annotated[
        Literal["all", "add"],
        typer.Argument(help="Everything, or only what is missing: add keeps what ships already."),
    ] = "all",
) -> None:
    """Render what pages show before the first click, and replace the file that ships."""
    write_views(FIRST_VIEWS, add=what == "add")


if __name__ == "__main__":
    typer.run(main)
