"""The command that turns units off and measures which answers change."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from core.files import check_output
from core.recipes.switched_units import FACTORS, OFF
from explorer.cli import options
from explorer.cli.command_io import (
    REPORT_ENDINGS,
    print_json,
    print_left_out,
    print_table,
    write_report,
)
from explorer.cli.network_session import load_network
from explorer.cli.options import cli
from explorer.text import formatting

if TYPE_CHECKING:
    from core.analysis.unit_effects import ClassChange, UnitEffect

LEAST, MOST = FACTORS


@cli.command()
def ablate(
    network: options.NetworkName,
    layer: options.LayerName,
    units: Annotated[str, typer.Argument(help="The neurons, such as 17 or 0-3,12.")],
    images: options.CollectionName,
    factor: Annotated[
        float,
        typer.Option(
            help="What their activation is multiplied by; 0 turns them off.", min=LEAST, max=MOST
        ),
    ] = OFF,
    pictures: Annotated[
        int, typer.Option(help="Pictures of the collection to use, at most.", min=1, max=5000)
    ] = 360,
    count: Annotated[int, typer.Option(help="Classes and pictures to name.", min=1)] = 5,
    out: options.ReportFile = None,
    weights: options.WeightsFile = None,
    classes: options.ClassesFile = None,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Turn neurons off, and show which answers of the network fall and rise."""
    from core.analysis.picture_sample import sample_pictures
    from core.analysis.unit_effects import EffectMeter, no_answers
    from core.datasets import sources
    from core.datasets.image_source import printable
    from core.errors import of_sentence
    from core.networks.known_networks import title_of
    from explorer.cli.neurons import parse_units
    from explorer.reports import effect_report

    if out is not None:
        check_output(out, REPORT_ENDINGS)
    loaded = load_network(network, weights, device, classes)
    found = loaded.layer(layer)
    chosen = parse_units(units, loaded, found)
    if problem := no_answers(loaded):
        raise of_sentence(problem)
    source = sources.find_source(images)
    meter = EffectMeter(loaded, found, sample_pictures(loaded, source, pictures))
    effect = meter.measure(dict.fromkeys(chosen, factor))
    print_left_out(meter.pictures.skipped)
    if out is not None:
        report = effect_report.effect_report(loaded, found, chosen, factor, effect, source)
        write_report(out, report)
    if as_json:
        where = {"network": loaded.name, "layer": found.name, "units": list(chosen)}
        print_json({**where, "factor": factor, "images": source.text, **_as_json(effect, count)})
        return
    done = f"{title_of(loaded.name)} with {effect_report.what_was_done(found, chosen, factor)}"
    _print_effect(done, effect, printable(source.text), count)


def _as_json(effect: "UnitEffect", count: int) -> dict[str, Any]:
    """Return what changed as JSON has it, with some of the pictures that change most."""
    return {
        "pictures": len(effect.pictures),
        "other_answers": effect.other_answers,
        "changes": [asdict(it) for it in effect.changes()],
        "changed": [asdict(it) for it in effect.most_changed(count)],
    }


def _print_effect(done: str, effect: "UnitEffect", collection: str, count: int) -> None:
    """Print the classes that fall and rise, and the pictures whose answers change most.

    Args:
        done: what was done to the network, in words.
        effect: what changed.
        collection: the collection of the pictures, printable.
        count: number of classes and pictures.
    """
    from core.datasets.image_source import printable
    from explorer.reports import effect_report

    Console(soft_wrap=True).print(
        f"{done}, {len(effect.pictures):,} pictures of {collection}: "
        f"{effect.other_answers:,} get another answer",
        highlight=False,
        markup=False,
    )
    rows = _rows(effect.falling(count), effect.rising(count), count)
    print_table(("falls", "logit", "rises", "logit"), rows)
    print_table(
        ("picture", "before", "after"),
        (
            (
                Text(printable(it.picture)),
                *map(Text, effect_report.answer_texts(it)),
            )
            for it in effect.most_changed(count)
        ),
    )


def _rows(
    falling: "tuple[ClassChange, ...]", rising: "tuple[ClassChange, ...]", count: int
) -> list[list[Text]]:
    """Return the rows of a table with the classes that fall beside those that rise."""
    rows = []
    for at in range(min(count, max(len(falling), len(rising)))):
        row: list[Text] = []
        for some in (falling, rising):
            row += _cells(some[at]) if at < len(some) else (Text(), Text())
        rows.append(row)
    return rows


def _cells(change: "ClassChange") -> tuple[Text, Text]:
    number = formatting.signed(change.mean)
    return Text(change.label), Text(
        f"{number} \N{PLUS-MINUS SIGN} {formatting.number(change.margin, 2)}"
    )
