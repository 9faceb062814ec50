"""Commands that list, cancel and resume jobs, and list the entries of the gallery."""

import contextlib
from datetime import datetime, timezone
from typing import Annotated, Any

import typer
from rich.text import Text

from core.errors import ExplorerError
from explorer.cli import options
from explorer.cli.command_io import print_json, print_note, print_table
from explorer.cli.options import cli
from explorer.gallery.queries import Gallery, Search, entry_title
from explorer.jobs import processes
from explorer.jobs.job import Job
from explorer.jobs.job_queue import Jobs
from explorer.store.database import NothingSaved
from explorer.store.results import Store
from explorer.text.formatting import percent

JobId = Annotated[str, typer.Argument(help="A job's id; `jobs` and `gallery` show them.")]

# Selects failed and interrupted jobs, the latest first.
STOPPED = """
WHERE state IN ('failed', 'interrupted') AND deleted IS NULL ORDER BY ended DESC, queued
"""


@cli.command()
def jobs(as_json: options.AsJson = False) -> None:
    """List the work that waits, runs, was interrupted or failed."""
    store = Store()
    # A listing shows dead workers' jobs as interrupted even if this cannot be stored.
    with contextlib.suppress(NothingSaved):
        processes.mark_interrupted(store)
    queue = Jobs(store)
    listed = [*(it for it in queue.open() if it.deleted is None), *queue.select(STOPPED)]
    if as_json:
        print_json([{**_facts(job, store), **_progress(job)} for job in listed])
        return
    if not listed:
        print_note("nothing waits or runs")
        return
    print_table(
        ("id", "what", "state", "done", ""),
        (
            (
                it.id,
                Text(entry_title(it, store)),
                it.state,
                percent(it.fraction),
                Text(_remark(it)),
            )
            for it in listed
        ),
    )


@cli.command()
def gallery(
    kind: Annotated[str, typer.Option(help="Only of this kind, such as neurons.")] = "",
    network: Annotated[str, typer.Option(help="Only of this network.")] = "",
    layer: Annotated[str, typer.Option(help="Only of this layer.")] = "",
    starred: Annotated[bool, typer.Option("--starred", help="Only what has a star.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=10_000)] = 100,
    as_json: options.AsJson = False,
) -> None:
    """List what has been made, the newest first."""
    found = Gallery(Jobs(Store()))
    made = found.entries(Search(kind, network, layer, starred), per_page=limit)
    if as_json:
        print_json([{**_facts(job, found.jobs.store), **_made(found, job)} for job in made])
        return
    if not made:
        print_note("nothing of this kind has been made yet")
        return
    print_table(("id", "", "what", "made", "pictures"), (_entry_row(found, it) for it in made))


def _entry_row(found: Gallery, job: Job) -> tuple[str | Text, ...]:
    """Return the row of an entry in the gallery's table."""
    facts = _made(found, job)
    when = datetime.fromisoformat(facts["when"]).astimezone().strftime("%Y-%m-%d %H:%M")
    star = "\N{BLACK STAR}" if job.starred else ""
    return job.id, star, Text(found.title(job)), when, str(facts["pictures"])


@cli.command()
def cancel(job_id: JobId) -> None:
    """Stop a job, whoever asked for it; what is finished of it is kept."""
    queue = Jobs(Store())
    job = queue.find(job_id)
    if not job.open:
        raise ExplorerError(f"job {job.id} is {job.state} already")
    queue.cancel(job.key)
    print_note(f"stopped {entry_title(job, queue.store)}")


@cli.command()
def resume(job_id: JobId, device: options.DeviceName = "auto") -> None:
    """Go on with a job that waits or has stopped, in this process."""
    store = Store()
    queue = Jobs(store)
    job = queue.find(job_id)
    if job.state == "done":
        raise ExplorerError(f"job {job.id} is done already")
    from explorer.cli.run_job import run_job, visitor_name

    run_job(store, queue.resume(job.key, visitor_name()), device)
    print_note(f"finished {entry_title(job, store)}")


def _facts(job: Job, store: Store) -> dict[str, Any]:
    """Return the facts that ``jobs`` and ``gallery`` both list about a job, as JSON values."""
    names = ("id", "key", "kind", "network", "layer", "title", "state")
    return {"what": entry_title(job, store), **{it: getattr(job, it) for it in names}}


def _progress(job: Job) -> dict[str, Any]:
    """Return a job's progress, and the number of jobs before it in the queue, as JSON values."""
    return {
        "progress": job.fraction,
        "seconds_left": job.seconds_left,
        "before": job.before if job.open else None,
        "message": job.message,
    }


def _made(found: Gallery, job: Job) -> dict[str, Any]:
    """Return a job's star, end, duration and number of finished pictures, as JSON values."""
    when = datetime.fromtimestamp(job.ended or job.queued, timezone.utc)
    return {
        "starred": job.starred,
        "when": when.isoformat(timespec="seconds"),
        "seconds": job.spent,
        "pictures": sum(it.finished for it in found.picture_refs(job)),
    }


def _remark(job: Job) -> str:
    """Return the number of jobs before a job, its remaining time, or why it stopped, as text."""
    if job.state == "waiting" and job.before:
        return f"{job.before} before it"
    if job.open and job.seconds_left is not None:
        return f"{job.seconds_left:.0f} s left"
    return job.message
