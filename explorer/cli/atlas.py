"""The command that renders every unit of a network."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ExplorerError
from explorer.cli import options
from explorer.cli.command_io import print_json, print_table, split_names
from explorer.cli.network_session import NetworkSession
from explorer.cli.options import cli

if TYPE_CHECKING:
    from core.networks.network import Network
    from core.recipes.neuron import NeuronRecipe
    from explorer.store.results import Store


@cli.command()
def atlas(
    network: options.NetworkName,
    layers: Annotated[
        str, typer.Option(help="Such as relu1a,relu3b; by default all that `layers` shows.")
    ] = "",
    seed: options.Seed = 0,
    weights: options.WeightsFile = None,
    classes: options.ClassesFile = None,
    engine: Annotated[
        str, typer.Option(help="What works on it: local (this machine) or ray (a cluster).")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster, such as 10.0.0.1:6379 or auto.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--fresh",
            help="Go on with what is in the store, as it does by itself, or render it anew.",
        ),
    ] = True,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Render every neuron of a network, for the Layers page to show."""
    from explorer.engine import configure_engine

    configure_engine(engine, address)
    session = NetworkSession(network, weights, device, classes)
    loaded = session.network
    recipes = _recipes(loaded, layers, seed)
    session.remember_weights()
    with _running_engine(session.store, engine):
        report = [_render(session.store, it, not resume, engine, device) for it in recipes]
    if as_json:
        print_json({"network": loaded.name, "weights": loaded.fingerprint, "layers": report})
        return
    print_table(
        ("layer", "neurons", "rendered", "seconds"),
        (
            (it["layer"], str(it["neurons"]), str(it["rendered"]), f"{it['seconds']:.1f}")
            for it in report
        ),
    )


def _recipes(network: "Network", layers: str, seed: int) -> "list[NeuronRecipe]":
    """Return a recipe for each of the named layers, by default for all that ``layers`` lists.

    The parts of these recipes are equal to those of the recipes of the Layers page, so that the
    page finds their results in the store.
    """
    from core.neurons.render_neurons import plan

    chosen = [network.layer(name) for name in split_names(layers)] or network.shown
    return [plan(network, layer.name, seed=seed) for layer in chosen]


@contextlib.contextmanager
def _running_engine(store: "Store", engine: str) -> Iterator[None]:
    """Run the engine ``ray`` within the ``with`` statement.

    Nothing is started for the engine ``local``: the jobs are rendered in this process.
    """
    from explorer.engine import LOCAL, create_engine

    if engine == LOCAL:
        yield
        return
    made = create_engine(store)
    made.start()
    try:
        yield
    finally:
        made.stop()


def _render(
    store: "Store", recipe: "NeuronRecipe", fresh: bool, engine: str, device: str
) -> dict[str, Any]:
    """Render the missing pictures of a layer's units, and return facts about this as JSON values.

    Args:
        store: the store with the job queue and the results.
        recipe: the recipe of the layer.
        fresh: whether to render also the pictures that are in the store.
        engine, device: as for the command.
    """
    from explorer.cli.run_job import run_job, visitor_name, wait_for
    from explorer.engine import LOCAL
    from explorer.jobs.job_queue import Jobs

    parts = recipe.parts()
    there = set() if fresh else store.present([it.key for it in parts])
    job = Jobs(store).submit(recipe, visitor_name(), fresh=fresh)
    if job.open:
        if engine == LOCAL:
            run_job(store, job, device)
        else:
            wait_for(store, job)
    made = [it for it in parts if it.key not in there]
    results = [store.get(it.key) for it in made]
    if None in results:
        raise ExplorerError(f"{recipe.layer} is not complete; start the atlas again to go on")
    return {
        "layer": recipe.layer,
        "neurons": len(recipe.units),
        "rendered": sum(len(it.units) for it in made),
        "seconds": sum(it.seconds for it in results if it),
    }
