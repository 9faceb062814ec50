"""The command that makes a saved picture again."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from core.errors import ExplorerError
from explorer.cli.options import (
    AsJson,
    DeviceName,
    WeightsFile,
    check_writable,
    cli,
    print_json,
    read,
    write,
)

if TYPE_CHECKING:
    from core.recipes.recipe import Recipe
    from explorer.rendering.replay import Comparison
    from explorer.rendering.update import Update
    from explorer.store.results import Store


@cli.command()
def replay(
    picture: Annotated[Path, typer.Argument(help="A PNG that the explorer saved.")],
    out: Annotated[Path | None, typer.Option(help="Write what comes out, a PNG.")] = None,
    weights: WeightsFile = None,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Make a saved picture again from nothing, and tell whether it is the same."""
    from explorer.rendering import png_metadata, replay

    if out is not None:
        check_writable(out)
    original = read(picture, png_metadata.BYTES_AT_MOST)
    recipe, part = png_metadata.read_recipe(original)
    made = _again(recipe, part, weights, device)
    if out is not None:
        write(out, made)
    found = replay.compare(original, made)
    before, now = png_metadata.read_software(original), png_metadata.read_software(made)
    if as_json:
        print_json(
            {
                "recipe": json.loads(recipe.to_json()),
                "part": part,
                "identical": found.identical,
                "pixels": found.pixels,
                "differing": found.differing,
                "levels": found.levels,
                "made_with": before,
                "replayed_with": now,
                "out": str(out) if out is not None else None,
            }
        )
        return
    Console(soft_wrap=True).print(_verdict(found, before, now), highlight=False, markup=False)


def _again(recipe: "Recipe", part: int | None, weights: Path | None, device: str) -> bytes:
    """Make the picture again, with a bar on standard error."""
    from explorer.cli.run_job import progress_bar
    from explorer.rendering import replay as replaying
    from explorer.store.results import Store
    from explorer.text import recipe_summary

    store = Store()
    checkpoint = weights or store.checkpoint(recipe.weights)
    inputs = {name: _input(store, name) for name in recipe.inputs}
    with progress_bar() as shown:
        task = shown.add_task(recipe_summary.describe_recipe(recipe), total=1.0)

        def on_update(update: "Update") -> None:
            shown.update(task, completed=update.done / max(update.total, 1))

        return replaying.render_again(recipe, part, checkpoint, inputs, device, on_update)


def _input(store: "Store", fingerprint: str) -> bytes:
    image = store.input(fingerprint)
    if image is None:
        raise ExplorerError(
            f"the picture {fingerprint} that this one starts from is not here; "
            "open it in the app once, and try again"
        )
    return image


def _verdict(found: "Comparison", before: str, now: str) -> str:
    """Say in a sentence how the replay compares, and what with."""
    words = "identical, bit for bit"
    if not found.identical:
        words = (
            f"differs in {found.differing} of {found.pixels} pixels, "
            f"by at most {found.levels} of 255 levels"
        )
    if before != now:
        return f"{words}; made with {before or 'unknown software'}, here {now}"
    if found.identical:
        return words
    return f"{words}, with the same software: it was changed since, or made on another processor"
