"""What is known of timm's networks; nothing here needs PyTorch or timm.

``known_timm.json`` lists the networks of one version of timm. It is made by
``python -m explorer.prebuilt.known_networks``. The names of these networks begin with ``timm.``,
because timm and torchvision use the same names for different networks.
"""

import functools
import importlib.util
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.files import write_file

PREFIX = "timm."
INSTALL = "install timm with pip install -r requirements-timm.txt"
FACTS = Path(__file__).with_name("known_timm.json")
# What the names of folders of downloaded repositories begin with.
HUB_PREFIX = "models--"
# The files in which timm's authors publish weights, the preferred one first.
PUBLISHED_FILES = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class TimmNetwork:
    """A network of timm with its published weights.

    Attributes:
        hub: where the weights are published: owner and name of a repository; "" for a network that
            has no published weights.
        input_size: (height, width) of the images that the network was trained on.
        parameters: number of parameters.
    """

    hub: str
    input_size: tuple[int, int]
    parameters: int

    @property
    def folder_name(self) -> str:
        """The name of the folder into which the published weights are downloaded."""
        return f"{HUB_PREFIX}{self.hub.replace('/', '--')}"

    @property
    def folder(self) -> Path:
        """The folder into which the published weights are downloaded."""
        return hub_folder() / self.folder_name


def is_installed() -> bool:
    """Whether timm can be imported."""
    return importlib.util.find_spec("timm") is not None


def hub_folder() -> Path:
    """Return the folder into which timm downloads weights, that of ``huggingface_hub``."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", f"{cache}/huggingface")
    return Path(os.environ.get("HF_HUB_CACHE", f"{home}/hub")).expanduser()


def ready_folders() -> frozenset[Path]:
    """Return the folders (``TimmNetwork.folder``) of all published weights on this machine."""
    return frozenset(
        folder
        for folder in hub_folder().glob(f"{HUB_PREFIX}*")
        if any(any(folder.glob(f"snapshots/*/{name}")) for name in PUBLISHED_FILES)
    )


@functools.cache
def known_timm() -> Mapping[str, TimmNetwork]:
    """Return timm's networks by name, such as ``timm.resnet18``; none if timm is not installed.

    If another version of timm is installed than the file describes, some networks may be missing
    or unknown to it.
    """
    return read_facts()[1] if is_installed() else {}


def read_facts(file: Path = FACTS) -> tuple[str, dict[str, TimmNetwork]]:
    """Read a file that ``write_facts`` wrote.

    Returns:
        The version of timm that the file describes, and the networks by name.
    """
    content = json.loads(file.read_text(encoding="utf-8"))
    networks = {
        PREFIX + name: TimmNetwork(hub, (size[0], size[1]), parameters)
        for name, (hub, size, parameters) in content["networks"].items()
    }
    return content["timm"], networks


def write_facts(version: str, networks: Mapping[str, TimmNetwork], file: Path = FACTS) -> None:
    """Write what is known of timm's networks as JSON, with a line for each network."""
    lines = [
        f"  {json.dumps(name.removeprefix(PREFIX))}: "
        f"{json.dumps([it.hub, it.input_size, it.parameters])}"
        for name, it in networks.items()
    ]
    text = f'{{\n "timm": {json.dumps(version)},\n "networks": {{\n' + ",\n".join(lines)
    write_file(file, f"{text}\n }}\n}}\n".encode())
