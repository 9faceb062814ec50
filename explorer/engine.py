"""The choice of the engine that renders jobs: this machine's worker processes or a Ray cluster."""

import importlib.util
import os
import re
from typing import Protocol

from core.errors import ExplorerError, quoted, unknown
from explorer.store.results import Store

# Environment variables that ``configure_engine`` sets and ``create_engine`` reads. Both run in the
# process of the command; Streamlit runs there too.
ENGINE_VARIABLE = "EXPLORER_ENGINE"
ADDRESS_VARIABLE = "EXPLORER_RAY_ADDRESS"
LOCAL, RAY = "local", "ray"
ENGINES = (LOCAL, RAY)
# Host and port of a Ray cluster.
ADDRESS = re.compile(r"\S{1,255}:(?P<port>[0-9]{1,5})")


class Engine(Protocol):
    """An engine: it renders the jobs in a store between ``start`` and ``stop``."""

    def start(self) -> None:
        """Start to render jobs in the background."""

    def stop(self) -> None:
        """Stop rendering, and mark the jobs that were being rendered as interrupted."""


def configure_engine(engine: str, address: str | None = None) -> None:
    """Choose the engine that ``create_engine`` will build in this process.

    Args:
        engine: ``"local"`` or ``"ray"``.
        address: address of a Ray cluster, such as ``10.0.0.1:6379``; ``auto`` for the cluster
            that this machine belongs to; None to start Ray on this machine alone.

    Raises:
        ExplorerError: as for ``check_engine``.
    """
    check_engine(engine, address)
    os.environ[ENGINE_VARIABLE] = engine
    os.environ.pop(ADDRESS_VARIABLE, None)
    if address is not None:
        os.environ[ADDRESS_VARIABLE] = address


def create_engine(store: Store) -> Engine:
    """Build the engine that ``configure_engine`` chose, without starting it.

    The default is the local engine.

    Raises:
        ExplorerError: as for ``check_engine``.
    """
    engine = os.environ.get(ENGINE_VARIABLE, LOCAL)
    address = os.environ.get(ADDRESS_VARIABLE)
    check_engine(engine, address)
    if engine == RAY:
        from explorer.cluster.ray_supervisor import RaySupervisor

        return RaySupervisor(store, address)
    from explorer.jobs.supervisor import Supervisor

    return Supervisor(store)


def check_engine(engine: str, address: str | None) -> None:
    """Check that an engine can be used with an address.

    Args:
        engine, address: as for ``configure_engine``.

    Raises:
        ExplorerError: the engine is unknown, Ray is not installed, there is an address for the
            local engine, or the address is not of the form ``10.0.0.1:6379`` or ``auto``.
    """
    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    if engine == RAY and importlib.util.find_spec("ray") is None:
        raise ExplorerError("ray is not installed: pip install -r requirements-cluster.txt")
    if address is None:
        return
    if engine != RAY:
        raise ExplorerError("an address names a Ray cluster; choose the engine ray to go with it")
    found = ADDRESS.fullmatch(address)
    if address != "auto" and not (found and int(found["port"]) < 2**16):
        raise ExplorerError(
            f"the address {quoted(address)} cannot be read; write it like 10.0.0.1:6379, or auto"
        )
