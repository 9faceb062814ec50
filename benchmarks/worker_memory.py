"""Memory of one worker over many jobs, without a server.

``python -m benchmarks.worker_memory`` starts one worker process as the app does, queues small
neurons of all layers of SketchNet one after the other, and prints the resident memory of the worker
between jobs. It exits with 1 if the memory at the last job is more than 1.05 times that at job 100.
It needs Linux, because it reads ``/proc``.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.server import resident
from core.networks import registry
from core.neurons import render_neurons
from explorer.jobs.job_queue import Jobs
from explorer.jobs.supervisor import Supervisor
from explorer.store.results import Store

EVERY = 25
# The memory is compared with that at this job, and may be this many times as much.
FIRST, LIMIT = 100, 1.05
SIZE, STEPS, UNITS = 48, 16, 24
# A worker returns freed memory when its part is done, just after the job is marked as done.
REST_SECONDS = 1.0
WAIT_SECONDS = 0.02


def main(
    jobs: Annotated[int, typer.Option(help="How many.", min=FIRST)] = 500,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the curve here.")] = None,
) -> None:
    """Render many small jobs, and print the memory in MiB after every 25 of them."""
    network = registry.load(registry.SKETCHNET, device="cpu")
    layers = [layer.name for layer in network.shown]
    curve = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store.sqlite3")
        queue, supervisor = Jobs(store), Supervisor(store, 1)
        supervisor.start()
        try:
            for number in range(1, jobs + 1):
                layer, unit = layers[number % len(layers)], number % UNITS
                recipe = render_neurons.plan(network, layer, [unit], SIZE, STEPS, number)
                queue.submit(recipe, "somebody")
                while queue.get(recipe.key).state != "done":
                    time.sleep(WAIT_SECONDS)
                if number % EVERY == 0:
                    time.sleep(REST_SECONDS)
                    curve[number] = round(resident(supervisor.processes[0]), 1)
                    print(f"{number:5} jobs  {curve[number]:8.1f} MiB")
        finally:
            supervisor.stop()
            store.close()
    growth = curve[max(curve)] / curve[FIRST]
    print(f"{growth:.3f} times the memory at job {FIRST}")
    if json_file is not None:
        json_file.write_text(json.dumps(curve, indent=2) + "\n", encoding="utf-8")
    raise typer.Exit(1 if growth > LIMIT else 0)


if __name__ == "__main__":
    typer.run(main)
