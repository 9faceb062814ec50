"""The command that makes all images and measurements of the lessons beforehand."""

import time
from typing import Annotated

import typer

from core.errors import ExplorerError
from core.networks.known_networks import SKETCHNET
from explorer.cli import options
from explorer.cli.command_io import print_json, print_note
from explorer.cli.options import cli

Network = Annotated[str, typer.Argument(help="A network's name; `networks` lists them.")]


@cli.command()
def prepare_lessons(network: Network = SKETCHNET, as_json: options.AsJson = False) -> None:
    """Make every picture and measurement of the lessons, so that a class does not wait."""
    from core.networks import registry
    from explorer.cli.run_job import FOLLOW_SECONDS, INTERRUPTED, progress_bar
    from explorer.library import background_task, catalogue, lessons_task

    own = catalogue.list_checkpoints().get(network)
    loaded = registry.load(network, None if own is None else own.file)
    started = time.monotonic()
    lessons_task.start_preparing(loaded.name, loaded.fingerprint)
    task = background_task.latest_task(lessons_task.key_of(loaded.name, loaded.fingerprint))
    assert task is not None
    try:
        with progress_bar() as bar:
            shown = bar.add_task(f"preparing the lessons with {loaded.name}", total=1.0)
            while task.open:
                bar.update(shown, completed=task.share)
                time.sleep(FOLLOW_SECONDS)
            bar.update(shown, completed=task.share)
    except KeyboardInterrupt:
        task.stop()
        print_note("stopped; what is finished is kept, and the same command goes on with the rest")
        raise typer.Exit(INTERRUPTED) from None
    if task.problem:
        raise ExplorerError(task.problem)
    seconds = time.monotonic() - started
    if as_json:
        print_json({"network": loaded.name, "seconds": seconds})
        return
    print_note(f"all lessons are ready with {loaded.name}")
