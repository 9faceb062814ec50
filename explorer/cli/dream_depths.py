"""The command that dreams one image at several depths, and measures the network's response."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ExplorerError
from core.files import check_output, write_file
from core.recipes.dream import DreamRecipe
from explorer.cli import options
from explorer.cli.command_io import print_json, print_note, print_table, split_names
from explorer.cli.network_session import NetworkSession
from explorer.cli.options import cli, option
from explorer.recipe_fields import DREAM, DREAM_DEPTHS, page_default, recipe_settings
from explorer.text.formatting import percent

if TYPE_CHECKING:
    from core.experiments.concept_growth import DreamMeasures
    from core.networks.layers import Layer
    from core.networks.network import Network

# Number of labels that the table and the sheet show for each dream.
GROWN = 5


@cli.command()
def dream_depths(
    network: options.NetworkName,
    image: Annotated[str, typer.Argument(help="A picture, or one of ours by its name: cat.")],
    out: Annotated[Path, typer.Option(help="The labelled row to write, a PNG.")],
    layers: Annotated[
        str, typer.Option(help="2 to 8 layers, such as relu2b,relu4b; evenly chosen by default.")
    ] = "",
    size: Annotated[int, option(DREAM_DEPTHS, "size")] = page_default(DREAM_DEPTHS, "size"),
    strength: Annotated[float, option(DREAM_DEPTHS, "strength")] = DreamRecipe.strength,
    seed: options.Seed = DreamRecipe.seed,
    weights: options.WeightsFile = None,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Dream one picture at several depths, and print what the network takes each dream for."""
    from core.analysis import probe
    from core.dreams import depth_series
    from core.experiments import concept_growth

    settings = recipe_settings(DREAM_DEPTHS, locals())
    check_output(out)
    session = NetworkSession(network, weights, device)
    chosen = _layers(session.network, layers)
    fingerprint = session.store_named(DREAM, image)
    recipes = depth_series.plan_series(session.network, chosen, fingerprint, **settings)
    dreams = [session.run(recipe, shipped=False)[0].image for recipe in recipes]
    original = session.store.input(fingerprint) or b""
    measures = concept_growth.measure_dreams(session.network, original, recipes, dreams)
    titles = [f"{layer.name}, depth {layer.depth:.2f}" for layer in chosen]
    write_file(out, _draw_row(dreams, titles, measures))
    if as_json:
        rows = [
            {"layer": layer.name, "depth": layer.depth, "job": recipe.key, **_facts(it)}
            for layer, recipe, it in zip(chosen, recipes, measures, strict=True)
        ]
        files = {"network": session.network.name, "image": image, "out": str(out)}
        words = {"caveat": probe.caveat(session.network)}
        print_json({**files, **settings, **words, "depths": rows})
        return
    print_table(
        ("layer", "depth", "taken for (probability)", "labels whose neurons respond more"),
        (
            (layer.name, f"{layer.depth:.2f}", _classes(it), ", ".join(_grown(it)))
            for layer, it in zip(chosen, measures, strict=True)
        ),
    )
    if caveat := probe.caveat(session.network):
        print_note(caveat)


def _layers(network: "Network", text: str) -> "list[Layer]":
    """Return the layers in a text such as ``relu2b,relu4b``, each once, from shallow to deep.

    If the text is empty, return layers that are evenly spaced over the depth of the network.
    """
    from core.experiments import concept_growth

    names = split_names(text)
    if not names:
        return concept_growth.spread(network)
    found = {network.layer(name).name: network.layer(name) for name in names}
    low, high = concept_growth.DEPTHS
    if not low <= len(found) <= high:
        raise ExplorerError(f"{len(found)} layers are named; name {low} to {high} different ones")
    return sorted(found.values(), key=lambda layer: layer.index)


def _draw_row(dreams: list[bytes], titles: list[str], measures: "list[DreamMeasures]") -> bytes:
    from core.figures import dream_row
    from core.images import image_io

    words = [[f"sees: {_classes(it, 2)}", *_grown(it)] for it in measures]
    drawn = dream_row.draw_row([image_io.open_picture(it) for it in dreams], titles, words)
    return image_io.encode_png(drawn)


def _classes(measures: "DreamMeasures", count: int = 3) -> str:
    return ", ".join(f"{name} {percent(share)}" for name, share in measures.classes[:count])


def _grown(measures: "DreamMeasures") -> list[str]:
    return [f"{it.concept} {2**it.value:.1f} times" for it in measures.grown[:GROWN]]


def _facts(measures: "DreamMeasures") -> dict[str, Any]:
    """Return the measurements of one dream as JSON values."""
    return {
        "classes": [{"label": name, "probability": share} for name, share in measures.classes],
        "grown": [asdict(it) for it in measures.grown],
    }
