"""Running a job in this process, or waiting for a job, with a progress bar on standard error."""

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
from explorer import cores
from explorer.cli.command_io import print_note
from explorer.jobs import processes, worker, worker_locks
from explorer.jobs.job import Job
from explorer.jobs.job_queue import Jobs
from explorer.jobs.supervisor import PATIENCE_SECONDS
from explorer.rendering import render_recipe
from explorer.store.database import NothingSaved
from explorer.store.results import Store, StoredPicture
from explorer.text import recipe_summary
from explorer.text.formatting import percent

INTERRUPTED = 130
# Seconds between two updates of the bar.
FOLLOW_SECONDS = 0.2


def visitor_name() -> str:
    """Return the visitor's name that this process uses in the job queue."""
    return f"command line {os.getpid()}"


def progress_bar() -> Progress:
    """Build a progress bar that shows the remaining time."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))


def run_recipe(
    store: Store, recipe: Recipe, device: str, fresh: bool = False, shipped: bool = True
) -> list[StoredPicture]:
    """Render the missing parts of a recipe as a job, and return all pictures in order.

    Args:
        store: the store with the job queue and the results.
        recipe: a recipe of any kind.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        fresh: whether to render also the parts whose result is in the store.
        shipped: whether to use pictures that ship with the project, which are lossy.

    Raises:
        ExplorerError, typer.Exit: as for ``run_job``.
    """
    pictures = {} if fresh or not shipped else store.pictures(recipe)
    try:
        job = Jobs(store).submit(recipe, visitor_name(), fresh=fresh, shipped=shipped)
    except NothingSaved:
        # What is there can be shown; the store has said already that nothing can be saved.
        if len(pictures) < len(recipe.pictures):
            raise
    else:
        if job.open:
            run_job(store, job, device)
        pictures = store.pictures(recipe)
    return [pictures[number] for number in recipe.pictures]


def run_job(store: Store, job: Job, device: str = "auto") -> None:
    """Render a job in this process until it is done; other workers may render parts of it.

    Raises:
        ExplorerError: the job failed, or another user cancelled it.
        typer.Exit: the user interrupted the command; the results of finished parts are kept.
    """
    queue = Jobs(store)
    name = processes.new_worker_name()
    own_worker = worker.Worker(
        store, name, cores.sharing(functools.partial(render_recipe.render_updates, device=device))
    )
    interrupted = False
    with worker_locks.hold_lock(store, name):
        try:
            with _showing_progress(queue, job):
                while _unfinished(queue, job.key):
                    if not own_worker.run_next_part(only=job.key):
                        time.sleep(worker.IDLE_SECONDS)
        except KeyboardInterrupt:
            interrupted = True
    job = queue.find(job.key)
    if interrupted and job.open:
        _exit_interrupted(queue.cancel(job.key, visitor_name()))
    _check_done(job)


def wait_for(store: Store, job: Job) -> None:
    """Show the progress of a job that other workers render, until it is done.

    Raises:
        ExplorerError: the job failed, or another user cancelled it.
        typer.Exit: the user interrupted the command; the results of finished parts are kept.
    """
    queue = Jobs(store)
    try:
        with _showing_progress(queue, job):
            while queue.find(job.key).open:
                time.sleep(worker.IDLE_SECONDS)
    except KeyboardInterrupt:
        _exit_interrupted(queue.cancel(job.key, visitor_name()))
    _check_done(queue.find(job.key))


def _check_done(job: Job) -> None:
    """Check that a job that has ended is done.

    Raises:
        ExplorerError: the job was cancelled, failed or was interrupted.
    """
    if job.state == "cancelled":
        raise ExplorerError(f"this was stopped; `resume {job.id}` goes on with what is left")
    if job.state != "done":
        raise ExplorerError(job.message)


def _unfinished(queue: Jobs, key: str) -> bool:
    """Whether a job is to be rendered; queue it again if another worker of it was killed."""
    job = queue.find(key)
    if job.state == "interrupted":
        job = queue.resume(key, visitor_name())
    return job.open


def _exit_interrupted(job: Job) -> None:
    """Print whether an interrupted job has stopped or continues for other users, and exit."""
    words = f"stopped at {percent(job.fraction)}; `resume {job.id}` goes on with what is left"
    if job.open:
        words = "left; somebody else waits for this, so it goes on"
    print_note(words)
    raise typer.Exit(INTERRUPTED)


@contextlib.contextmanager
def _showing_progress(queue: Jobs, job: Job) -> Iterator[None]:
    """Show a progress bar of a job within the ``with`` statement; a thread updates the bar."""
    over = threading.Event()
    with progress_bar() as bar:
        thread = threading.Thread(target=_update_bar, args=(queue, job, bar, over))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _update_bar(queue: Jobs, job: Job, bar: Progress, over: threading.Event) -> None:
    """Update a progress bar until ``over`` is set.

    Interrupt the main thread if it still renders the job ``PATIENCE_SECONDS`` after it has stopped.
    """
    task = bar.add_task(recipe_summary.describe_recipe(job.recipe), total=1.0)
    stopped_at: float | None = None
    # Errors of the store are ignored here, because the main thread gets and reports them too.
    with contextlib.suppress(ExplorerError), contextlib.closing(queue.store):
        while not over.wait(FOLLOW_SECONDS):
            queue.watch(job.key, visitor_name())
            job = queue.find(job.key)
            bar.update(task, completed=job.fraction)
            if job.open:
                stopped_at = None
            elif stopped_at is None:
                stopped_at = time.monotonic()
            elif time.monotonic() - stopped_at > PATIENCE_SECONDS:
                # A worker notices a cancelled job only after its current step, which may be long.
                _thread.interrupt_main()
                return
        bar.update(task, completed=queue.find(job.key).fraction)
