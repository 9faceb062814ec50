"""Crops of dataset examples to the receptive field of a unit's position.

A crop is exact: it holds every pixel of the original, at full resolution, that influences the
activation, and no other (but for the rounding of resampling). At the image's borders it is smaller.
If the receptive field covers the whole image, so does the crop. The effective receptive field,
where most of the activation's gradient is, can then be outlined in it.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image, ImageChops

from core.analysis import attribution
from core.errors import unknown
from core.images import image_io
from core.images.center_crop import Box, CenterCrop
from core.index.reader import Hit, Index
from core.networks.network import Network

HEAT = "heat"
OVERLAYS = (HEAT, *attribution.PROJECTIONS)
# Brightness of an overlay where the activation is 0, high enough to recognise the image there.
DARKEST = 0.3
# Quantile of a projection's magnitudes that is drawn at full contrast. With the maximum instead, a
# few outliers would make all other values almost invisible.
STRONGEST = 0.999


@dataclass(frozen=True)
class Crop:
    """A part of an original image.

    Attributes:
        picture: the pixels, RGB, at full resolution.
        box: position of the crop, (top, left, bottom, right) in the original, half open.
        reach: (height, width) in the original's pixels of the receptive field of a position away
            from all borders; the crop is smaller if it lies at the border of the network's input.
        offset: (row, col) of the crop within this receptive field.
        whole: whether the receptive field covers the network's input, so that the crop is the
            whole image.
        outline: box of the effective receptive field in the original's pixels; None if it was not
            requested.
    """

    picture: Image.Image
    box: Box
    reach: tuple[int, int]
    offset: tuple[int, int]
    whole: bool
    outline: Box | None = None


def crop_hit(
    index: Index, layer: str, hit: Hit, outlined_by: tuple[Network, int] | None = None
) -> Crop:
    """Crop the original image of a hit to the receptive field of its position.

    Args:
        index: the index of the hit.
        layer: name of the layer.
        hit: one of the unit's dataset examples.
        outlined_by: the network and the unit. They are needed to outline the effective receptive
            field where the crop is the whole image.

    Raises:
        BadPicture: the original is missing or cannot be opened any more.
        ExplorerError: the collection has been moved or deleted, or the network has other weights.
    """
    original = index.picture(hit.picture)
    center_crop = CenterCrop(hit.size, index.plan.input_size)
    indexed = index.layer(layer)
    if indexed.field(hit.row, hit.col, center_crop.size) == (0, 0, *center_crop.size):
        outline = None
        if outlined_by is not None:
            network, unit = outlined_by
            index.require(network)
            image = network_input(original, center_crop)
            field = attribution.effective_field(network, image, layer, unit, hit.row, hit.col)
            outline = center_crop.box_in_image(field)
        return Crop(original, (0, 0, *hit.size), hit.size, (0, 0), True, outline)
    top, left, bottom, right = hit.box
    assert indexed.rows is not None
    assert indexed.cols is not None
    row, height = _offset_and_reach(indexed.rows, hit.row, bottom - top, center_crop)
    col, width = _offset_and_reach(indexed.cols, hit.col, right - left, center_crop)
    part = original.crop((left, top, right, bottom))
    return Crop(part, hit.box, (height, width), (row, col), False)


def _offset_and_reach(
    intervals: tuple[tuple[int, int], ...], position: int, length: int, center_crop: CenterCrop
) -> tuple[int, int]:
    """Return ``offset`` and ``reach`` of a crop (see ``Crop``) along one axis.

    Args:
        intervals: receptive fields of the layer's positions along the axis, in input pixels.
        position: index of the crop's position.
        length: length of the crop in the original's pixels.
        center_crop: the preprocessing of the original.
    """
    full = max(stop - start for start, stop in intervals)
    start, stop = intervals[position]
    reach = max(center_crop.extent_in_image(full), length)
    # The input's border cuts off the beginning of the receptive field if it begins at pixel 0 and
    # is shorter than a full one; else it cuts off the end, or nothing.
    return (reach - length if start == 0 and stop < full else 0), reach


def attribution_overlay(
    index: Index, network: Network, layer: str, unit: int, hit: Hit, how: str = HEAT
) -> Crop:
    """Draw an attribution of a unit's activation into a hit's crop.

    Args:
        index: the index of the hit.
        network: the network of the index.
        layer, unit: name of the layer, and index of the unit.
        hit: one of the unit's dataset examples.
        how: ``heat`` multiplies the image by a brightness that grows with the unit's activation,
            as ``heat_brightness`` defines it; ``guided`` and ``deconvolution`` draw
            ``attribution.project`` around a middle grey, at the resolution of the network's input.

    Raises:
        UnknownName: there is no such attribution.
        BadPicture, ExplorerError: as ``crop_hit`` and ``attribution.project``.
    """
    if how not in OVERLAYS:
        raise unknown("evidence", how, OVERLAYS)
    part = crop_hit(index, layer, hit)
    index.require(network)
    original = index.picture(hit.picture)
    center_crop = CenterCrop(hit.size, index.plan.input_size)
    image = network_input(original, center_crop)
    if how == HEAT:
        brightness = heat_brightness(attribution.heatmap(network, image, layer, unit))
        drawn = ImageChops.multiply(original, _uncrop(center_crop, brightness, DARKEST))
    else:
        signal = attribution.project(network, image, layer, unit, hit.row, hit.col, how)
        full_contrast = signal.abs().flatten().quantile(STRONGEST)
        signal = (signal / full_contrast.clamp(min=torch.finfo().tiny)).clamp(-1, 1)
        drawn = _uncrop(center_crop, image_io.to_picture(0.5 + signal / 2), 0.5)
    top, left, bottom, right = part.box
    return replace(part, picture=drawn.crop((left, top, right, bottom)))


def heat_brightness(heat: torch.Tensor) -> Image.Image:
    """Return a grey RGB image of activations ``[H, W]``: ``DARKEST`` at 0, white at the maximum."""
    heat = heat.clamp(min=0)
    heat = DARKEST + (1 - DARKEST) * heat / heat.max().clamp(min=torch.finfo().tiny)
    return image_io.to_picture(heat.expand(3, -1, -1))


def _uncrop(center_crop: CenterCrop, cropped: Image.Image, level: float) -> Image.Image:
    """Paste a centre crop back into an image of the original's size, grey ``level`` elsewhere."""
    canvas = Image.new("RGB", center_crop.picture[::-1], (round(255 * level),) * 3)
    top, left, bottom, right = map(round, center_crop.window)
    resized = cropped.resize((right - left, bottom - top), Image.Resampling.BICUBIC)
    canvas.paste(resized, (left, top))
    return canvas


def network_input(original: Image.Image, center_crop: CenterCrop) -> torch.Tensor:
    """Return the network's input for an image, float32 ``[1, 3, H, W]`` in ``[0, 1]``."""
    return image_io.from_bytes(
        torch.from_numpy(np.array(center_crop.network_input(original)))[None]
    )
