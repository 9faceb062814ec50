"""The option ``--vary`` of commands: values of one or two settings, as one labelled sheet."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import ExplorerError, quoted, unknown
from core.files import write_file
from core.numbers import read_decimal, read_whole
from core.recipes.dream import DreamRecipe
from core.recipes.style import StyleRecipe
from core.recipes.variations import VARIED, VariationsRecipe, plan_variations
from explorer.cli.command_io import print_note
from explorer.recipe_fields import FIELDS

if TYPE_CHECKING:
    from explorer.cli.network_session import NetworkSession

Vary = Annotated[
    list[str] | None,
    typer.Option(
        "--vary",
        help="Make a sheet of pictures with several values of a setting: strength=0.5,1,1.5. "
        "If repeated, the second setting differs from top to bottom.",
    ),
]


def plan(base: DreamRecipe | StyleRecipe, texts: Sequence[str]) -> VariationsRecipe:
    """Return the recipe of variations of a picture.

    Args:
        base: the recipe of the picture.
        texts: one or two settings with their values, such as ``seed=0,1,2``.

    Raises:
        ExplorerError: a text cannot be read, or a setting cannot differ.
    """
    if len(texts) > 2:
        raise ExplorerError(f"--vary is given {len(texts)} times; give it once or twice")
    across, *down = (_read(base.kind, text) for text in texts)
    return plan_variations(base, *across, *(down[0] if down else ()))


def _read(kind: str, text: str) -> tuple[str, tuple[float, ...]]:
    """Return the setting and its values in a text such as ``seed=0,1,2``."""
    name, equals, values = text.strip().partition("=")
    name = name.strip().replace("-", "_")
    if name not in VARIED[kind]:
        raise unknown("setting", name, VARIED[kind], f"variations of a {kind}")
    if not equals:
        raise ExplorerError(f"--vary is {quoted(text)}; write the values, too: {name}=1,2,3")
    field = FIELDS[kind][name]
    read = read_decimal if isinstance(field.default, float) else read_whole
    bounds = field.bounds or (0, 0)
    return name, tuple(read(name, it.strip(), bounds) for it in values.split(","))


def make(
    session: "NetworkSession", recipe: VariationsRecipe, out: Path, fresh: bool, as_json: bool
) -> None:
    """Render variations as one job, write the sheet, and print a report."""
    from explorer.rendering import render_recipe

    pictures = session.run(recipe, fresh, shipped=False)
    write_file(out, render_recipe.render_sheet(recipe, pictures))
    if as_json:
        jobs = [it.key for it in recipe.parts()]
        session.print_report(recipe, out, jobs=jobs)
        return
    print_note(f"{out}: {len(pictures)} pictures, {session.seconds:.1f} s")
