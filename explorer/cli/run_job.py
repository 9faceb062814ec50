"""Working on a job in this very process, with a bar on standard error."""

import _thread
import contextlib
import functools
import os
import threading
import time
from collections.abc import Iterator

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from core.errors import ExplorerError
from core.recipes.recipe import Recipe
from explorer.cli.options import print_note
from explorer.jobs import processes, worker
from explorer.jobs.job_queue import Job, Jobs
from explorer.jobs.supervisor import PATIENCE_SECONDS
from explorer.rendering import render_recipe
from explorer.store.results import Store, StoredPicture
from explorer.text import recipe_summary

INTERRUPTED = 130
# How often the bar moves.
FOLLOW_SECONDS = 0.2


def visitor_name() -> str:
    """Name this process among those who ask for work."""
    return f"command line {os.getpid()}"


def progress_bar() -> Progress:
    """Make a bar with the time left."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))


def run_recipe(
    store: Store, recipe: Recipe, device: str, fresh: bool = False, shipped: bool = True
) -> list[StoredPicture]:
    """Make what the store lacks of a recipe, as a job, and give its pictures in order.

    Args:
        store: where the pictures go.
        recipe: what is wanted.
        device: where to compute.
        fresh: make also what the store has.
        shipped: whether pictures that came with the project, which are lossy, will do.
    """
    job = Jobs(store).submit(recipe, visitor_name(), fresh=fresh, shipped=shipped)
    if job.open:
        run_job(store, job, device)
    found = store.pictures(recipe)
    return [found[number] for number in recipe.pictures]


def run_job(store: Store, job: Job, device: str = "auto") -> None:
    """Work on a job until it is done, beside whoever else does.

    Raises:
        ExplorerError: it failed, or somebody stopped it.
        typer.Exit: it was interrupted here; what is finished is kept.
    """
    queue = Jobs(store)
    name = processes.new_worker_name()
    made = worker.Worker(
        store, name, functools.partial(render_recipe.render_updates, device=device)
    )
    pressed = False
    with processes.hold_lock(store, name):
        try:
            with _followed(queue, job):
                while queue.find(job.key).open:
                    if not made.turn(only=job.key):
                        _wait(store, job.key)
        except KeyboardInterrupt:
            pressed = True
    job = queue.find(job.key)
    if pressed and job.open:
        _leave(queue.cancel(job.key, visitor_name()))
    _end(job)


def wait_for(store: Store, job: Job) -> None:
    """Show how far a job is that others work on, until it is done.

    Raises:
        ExplorerError: it failed, or somebody stopped it.
        typer.Exit: it was interrupted here; what is finished is kept.
    """
    queue = Jobs(store)
    try:
        with _followed(queue, job):
            while queue.find(job.key).open:
                time.sleep(worker.IDLE_SECONDS)
    except KeyboardInterrupt:
        _leave(queue.cancel(job.key, visitor_name()))
    _end(queue.find(job.key))


def _end(job: Job) -> None:
    """Say why a job that is over is not done."""
    if job.state == "cancelled":
        raise ExplorerError(f"this was stopped; `resume {job.id}` goes on with what is left")
    if job.state != "done":
        raise ExplorerError(job.message)


def _wait(store: Store, key: str) -> None:
    """Let others finish what they have claimed of a job; if they were killed, it is ours."""
    processes.mark_interrupted(store)
    queue = Jobs(store)
    if queue.find(key).state == "interrupted":
        queue.resume(key, visitor_name())
    time.sleep(worker.IDLE_SECONDS)


def _leave(job: Job) -> None:
    """Say what becomes of a job that was interrupted here, and exit."""
    words = f"stopped at {job.fraction:.0%}; `resume {job.id}` goes on with what is left"
    if job.open:
        words = "left; somebody else waits for this, so it goes on"
    print_note(words)
    raise typer.Exit(INTERRUPTED)


@contextlib.contextmanager
def _followed(queue: Jobs, job: Job) -> Iterator[None]:
    """Show how far a job is, from a thread."""
    over = threading.Event()
    with progress_bar() as shown:
        follow = threading.Thread(target=_follow, args=(queue, job, shown, over))
        follow.start()
        try:
            yield
        finally:
            over.set()
            follow.join()


def _follow(queue: Jobs, job: Job, shown: Progress, over: threading.Event) -> None:
    task = shown.add_task(recipe_summary.describe_recipe(job.recipe), total=1.0)
    stopped: float | None = None
    # What is wrong with the store, the worker meets too, and says.
    with contextlib.suppress(ExplorerError), contextlib.closing(queue.store):
        while not over.wait(FOLLOW_SECONDS):
            queue.watch(job.key, visitor_name())
            job = queue.find(job.key)
            shown.update(task, completed=job.fraction)
            if job.open:
                stopped = None
            elif stopped is None:
                stopped = time.monotonic()
            elif time.monotonic() - stopped > PATIENCE_SECONDS:
                # A worker in the middle of a long step hears of a cancel late.
                _thread.interrupt_main()
                return
        shown.update(task, completed=queue.find(job.key).fraction)
