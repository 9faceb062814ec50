"""The networks that can be loaded: SketchNet, torchvision's, timm's, and users' checkpoints."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from core.checkpoints import outline
from core.checkpoints.class_names import check_count
from core.devices import resolve_device
from core.errors import BadCheckpoint, named, reason_of
from core.networks import known_networks, known_timm, own_weights
from core.networks.device_trial import settle
from core.networks.known_networks import SKETCHNET, KnownNetwork, find_architecture
from core.networks.network import Network
from core.networks.tracing import values_in
from core.networks.wrapping import class_labels, make_network, own_copy
from core.sketchnet import model as sketchnet
from core.sketchworld import world as sketchworld

__all__ = ["SKETCHNET", "knows_drawings_only", "load", "register"]


def load(
    name: str,
    weights: Path | None = None,
    device: str = "auto",
    classes: Sequence[str] = (),
) -> Network:
    """Load a network by its name, with published weights or a user's checkpoint.

    A checkpoint's name may end with a title: ``resnet18:birds`` is torchvision's ``resnet18`` with
    weights that the user calls ``birds``.

    Published weights are downloaded by torchvision on first use, with a progress bar on standard
    error, and kept in torchvision's cache.

    Args:
        name: name of the network.
        weights: a weights file; after a ``#``, the path of one of its state dicts may follow. If
            the file lacks the network's head, the network has no logits, and no labels.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        classes: the names of the classes; by default those in the file, or the published ones.

    Raises:
        UnknownName: there is no such network or device.
        BadCheckpoint: the weights file cannot be read or does not fit the network, or there are
            more or fewer names of classes than classes.
        ExplorerError: published weights could not be downloaded, or MPS was chosen and cannot
            compute the network.
    """
    architecture = find_architecture(name, weights is not None)
    target = resolve_device(device)
    if architecture in _own:
        network = _load_own(architecture, weights, target, classes)
    elif architecture == SKETCHNET:
        network = _load_sketchnet(weights, target, classes)
    elif architecture.startswith(known_timm.PREFIX):
        network = _load_timm(architecture, weights, target, classes)
    else:
        network = _load_torchvision(architecture, weights, target, classes)
    network = settle(network, device)
    if weights is not None:
        _check_run(network, named(weights.name))
    return dataclasses.replace(network, name=name)


def register(name: str, create: Callable[[], Network], created: Network | None = None) -> None:
    """Make a network of the user's own code available by its name in this process.

    Args:
        name: name of the network.
        create: returns the network, as ``wrap`` made it; it is called when the network is needed.
        created: the network, if it is known already.
    """
    parameters = 0 if created is None else sum(it.numel() for it in created.module.parameters())
    known_networks.add_own(name, KnownNetwork(parameters, "", 0.0))
    _own[name] = functools.cache(create) if created is None else lambda: created


# Networks of the user's own code by name.
_own: dict[str, Callable[[], Network]] = {}


def _load_own(
    name: str, path: Path | None, device: torch.device, classes: Sequence[str]
) -> Network:
    network = _own[name]()
    labels = network.labels
    if path is None:
        labels = check_count(tuple(classes), len(labels), name) if classes else labels
        if network.device == device:
            return dataclasses.replace(network, labels=labels)
        module = own_copy(network.module)
    else:
        loaded = own_weights.load_module(
            name, outline.open_file(path), lambda _: own_copy(network.module), len(labels), classes
        )
        module, labels = loaded.module, class_labels(loaded.classes or labels, loaded.count)
    size, fixed = network.input_size, network.fixed_size
    made = make_network(name, module, labels, network.mean, network.std, size, device, fixed)
    return _headless(made) if network.labels and not labels else made


def _load_sketchnet(path: Path | None, device: torch.device, classes: Sequence[str]) -> Network:
    opened = outline.open_file(path or sketchnet.WEIGHTS)
    shapes = {name: it.shape for name, it in opened.content.tensors.items()}
    build = functools.partial(sketchnet.meta, widths=sketchnet.widths_in(shapes))
    count = len(sketchworld.CLASSES)
    loaded = own_weights.load_module(SKETCHNET, opened, build, count, classes)
    size = (sketchworld.SIZE, sketchworld.SIZE)
    labels = class_labels(loaded.classes, loaded.count)
    network = make_network(
        SKETCHNET, loaded.module, labels, sketchnet.MEAN, sketchnet.STD, size, device
    )
    return network if loaded.count else _headless(network)


def _load_torchvision(
    name: str, path: Path | None, device: torch.device, classes: Sequence[str]
) -> Network:
    # Imported here, because SketchNet does without torchvision.
    from core.networks import torchvision_models

    published = torchvision_models.published_weights(name)
    preset = published.transforms()
    opened = outline.open_file(path or torchvision_models.download(name))
    build = functools.partial(torchvision_models.build, name)
    loaded = own_weights.load_module(
        name, opened, build, torchvision_models.IMAGENET_CLASSES, classes
    )
    labels = class_labels(loaded.classes or published.meta["categories"], loaded.count)
    crop = preset.crop_size[0]
    network = make_network(
        name, loaded.module, labels, tuple(preset.mean), tuple(preset.std), (crop, crop), device
    )
    return network if loaded.count else _headless(network)


def _headless(network: Network) -> Network:
    """Return a network whose head is missing, so that it has no logits and no labels."""
    return dataclasses.replace(network, layers=own_weights.without_logits(network.layers))


def _load_timm(
    name: str, path: Path | None, device: torch.device, classes: Sequence[str]
) -> Network:
    # Imported here, because timm may not be installed.
    from core.networks import timm_models

    settings, published = timm_models.preprocessing(name), timm_models.class_count(name)
    if path is None:
        module, count = timm_models.load_published(name), published
        classes = check_count(tuple(classes), count, name) if classes else ()
    else:
        build = functools.partial(timm_models.build, name)
        loaded = own_weights.load_module(name, outline.open_file(path), build, published, classes)
        module, count, classes = loaded.module, loaded.count, loaded.classes
    labels = class_labels(classes or timm_models.class_names(module, count), count)
    _, height, width = settings["input_size"]
    network = make_network(
        name,
        module,
        labels,
        settings["mean"],
        settings["std"],
        (height, width),
        device,
        framing=timm_models.framing(settings),
    )
    return network if count or not published else _headless(network)


def _check_run(network: Network, file: str) -> None:
    """Run a network once, on a grey ramp, with the weights of a user's file.

    Raises:
        BadCheckpoint: the network fails, as with a table of indices that are out of range, or its
            logits are no finite numbers.
    """
    shape = network.channels, *network.input_size
    ramp = torch.linspace(-2, 2, math.prod(shape), device=network.device)
    try:
        with torch.no_grad():
            outputs = values_in(network.module(ramp.view(1, *shape)), Tensor)
    # A network's own code may raise anything.
    except Exception as error:
        raise BadCheckpoint(
            f"{network.name} cannot compute with the weights of {file}: {reason_of(error)}"
        ) from error
    if not all(bool(torch.isfinite(it).all()) for it in outputs):
        raise BadCheckpoint(
            f"{network.name} computes values that are no finite numbers with the weights of {file}"
        )


def knows_drawings_only(network: Network) -> bool:
    """Whether the classes of a network are those of SketchWorld, so that it has seen no photograph.

    That is SketchNet, and every network that was trained on the same drawings.
    """
    return bool(network.labels) and set(network.labels) <= set(sketchworld.CLASSES)
