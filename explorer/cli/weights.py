"""The command that shows what is in a weights file."""

from pathlib import Path
from typing import Annotated

import typer

from explorer.cli import options
from explorer.cli.command_io import print_json, print_note, print_table
from explorer.cli.options import cli


@cli.command()
def weights(
    file: Annotated[Path, typer.Argument(help="A weights file: .safetensors, .pth or .ckpt.")],
    as_json: options.AsJson = False,
) -> None:
    """Show which networks a weights file fits, without reading the weights."""
    from core.checkpoints import matching, outline
    from core.checkpoints.declared import list_names
    from core.networks import parameter_shapes

    opened = outline.open_file(file)
    content, part = opened.content, opened.part
    found = parameter_shapes.networks_that_fit(content, part, opened.path.name)
    fits = [
        fit
        for network in found.values()
        for fit in matching.all_fits(content, network, part)
        if fit.fits
    ]
    # The copy that is taken if none is named comes first.
    fits.sort(key=matching.NetworkFit.rank, reverse=True)
    by_count: dict[int, tuple[str, ...]] = {len(it): it for it in reversed(content.classes)}
    rows = [
        (fit.network, fit.copy.rstrip("."), fit.classes, by_count.get(fit.classes, ()))
        for fit in fits
    ]
    if as_json:
        columns = ("network", "part", "classes", "names")
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    if not rows:
        print_note(
            f"{opened.name} has {len(content.tensors):,} tensors and fits no network of the "
            f"catalogue; they are named {list_names(content.tensors)}"
        )
        return
    print_table(
        ("network", "part of the file", "classes", "their names"),
        (
            (network, part, _classes(count), list_names(names))
            for network, part, count, names in rows
        ),
    )
    if len({fit.copy for fit in fits}) > 1:
        print_note(f"the first is taken; --weights {opened.name}#PART takes another")


def _classes(count: int) -> str:
    return f"{count:,}" if count else "none, it has no head"
