"""Small pictures of what neurons saw in a collection, as URLs: made once, and kept in memory."""

import functools
import io
import itertools
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import streamlit as st
from PIL import Image

from core.analysis import crops
from core.errors import ExplorerError
from core.figures import crop_grids
from core.index.reader import Hit, Index
from core.networks.network import Network
from explorer import thumbnails

# A neuron's best crops stand in a square of three by three.
NINE = 9
# Of each of them in a grid of neurons, and of those that stand alone.
SMALL_PIXELS, PIXELS = 56, 200
# Some kilobytes each.
SHEETS_AT_MOST, CROPS_AT_MOST = 4096, 2048
# A page shows what it has after so long, and goes on a moment later.
PATIENCE_SECONDS = 0.4
POLL_SECONDS = 0.3
QUALITY = 86

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Made(Generic[Name]):
    """Pictures as far as they are made.

    Attributes:
        pictures: URLs, by what names them.
        complete: whether nothing more will come.
        problem: what was wrong with one that is not there; mostly empty.
    """

    pictures: dict[Name, str]
    complete: bool
    problem: str


def make(makers: Mapping[Name, Callable[[], str]]) -> Made[Name]:
    """Make pictures for as long as a visitor waits gladly, at least one.

    Args:
        makers: make each of them, or remember it.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    made: dict[Name, str] = {}
    problem = ""
    for name, maker in makers.items():
        try:
            made[name] = maker()
        except ExplorerError as error:
            problem = problem or str(error)
            if not made:
                # Where the collection is gone, each one would fail.
                return Made(made, True, problem)
        if time.monotonic() > until:
            return Made(made, len(made) == len(makers), problem)
    return Made(made, True, problem)


def go_on() -> None:
    """Run the page again in a moment, to make what was not there."""
    looks = itertools.count()

    def body() -> None:
        if next(looks):
            st.rerun()

    st.fragment(body, run_every=POLL_SECONDS)()


@functools.lru_cache(maxsize=SHEETS_AT_MOST)
def sheet(index: Index, layer: str, unit: int) -> str:
    """Draw the nine crops that excite a neuron most as one square.

    Raises:
        ExplorerError: as ``plates.grid``.
    """
    return _encode(crop_grids.grid(index, layer, unit, SMALL_PIXELS, count=NINE, clear=True))


@functools.lru_cache(maxsize=CROPS_AT_MOST)
def crop(index: Index, network: Network, layer: str, unit: int, hit: Hit, how: str = "") -> str:
    """Draw what a neuron saw in one picture.

    Args:
        index, network, layer, unit, hit: what it saw; an effective field is outlined.
        how: which evidence to show, one of ``crops.EVIDENCE``; "" for the picture itself.

    Raises:
        ExplorerError: as ``crops.crop`` and ``crops.evidence_of``.
    """
    if how:
        part = crops.attribution_overlay(index, network, layer, unit, hit, how)
    else:
        part = crops.crop_hit(index, layer, hit, (network, unit))
    return _encode(crop_grids.tile(part, PIXELS, clear=True))


def _encode(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=2)
    return thumbnails.data_url(buffer.getvalue())
