"""What benchmarks see of the app's store and jobs while they kill processes."""

import io
from pathlib import Path

from PIL import Image

from core.recipes.neuron import NeuronRecipe
from explorer.jobs.claims import Claims
from explorer.jobs.job import Job
from explorer.jobs.job_queue import Jobs
from explorer.jobs.worker_locks import dead_workers
from explorer.store.database import FILE_NAME
from explorer.store.results import Store


class StoreWatcher:
    """Reads the app's store from another process, and remembers the keys of finished results."""

    def __init__(self, home: Path) -> None:
        self.store = Store(home / FILE_NAME)
        self.jobs = Jobs(self.store)
        self._seen: dict[str, int] = {}

    def check(self) -> list[str]:
        """Return descriptions of errors: lost or half-written results, or a damaged database."""
        wrong = []
        with self.store.reading() as connection:
            (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
            found = dict(connection.execute("SELECT key, recipe FROM results").fetchall())
        if integrity != "ok":
            wrong.append(f"integrity: {integrity}")
        wrong += [f"{key} was finished and is gone" for key in self._seen.keys() - found.keys()]
        for key in found.keys() - self._seen.keys():
            wrong += self._half_written(key, found[key])
            self._seen[key] = 1
        return wrong

    def _half_written(self, key: str, recipe: str) -> list[str]:
        result = self.store.get(key, shipped=False)
        if result is None:
            return [f"{key} is there and cannot be read"]
        missing = set(NeuronRecipe.from_json(recipe).units) - result.pictures.keys()
        if missing:
            return [f"{key} misses {sorted(missing)}"]
        for picture in result.pictures.values():
            Image.open(io.BytesIO(picture.image)).load()
        return []

    def stopped(self) -> list[Job]:
        """Return the jobs that are neither open nor done, such as failed ones."""
        return self.jobs.select("WHERE state NOT IN ('open', 'done')")

    @property
    def finished(self) -> int:
        """Number of finished results that ``check`` has seen so far."""
        return len(self._seen)

    def settled(self) -> bool:
        """Whether no claim on a job belongs to a dead worker."""
        claiming = [name for name, _ in Claims(self.store).claiming_workers()]
        return not dead_workers(self.store, claiming)

    def resume_stopped(self, wrong: list[str]) -> int:
        """Resume all jobs that have stopped, and return their number; each must say why."""
        stopped = self.stopped()
        wrong += [f"{it.id} is {it.state} and does not say why" for it in stopped if not it.message]
        for job in stopped:
            self.jobs.resume(job.key, "visitor 0")
        return len(stopped)

    def all_done(self) -> bool:
        """Whether no job is open; jobs that have stopped are resumed."""
        self.resume_stopped([])
        return not self.jobs.open()
