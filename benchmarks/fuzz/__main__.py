"""Run the program on thousands of generated inputs, and count what it may not do.

``python -m benchmarks.fuzz --inputs 10000 --seed 0`` prints a table and every fault. It exits with
1 if there was any. A fault is repeated by its name, such as ``--only images:17``. It needs Linux,
because it forks and reads ``/proc``.
"""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.fuzz import addresses, checkpoints, commands, drops, images, indexes, trials
from benchmarks.fuzz.trials import VERDICTS, Outcome, Part

# Parts with their shares of all inputs.
PARTS = {
    it.name: (it, share)
    for it, share in (
        (Part("commands", commands.make, commands.prepare), 0.22),
        (Part("addresses", addresses.make, addresses.prepare), 0.22),
        (Part("images", images.make, memory_mb=images.MEMORY_MB), 0.33),
        (Part("checkpoints", checkpoints.make, checkpoints.prepare), 0.11),
        (Part("indexes", indexes.make, indexes.prepare), 0.06),
        (Part("drops", drops.make, drops.prepare), 0.06),
    )
}
FAULTS_SHOWN = 200
console = Console(soft_wrap=True, width=150)


def main(
    inputs: Annotated[int, typer.Option(help="Of all parts together.", min=1)] = 10_000,
    seed: Annotated[int, typer.Option(help="Another seed makes other inputs.")] = 0,
    parts: Annotated[str, typer.Option(help="Some of these.")] = ",".join(PARTS),
    only: Annotated[str, typer.Option(help="One input, such as images:17.")] = "",
    workers: Annotated[int, typer.Option(help="Inputs that run at the same time.", min=1)] = 2,
    out: Annotated[Path | None, typer.Option("--json", help="Write every outcome here.")] = None,
) -> None:
    """Run generated inputs, print what happened, and exit with 1 if there was a fault."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        if only:
            name, _, number = only.partition(":")
            outcomes = trials.run_part(PARTS[name][0], [int(number)], seed, Path(folder), 1)
        else:
            outcomes = []
            for name in parts.split(","):
                part, share = PARTS[name]
                count = max(1, round(inputs * share))
                console.print(f"{name}: {count:,} inputs", style="dim")
                outcomes += trials.run_part(part, range(count), seed, Path(folder), workers)
    report(outcomes, verbose=bool(only))
    if out is not None:
        content = {"seed": seed, "outcomes": [it.to_json() for it in outcomes]}
        out.write_text(json.dumps(content, indent=1))
    if any(it.fault for it in outcomes):
        raise typer.Exit(1)


def report(outcomes: list[Outcome], verbose: bool) -> None:
    """Print a table with a row for each part, and the faults, most frequent kinds first."""
    table = Table("part", "inputs", *VERDICTS, "slowest s", "most MB")
    for name in dict.fromkeys(it.part for it in outcomes):
        own = [it for it in outcomes if it.part == name]
        counts = Counter(it.verdict for it in own)
        slowest, most = max(it.seconds for it in own), max(it.megabytes for it in own)
        numbers = (str(counts[it]) for it in VERDICTS)
        table.add_row(name, f"{len(own):,}", *numbers, f"{slowest:.1f}", f"{most:.0f}")
    console.print(table)
    faults = [it for it in outcomes if it.fault]
    kinds = Counter(it.kind for it in faults)
    for kind, count in kinds.most_common(FAULTS_SHOWN):
        first = next(it for it in faults if it.kind == kind)
        console.print(f"{count:5} x {kind}", markup=False)
        console.print(f"        {first.part}:{first.number} {first.name}", markup=False)
    if verbose:
        for it in outcomes:
            console.print(it.to_json(), markup=False)


if __name__ == "__main__":
    typer.run(main)
