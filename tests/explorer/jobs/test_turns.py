"""Pictures of several visitors that are rendered in turns are those that are rendered alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core.dreams import render_dreams
from core.images import image_io
from core.networks import registry
from core.neurons import render_neurons
from core.recipes.recipe import Recipe
from core.style import transfer
from explorer import cores
from explorer.jobs.claims import Claim, Claims
from explorer.jobs.job_queue import Jobs
from explorer.jobs.worker import Worker
from explorer.rendering import render_recipe
from explorer.store.results import Store

PICTURE, PAINTING = "ab" * 16, "cd" * 16


@pytest.fixture(autouse=True)
def _turns_of_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.jobs.claims.SHORT_TURN_SECONDS", 0.0)
    monkeypatch.setattr("explorer.jobs.queue_order.SHORT_TURN_SECONDS", 0.0)
    monkeypatch.setattr("explorer.jobs.queue_order.TURN_SECONDS", 0.0)
    # Workers ask after each preview whether a turn is over.
    monkeypatch.setattr(render_recipe, "PREVIEW_SECONDS", 0.0)


def recipes() -> Iterator[Recipe]:
    """Build small recipes of every kind of picture, of the same network."""
    network = registry.load(registry.SKETCHNET, device="cpu")
    yield render_neurons.plan(network, "relu2a", [1, 2], size=32, steps=5)
    yield render_dreams.plan(network, ["relu2b"], PICTURE, size=64, steps=3, octaves=2)
    for loss in ("wasserstein", "gram"):
        yield transfer.plan(
            network, content=PICTURE, styles=(PAINTING,), size=48, smallest=32, steps=3, loss=loss
        )


def filled_store(file: Path) -> Store:
    """Return a store with both input pictures."""
    store = Store(file, shipped=())
    generator = torch.Generator().manual_seed(0)
    for fingerprint, size in ((PICTURE, (40, 56)), (PAINTING, (48, 32))):
        image = image_io.to_picture(torch.rand(3, *size, generator=generator))
        store.put_input(fingerprint, image_io.encode_png(image))
    return store


def test_turns_do_not_change_a_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list(recipes())
    alone, shared = filled_store(tmp_path / "alone.db"), filled_store(tmp_path / "shared.db")
    for store in (alone, shared):
        for number, recipe in enumerate(asked):
            Jobs(store).submit(recipe, f"visitor {number}")
    pauses: list[str] = []
    pause = Claims.pause

    def note(claims: Claims, claim: Claim) -> None:
        pauses.append(claim.job)
        pause(claims, claim)

    monkeypatch.setattr(Claims, "pause", note)
    for store, pausing in ((alone, False), (shared, True)):
        compute = cores.sharing(render_recipe.render_updates)
        worker = Worker(store, "w", compute, pauses=pausing)
        while worker.run_next_part():
            pass
    # Each of them was paused several times, between the steps of the others.
    assert all(pauses.count(recipe.key) > 1 for recipe in asked)
    for recipe in asked:
        (one, other) = (
            {part: it.image for part, it in store.pictures(recipe).items()}
            for store in (alone, shared)
        )
        assert one and one == other
    alone.close()
    shared.close()
