"""The command that renders a saved picture again and compares the new picture with the file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from core.errors import ExplorerError
from core.files import check_output, read_file, write_file
from explorer.cli import options
from explorer.cli.command_io import print_json
from explorer.cli.options import cli

if TYPE_CHECKING:
    from core.recipes.recipe import Recipe
    from explorer.rendering.replay import Comparison
    from explorer.rendering.update import Update
    from explorer.store.results import Store


@cli.command()
def replay(
    picture: Annotated[Path, typer.Argument(help="A PNG that the explorer saved.")],
    out: Annotated[Path | None, typer.Option(help="Write what comes out, a PNG.")] = None,
    weights: options.WeightsFile = None,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Make a saved picture again from nothing, and tell whether it is the same."""
    from explorer.rendering import png_metadata, replay

    if out is not None:
        check_output(out)
    original = read_file(picture, png_metadata.BYTES_AT_MOST)
    recipe, part = png_metadata.read_recipe(original)
    made = _render_again(recipe, part, weights, device)
    if out is not None:
        write_file(out, made)
    comparison = replay.compare(original, made)
    before, now = png_metadata.read_software(original), png_metadata.read_software(made)
    if as_json:
        print_json(
            {
                "recipe": json.loads(recipe.to_json()),
                "part": part,
                "identical": comparison.identical,
                "pixels": comparison.pixels,
                "differing": comparison.differing,
                "levels": comparison.levels,
                "made_with": before,
                "replayed_with": now,
                "out": str(out) if out is not None else None,
            }
        )
        return
    Console(soft_wrap=True).print(_verdict(comparison, before, now), highlight=False, markup=False)


def _render_again(recipe: "Recipe", part: int | None, weights: Path | None, device: str) -> bytes:
    """Render a picture of a recipe again as a PNG, with a progress bar on standard error."""
    from explorer.cli.run_job import progress_bar
    from explorer.rendering import replay
    from explorer.store.results import Store
    from explorer.text import recipe_summary

    store = Store()
    checkpoint = weights or store.checkpoint(recipe.weights)
    inputs = {name: _input(store, name) for name in recipe.inputs}
    with progress_bar() as bar:
        task = bar.add_task(recipe_summary.describe_recipe(recipe), total=1.0)

        def notice(update: "Update") -> None:
            bar.update(task, completed=update.done / max(update.total, 1))

        return replay.render_again(recipe, part, checkpoint, inputs, device, notice)


def _input(store: "Store", fingerprint: str) -> bytes:
    image = store.input(fingerprint)
    if image is None:
        raise ExplorerError(
            f"the picture {fingerprint} that this one starts from is not here; "
            "open it in the app once, and try again"
        )
    return image


def _verdict(comparison: "Comparison", before: str, now: str) -> str:
    """Return a sentence on the differences between a saved picture and its replay.

    Args:
        comparison: the differences of the pixels.
        before, now: the software that rendered the saved picture, and the replay.
    """
    words = "identical, bit for bit"
    if not comparison.identical:
        words = (
            f"differs in {comparison.differing} of {comparison.pixels} pixels, "
            f"by at most {comparison.levels} of 255 levels"
        )
    if before != now:
        return f"{words}; made with {before or 'unknown software'}, here {now}"
    if comparison.identical:
        return words
    return f"{words}, with the same software: it was changed since, or made on another processor"
