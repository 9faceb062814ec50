"""Activations of a network on one image, and heat maps, for the Probe page."""

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

# Number of images whose activations stay in memory; each may take a hundred megabytes.
RESULTS_AT_MOST = 4
# Longer side of the image on the page, in pixels.
SHOWN_PIXELS = 768
QUALITY = 88


def probe_cached(network: Network, picked: PickedImage, index: Index | None) -> ProbeResult:
    """Return the activations of a network on an image, cached."""
    layers = "" if index is None else index.plan.fingerprint
    return _probe(network, picked.picture, index, network.fingerprint, picked.fingerprint, layers)


@st.cache_resource(max_entries=RESULTS_AT_MOST, show_spinner=False)
def _probe(
    _network: Network,
    _picture: Image.Image,
    _index: Index | None,
    weights: str,
    picture: str,
    layers: str,
) -> ProbeResult:
    return probe.probe_image(_network, _picture, _index)


def shown_layers(network: Network, index: Index | None) -> Sequence[Layer]:
    """Return the layers that are shown, from the logits back to the image."""
    known = {it.name for it in index.plan.layers} if index else None
    return [it for it in reversed(network.shown) if known is None or it.name in known]


def unit_response(
    result: ProbeResult, layer: Layer, index: Index | None, unit: int, at: tuple[int, int] | None
) -> UnitResponse:
    """Return the response of one unit to an image, or to one position of it."""
    every = result.responses(layer, index, layer.channels, at)
    return next(it for it in every if it.unit == unit)


@lru_cache(maxsize=64)
def heatmap_url(network: Network, picked: PickedImage, lit_by: tuple[str, int] | None) -> str:
    """Return the part of an image that is the network's input as a URL.

    Args:
        network: the network.
        picked: the image.
        lit_by: names of a layer and a unit; only what the unit responds to stays bright.
    """
    picture = picked.picture
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
    """Return an image that is darkened where a heat map ``[h, w]`` is low."""
    light = heat_brightness(heat)
    return ImageChops.multiply(picture, light.resize(picture.size, Image.Resampling.BICUBIC))


def encoded(picture: Image.Image) -> str:
    """Return an image as a URL."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=2)
    return thumbnails.data_url(buffer.getvalue())


def receptive_box(
    network: Network, layer: Layer, found: UnitResponse
) -> tuple[float, float, float, float] | None:
    """Return a unit's receptive field as fractions of the image; None if it covers all of it."""
    if layer.spans is None:
        return None
    height, width = network.input_size
    top, left, bottom, right = layer.receptive_box(found.row, found.col)
    if (top, left, bottom, right) == (0, 0, height, width):
        return None
    return top / height, left / width, bottom / height, right / width
