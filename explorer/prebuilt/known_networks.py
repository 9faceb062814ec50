"""The command that lists all networks, their layers and tensors, run after library updates.

It is run as ``python -m explorer.prebuilt.known_networks``, takes minutes and downloads nothing:
layers, strides, receptive fields and shapes do not depend on the weights. Of timm's networks, which
are many, no layers are listed, and tensors only of those that have published weights.
"""

import importlib.metadata
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

import torch
import typer
from rich.console import Console
from rich.progress import track

from core.checkpoints.matching import NetworkShapes
from core.errors import ExplorerError
from core.networks import (
    known_networks,
    known_timm,
    layers,
    parameter_shapes,
    registry,
    torchvision_models,
)
from core.networks.known_networks import SKETCHNET, KnownLayer, KnownNetwork
from core.networks.layers import Layer
from core.networks.own_weights import shapes_of
from core.sketchnet.model import parameter_count
from core.sketchworld.world import CLASSES


def describe_sketchnet() -> KnownNetwork:
    """Return what is known of SketchNet."""
    network = registry.load(SKETCHNET, device="cpu")
    return KnownNetwork(parameter_count(), "", 0.0, network.input_size, _known(network.shown))


def describe_classifier(name: str) -> KnownNetwork:
    """Build a classifier of torchvision without weights, and return what is known of it."""
    crop = torchvision_models.published_weights(name).transforms().crop_size[0]
    listed = layers.list_layers(torchvision_models.build(name).eval(), (crop, crop))
    facts = known_networks.published_facts(name)
    shown = [layer for layer in listed if layer.shown]
    return replace(facts, input_size=(crop, crop), layers=_known(shown))


def _known(shown: Sequence[Layer]) -> tuple[KnownLayer, ...]:
    columns = (*known_networks.COLUMNS, "depth", "shown")
    return tuple(KnownLayer(**{it: getattr(layer, it) for it in columns}) for layer in shown)


def list_shapes() -> dict[str, NetworkShapes]:
    """Return the tensors of every network of the catalogue by the network's name."""
    sketchnet = registry.load(SKETCHNET, device="cpu").module
    shapes = {SKETCHNET: shapes_of(SKETCHNET, sketchnet, len(CLASSES))}
    count = torchvision_models.IMAGENET_CLASSES
    for name in torchvision_models.list_classifiers():
        shapes[name] = shapes_of(name, torchvision_models.build(name), count)
    return shapes


def list_timm_shapes() -> dict[str, NetworkShapes]:
    """Return the tensors of every network of timm that has published weights, by its name."""
    from core.networks import timm_models

    shapes = {}
    for name, it in known_timm.read_facts()[1].items():
        if it.hub:
            with torch.device("meta"):
                module = timm_models.build(name)
            shapes[name] = shapes_of(name, module, timm_models.class_count(name))
    return shapes


def main(
    only: Annotated[
        Literal["torchvision", "timm"] | None, typer.Option(help="Write one of the two.")
    ] = None,
) -> None:
    """Write the JSON files of ``core/networks/``: what is known of every network."""
    if only != "timm":
        write_torchvision()
    if only != "torchvision":
        write_timm()


def write_torchvision() -> None:
    """Write ``known_networks.json`` and ``parameter_shapes.json``."""
    parameter_shapes.write_shapes(list_shapes(), parameter_shapes.FACTS)
    networks = {SKETCHNET: describe_sketchnet()}
    console = Console(stderr=True)
    for name in track(torchvision_models.list_classifiers(), "listing layers", console=console):
        networks[name] = describe_classifier(name)
    version = known_networks.torchvision_version().partition("+")[0]
    known_networks.write_facts(version, networks)


def write_timm() -> None:
    """Write ``known_timm.json`` and ``timm_shapes.json.gz``.

    Raises:
        ExplorerError: timm is not installed.
    """
    if not known_timm.is_installed():
        raise ExplorerError(f"timm is not installed; {known_timm.INSTALL}, or use --only")
    from core.networks import timm_models

    version = importlib.metadata.version("timm")
    known_timm.write_facts(version, timm_models.list_networks())
    parameter_shapes.write_shapes(list_timm_shapes(), parameter_shapes.TIMM_FACTS)


if __name__ == "__main__":
    typer.run(main)
