"""Benchmark of kills: two servers share a data folder, and they and their workers are killed.

``python -m benchmarks.shared_home`` runs the real app twice, prints what was lost or left, and
exits with 1 if anything was. It needs Linux, because it reads ``/proc``.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import typer

from benchmarks.endurance import JsonFile, console, open_page, plan, report, until
from benchmarks.server import Server
from benchmarks.store_watcher import StoreWatcher
from explorer.jobs.claims import Claims
from explorer.jobs.worker_locks import STARTING_SECONDS

cli = typer.Typer(help=__doc__, pretty_exceptions_enable=False, add_completion=False)


@cli.command()
def shared_home(rounds: int = 100, json_file: JsonFile = None) -> None:
    """Kill workers and servers, two of which share a data folder, and count what is lost or left.

    Half of the kills are SIGKILL, half SIGTERM. Every tenth round, both servers are killed at once,
    and a listing from the command line must not say that anything runs.
    """
    generator = random.Random(0)
    wrong: list[str] = []
    counts = {"worker": 0, "server": 0, "both servers": 0, "resumed": 0}
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Path(folder)) as one,
        Server(Path(folder)) as other,
    ):
        both = [one, other]
        for server in both:
            asyncio.run(open_page(server))
        watcher = StoreWatcher(one.home)
        seed = 0
        for number in range(rounds):
            while len(watcher.jobs.open()) < 4:
                seed += 1
                watcher.jobs.submit(plan(32, 32, 40, seed), f"visitor {seed % 3}")
            until(lambda: bool(Claims(watcher.store).claiming_workers()), "no worker began")
            time.sleep(generator.uniform(0.0, 2.0))
            counts[_kill_some(both, generator, number % 10 == 9, wrong)] += 1
            until(watcher.settled, "claims of dead workers stayed")
            wrong += watcher.check()
            counts["resumed"] += watcher.resume_stopped(wrong)
            console.print(f"round {number + 1}: {counts}, {watcher.finished} finished")
        until(watcher.all_done, "jobs were left over", 600.0)
        wrong += watcher.check()
        done = len(watcher.jobs.select("WHERE state = 'done'"))
        for server in both:
            server.kill(signal.SIGTERM)
        wrong += _listed_as_running(one.home)
        locks = sorted(it.name for it in one.home.glob("*/*.lock"))
        watcher.store.close()
    found = {"rounds": rounds, **counts, "jobs": seed, "done": done, "stale locks": locks}
    report({**found, "wrong": wrong}, json_file)
    raise typer.Exit(1 if wrong or locks or done != seed else 0)


def _kill_some(both: list[Server], generator: random.Random, all_: bool, wrong: list[str]) -> str:
    """Kill a worker, a server or both servers, and start servers again; return what was killed."""
    sent = generator.choice((signal.SIGKILL, signal.SIGTERM))
    victims = both if all_ else [generator.choice(both)]
    pids = victims[0].workers()
    if not all_ and pids and generator.random() < 0.5:
        os.kill(generator.choice(pids), sent)
        return "worker"
    for server in victims:
        server.kill(sent)
    if all_:
        wrong += _listed_as_running(both[0].home)
    for server in victims:
        server.start()
        asyncio.run(open_page(server))
    return "both servers" if all_ else "server"


def _listed_as_running(home: Path) -> list[str]:
    """Return the jobs that the command line lists as running, though no server runs."""
    # A younger lock file may belong to a worker that is starting, so it would stay.
    time.sleep(STARTING_SECONDS + 0.5)
    done = subprocess.run(
        [sys.executable, "-m", "explorer", "jobs", "--json"],
        env={**os.environ, "EXPLORER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    listed = json.loads(done.stdout)
    return [f"{it['id']} runs without a server" for it in listed if it["state"] == "running"]


if __name__ == "__main__":
    cli()
