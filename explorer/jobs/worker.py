"""The worker: claims parts of jobs, works on them and writes down how far they are.

``python -m explorer.jobs.worker`` is what the app starts, once or several times; the command line
works on its own jobs in its own process, with the same class. A worker holds a lock on a file of
its name for as long as it lives, so that others see at once when it was killed.
"""

import argparse
import contextlib
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
from explorer.jobs.processes import exit_with_parent, hold_lock
from explorer.rendering.update import Update
from explorer.store.results import Store, StoredPicture

# Works on a recipe, with the file of its weights and the pictures that it starts from.
Compute = Callable[[Recipe, Path | None, Mapping[str, bytes]], Iterator[Update]]

# How often the store is asked for work, and told how far it is.
IDLE_SECONDS = 0.1
REPORT_SECONDS = 0.2
# Pages answer first: a worker takes what processor time they leave.
NICENESS = 10


class Worker:
    """Works on parts of jobs, one after the other.

    Attributes:
        name: tells it from every other worker.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        compute: Compute,
        notice: Callable[[Claim, Update], None] | None = None,
    ) -> None:
        """Begin.

        Args:
            store: with the queue.
            name: as ``new_name`` makes it.
            compute: works on a recipe, as ``explorer.rendering.render_recipe.render_updates`` does.
            notice: is told of every update, to show it.
        """
        self.name = name
        self._store = store
        self._claims = Claims(store)
        self._compute = compute
        self._notice = notice

    def turn(self, only: str | None = None) -> bool:
        """Work on the next part there is, and tell whether there was one.

        Args:
            only: key of the one job to work on.
        """
        claim = self._claims.claim(self.name, only)
        if claim is None:
            return False
        try:
            self._work(claim)
        except ExplorerError as error:
            self._claims.fail(claim, str(error))
        except MemoryError:
            self._claims.fail(claim, "there is not enough memory for this; try a smaller size")
        except Exception as error:
            traceback.print_exc()
            self._claims.fail(claim, _unexpected(error))
        except BaseException:
            self._claims.release(claim)
            raise
        return True

    def _work(self, claim: Claim) -> None:
        """Work on a part until it is finished, or no longer wanted."""
        started = reported = time.monotonic()
        pictures: list[StoredPicture] = []
        recipe = claim.recipe
        inputs = gather_inputs(self._store, recipe)
        updates = self._compute(recipe, self._store.checkpoint(recipe.weights), inputs)
        with contextlib.closing(updates):  # type: ignore[type-var]
            for update in updates:
                pictures += update.pictures
                if self._notice is not None:
                    self._notice(claim, update)
                now = time.monotonic()
                if now - reported < REPORT_SECONDS and not update.previews:
                    continue
                reported = now
                self._claims.report(
                    claim, update.done, update.total, update.previews, update.history
                )
                if not self._claims.wanted(claim):
                    self._claims.release(claim)
                    return
        self._claims.finish(claim, pictures, time.monotonic() - started)


def gather_inputs(store: Store, recipe: Recipe) -> dict[str, bytes]:
    """Fetch the pictures that a recipe starts from, and the one it goes on from if that is made."""
    made: dict[str, bytes] = {}
    before = recipe.previous
    if before is not None:
        found = store.picture(before.key, before.pictures[-1])
        made = {} if found is None else {before.key: found.image}
    names = recipe.inputs_with_previous if made else recipe.inputs
    return {**made, **{it: store.input(it) or b"" for it in names}}


def _unexpected(error: Exception) -> str:
    """Say in a sentence what went wrong where nothing should."""
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
    threading.Thread(target=exit_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    store = Store(chosen.store)
    with hold_lock(store, chosen.name):
        import torch

        from explorer.rendering import render_recipe

        if chosen.threads:
            torch.set_num_threads(chosen.threads)
        worker = Worker(store, chosen.name, render_recipe.render_updates)
        while True:
            if worker.turn():
                allocator.release_memory()
            else:
                time.sleep(IDLE_SECONDS)


if __name__ == "__main__":
    main()
