"""Benchmark of long work: whether kills, many users or many jobs lose, delay or leak anything.

``python -m benchmarks.endurance kills|atlas|crowd|memory`` runs the real app, prints the results
and writes them as JSON. It exits with 1 if anything was lost. It needs Linux, because it reads
``/proc``.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.server import Server, Visitor, resident
from benchmarks.store_watcher import StoreWatcher
from core.networks import registry
from core.neurons import render_neurons
from core.recipes.neuron import NeuronRecipe
from explorer.jobs.claims import Claims
from explorer.store.results import Store

LAYER = "relu2a"
# Layers of the benchmark ``atlas``: more than are rendered within its ten rounds.
ATLAS = "relu2a,relu2b,relu3a,relu3b,relu4a,relu4b,relu5a"
SETTLE_SECONDS = 60.0
POLL_SECONDS = 0.02
AGAIN_SECONDS = 8.0
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write what was found here.")]
Engine = Annotated[str, typer.Option(help="local or ray.")]

console = Console(stderr=True)
cli = typer.Typer(help=__doc__, pretty_exceptions_enable=False, add_completion=False)


def plan(units: int, size: int, steps: int, seed: int) -> NeuronRecipe:
    """Return a recipe for the first ``units`` units of ``LAYER`` of SketchNet."""
    network = registry.load(registry.SKETCHNET, device="cpu")
    return render_neurons.plan(network, LAYER, range(units), size=size, steps=steps, seed=seed)


@cli.command()
def kills(
    rounds: int = 50, engine: Engine = "local", workers: int = 1, json_file: JsonFile = None
) -> None:
    """Kill worker or server at random moments, many times, and count what is lost."""
    generator = random.Random(0)
    wrong: list[str] = []
    counts = {"worker": 0, "server": 0, "resumed": 0}
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), engine, workers) as server:
        asyncio.run(open_page(server))
        watcher = StoreWatcher(server.home)
        seed = 0
        for number in range(rounds):
            while len(watcher.jobs.open()) < 3:
                seed += 1
                watcher.jobs.submit(plan(32, 32, 40, seed), f"visitor {seed % 3}")
            until(lambda: bool(Claims(watcher.store).claiming_workers()), "no worker began")
            time.sleep(generator.uniform(0.0, 4.0))
            victim = _kill(server, generator)
            counts[victim] += 1
            if victim == "server":
                server.start()
                asyncio.run(open_page(server))
            until(watcher.settled, "claims of dead workers stayed")
            wrong += watcher.check()
            counts["resumed"] += watcher.resume_stopped(wrong)
            console.print(f"round {number + 1}: killed the {victim}; {watcher.finished} finished")
        until(watcher.all_done, "jobs were left over", 600.0)
        wrong += watcher.check()
        done = len(watcher.jobs.select("WHERE state = 'done'"))
        watcher.store.close()
    found = {"rounds": rounds, "engine": engine, "workers": workers, **counts}
    report({**found, "jobs": seed, "done": done, "wrong": wrong}, json_file)
    raise typer.Exit(1 if wrong or done != seed else 0)


@cli.command()
def atlas(rounds: int = 10, layers: str = ATLAS, json_file: JsonFile = None) -> None:
    """Kill an atlas at random moments, start it again, and count what is lost or made twice."""
    generator = random.Random(0)
    wrong: list[str] = []
    command = [sys.executable, "-m", "explorer", "atlas", registry.SKETCHNET]
    # Images with seed 0 are shipped with the project, so they would be loaded and not rendered.
    command += ["--layers", layers, "--seed", "1", "--json"]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "EXPLORER_HOME": folder}
        watcher, rows = StoreWatcher(Path(folder)), dict[str, int]()
        for number in range(rounds):
            victim = subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            # Every third process is killed while it starts, the others after they have rendered for
            # a while. The start takes a varying time, so the first new result is waited for.
            if number % 3 < 2:
                _await_more(watcher.store, len(rows), victim)
            with contextlib.suppress(subprocess.TimeoutExpired):
                victim.wait(generator.uniform(0.0, 5.0))
            victim.kill()
            victim.wait()
            wrong += watcher.check()
            now = _rows(watcher.store)
            wrong += [f"{key} was made twice" for key in rows if now.get(key) != rows[key]]
            rows = now
            console.print(f"round {number + 1}: {len(rows)} batches are there")
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        after = _rows(watcher.store)
        wrong += watcher.check()
        wrong += [f"{key} was made twice" for key in rows if after.get(key) != rows[key]]
        if done.returncode:
            wrong.append(f"the last start failed: {done.stderr.strip()}")
        watcher.store.close()
    made = [] if done.returncode else json.loads(done.stdout)["layers"]
    found = {"rounds": rounds, "batches": len(after), "wrong": wrong}
    # "rendered" counts the units that the last start still had to render.
    for name in ("neurons", "rendered"):
        found[name] = sum(it[name] for it in made)
    report(found, json_file)
    raise typer.Exit(1 if wrong else 0)


def _await_more(store: Store, count: int, maker: subprocess.Popen[bytes]) -> None:
    """Wait until a store has more than ``count`` results, or the process ``maker`` has ended."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while len(_rows(store)) <= count and maker.poll() is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _rows(store: Store) -> dict[str, int]:
    """Return row numbers by key of the result; a result that is made again has a new number."""
    with store.reading() as connection:
        return dict(connection.execute("SELECT key, rowid FROM results").fetchall())


def _kill(server: Server, generator: random.Random) -> str:
    """Kill a worker or, with a probability of 1/3, the server; return "worker" or "server"."""
    pids = server.workers()
    if pids and generator.random() < 2 / 3:
        os.kill(generator.choice(pids), signal.SIGKILL)
        return "worker"
    server.kill()
    return "server"


def until(met: Any, otherwise: str, seconds: float = SETTLE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{otherwise} after {seconds:.0f} s")
        time.sleep(0.05)


async def open_page(server: Server) -> None:
    async with Visitor(server.port, "first") as visitor:
        await visitor.look("")


@cli.command()
def crowd(
    visitors: int = 20,
    pause: Annotated[float, typer.Option(help="Seconds between two reruns of a visitor.")] = 2.0,
    engine: Engine = "local",
    workers: int = 1,
    json_file: JsonFile = None,
) -> None:
    """Request work for many users at the same time, and time their pages until all have it."""
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), engine, workers) as server:
        asyncio.run(open_page(server))
        watcher = StoreWatcher(server.home)
        started = time.monotonic()
        seconds, waited = asyncio.run(_crowd(server, watcher, visitors, pause))
        wall = time.monotonic() - started
        states = [job.state for job in watcher.jobs.select("WHERE rank = 0")]
        watcher.store.close()
    found = {
        "visitors": visitors,
        "done": states.count("done"),
        "told to wait": waited,
        "seconds until all were done": round(wall, 1),
        "reruns": len(seconds),
        "rerun median ms": round(1000 * statistics.median(seconds), 1),
        "rerun 95% ms": round(1000 * statistics.quantiles(seconds, n=20)[-1], 1),
        "rerun worst ms": round(1000 * max(seconds), 1),
    }
    report(found, json_file)
    raise typer.Exit(0 if states.count("done") == len(states) == visitors else 1)


async def _crowd(
    server: Server, watcher: StoreWatcher, count: int, pause: float
) -> tuple[list[float], int]:
    """Rerun all users' pages until all jobs are done; return seconds, and how many users waited."""
    seconds: list[float] = []
    waited: set[int] = set()

    async def one(number: int) -> None:
        recipe = render_neurons.plan(
            registry.load(registry.SKETCHNET, device="cpu"), LAYER, [number], 64, 128, number
        )
        query = f"layer={LAYER}&unit={number}&size=64&steps=128&seed={number}"
        generator = random.Random(number)
        async with Visitor(server.port, f"visitor {number}") as visitor:
            await visitor.look("layer=relu1a")
            while True:
                seconds.append(await visitor.look(query))
                job = watcher.jobs.get(recipe.key)
                if job is None:
                    raise RuntimeError(f"the page of visitor {number} asked for nothing")
                if job.state == "waiting" and job.before:
                    waited.add(number)
                if not job.open:
                    return
                # The random pause keeps users from clicking at the same moment.
                await asyncio.sleep(pause * generator.uniform(0.5, 1.5))

    await asyncio.gather(*(one(number) for number in range(count)))
    return seconds, len(waited)


@cli.command()
def memory(
    jobs: int = 500, warm_up: int = 100, engine: Engine = "local", json_file: JsonFile = None
) -> None:
    """Do many jobs through the page, and measure the memory of server and worker."""
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), engine) as server:
        asyncio.run(open_page(server))
        watcher = StoreWatcher(server.home)
        curve = asyncio.run(_many(server, watcher, jobs))
        watcher.store.close()
    found: dict[str, Any] = {"jobs": jobs, "warm up": warm_up, "curve MiB": curve}
    grown = {}
    for who in ("server", "worker"):
        settled = [at[who] for at in curve if at["jobs"] >= warm_up]
        grown[who] = settled[-1] / settled[0] - 1
        found[f"{who} grew by"] = f"{grown[who]:+.1%}"
    report(found, json_file)
    raise typer.Exit(0 if max(grown.values()) <= 0.05 else 1)


async def _many(server: Server, watcher: StoreWatcher, count: int) -> list[dict[str, float]]:
    """Request jobs one after the other; return the memory in MiB after every tenth job."""
    curve = []
    network = registry.load(registry.SKETCHNET, device="cpu")
    layers = [layer.name for layer in network.shown]
    async with Visitor(server.port, "somebody") as visitor:
        for number in range(count):
            layer = layers[number % len(layers)]
            recipe = render_neurons.plan(network, layer, [number % 24], 48, 16, number + 1)
            query = f"layer={layer}&unit={number % 24}&size=48&steps=16&seed={number + 1}"
            looked = -AGAIN_SECONDS
            while (job := watcher.jobs.get(recipe.key)) is None or job.open:
                # On a busy machine a visit may end before its job is in the queue.
                if time.monotonic() - looked > AGAIN_SECONDS:
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(visitor.look(query), AGAIN_SECONDS)
                    looked = time.monotonic()
                await asyncio.sleep(0.05)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(visitor.look(query), AGAIN_SECONDS)
            if (number + 1) % 10 == 0:
                at = {"jobs": float(number + 1), "server": resident(server.process.pid)}
                at["worker"] = sum(resident(pid) for pid in server.workers())
                curve.append({name: round(value, 1) for name, value in at.items()})
                console.print(curve[-1])
    return curve


def report(found: dict[str, Any], json_file: Path | None) -> None:
    """Print the results, and write them as JSON if ``json_file`` is given."""
    for name, value in found.items():
        if name != "curve MiB":
            print(f"{name:28} {value}")
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    cli()
