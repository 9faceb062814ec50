"""The command that visualises units of a layer."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ExplorerError
from core.files import FOLDER, check_output, require_path, write_file
from core.numbers import read_ranges
from core.recipes.neuron import NeuronRecipe
from explorer.cli import options
from explorer.cli.command_io import print_json, print_note, print_table
from explorer.cli.network_session import NetworkSession
from explorer.cli.options import cli, option
from explorer.recipe_fields import LOGIT, NEURONS, recipe_settings
from explorer.text import formatting

if TYPE_CHECKING:
    from PIL.Image import Image

    from core.networks.layers import Layer
    from core.networks.network import Network
    from explorer.store.results import Store, StoredPicture


@cli.command()
def neurons(
    network: options.NetworkName,
    layer: options.LayerName,
    units: Annotated[str, option(NEURONS, "units")] = "",
    size: Annotated[int | None, option(NEURONS, "size")] = None,
    steps: Annotated[int | None, option(NEURONS, "steps")] = None,
    seed: options.Seed = NeuronRecipe.seed,
    objective: Annotated[str, option(NEURONS, "objective")] = NeuronRecipe.objective,
    canvas: Annotated[str, option(NEURONS, "canvas")] = NeuronRecipe.canvas,
    diversity: Annotated[int, option(NEURONS, "count", min=1)] = NeuronRecipe.count,
    negative: Annotated[bool, option(NEURONS, "negative", "--negative")] = False,
    from_image: Annotated[str | None, option(NEURONS, "image")] = None,
    spectrum: Annotated[Path | None, option(NEURONS, "spectrum", file_okay=False)] = None,
    total_variation: Annotated[float, option(NEURONS, "total_variation")] = 0.0,
    l2: Annotated[float, option(NEURONS, "l2", "--l2")] = 0.0,
    blur: Annotated[float, option(NEURONS, "blur")] = 0.0,
    weights: options.WeightsFile = None,
    classes: options.ClassesFile = None,
    out: Annotated[Path | None, typer.Option(help="Write one montage, a PNG.")] = None,
    fresh: options.Fresh = False,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Render the pictures that excite neurons of a layer most."""
    from core.neurons.recipe_objective import negative_note
    from core.neurons.render_neurons import plan
    from explorer.rendering import render_recipe, replay

    settings = recipe_settings(NEURONS, locals())
    if out is not None:
        check_output(out)
    session = NetworkSession(network, weights, device, classes)
    found = session.network.layer(layer)
    settings |= {
        "count": diversity,
        "image": session.store_named(NEURONS, from_image),
        "spectrum": _store_spectrum(session.store, spectrum),
        "objective": _objective(objective, session.network, found),
    }
    recipe = plan(session.network, layer, parse_units(units, session.network, found), **settings)
    if out is not None:
        replay.check_montage(recipe)
    # Pictures that ship with the project are lossy, so a montage is made without them.
    shipped = out is None
    parts = recipe.parts()
    present = set() if fresh else session.store.present([it.key for it in parts], shipped)
    pictures = session.run(recipe, fresh, shipped)
    rendered = sum(len(it.pictures) for it in parts if it.key not in present)
    if out is not None:
        write_file(out, render_recipe.render_sheet(recipe, pictures))
    if as_json:
        print_json(_facts(session.store, recipe, pictures, rendered, out))
        return
    _print_activations(recipe, pictures)
    if note := negative_note(session.network, recipe):
        print_note(note)
    kept = f"; {len(pictures) - rendered} came from the store" if rendered < len(pictures) else ""
    print_note(f"{rendered} rendered in {session.seconds:.1f} s{kept}")


def _objective(name: str, network: "Network", layer: "Layer") -> str:
    """Return the recipe's objective for a name from the command line.

    The name ``logit`` means the objective ``channel`` in the layer of the logits.

    Raises:
        ExplorerError: the name is ``logit``, and the layer is another one than that of the logits.
    """
    if name != LOGIT:
        return name
    logits = network.class_layer
    if logits is None:
        raise ExplorerError(
            f"{network.name} tells no classes apart, so it has no logits; take the objective "
            "channel"
        )
    if layer != logits:
        raise ExplorerError(
            f"logits are in {logits.name}, not in {layer.name}; "
            "name that layer, or take the objective channel"
        )
    return NeuronRecipe.objective


def _store_spectrum(store: "Store", folder: Path | None) -> str:
    """Measure the spectrum of the images in a folder, store it, and return its fingerprint.

    If there is no folder, return "".
    """
    if folder is None:
        return ""
    from core.datasets.sources import FolderSource
    from core.errors import BadPicture
    from core.optim import natural_spectrum

    require_path(folder, FOLDER)

    def pictures() -> "Iterator[Image]":
        source = FolderSource(folder)
        for entry in source.entries():
            with contextlib.suppress(BadPicture):
                yield source.open(entry)[0]

    spectrum = natural_spectrum.measure(pictures())
    store.put_input(spectrum.fingerprint, spectrum.to_bytes())
    return spectrum.fingerprint


def _facts(
    store: "Store",
    recipe: NeuronRecipe,
    pictures: list["StoredPicture"],
    rendered: int,
    out: Path | None,
) -> dict[str, Any]:
    """Return the settings of a recipe and the measurements of all its pictures, as JSON values."""
    settings = {
        name: value
        for name, value in json.loads(recipe.to_json()).items()
        if name not in ("kind", "version", "units")
    }
    results = [store.get(part.key) for part in recipe.parts()]
    return {
        **settings,
        "seconds": sum(it.seconds for it in results if it),
        "rendered": rendered,
        "out": str(out) if out is not None else None,
        "units": [{**_unit_facts(recipe, it.part), **it.facts} for it in pictures],
    }


def _unit_facts(recipe: NeuronRecipe, number: int) -> dict[str, int]:
    """Return the unit that a picture shows, and the picture's number, as JSON values.

    The unit is missing if the picture shows several units. The number is missing if there is one
    picture per unit.
    """
    unit = recipe.unit_of(number)
    facts = {} if unit is None else {"unit": unit}
    return facts if len(recipe.pictures) == len(recipe.units) else {**facts, "picture": number}


def _print_activations(recipe: NeuronRecipe, pictures: list["StoredPicture"]) -> None:
    each = recipe.unit_of(pictures[0].part) is not None
    print_table(
        ("unit" if each else "picture", "clean activation", ""),
        (
            (
                str(recipe.unit_of(it.part) if each else it.part),
                formatting.number(float(it.facts["activation"]), 4),
                "no response" if it.silent else "",
            )
            for it in pictures
        ),
    )


def parse_units(text: str, network: "Network", layer: "Layer") -> list[int]:
    """Return the unit numbers in a text: ``0-2,40`` becomes ``[0, 1, 2, 40]``.

    A unit that the text contains twice is returned once. The order is that of the text.

    Raises:
        ExplorerError: the text cannot be read, or a unit is not in the layer.
    """
    if not text:
        return []
    units = read_ranges("units", text)
    network.layer_with_units(layer.name, [last for _, last in units])
    return list(dict.fromkeys(unit for low, high in units for unit in range(low, high + 1)))
