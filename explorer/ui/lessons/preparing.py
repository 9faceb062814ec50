"""The background task that makes all images and measurements of the lessons beforehand.

It is run as ``python -m explorer.ui.lessons.preparing NETWORK``. It opens the slides of the lessons
as a visitor does, with every setting of the experiments, and renders the jobs that they request.
The workers of a running app help. It opens again what has requested anything, until nothing is
missing. The pictures are then in the store, and the measurements in files
(``explorer.ui.lessons.remembered``), so the task may be stopped and started again.
"""

import argparse
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from core.errors import ExplorerError
from core.networks import Network
from explorer import cores
from explorer.engine import ENGINE_VARIABLE, LOCAL
from explorer.jobs.job_queue import Jobs
from explorer.jobs.processes import new_worker_name
from explorer.jobs.supervisor import WORKERS_VARIABLE
from explorer.jobs.worker import IDLE_SECONDS, Worker
from explorer.jobs.worker_locks import hold_lock
from explorer.library import background_task, lessons_task
from explorer.ui import presenter, server_state
from explorer.ui.lessons.lesson_parts import parts_of
from explorer.ui.lessons.slides import EXPERIMENT, answer_slides
from explorer.ui.lessons.texts import LESSONS
from explorer.ui.page_runner import run_page

# Seconds between two notes in the queue that the jobs are watched, so that they are not dropped.
WATCH_SECONDS = 2.0
# A picture takes about this many times as long as to open a slide.
PICTURE_UNITS = 4

Query: TypeAlias = dict[str, str]


def queries(network: Network) -> list[Query]:
    """Return the queries of all slides with images or measurements, with all settings."""
    found = []
    for lesson in LESSONS:
        parts = parts_of(lesson)
        place = {"network": network.name, "lesson": str(lesson.number)}
        choices = [{}, *parts.choices(network)]
        found += [{**place, presenter.PARAMETER: str(EXPERIMENT), **it} for it in choices]
        measured = [{name: it[name] for name in parts.measured_by if name in it} for it in choices]
        for choice in {tuple(it.items()): it for it in measured}.values():
            found += [
                {**place, presenter.PARAMETER: str(slide), **choice}
                for slide in answer_slides(lesson)
            ]
    return found


def prepare(network: Network) -> Iterator[tuple[int, int]]:
    """Make all images and measurements of the lessons with a network.

    Yields:
        The amounts of finished work and of all work that is known by now.

    Raises:
        ExplorerError: nothing can be saved.
    """
    if problem := server_state.store().problem:
        raise ExplorerError(problem)
    visitor = f"lessons {os.getpid()}"
    left = queries(network)
    done, total = 0, len(left)
    while left:
        missing: dict[str, None] = {}
        again = []
        with _Watching(visitor) as watching:
            for query in left:
                app = run_page("lessons", query, visitor)
                if keys := app.session_state["filling"]:
                    again.append(query)
                    # What was opened last comes first in the queue, also what is opened again.
                    missing = dict.fromkeys([*keys, *missing])
                    watching.keys = list(missing)
                done += 1
                yield done, total + PICTURE_UNITS * len(missing)
            total += PICTURE_UNITS * len(missing) + len(again)
            for finished in _render(list(missing)):
                yield done + PICTURE_UNITS * finished, total
        done += PICTURE_UNITS * len(missing)
        left = again


class _Watching:
    """Notes in the queue, within a ``with`` statement, that a visitor watches some jobs.

    Attributes:
        keys: the keys of the jobs.
    """

    def __init__(self, visitor: str) -> None:
        self.keys: Sequence[str] = ()
        self._visitor = visitor
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Watching":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        queue = Jobs(server_state.store())
        while not self._over.wait(WATCH_SECONDS):
            for key in self.keys:
                # The time 0 leaves the order of what the visitor has opened as it is.
                queue.watch(key, self._visitor, looked=0.0)


def _render(keys: Sequence[str]) -> Iterator[int]:
    """Render jobs until none of them is open, together with the workers of a running app.

    Args:
        keys: keys of the jobs, in the order of the queue. A part is given back while another one of
            the same visitor comes first.

    Yields:
        The number of jobs that are finished.
    """
    from explorer.rendering import render_recipe

    store = server_state.store()
    queue, name = Jobs(store), new_worker_name()
    worker = Worker(store, name, cores.sharing(render_recipe.render_updates))
    left, refused = deque(keys), 0
    with hold_lock(store, name) as lock:
        while left:
            job = queue.get(left[0])
            if job is None or not job.open:
                left.popleft()
                yield len(keys) - len(left)
                continue
            lock.hold()
            refused = 0 if worker.run_next_part(only=job.key) else refused + 1
            if refused >= len(left):
                time.sleep(IDLE_SECONDS)  # other workers are at all of them
            if (now := queue.get(job.key)) is not None and now.open:
                left.rotate(-1)


def _work(name: str) -> None:
    for done, total in prepare(server_state.network(name)):
        background_task.report_progress(done, total)


def main() -> None:
    """Make what the lessons show, until the process that started this one ends."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {lessons_task.MODULE}", description=main.__doc__
    )
    parser.add_argument("network", help="name of the network")
    network = parser.parse_args().network
    # The pages start no workers here, and Ctrl-C ends the process that started this one.
    os.environ |= {WORKERS_VARIABLE: "0", ENGINE_VARIABLE: LOCAL}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    background_task.run_task(lambda: _work(network))


if __name__ == "__main__":
    main()
