"""Commands that list what is being made and what was, and that stop work or go on with it."""

from datetime import datetime, timezone
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.errors import ExplorerError
from explorer.cli.options import AsJson, DeviceName, cli, print_json
from explorer.gallery.queries import Gallery, Search, entry_title
from explorer.jobs import processes
from explorer.jobs.job import Job
from explorer.jobs.job_queue import Jobs
from explorer.store.results import Store

JobId = Annotated[str, typer.Argument(help="A job's id; `jobs` and `gallery` show them.")]

# Those that wait or run in their order, then those that stopped by themselves, the latest first.
UNFINISHED = """
WHERE state IN ('open', 'failed', 'interrupted') AND deleted IS NULL
ORDER BY state <> 'open', CASE WHEN state = 'open' THEN rank END, ended DESC, queued
"""


@cli.command()
def jobs(as_json: AsJson = False) -> None:
    """List the work that waits, runs, was interrupted or failed."""
    store = Store()
    processes.mark_interrupted(store)
    listed = Jobs(store).select(UNFINISHED)
    if as_json:
        print_json([{**_facts(job), **_progress(job)} for job in listed])
        return
    if not listed:
        Console(stderr=True).print("nothing waits or runs")
        return
    table = Table("id", "what", "state", "done", "")
    for job in listed:
        table.add_row(
            job.id, Text(entry_title(job)), job.state, f"{job.fraction:.0%}", Text(_remark(job))
        )
    Console().print(table)


@cli.command()
def gallery(
    kind: Annotated[str, typer.Option(help="Only of this kind, such as neurons.")] = "",
    network: Annotated[str, typer.Option(help="Only of this network.")] = "",
    layer: Annotated[str, typer.Option(help="Only of this layer.")] = "",
    starred: Annotated[bool, typer.Option("--starred", help="Only what has a star.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=10_000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List what has been made, the newest first."""
    found = Gallery(Jobs(Store()))
    made = found.entries(Search(kind, network, layer, starred), per_page=limit)
    if as_json:
        print_json([{**_facts(job), **_made(found, job)} for job in made])
        return
    if not made:
        Console(stderr=True).print("nothing of this kind has been made yet")
        return
    table = Table("id", "", "what", "made", "pictures")
    for job in made:
        row = _made(found, job)
        when = datetime.fromisoformat(row["when"]).astimezone().strftime("%Y-%m-%d %H:%M")
        star = "\N{BLACK STAR}" if job.starred else ""
        table.add_row(job.id, star, Text(entry_title(job)), when, str(row["pictures"]))
    Console().print(table)


@cli.command()
def cancel(job_id: JobId) -> None:
    """Stop a job, whoever asked for it; what is finished of it is kept."""
    queue = Jobs(Store())
    job = queue.find(job_id)
    if not job.open:
        raise ExplorerError(f"job {job.id} is {job.state} already")
    queue.cancel(job.key)
    Console(stderr=True, soft_wrap=True).print(f"stopped {entry_title(job)}", markup=False)


@cli.command()
def resume(job_id: JobId, device: DeviceName = "auto") -> None:
    """Go on with a job that waits or has stopped, in this process."""
    store = Store()
    queue = Jobs(store)
    job = queue.find(job_id)
    if job.state == "done":
        raise ExplorerError(f"job {job.id} is done already")
    from explorer.cli.run_job import run_job, visitor_name

    run_job(store, queue.resume(job.key, visitor_name()), device)
    Console(stderr=True, soft_wrap=True).print(f"finished {entry_title(job)}", markup=False)


def _facts(job: Job) -> dict[str, Any]:
    """What is known of every job, as JSON values."""
    names = ("id", "key", "kind", "network", "layer", "title", "state")
    return {"what": entry_title(job), **{it: getattr(job, it) for it in names}}


def _progress(job: Job) -> dict[str, Any]:
    """How far a job is, and what it waits for."""
    return {
        "progress": job.fraction,
        "seconds_left": job.seconds_left,
        "before": job.before if job.open else None,
        "message": job.message,
    }


def _made(found: Gallery, job: Job) -> dict[str, Any]:
    """When and how something was made."""
    when = datetime.fromtimestamp(job.ended or job.queued, timezone.utc)
    return {
        "starred": job.starred,
        "when": when.isoformat(timespec="seconds"),
        "seconds": job.spent,
        "pictures": sum(it.finished for it in found.picture_refs(job)),
    }


def _remark(job: Job) -> str:
    """Say what a job waits for, how long it takes, or why it stopped."""
    if job.state == "waiting" and job.before:
        return f"{job.before} before it"
    if job.open and job.seconds_left is not None:
        return f"{job.seconds_left:.0f} s left"
    return job.message
