"""What all visitors of the app share: the store and the loaded networks."""

from pathlib import Path

import streamlit as st

from core import networks
from core.networks import Network, NetworkInfo
from explorer.store import FILE_NAME, Store, home

# Loaded networks stay in memory until this many others have been asked for.
NETWORKS_AT_MOST = 4


def store() -> Store:
    """Open the store in the data folder once for all."""
    return _store(home())


@st.cache_resource(max_entries=4, show_spinner=False)
def _store(folder: Path) -> Store:
    return Store(folder / FILE_NAME)


@st.cache_resource(max_entries=NETWORKS_AT_MOST, show_spinner=False)
def network(name: str) -> Network:
    """Load a network once for all; it is frozen, and every ascent cuts a copy of its own.

    Raises:
        ExplorerError: it does not exist, or its weights are not here and cannot be fetched.
    """
    return networks.load(name)


def catalogue() -> dict[str, NetworkInfo]:
    """List the networks by name: SketchNet, those whose weights are here, and then the others."""
    infos = networks.catalogue()
    ordered = sorted(infos, key=lambda info: (info.name != networks.SKETCHNET, not info.ready))
    return {info.name: info for info in ordered}
