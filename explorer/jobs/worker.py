"""The worker: claims parts of jobs, renders them, and stores their progress and results.

A part that takes long pauses while other parts come first: it stays in memory as it is, and goes on
afterwards, so that nothing is computed twice.

The app starts one or more processes ``python -m explorer.jobs.worker``. A command uses the class
``Worker`` in the command's process. While a worker runs, it holds a lock on a file that has the
worker's name, so that other processes can find out that it died (see ``explorer.jobs.processes``).
"""

import argparse
import contextlib
import gc
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from core import allocator
from core.errors import ExplorerError, reason_of
from core.recipes.recipe import Recipe
from explorer import cores, own_code
from explorer.jobs.claims import Claim, Claims
from explorer.jobs.job import INTERRUPTED
from explorer.jobs.processes import REST_SECONDS, exit_on_sigterm, exit_with_parent
from explorer.jobs.queue_order import TURN_SECONDS, UNSERVED_SECONDS, Decision
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
        pauses: bool = False,
        networks: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        """Prepare the worker.

        Args:
            store: the store with the job queue.
            name: a unique name, as ``new_worker_name`` returns it.
            compute: renders a recipe, as ``explorer.rendering.render_recipe.render_updates`` does.
            on_update: called with every update, for example to show progress.
            pauses: whether a part pauses while others come first. One part at a time is paused, so
                that at most two take memory.
            networks: as for ``Claims``.
        """
        self.name = name
        self._store = store
        self._claims = Claims(store, networks=networks)
        self._compute = compute
        self._on_update = on_update
        self._pauses = pauses
        # The last claim, and why it failed, as long as that is not stored.
        self._failed: tuple[Claim, str] | None = None
        # The part that is paused while others are rendered.
        self._paused: Claim | None = None

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

        In between, do with it what ``explorer.jobs.queue_order.decide`` says.
        """
        started = reported = calm_until = time.monotonic()
        turn_ends, paused = started + TURN_SECONDS, 0.0
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
                decision = self._claims.decide(claim, now >= turn_ends)
                if decision is Decision.RELEASE:
                    self._claims.release(claim)
                    return
                self._release_paused()
                if decision is Decision.PAUSE and self._may_pause and now >= calm_until:
                    others_left = self._serve_others(claim)
                    resumed = time.monotonic()
                    paused += resumed - now
                    turn_ends = resumed + TURN_SECONDS
                    calm_until = turn_ends if others_left else resumed
        self._claims.finish(claim, pictures, time.monotonic() - started - paused)

    @property
    def _may_pause(self) -> bool:
        return self._pauses and self._paused is None

    def _serve_others(self, claim: Claim) -> bool:
        """Render what comes first while a part is paused, for up to about ``UNSERVED_SECONDS``.

        Return whether something still comes first.
        """
        began = time.monotonic()
        self._claims.pause(claim)
        self._paused = claim
        try:
            while self.run_next_part():
                free_memory()
                if self._claims.decide(claim) is not Decision.PAUSE:
                    return False
                if time.monotonic() - began >= UNSERVED_SECONDS:
                    return True
            return False
        finally:
            self._paused = None
            self._claims.resume(claim)

    def _release_paused(self) -> None:
        """Release the paused part if it is not needed any more."""
        if self._paused is not None and self._claims.decide(self._paused) is Decision.RELEASE:
            self._claims.release(self._paused)


def free_memory() -> None:
    """Return the memory that the last part took to the operating system."""
    # Truncated networks refer to themselves, so they stay until the collection.
    gc.collect()
    allocator.release_memory()


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
    what = reason_of(error, typed=True)
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
    own_code.add_argument(parser)
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
        _work(store, chosen.name, chosen.module)
    except SystemExit as ended:
        # A normal exit would wait for the thread that waits for the end of the parent process.
        os._exit(int(ended.code or 0))


def _work(store: Store, name: str, modules: Sequence[Sequence[str]]) -> None:
    """Render parts of jobs until this process gets SIGTERM, which raises ``SystemExit``."""
    with hold_lock(store, name) as lock:
        from explorer.rendering import render_recipe

        own_code.expect(modules)
        # What was imported is never freed, so looking for garbage in it takes time only.
        gc.freeze()
        compute = cores.sharing(render_recipe.render_updates)
        worker = Worker(store, name, compute, pauses=True, networks=own_code.networks)
        while True:
            try:
                lock.hold()
                if worker.run_next_part():
                    free_memory()
                else:
                    time.sleep(IDLE_SECONDS)
            except (ExplorerError, OSError) as error:
                # The disk may be full, or the data folder may be gone.
                LOG.warning("%s: %s", name, error)
                time.sleep(REST_SECONDS)


if __name__ == "__main__":
    main()
