"""Memory of one worker over many jobs, without a server.

``python -m benchmarks.worker_memory`` renders small neurons of all layers of SketchNet, one job
after the other in this process, and prints the resident memory. It needs Linux, because it reads
``/proc``.
"""

import functools
import json
import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.server import resident
from core.networks import registry
from core.neurons import render_neurons
from explorer.jobs import processes, worker, worker_locks
from explorer.jobs.job_queue import Jobs
from explorer.rendering import render_recipe
from explorer.store.results import Store

EVERY = 25
SIZE, STEPS, UNITS = 48, 16, 24


def main(
    jobs: Annotated[int, typer.Option(help="How many.", min=EVERY)] = 500,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the curve here.")] = None,
) -> None:
    """Render many small jobs, and print the memory in MiB after every 25 of them."""
    network = registry.load(registry.SKETCHNET, device="cpu")
    layers = [layer.name for layer in network.shown]
    render = functools.partial(render_recipe.render_updates, device="cpu")
    curve = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store.sqlite3")
        queue, name = Jobs(store), processes.new_worker_name()
        own_worker = worker.Worker(store, name, render)
        with worker_locks.hold_lock(store, name):
            for number in range(1, jobs + 1):
                layer, unit = layers[number % len(layers)], number % UNITS
                recipe = render_neurons.plan(network, layer, [unit], SIZE, STEPS, number)
                queue.submit(recipe, "somebody")
                while own_worker.run_next_part(only=recipe.key):
                    pass
                if number % EVERY == 0:
                    curve[number] = round(resident(os.getpid()), 1)
                    print(f"{number:5} jobs  {curve[number]:8.1f} MiB")
        store.close()
    if json_file is not None:
        json_file.write_text(json.dumps(curve, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
