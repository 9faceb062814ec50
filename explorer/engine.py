"""The engine: what works on the jobs of a server, this machine or a Ray cluster."""

import importlib.util
import os
from typing import Protocol

from core.errors import ExplorerError, unknown
from explorer.store.results import Store

# Streamlit runs in the process of the command that starts it, which leaves its choice here.
ENGINE_VARIABLE = "EXPLORER_ENGINE"
ADDRESS_VARIABLE = "EXPLORER_RAY_ADDRESS"
LOCAL, RAY = "local", "ray"
ENGINES = (LOCAL, RAY)


class Engine(Protocol):
    """Works on the jobs in a store, from ``start`` to ``stop``."""

    def start(self) -> None:
        """Begin, and go on in the background."""

    def stop(self) -> None:
        """End; what it was at is interrupted."""


def configure_engine(engine: str, address: str | None = None) -> None:
    """Choose the engine of the server that this process is about to run.

    Args:
        engine: ``"local"`` or ``"ray"``.
        address: of a Ray cluster, such as ``10.0.0.1:6379``, or ``auto`` for the one that this
            machine belongs to; None starts Ray on this machine alone.

    Raises:
        ExplorerError: there is no such engine, or it cannot be used as asked.
    """
    check_engine(engine, address)
    os.environ[ENGINE_VARIABLE] = engine
    os.environ.pop(ADDRESS_VARIABLE, None)
    if address is not None:
        os.environ[ADDRESS_VARIABLE] = address


def start_engine(store: Store) -> Engine:
    """Make the engine that was chosen for this server; its own ``start`` sets it to work.

    Raises:
        ExplorerError: as ``configure``.
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
    """Refuse an engine that is not there, or that cannot be used as asked.

    Raises:
        ExplorerError: it says why.
    """
    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    if engine == RAY and importlib.util.find_spec("ray") is None:
        raise ExplorerError("ray is not installed: pip install -r requirements-cluster.txt")
    if address is None:
        return
    if engine != RAY:
        raise ExplorerError("an address names a Ray cluster; choose the engine ray to go with it")
    host, _, port = address.rpartition(":")
    if address != "auto" and not (host and port.isdecimal() and int(port) < 2**16):
        raise ExplorerError(
            f"the address {address!r} cannot be read; write it like 10.0.0.1:6379, or auto"
        )
