"""Crops of dataset examples to the receptive field of a unit's position.

A crop contains every pixel of the original image that influences the activation, at full
resolution, and no other pixel (except for rounding in the resampling). If the receptive field
extends beyond a border of the network's input, the crop ends there and is smaller. If the receptive
field covers the whole input, the crop is the whole image. The effective receptive field, which
contains most of the activation's gradient, can then be outlined in the crop.
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
# A crop together with what is around it in the image, and its side in receptive fields.
SURROUNDINGS, WIDER = "around", 2.5
# Brightness factor of an overlay where the activation is 0. It is high enough for the image to be
# recognised there.
DARKEST = 0.3
# Quantile of a projection's magnitudes that is drawn at full contrast. With the maximum instead, a
# few outliers would make all other values almost invisible.
STRONGEST = 0.999
# What is written on a crop instead of a projection that is zero everywhere.
ZERO = "zero: no signal\ngets back through\nthe ReLUs"


@dataclass(frozen=True)
class Crop:
    """A part of an original image.

    Attributes:
        picture: the pixels, RGB, at full resolution.
        box: position of the crop, (top, left, bottom, right) in the original, half open.
        reach: (height, width), in pixels of the original image, of a full receptive field: that of
            a position away from all borders. Near a border the crop is smaller.
        offset: (row, col) of the crop's upper left corner in the full receptive field; not (0, 0)
            if the receptive field extends beyond the top or the left border.
        whole: whether the receptive field covers the network's input, so that the crop is the
            whole image.
        outline: a box to draw, in pixels of ``picture``: the effective receptive field in a whole
            image, or the receptive field in its surroundings; None for none.
        note: a text to write on the crop, in lines; mostly empty.
    """

    picture: Image.Image
    box: Box
    reach: tuple[int, int]
    offset: tuple[int, int]
    whole: bool
    outline: Box | None = None
    note: str = ""


def crop_hit(
    index: Index, layer: str, hit: Hit, outlined_by: tuple[Network, int] | None = None
) -> Crop:
    """Crop the original image of a hit to the receptive field of the hit's position.

    Args:
        index: the index of the hit.
        layer: name of the layer.
        hit: one of the unit's dataset examples.
        outlined_by: the network and the unit. If given, and if the crop is the whole image, the
            effective receptive field is computed for ``Crop.outline``.

    Raises:
        BadPicture: the original image is missing, cannot be opened any more, or has another size.
        ExplorerError: the collection has been moved or deleted, or the network has other weights.
    """
    original = index.picture(hit.picture)
    center_crop = CenterCrop(hit.size, index.plan.input_size, index.plan.framing)
    center_crop.require_full_size(original)
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


def crop_surroundings(
    index: Index, layer: str, hit: Hit, outlined_by: tuple[Network, int] | None = None
) -> Crop:
    """Crop the original image of a hit to the receptive field and what is around it.

    The receptive field is outlined. The crop is ``WIDER`` times as large, and moved at a border so
    that it lies inside the image. If the receptive field covers the whole input, it is the crop of
    ``crop_hit``, whose arguments and errors are the same.
    """
    part = crop_hit(index, layer, hit, outlined_by)
    if part.whole:
        return part
    top, left, bottom, right = part.box
    row, height = _widen(top, bottom, part.reach[0], hit.size[0])
    col, width = _widen(left, right, part.reach[1], hit.size[1])
    box = (row, col, row + height, col + width)
    wide = index.picture(hit.picture).crop((col, row, col + width, row + height))
    outline = (top - row, left - col, bottom - row, right - col)
    return Crop(wide, box, (height, width), (0, 0), False, outline)


def _widen(start: int, stop: int, reach: int, length: int) -> tuple[int, int]:
    """Return the start and the length of a longer interval around an interval of an image's side.

    Args:
        start, stop: the interval, inside of ``[0, length)``.
        reach: length of a full receptive field.
        length: length of the image's side.
    """
    longer = min(length, max(round(WIDER * reach), stop - start))
    return min(max((start + stop - longer) // 2, 0), length - longer), longer


def _offset_and_reach(
    intervals: tuple[tuple[int, int], ...], position: int, length: int, center_crop: CenterCrop
) -> tuple[int, int]:
    """Return ``offset`` and ``reach`` of a crop (see ``Crop``) along one axis.

    Args:
        intervals: receptive fields of the layer's positions along the axis, in input pixels.
        position: index of the crop's position.
        length: length of the crop in pixels of the original image.
        center_crop: the preprocessing of the original image.
    """
    full = max(stop - start for start, stop in intervals)
    start, stop = intervals[position]
    reach = max(center_crop.extent_in_image(full), length)
    # An interval that begins at pixel 0 and is shorter than a full receptive field was truncated at
    # its beginning. Every other interval was truncated at its end, or not at all.
    return (reach - length if start == 0 and stop < full else 0), reach


def attribution_overlay(
    index: Index, network: Network, layer: str, unit: int, hit: Hit, how: str = HEAT
) -> Crop:
    """Return the crop of a hit with an attribution of the unit's activation drawn into it.

    Args:
        index: the index of the hit.
        network: the network of the index.
        layer, unit: name of the layer, and index of the unit.
        hit: one of the unit's dataset examples.
        how: ``heat`` multiplies the image by a brightness that grows with the unit's activation,
            as ``heat_brightness`` defines it. ``guided`` and ``deconvolution`` replace the image by
            the result of ``attribution.project``, enlarged from the resolution of the network's
            input. Middle grey is 0. If the result is zero everywhere, the crop of the image is
            returned, with ``ZERO`` as its ``note``.

    Raises:
        UnknownName: there is no such attribution.
        BadPicture, ExplorerError: as ``crop_hit`` and ``attribution.project``.
    """
    if how not in OVERLAYS:
        raise unknown("evidence", how, OVERLAYS)
    part = crop_hit(index, layer, hit)
    index.require(network)
    original = index.picture(hit.picture)
    center_crop = CenterCrop(hit.size, index.plan.input_size, index.plan.framing)
    image = network_input(original, center_crop)
    if how == HEAT:
        brightness = heat_brightness(attribution.heatmap(network, image, layer, unit))
        drawn = ImageChops.multiply(original, _uncrop(center_crop, brightness, DARKEST))
    else:
        signal = attribution.project(network, image, layer, unit, hit.row, hit.col, how)
        if not signal.any():
            return replace(part, note=ZERO)
        full_contrast = signal.abs().flatten().quantile(STRONGEST)
        signal = (signal / full_contrast.clamp(min=torch.finfo().tiny)).clamp(-1, 1)
        drawn = _uncrop(center_crop, image_io.to_picture(0.5 + signal / 2), 0.5)
    top, left, bottom, right = part.box
    return replace(part, picture=drawn.crop((left, top, right, bottom)))


def heat_brightness(heat: torch.Tensor) -> Image.Image:
    """Return a grey RGB image of activations ``[H, W]``, by which an image can be multiplied.

    Its values are ``DARKEST`` for activations of at most 0, and 1 for the largest activation.
    """
    heat = heat.clamp(min=0)
    heat = DARKEST + (1 - DARKEST) * heat / heat.max().clamp(min=torch.finfo().tiny)
    return image_io.to_picture(heat.expand(3, -1, -1))


def _uncrop(center_crop: CenterCrop, cropped: Image.Image, level: float) -> Image.Image:
    """Enlarge an image of the input's size, and paste it at the centre crop's position.

    Args:
        center_crop: the preprocessing of the original image.
        cropped: the image to paste.
        level: grey level of the other pixels, from 0 to 1.

    Returns:
        An RGB image of the original image's size.
    """
    canvas = Image.new("RGB", center_crop.picture[::-1], (round(255 * level),) * 3)
    top, left, bottom, right = center_crop.pixel_window
    resized = cropped.resize((right - left, bottom - top), Image.Resampling.BICUBIC)
    canvas.paste(resized, (left, top))
    return canvas


def network_input(original: Image.Image, center_crop: CenterCrop) -> torch.Tensor:
    """Apply a centre crop to a picture: network input, float32 ``[1, 3, H, W]`` in ``[0, 1]``."""
    return image_io.from_bytes(
        torch.from_numpy(np.array(center_crop.network_input(original)))[None]
    )
