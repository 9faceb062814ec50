"""The command that renders a saved picture again and compares the new picture with the file."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from core.errors import ExplorerError
from core.files import check_output, read_file, write_file
from explorer.cli import options
from explorer.cli.command_io import print_json
from explorer.cli.options import cli
from explorer.recipe_fields import FIELDS

if TYPE_CHECKING:
    from PIL.Image import Image

    from core.recipes.recipe import Recipe
    from explorer.rendering.replay import Comparison
    from explorer.rendering.update import Update
    from explorer.store.results import Store

# Endings of files with several pictures.
FILMS = (".gif", ".mp4", ".webm", ".mov", ".avi", ".mkv")


@cli.command()
def replay(
    picture: Annotated[Path, typer.Argument(help="A PNG that the explorer saved.")],
    out: Annotated[Path | None, typer.Option(help="Write what comes out, a PNG.")] = None,
    inputs: Annotated[
        list[Path] | None,
        typer.Option("--input", help="A picture or film that it was made from; may be repeated."),
    ] = None,
    weights: options.WeightsFile = None,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Make a saved picture again from its recipe, and tell whether it is the same."""
    from core.recipes import kinds
    from explorer.rendering import png_metadata, replay

    if out is not None:
        check_output(out)
    original = read_file(picture, png_metadata.BYTES_AT_MOST)
    recipe, part = png_metadata.read_recipe(original)
    version = kinds.version_of(png_metadata.read_text_chunks(original)[png_metadata.RECIPE_CHUNK])
    made = _render_again(recipe, part, weights, device, inputs or ())
    if out is not None:
        write_file(out, made)
    comparison = replay.compare(original, made)
    before, now = png_metadata.read_software(original), png_metadata.read_software(made)
    if as_json:
        print_json(
            {
                "recipe": json.loads(recipe.to_json()),
                "part": part,
                "made_by_version": version,
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
    words = _verdict(comparison, before, now)
    if version != recipe.version:
        words = _older_verdict(comparison, version, recipe)
    Console(soft_wrap=True).print(words, highlight=False, markup=False)


def _render_again(
    recipe: "Recipe", part: int | None, weights: Path | None, device: str, files: Sequence[Path]
) -> bytes:
    """Render a picture of a recipe again as a PNG, with a progress bar on standard error.

    Args:
        recipe, part, weights, device: as for ``replay.render_again``.
        files: images and films among which inputs are searched.
    """
    from explorer.cli.run_job import progress_bar
    from explorer.rendering import replay
    from explorer.store.results import Store
    from explorer.text import recipe_summary

    store = Store()
    checkpoint = weights or store.checkpoint(recipe.weights)
    given = _inputs_in(recipe, files)
    inputs = {name: given.get(name) or _find_input(store, name) for name in recipe.inputs}
    with progress_bar() as bar:
        task = bar.add_task(recipe_summary.describe_recipe(recipe), total=1.0)

        def notice(update: "Update") -> None:
            bar.update(task, completed=update.done / max(update.total, 1))

        return replay.render_again(recipe, part, checkpoint, inputs, device, notice)


def _find_input(store: "Store", fingerprint: str) -> bytes:
    from explorer.rendering import recipe_inputs

    image = recipe_inputs.find_input(store, fingerprint)
    if image is None:
        raise ExplorerError(
            f"the picture {fingerprint} that this one starts from is not here; "
            "name its file with --input"
        )
    return image


def _inputs_in(recipe: "Recipe", files: Sequence[Path]) -> dict[str, bytes]:
    """Return the inputs of a recipe that are among some files, as PNGs by their fingerprints.

    Raises:
        ExplorerError: a file cannot be opened, or contains no input of the recipe.
    """
    from core.images import image_io

    found: dict[str, bytes] = {}
    for file in files:
        before = len(found)
        for picture in _pictures_in(file, len(recipe.inputs)):
            for version in _versions(picture, recipe):
                fingerprint = image_io.fingerprint(version)
                if fingerprint in recipe.inputs:
                    found[fingerprint] = image_io.encode_png(version)
        if len(found) == before:
            raise ExplorerError(f"{file} is not what this picture was made from")
    return found


def _pictures_in(file: Path, at_most: int) -> "Iterator[Image]":
    """Yield the picture in an image file, or the first pictures of a film."""
    from core.images import image_io
    from explorer import video_io

    if file.suffix.lower() in FILMS:
        yield from video_io.read_frames(file, at_most)[0]
    else:
        yield image_io.open_picture(file)


def _versions(picture: "Image", recipe: "Recipe") -> "Iterator[Image]":
    """Yield a picture, and the picture at the sizes at which commands and pages store inputs."""
    from core.images import image_io
    from explorer.rendering.recipe_inputs import LONGEST_UPLOAD

    yield picture
    sizes = FIELDS[recipe.kind]["size"]
    _, longest_of_kind = sizes.bounds or (0, 0)
    for longest in (longest_of_kind, LONGEST_UPLOAD):
        if max(picture.size) > longest:
            yield image_io.resize_longer_side(picture, longest)
    # Frames of films are stored at the size of the dream.
    yield image_io.resize_longer_side(picture, int(getattr(recipe, sizes.name)))


def _older_verdict(comparison: "Comparison", version: int, recipe: "Recipe") -> str:
    """Return a sentence on the replay of a picture that an older version rendered."""
    made = f"version {version} of the program's {recipe.kind} pictures"
    if comparison.identical:
        return f"identical, bit for bit; {made} made it, and version {recipe.version} does the same"
    return (
        f"{_difference(comparison)}; {made} made it, and this program has version "
        f"{recipe.version}, which gives another picture with the same settings"
    )


def _difference(comparison: "Comparison") -> str:
    return (
        f"differs in {comparison.differing} of {comparison.pixels} pixels, "
        f"by at most {comparison.levels} of 255 levels"
    )


def _verdict(comparison: "Comparison", before: str, now: str) -> str:
    """Return a sentence on the differences between a saved picture and its replay.

    Args:
        comparison: the differences of the pixels.
        before, now: the software that rendered the saved picture, and the replay.
    """
    words = "identical, bit for bit" if comparison.identical else _difference(comparison)
    if before != now:
        return f"{words}; made with {before or 'unknown software'}, here {now}"
    if comparison.identical:
        return words
    return f"{words}, with the same software: it was changed since, or made on another processor"
