"""What is known of networks that are not loaded; nothing here needs PyTorch.

``known_networks.json`` describes SketchNet and the networks of one version of torchvision. It is
made by ``python -m explorer.prebuilt.known_networks``. If another version is installed, torchvision
itself is asked, which takes seconds.
"""

import functools
import importlib.util
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ExplorerError, named, unknown
from core.files import is_there, write_file
from core.networks import known_timm

SKETCHNET = "sketchnet"
# The sources of timm's networks, which are too many for one list, and of networks that are made by
# code of the user's own.
TIMM, OWN_CODE = "timm", "your own code"
# How networks are called in sentences, where it differs from their name in commands and links.
TITLES = {SKETCHNET: "SketchNet"}
FACTS = Path(__file__).with_name("known_networks.json")
# Bytes of a published weight, which is float32.
BYTES = 4
# Columns of the file's tables of layers.
COLUMNS = ("name", "node", "channels", "stride", "receptive_field", "local_field", "size")


def title_of(name: str) -> str:
    """Return how a network is called in sentences and captions: ``SketchNet`` for ``sketchnet``."""
    return TITLES.get(name, name)


@dataclass(frozen=True)
class NetworkInfo:
    """Description of a network that is not loaded.

    Attributes:
        name: the network's name in commands and on pages.
        source: ``"ships with the explorer"``, ``"torchvision"``, ``TIMM`` or ``OWN_CODE``.
        ready: whether the network can be loaded without a download.
        parameters: number of parameters.
        download_mb: size of the published weights file in megabytes; 0 if the file is part of the
            explorer. For timm's networks it is computed from the number of parameters.
    """

    name: str
    source: str
    ready: bool
    parameters: int
    download_mb: float


@dataclass(frozen=True)
class KnownLayer:
    """What is known of a layer without its network.

    Attributes:
        name: the displayed name. It is the path of a module such as ``features.7`` if the layer is
            the output of that whole module, else the name of the node.
        node: torchvision's name of the graph node; for a network that cannot be traced, the path of
            the module.
        channels: number of channels.
        stride: numbers of input pixels between neighbouring rows and between neighbouring columns;
            None if the layer has no rows and columns, or if the stride is unknown.
        receptive_field: (height, width) of the exact receptive field in input pixels: of all pixels
            that can change a position; None for the whole image.
        local_field: the same without global gates: values that depend on a summary of the whole
            image, such as the factors of squeeze-and-excitation, count as constants. It is what a
            position mostly depends on, so images, crops and tiles have sizes for it.
        size: (height, width) of the activation for images of the network's input size; None if the
            layer has no rows and columns, as in ``[N, C]`` or tokens ``[N, C, T]``.
        depth: from 0 at the image to 1 at the logits, in equal steps from one shown layer to the
            next.
        shown: whether the layer is shown by default.
    """

    name: str
    node: str
    channels: int
    stride: tuple[int, int] | None
    receptive_field: tuple[int, int] | None
    local_field: tuple[int, int] | None
    size: tuple[int, int] | None
    depth: float
    shown: bool


@dataclass(frozen=True)
class KnownNetwork:
    """A network with its published weights.

    Attributes:
        parameters: number of parameters.
        file: name of the file of the published weights; "" for SketchNet, which is not downloaded,
            and for timm's networks.
        megabytes: size of this file.
        input_size: (height, width) of the images that the network was trained on.
        layers: the layers that are shown by default, from the image to the logits; none if they are
            not known.
    """

    parameters: int
    file: str
    megabytes: float
    input_size: tuple[int, int] = (0, 0)
    layers: tuple[KnownLayer, ...] = ()


def torchvision_version() -> str:
    """Return the version of torchvision, such as ``0.29.1+cpu``, without importing torchvision."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        raise ExplorerError("torchvision is not installed; install requirements.txt")
    text = Path(found.origin).with_name("version.py").read_text(encoding="utf-8")
    version: str = re.findall(r"__version__ = ['\"](.+)['\"]", text)[0]
    return version


def read_facts(file: Path = FACTS) -> tuple[str, dict[str, KnownNetwork]]:
    """Read a file that ``write_facts`` wrote.

    Returns:
        The version of torchvision that the file describes, and the networks by name.
    """
    content = json.loads(file.read_text(encoding="utf-8"))
    networks = {
        name: KnownNetwork(
            **facts,
            input_size=(size[0], size[1]),
            layers=tuple(_layer(row, number, len(rows)) for number, row in enumerate(rows, 1)),
        )
        for name, (facts, size, rows) in content["networks"].items()
    }
    return content["torchvision"], networks


def _layer(row: list[Any], number: int, count: int) -> KnownLayer:
    facts: dict[str, Any] = {
        column: tuple(value) if isinstance(value, list) else value
        for column, value in zip(COLUMNS, row, strict=True)
    }
    # As ``numpy.linspace(0, 1, count + 1)[number]`` rounds it.
    depth = number * (1 / count) if number < count else 1.0
    return KnownLayer(**facts, depth=depth, shown=True)


def write_facts(torchvision: str, networks: Mapping[str, KnownNetwork], file: Path = FACTS) -> None:
    """Write what is known of networks as JSON, with a line for each layer."""
    entries = []
    for name, it in networks.items():
        facts = {"parameters": it.parameters, "file": it.file, "megabytes": it.megabytes}
        rows = (json.dumps([getattr(row, column) for column in COLUMNS]) for row in it.layers)
        lines = ",\n".join(f"    {row}" for row in rows)
        head = f"{json.dumps(facts)}, {json.dumps(it.input_size)}"
        entries.append(f"  {json.dumps(name)}: [{head}, [\n{lines}\n  ]]")
    text = f'{{\n "torchvision": {json.dumps(torchvision)},\n "networks": {{\n'
    write_file(file, (text + ",\n".join(entries) + "\n }\n}\n").encode())


# Networks of code of the user's own, which ``registry.register`` adds.
_own: dict[str, KnownNetwork] = {}


def add_own(name: str, facts: KnownNetwork) -> None:
    """Add a network of the user's own code to those that this process knows."""
    _own[name] = facts


def known_networks() -> Mapping[str, KnownNetwork]:
    """Return all networks by name: SketchNet, the user's own, torchvision's, then timm's."""
    return {SKETCHNET: catalogue()[SKETCHNET], **_own, **catalogue()}


@functools.cache
def catalogue() -> Mapping[str, KnownNetwork]:
    """Return the networks that everybody has by name: SketchNet, torchvision's, then timm's.

    timm's networks are known only if timm is installed.
    """
    version, networks = read_facts()
    if version != torchvision_version().partition("+")[0]:
        from core.networks import torchvision_models

        others = {name: published_facts(name) for name in torchvision_models.list_classifiers()}
        networks = {SKETCHNET: networks[SKETCHNET], **others}
    timm = {
        name: KnownNetwork(it.parameters, "", it.parameters * BYTES / 1e6, it.input_size)
        for name, it in known_timm.known_timm().items()
    }
    return {**networks, **timm}


def published_facts(name: str) -> KnownNetwork:
    """Return what torchvision says of a network; this imports torchvision."""
    from core.networks import torchvision_models

    weights = torchvision_models.published_weights(name)
    return KnownNetwork(
        parameters=int(weights.meta["num_params"]),
        file=torchvision_models.weights_file(weights).name,
        megabytes=float(weights.meta["_file_size"]),
    )


def list_networks() -> tuple[str, ...]:
    """Return the names of all networks, as ``known_networks`` orders them."""
    return tuple(known_networks())


def describe_networks() -> tuple[NetworkInfo, ...]:
    """Return a description of every network with weights; nothing is loaded or downloaded."""
    folder, timm = weights_folder(), known_timm.known_timm()
    # By names: a path for each of a thousand networks took half the time of a page.
    ready_folders = {it.name for it in known_timm.ready_folders()}
    infos = []
    for name, it in known_networks().items():
        source, ready = _source(name, it), not it.file or is_there(folder / it.file)
        if name in timm and name not in _own:
            if not timm[name].hub:
                continue
            ready = timm[name].folder_name in ready_folders
        infos.append(NetworkInfo(name, source, ready, it.parameters, it.megabytes))
    return tuple(infos)


def _source(name: str, facts: KnownNetwork) -> str:
    if name in _own:
        return OWN_CODE
    if name.startswith(known_timm.PREFIX):
        return TIMM
    return "torchvision" if facts.file else "ships with the explorer"


def weights_folder() -> Path:
    """Return the folder into which torch downloads weights, ``torch.hub.get_dir()/checkpoints``."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    root = os.environ.get("TORCH_HOME", f"{cache}/torch")
    return Path(root).expanduser() / "hub" / "checkpoints"


def find_architecture(name: str, own_weights: bool = False) -> str:
    """Return the architecture in a network's name, ``resnet18`` for ``resnet18:birds``.

    Args:
        name: name of a network, with a title if it is a user's checkpoint.
        own_weights: whether the file of a checkpoint is named.

    Raises:
        UnknownName: there is no such network.
        ExplorerError: the name has a title, and no file is named.
    """
    architecture, colon, _ = name.partition(":")
    if architecture not in known_networks():
        if architecture.startswith(known_timm.PREFIX) and not known_timm.is_installed():
            raise ExplorerError(f"{named(name)} is a network of timm; {known_timm.INSTALL}")
        raise unknown("network", architecture, list_networks())
    if colon and not own_weights:
        raise ExplorerError(f"{named(name)} is a checkpoint of somebody's own; name its file")
    return architecture
