"""Activations of a network for one image, and heat maps on the image, for the Probe page."""

import io
from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageChops
from torch import Tensor

from core.analysis import attribution, crops, probe
from core.images.center_crop import CenterCrop
from core.index.reader import Index
from core.networks import Layer, Network
from core.networks.interventions import switched_network
from explorer import thumbnails
from explorer.ui import server_state
from explorer.ui.image_picker import PickedImage

# Number of images whose activations stay in memory; each may take a hundred megabytes.
RESULTS_AT_MOST = 4
# Longer side of the image on the page, in pixels.
SHOWN_PIXELS = 768
QUALITY = 88


@server_state.cached(RESULTS_AT_MOST)
def probe_cached(
    network: Network, picked: PickedImage, index: Index | None, off: Sequence[str] = ()
) -> probe.ProbeResult:
    """Return the activations of a network for an image, cached.

    Args:
        network: the network.
        picked: the image.
        index: the index with whose activations those of the image are compared; None for none.
        off: the units that are multiplied meanwhile, as recipes write them.
    """
    return probe.probe_image(switched_network(network, off), picked.picture, index)


def shown_layers(network: Network, index: Index | None) -> Sequence[Layer]:
    """Return the layers that the page shows, in the order from the logits back to the image.

    With an index, these are only the layers in the index.
    """
    known = {it.name for it in index.plan.layers} if index else None
    return [it for it in reversed(network.shown) if known is None or it.name in known]


@lru_cache(maxsize=64)
def heatmap_url(network: Network, picked: PickedImage, lit_by: tuple[str, int] | None) -> str:
    """Return the central part of an image that is the network's input, as a URL.

    Args:
        network: the network.
        picked: the image.
        lit_by: name of a layer and number of a unit: positions to which the unit does not respond
            are darkened. None to show the image without a heat map.
    """
    heat = None
    if lit_by is not None:
        image = crops.network_input(picked.picture, _frame(network, picked))
        heat = attribution.heatmap(network, image, *lit_by)
    return lit_url(network, picked, heat)


def lit_url(
    network: Network, picked: PickedImage, heat: Tensor | None, pixels: int = SHOWN_PIXELS
) -> str:
    """Return the part of an image that is the network's input, darker where a map is low, as a URL.

    Args:
        network: the network.
        picked: the image.
        heat: a map ``[H, W]`` of the network's input; None for the image alone.
        pixels: the longer side of the result.
    """
    top, left, bottom, right = _frame(network, picked).window
    scale = min(pixels / max(bottom - top, right - left), 4.0)
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    seen = picked.picture.resize(size, Image.Resampling.LANCZOS, (left, top, right, bottom))
    return encoded(seen if heat is None else overlay(seen, heat))


def _frame(network: Network, picked: PickedImage) -> CenterCrop:
    picture = picked.picture
    return CenterCrop((picture.height, picture.width), network.input_size, network.framing)


def overlay(picture: Image.Image, heat: Tensor) -> Image.Image:
    """Return a copy of an image that is darker where a heat map ``[h, w]`` has low values."""
    light = crops.heat_brightness(heat)
    return ImageChops.multiply(picture, light.resize(picture.size, Image.Resampling.BICUBIC))


def encoded(picture: Image.Image) -> str:
    """Return an image as a data URL, encoded as WebP."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=2)
    return thumbnails.data_url(buffer.getvalue())


def receptive_box(
    network: Network, layer: Layer, found: probe.UnitResponse
) -> tuple[float, float, float, float] | None:
    """Return the receptive field of a unit at the position of its response.

    Returns:
        (top, left, bottom, right) as fractions of the network's input; None if the receptive field
        covers the whole input, or if the layer has no positions.
    """
    if layer.spans is None:
        return None
    height, width = network.input_size
    top, left, bottom, right = layer.receptive_box(found.row, found.col)
    if (top, left, bottom, right) == (0, 0, height, width):
        return None
    return top / height, left / width, bottom / height, right / width
