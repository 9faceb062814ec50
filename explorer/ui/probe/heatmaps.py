"""What a network sees of one picture, for the page that probes it."""

import io
from collections.abc import Sequence
from functools import lru_cache

import streamlit as st
from PIL import Image, ImageChops
from torch import Tensor

from core.analysis import attribution, probe
from core.analysis.crops import heat_brightness, network_input
from core.analysis.probe import ProbeResult, UnitResponse
from core.images.center_crop import CenterCrop
from core.index.reader import Index
from core.networks.layers import Layer
from core.networks.network import Network
from explorer import thumbnails
from explorer.ui.image_picker import PickedImage

# Activations of one picture may take a hundred megabytes.
SIGHTS_AT_MOST = 4
# Longer side of the picture on the page, sharp on a common screen.
SHOWN_PIXELS = 768
QUALITY = 88


def probe_cached(network: Network, chosen: PickedImage, index: Index | None) -> ProbeResult:
    """Show a picture to a network, once for all."""
    layers = "" if index is None else index.plan.fingerprint
    return _look(network, chosen.picture, index, network.fingerprint, chosen.fingerprint, layers)


@st.cache_resource(max_entries=SIGHTS_AT_MOST, show_spinner=False)
def _look(
    _network: Network,
    _picture: Image.Image,
    _index: Index | None,
    weights: str,
    picture: str,
    layers: str,
) -> ProbeResult:
    return probe.probe_image(_network, _picture, _index)


def shown_layers(network: Network, index: Index | None) -> Sequence[Layer]:
    """List the layers that are shown, from the answer back to the picture."""
    known = {it.name for it in index.plan.layers} if index else None
    return [it for it in reversed(network.shown) if known is None or it.name in known]


def unit_response(
    sight: ProbeResult, layer: Layer, index: Index | None, unit: int, at: tuple[int, int] | None
) -> UnitResponse:
    """Tell what one neuron answers to a picture, or to one place of it."""
    every = sight.responses(layer, index, layer.channels, at)
    return next(it for it in every if it.unit == unit)


@lru_cache(maxsize=64)
def heatmap_url(network: Network, chosen: PickedImage, lit_by: tuple[str, int] | None) -> str:
    """Draw what the network sees of a picture as a URL.

    Args:
        network: which one.
        chosen: the picture.
        lit_by: name of a layer and a neuron: bright is left what excites it.
    """
    picture = chosen.picture
    frame = CenterCrop((picture.height, picture.width), network.input_size)
    top, left, bottom, right = frame.window
    scale = min(SHOWN_PIXELS / max(bottom - top, right - left), 4.0)
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    seen = picture.resize(size, Image.Resampling.LANCZOS, (left, top, right, bottom))
    if lit_by is not None:
        image = network_input(picture, frame)
        seen = overlay(seen, attribution.heatmap(network, image, *lit_by))
    return encoded(seen)


def overlay(picture: Image.Image, heat: Tensor) -> Image.Image:
    """Leave a picture bright where something is excited, ``[h, w]``, and darken the rest."""
    light = heat_brightness(heat)
    return ImageChops.multiply(picture, light.resize(picture.size, Image.Resampling.BICUBIC))


def encoded(picture: Image.Image) -> str:
    """Give a picture as a URL."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=2)
    return thumbnails.data_url(buffer.getvalue())


def receptive_box(
    network: Network, layer: Layer, found: UnitResponse
) -> tuple[float, float, float, float] | None:
    """Give what a neuron sees at its position, as shares of the picture; None if that is all."""
    if layer.spans is None:
        return None
    height, width = network.input_size
    top, left, bottom, right = layer.receptive_box(found.row, found.col)
    if (top, left, bottom, right) == (0, 0, height, width):
        return None
    return top / height, left / width, bottom / height, right / width
