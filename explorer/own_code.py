"""Networks of the user's own code: the functions that ``--module`` names.

Such a function takes no arguments and returns a network that ``core.networks.wrap`` made. It is
named on the command line only, as ``package.module:function`` or ``file.py:function``, because it
may do anything. The workers of the app and its background tasks get it from the app. It is no part
of recipes, pictures or addresses: these name the network, and the fingerprint of its weights.
"""

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from core.errors import ExplorerError, named, quoted, reason_of
from core.files import FILE, check_path, require_path
from core.networks import known_networks

if TYPE_CHECKING:
    from core.networks.network import Network

OPTION = "--module"


@dataclass(frozen=True)
class OwnCode:
    """A function that returns a network.

    Attributes:
        network: name of the network.
        code: where the function is, as for ``OPTION``.
        folder: folder of the process that was told so, which modules are looked for in.
    """

    network: str
    code: str
    folder: str

    def create(self) -> "Network":
        """Run the function.

        Raises:
            ExplorerError: the function fails, or its network has another name than before.
        """
        network = run(self.code, self.folder)
        if network.name != self.network:
            raise ExplorerError(
                f"{named(self.code)} returned {network.name}, and {self.network} before; give the "
                "network always the same name"
            )
        return network


# The functions that this process was told.
_known: dict[str, OwnCode] = {}


def load(codes: Sequence[str]) -> None:
    """Run functions, and make their networks available by their names in this process.

    Args:
        codes: where the functions are, as for ``OPTION``.

    Raises:
        ExplorerError: one cannot be found, fails, or returns no network; or two networks have the
            same name.
    """
    from core.networks import registry

    folder = str(Path.cwd())
    for code in codes:
        network = run(code, folder)
        known = _known.get(network.name)
        if known is not None and known.code != code:
            raise ExplorerError(f"{named(known.code)} and {named(code)} both make {network.name}")
        own = _known[network.name] = OwnCode(network.name, code, folder)
        registry.register(network.name, own.create, network)


def networks() -> list[str]:
    """Return the names of all networks that this process can load."""
    return list(known_networks.list_networks())


def arguments() -> list[str]:
    """Return the arguments by which ``expect`` knows in another process what this one was told."""
    return [part for it in _known.values() for part in (OPTION, it.network, it.code, it.folder)]


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option of ``arguments`` to the parser of a program of this package."""
    parser.add_argument(
        OPTION, nargs=3, action="append", default=[], metavar=("NETWORK", "CODE", "FOLDER"),
        help="code of the user's own that makes a network",
    )  # fmt: skip


def expect(modules: Sequence[Sequence[str]]) -> None:
    """Make networks available in this process, and run their functions when they are needed.

    Args:
        modules: network, code and folder of each, as ``arguments`` has them.
    """
    if modules:
        from core.networks import registry
    for network, code, folder in modules:
        known = _known[network] = OwnCode(network, code, folder)
        registry.register(network, known.create)


def run(code: str, folder: str) -> "Network":
    """Run a function of the user's, and return its network.

    Args:
        code: where it is, as for ``OPTION``.
        folder: folder for relative paths, and for modules.

    Raises:
        ExplorerError: the function cannot be found, fails, or returns no network.
    """
    from core.images.channels import COLOUR, GREY
    from core.networks.network import Network

    place, colon, name = code.rpartition(":")
    if not colon or not place or not name.isidentifier():
        raise ExplorerError(
            f"{OPTION} is {quoted(code)}; write package.module:function, or file.py:function"
        )
    try:
        module = _from_file(place, folder) if place.endswith(".py") else _from_path(place, folder)
        network = getattr(module, name)()
    except ExplorerError:
        raise
    # The user's code may raise anything.
    except Exception as error:
        raise ExplorerError(f"{named(code)} failed: {reason_of(error, typed=True)}") from error
    if not isinstance(network, Network):
        raise ExplorerError(
            f"{named(code)} returned a {type(network).__name__}; it must return what "
            "core.networks.wrap returns"
        )
    if network.channels not in (GREY, COLOUR):
        raise ExplorerError(
            f"{network.name} takes images of {network.channels} channels; commands and pages show "
            "networks of 1 and 3, so use it in Python"
        )
    return network


def _from_file(place: str, folder: str) -> ModuleType:
    """Run a Python file as a module; modules beside it can be imported, as in a script."""
    check_path(place, FILE)
    file = require_path(Path(folder, place).expanduser(), FILE, hint=f" for {OPTION}").resolve()
    _search(str(file.parent))
    name = f"explorer_own_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _from_path(place: str, folder: str) -> ModuleType:
    _search(folder)
    return importlib.import_module(place)


def _search(folder: str) -> None:
    """Add a folder to the places from which modules are imported, as the last one."""
    if folder not in sys.path:
        sys.path.append(folder)
