"""The command that renders every neuron of a network."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from core.errors import ExplorerError
from explorer.cli.options import AsJson, DeviceName, NetworkName, WeightsFile, cli, print_json

if TYPE_CHECKING:
    from core.networks.network import Network
    from core.recipes.neuron import NeuronRecipe
    from explorer.store.results import Store


@cli.command()
def atlas(
    network: NetworkName,
    layers: Annotated[
        str, typer.Option(help="Such as relu1a,relu3b; by default all that `layers` shows.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Where all chance comes from.")] = 0,
    weights: WeightsFile = None,
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
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Render every neuron of a network, for the Layers page to show."""
    from core.networks.registry import load
    from explorer.engine import configure_engine
    from explorer.store.results import Store

    configure_engine(engine, address)
    loaded = load(network, weights, device)
    recipes = _recipes(loaded, layers, seed)
    store = Store()
    if weights is not None:
        store.remember_checkpoint(loaded.name, loaded.fingerprint, weights)
    report = []
    with _at_work(store, engine):
        for recipe in recipes:
            report.append(_render(store, recipe, not resume, engine, device))
    if as_json:
        print_json({"network": loaded.name, "weights": loaded.fingerprint, "layers": report})
        return
    table = Table("layer", "neurons", "rendered", "seconds")
    for row in report:
        table.add_row(
            row["layer"], str(row["neurons"]), str(row["rendered"]), f"{row['seconds']:.1f}"
        )
    Console().print(table)


def _recipes(network: "Network", layers: str, seed: int) -> "list[NeuronRecipe]":
    """Write a recipe for each layer, whose parts are those that the Layers page asks for."""
    from core.neurons.render_neurons import plan

    chosen = list(network.shown)
    if layers:
        chosen = [network.layer(name.strip()) for name in layers.split(",")]
    return [plan(network, layer.name, seed=seed) for layer in chosen]


@contextlib.contextmanager
def _at_work(store: "Store", engine: str) -> Iterator[None]:
    """Keep a cluster at work on the queue; alone, this process works by itself."""
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
    """Render what the store lacks of a layer, and sum up what was done."""
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
