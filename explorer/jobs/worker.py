"""The worker: claims parts of jobs, renders them, and stores their progress and results.

The app starts one or more processes ``python -m explorer.jobs.worker``. A command uses the class
``Worker`` in the command's process. While a worker runs, it holds a lock on a file that has the
worker's name, so that other processes can find out that it died (see ``explorer.jobs.processes``).
"""

import argparse
import contextlib
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from core import allocator
from core.errors import ExplorerError
from core.recipes.recipe import Recipe
from explorer.jobs.claims import Claim, Claims
from explorer.jobs.job import INTERRUPTED
from explorer.jobs.processes import REST_SECONDS, exit_on_sigterm, exit_with_parent
from explorer.jobs.worker_locks import hold_lock, remove_lock
from explorer.rendering.update import Update
from explorer.store.results import Store, StoredPicture

# Renders a recipe, given the file of its weights (None for the published weights) and the encoded
# input pictures by their fingerprints.
Compute = Callable[[Recipe, Path | None, Mapping[str, bytes]], Iterator[Update]]

LOG = logging.getLogger(__name__)
# Time between two attempts to claim a part, and between two reports of progress.
IDLE_SECONDS = 0.1
REPORT_SECONDS = 0.2
# Workers run with a lower priority than the server, so that pages stay responsive.
NICENESS = 10


class Worker:
    """Renders parts of jobs, one at a time.

    Attributes:
        name: unique name of the worker.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        compute: Compute,
        on_update: Callable[[Claim, Update], None] | None = None,
    ) -> None:
        """Prepare the worker.

        Args:
            store: the store with the job queue.
            name: a unique name, as ``new_worker_name`` returns it.
            compute: renders a recipe, as ``explorer.rendering.render_recipe.render_updates`` does.
            on_update: called with every update, for example to show progress.
        """
        self.name = name
        self._store = store
        self._claims = Claims(store)
        self._compute = compute
        self._on_update = on_update
        # The last claim, and why it failed, as long as that is not stored.
        self._failed: tuple[Claim, str] | None = None

    def run_next_part(self, only: str | None = None) -> bool:
        """Claim and render the next part; return whether a part could be claimed.

        Args:
            only: key of the only job to work on; None for all jobs.

        Raises:
            ExplorerError: the store cannot be read or written.
        """
        self._end_last_claim()
        claim = self._claims.claim(self.name, only)
        if claim is None:
            return False
        try:
            self._render(claim)
        except ExplorerError as error:
            self._failed = claim, str(error)
        except MemoryError:
            self._failed = claim, "there is not enough memory for this; try a smaller size"
        except Exception as error:
            traceback.print_exc()
            self._failed = claim, _describe_error(error)
        except BaseException:
            self._claims.release(claim)
            raise
        self._end_last_claim()
        return True

    def _end_last_claim(self) -> None:
        """Store that the last part failed, if it did.

        If the disk is full, this raises an error, and the next call of ``run_next_part`` tries it
        again.
        """
        if self._failed is not None:
            self._claims.fail(*self._failed)
            self._failed = None

    def _render(self, claim: Claim) -> None:
        """Render a part and store its result.

        Release the part unfinished if its job is cancelled, or if a more urgent job is waiting.
        """
        started = reported = time.monotonic()
        pictures: list[StoredPicture] = []
        recipe = claim.recipe
        inputs = gather_inputs(self._store, recipe)
        updates = self._compute(recipe, self._store.checkpoint(recipe.weights), inputs)
        with contextlib.closing(updates):  # type: ignore[type-var]
            for update in updates:
                pictures += update.pictures
                if self._on_update is not None:
                    self._on_update(claim, update)
                now = time.monotonic()
                if now - reported < REPORT_SECONDS and not update.previews:
                    continue
                reported = now
                self._claims.report(
                    claim, update.done, update.total, update.previews, update.history
                )
                if not self._claims.should_continue(claim):
                    self._claims.release(claim)
                    return
        self._claims.finish(claim, pictures, time.monotonic() - started)


def gather_inputs(store: Store, recipe: Recipe) -> dict[str, bytes]:
    """Load the encoded input pictures of a recipe, by their fingerprints.

    The recipe of a film's frame starts from the picture of the frame before (``recipe.previous``).
    If that picture is in the store, it is returned too, under the key of ``recipe.previous``, and
    only the inputs ``recipe.inputs_with_previous`` are loaded.
    """
    continued: dict[str, bytes] = {}
    previous = recipe.previous
    if previous is not None:
        found = store.picture(previous.key, previous.pictures[-1])
        continued = {} if found is None else {previous.key: found.image}
    names = recipe.inputs_with_previous if continued else recipe.inputs
    return {**continued, **{it: store.input(it) or b"" for it in names}}


def _describe_error(error: Exception) -> str:
    """Return the message for a job that failed with an unexpected error."""
    words = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {words[0]}" if words else type(error).__name__
    if "out of memory" in what.lower() or "can't allocate memory" in what.lower():
        return f"there is not enough memory for this ({what}); try a smaller size"
    return f"this went wrong inside the explorer ({what}); its log says where"


def main() -> None:
    """Work until the process that started this one ends."""
    parser = argparse.ArgumentParser(
        prog="python -m explorer.jobs.worker", description=main.__doc__
    )
    parser.add_argument("name", help="tells this worker from every other")
    parser.add_argument("store", type=Path, help="the store's file")
    parser.add_argument("--threads", type=int, default=0, help="processors to use; 0 for all")
    chosen = parser.parse_args()
    store = Store(chosen.store)

    def leave() -> None:
        Claims(store).release_dead([chosen.name], "interrupted", INTERRUPTED)
        remove_lock(store, chosen.name)

    threading.Thread(target=exit_with_parent, args=[leave], daemon=True).start()
    exit_on_sigterm()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    try:
        _work(store, chosen.name, chosen.threads)
    except SystemExit as ended:
        # A normal exit would wait for the thread that waits for the end of the parent process.
        os._exit(int(ended.code or 0))


def _work(store: Store, name: str, threads: int) -> None:
    """Render parts of jobs until this process gets SIGTERM, which raises ``SystemExit``."""
    with hold_lock(store, name) as lock:
        import torch

        from explorer.rendering import render_recipe

        if threads:
            torch.set_num_threads(threads)
        worker = Worker(store, name, render_recipe.render_updates)
        while True:
            try:
                lock.hold()
                if worker.run_next_part():
                    allocator.release_memory()
                else:
                    time.sleep(IDLE_SECONDS)
            except (ExplorerError, OSError) as error:
                # The disk may be full, or the data folder may be gone.
                LOG.warning("%s: %s", name, error)
                time.sleep(REST_SECONDS)


if __name__ == "__main__":
    main()
