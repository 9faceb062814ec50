"""What is said about pictures of known settings: ``python -m benchmarks.style_advice``.

Pairs are rendered with settings that are known to be good, and with others that are known to give
grey, blotchy, too weak or too strong pictures. For each picture the table has the measures of
``core.experiments.style_advice``, and what it says is wrong. Look at the pictures: they decide
which settings are bad.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from core import allocator
from core.experiments import style_advice
from core.images import image_io
from core.networks import registry
from core.style import defaults, transfer
from explorer.cli.command_io import open_image, split_names

CONTENTS, STYLES = "cat,coffee,village,rocket", "swirls,mosaic,glass,dots"
# Stands for the deepest layer with positions.
DEEP = ("deepest",)
# Settings by name, with the problem that they are known for; None where nothing is wrong.
KNOWN: dict[str, tuple[str | None, dict[str, Any]]] = {
    "default": (None, {}),
    "gram": (None, {"loss": "gram"}),
    "nearest": (None, {"loss": "nearest"}),
    "large strokes": (None, {"style_scale": 2.0}),
    "painting recoloured": (None, {"colours": "matched"}),
    "balance 0.25": (None, {"balance": 0.25}),
    "balance 5": ("weak", {"balance": 5.0}),
    "balance 20": ("weak", {"balance": 20.0}),
    "balance 0.003": ("strong", {"balance": 0.003}),
    "balance 0": ("strong", {"balance": 0.0}),
    "noise, style alone": ("strong", {"balance": 0.0, "init": "noise"}),
    "noise, 1 step": ("grey", {"init": "noise", "steps": 1}),
    "one deep layer, from noise": ("blotchy", {"style_layers": DEEP, "init": "noise"}),
}


def main(
    network: Annotated[str, typer.Option(help="The network that renders.")] = "sketchnet",
    weights: Annotated[Path | None, typer.Option(help="Its checkpoint.")] = None,
    contents: Annotated[str, typer.Option(help="Files or samples, with commas.")] = CONTENTS,
    styles: Annotated[str, typer.Option(help="Paintings, one for each content.")] = STYLES,
    size: Annotated[int, typer.Option(help="Longer side in pixels.", min=64)] = 256,
    steps: Annotated[int, typer.Option(help="Steps at each size.", min=1)] = 20,
    only: Annotated[str, typer.Option(help="Some of the settings.")] = "",
    folder: Annotated[Path | None, typer.Option(help="Where the pictures go.")] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Write figures there.")] = None,
) -> None:
    """Render all pairs with all settings; print the measures and what is said."""
    allocator.keep_freed_memory()
    loaded = registry.load(network, weights, device="cpu")
    table = Table("settings", "pair", "saturation", "edges", "content", "foreign", "known", "said")
    rows: list[dict[str, Any]] = []
    chosen = split_names(only) or tuple(KNOWN)
    for name in chosen:
        known, settings = KNOWN[name]
        for pair in zip(split_names(contents), split_names(styles), strict=True):
            pictures = [open_image(it) for it in pair]
            inputs = {image_io.fingerprint(it): image_io.encode_png(it) for it in pictures}
            content, style = inputs
            given = {"size": size, "steps": steps, **settings}
            if given.get("style_layers") == DEEP:
                given["style_layers"] = (loaded.shown[-1 if loaded.shown[-1].size else -2].name,)
            recipe = transfer.plan(loaded, content=content, styles=(style,), **given)
            *_, last = transfer.render(loaded, recipe, inputs)
            (picture,) = last.pictures
            png = image_io.encode_png(image_io.to_picture(picture.image[None]))
            look = style_advice.measure_look(recipe, inputs, png, str(picture.facts["losses"]))
            if look is None:
                continue
            usual = defaults.default_settings(loaded, recipe.loss)
            said = [it.problem for it in style_advice.advise(recipe, look, usual, steps)]
            stems = " ".join(Path(it).stem for it in pair)
            numbers = vars(look)
            shown = (f"{it:.2f}" for it in numbers.values())
            table.add_row(name, stems, *shown, known or "", ", ".join(said))
            rows.append({"settings": name, "pair": pair, **numbers, "known": known, "said": said})
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{name} {stems}.png").write_bytes(png)
    Console(width=140).print(table)
    if out is not None:
        out.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    typer.run(main)
