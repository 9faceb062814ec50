"""The worker: claims parts of jobs, renders them, and stores their progress and results.

A part that takes long pauses when the turn of others comes: it stays in memory as it is, and goes
on in its next turn, so that nothing is computed twice.

The app starts one or more processes ``python -m explorer.jobs.worker``. A command uses the class
``Worker`` in the command's process. While a worker runs, it holds a lock on a file that has the
worker's name, so that other processes can find out that it died (see ``explorer.jobs.processes``).
"""

import argparse
import gc
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core import allocator
from core.errors import ExplorerError, reason_of
from core.recipes.recipe import Recipe
from explorer import cores, own_code
from explorer.jobs.claims import Claim, Claims
from explorer.jobs.job import INTERRUPTED
from explorer.jobs.processes import (
    REST_SECONDS,
    exit_on_sigterm,
    exit_with_parent,
    lower_priority,
)
from explorer.jobs.queue_order import Decision, has_room
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


@dataclass
class OpenPart:
    """A part that a worker has begun.

    Attributes:
        claim: the claim of the part.
        updates: renders the rest of it.
        pictures: the pictures that are finished.
        seconds: what its turns took, but for the present one.
    """

    claim: Claim
    updates: Iterator[Update]
    pictures: list[StoredPicture] = field(default_factory=list)
    seconds: float = 0.0

    def close(self) -> None:
        """End the rendering, and free its memory."""
        if isinstance(self.updates, Generator):
            self.updates.close()


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
            pauses: whether parts pause while others have their turn. Otherwise each part is
                rendered to its end.
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
        # The parts that are paused, by the keys of their recipes.
        self._paused: dict[str, OpenPart] = {}

    def run_next_part(self, only: str | None = None) -> bool:
        """Claim the next part, or go on with a paused one; return whether there was a part.

        It is rendered to its end, or until it pauses.

        Args:
            only: key of the only job to work on; None for all jobs.

        Raises:
            ExplorerError: the store cannot be read or written.
        """
        self._end_last_claim()
        self._release_paused()
        claim = self._claims.claim(self.name, only, self._has_room())
        if claim is None:
            return False
        part = self._paused.pop(claim.recipe.key, None)
        try:
            part = self._begin(claim) if part is None else part
            part.claim = claim
            self._render(part)
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
        finally:
            if part is not None and claim.recipe.key not in self._paused:
                part.close()
        self._end_last_claim()
        return True

    def release_all(self) -> None:
        """Stop the paused parts, and give them back unfinished."""
        for part in self._paused.values():
            part.close()
            self._claims.release(part.claim)
        self._paused.clear()

    def _end_last_claim(self) -> None:
        """Store that the last part failed, if it did.

        If the disk is full, this raises an error, and the next call of ``run_next_part`` tries it
        again.
        """
        if self._failed is not None:
            self._claims.fail(*self._failed)
            self._failed = None

    def _begin(self, claim: Claim) -> OpenPart:
        """Prepare the rendering of a part; nothing is rendered yet."""
        recipe = claim.recipe
        inputs = gather_inputs(self._store, recipe)
        updates = self._compute(recipe, self._store.checkpoint(recipe.weights), inputs)
        return OpenPart(claim, updates)

    def _render(self, part: OpenPart) -> None:
        """Render a part and store its result, or do what ``explorer.jobs.queue_order.decide`` says.

        A part that pauses is kept in ``_paused``.
        """
        claim = part.claim
        began = reported = time.monotonic()
        for update in part.updates:
            part.pictures += update.pictures
            if self._on_update is not None:
                self._on_update(claim, update)
            now = time.monotonic()
            if now - reported < REPORT_SECONDS and not update.previews:
                continue
            reported = now
            self._claims.report(claim, update.done, update.total, update.previews, update.history)
            decision = self._claims.decide(claim, now - began, self._has_room(part))
            if decision is Decision.RELEASE:
                self._claims.release(claim)
                return
            self._release_paused()
            if decision is Decision.PAUSE and self._pauses:
                self._claims.pause(claim)
                part.seconds += now - began
                self._paused[claim.recipe.key] = part
                return
        self._claims.finish(claim, part.pictures, part.seconds + time.monotonic() - began)

    def _has_room(self, *parts: OpenPart) -> bool:
        """Return whether another part may be begun besides some and the paused ones."""
        return has_room([it.claim.recipe for it in (*parts, *self._paused.values())])

    def _release_paused(self) -> None:
        """Release the paused parts that are not needed any more."""
        for key, part in list(self._paused.items()):
            if self._claims.decide(part.claim) is Decision.RELEASE:
                del self._paused[key]
                part.close()
                self._claims.release(part.claim)


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
    lower_priority()
    try:
        _work(store, chosen.name, chosen.module)
    except SystemExit as ended:
        # A normal exit would wait for the thread that waits for the end of the parent process.
        os._exit(int(ended.code or 0))


def _work(store: Store, name: str, modules: Sequence[Sequence[str]]) -> None:
    """Render parts of jobs until this process gets SIGTERM, which raises ``SystemExit``."""
    with hold_lock(store, name) as lock:
        # What is imported is never freed. To look for garbage in it, now or later, takes time only.
        gc.disable()
        from explorer.rendering import render_recipe

        own_code.expect(modules)
        gc.freeze()
        gc.enable()
        compute = cores.sharing(render_recipe.render_updates)
        worker = Worker(store, name, compute, pauses=True, networks=own_code.networks)
        cold = True
        try:
            while True:
                try:
                    lock.hold()
                    if worker.run_next_part():
                        free_memory()
                        cold = False
                    elif cold:
                        cold = False
                        with cores.joined(cores.JOB):
                            render_recipe.warm_up()
                    else:
                        time.sleep(IDLE_SECONDS)
                except (ExplorerError, OSError) as error:
                    # The disk may be full, or the data folder may be gone.
                    LOG.warning("%s: %s", name, error)
                    time.sleep(REST_SECONDS)
        finally:
            worker.release_all()


if __name__ == "__main__":
    main()
