"""What a winning neuron saw: the part of the original picture that can reach its position.

A crop is exact: it holds every pixel of the original, at full resolution, with a part in the
activation, and none that has none (but for the rounding of resampling); at the picture's borders
it is smaller. Of layers that see everything the crop is the whole picture, in which the effective
field can be outlined: where most of the activation's gradient is.
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
# Of the light where a unit is silent: enough to see what is there.
DARKEST = 0.3
# Share of a projection's values below full contrast: a few would outshine all others.
STRONGEST = 0.999


@dataclass(frozen=True)
class Crop:
    """A part of an original picture.

    Attributes:
        picture: its pixels, RGB, at full resolution.
        box: where it lies, (top, left, bottom, right) in the original, half open.
        reach: (height, width) in the original's pixels of what a position away from all borders
            sees; the crop is smaller where the network sees its picture's border.
        offset: (row, col) of the crop in there.
        whole: whether the field exceeds the picture, so that this is all of it.
        outline: the effective field, in the original's pixels; None unless asked for.
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
    """Cut out what can reach a hit's position.

    Args:
        index: the index that the hit is from.
        layer: name of the layer.
        hit: one of the unit's pictures.
        outlined_by: the network and the unit, to outline the effective field where the field
            exceeds the picture.

    Raises:
        BadPicture: the original is gone or cannot be opened any more.
        ExplorerError: the collection is not where it was, or the network has other weights.
    """
    original = index.picture(hit.picture)
    frame = CenterCrop(hit.size, index.plan.input_size)
    plan = index.layer(layer)
    if plan.field(hit.row, hit.col, frame.size) == (0, 0, *frame.size):
        outline = None
        if outlined_by is not None:
            network, unit = outlined_by
            index.require(network)
            image = network_input(original, frame)
            seen = attribution.effective_field(network, image, layer, unit, hit.row, hit.col)
            outline = frame.box_in_image(seen)
        return Crop(original, (0, 0, *hit.size), hit.size, (0, 0), True, outline)
    top, left, bottom, right = hit.box
    assert plan.rows is not None
    assert plan.cols is not None
    row, height = _within(plan.rows, hit.row, bottom - top, frame)
    col, width = _within(plan.cols, hit.col, right - left, frame)
    part = original.crop((left, top, right, bottom))
    return Crop(part, hit.box, (height, width), (row, col), False)


def _within(
    intervals: tuple[tuple[int, int], ...], place: int, length: int, frame: CenterCrop
) -> tuple[int, int]:
    """Tell where along one side a crop lies in its layer's full reach, and how far that is."""
    full = max(stop - start for start, stop in intervals)
    start, stop = intervals[place]
    reach = max(frame.extent_in_image(full), length)
    # At the upper or left border the beginning is missing, at the other the end.
    return (reach - length if start == 0 and stop < full else 0), reach


def attribution_overlay(
    index: Index, network: Network, layer: str, unit: int, hit: Hit, how: str = HEAT
) -> Crop:
    """Show in a hit's crop what excites the unit there.

    Args:
        index: the index that the hit is from.
        network: its network.
        layer, unit: the neuron.
        hit: one of its pictures.
        how: ``heat`` leaves bright what excites the unit and darkens the rest, in proportion to its
            activation there; ``guided`` and ``deconvolution`` draw ``evidence.project`` around a
            middle grey, at the resolution that the network sees.

    Raises:
        UnknownName: there is no such evidence.
        ExplorerError: as ``crop`` and ``evidence.project``.
    """
    if how not in OVERLAYS:
        raise unknown("evidence", how, OVERLAYS)
    part = crop_hit(index, layer, hit)
    index.require(network)
    original = index.picture(hit.picture)
    frame = CenterCrop(hit.size, index.plan.input_size)
    image = network_input(original, frame)
    if how == HEAT:
        heat = attribution.heatmap(network, image, layer, unit).clamp(min=0)
        heat = DARKEST + (1 - DARKEST) * heat / heat.max().clamp(min=torch.finfo().tiny)
        light = _unseen(frame, image_io.to_picture(heat.expand(3, -1, -1)), DARKEST)
        drawn = ImageChops.multiply(original, light)
    else:
        signal = attribution.project(network, image, layer, unit, hit.row, hit.col, how)
        most = signal.abs().flatten().quantile(STRONGEST)
        signal = (signal / most.clamp(min=torch.finfo().tiny)).clamp(-1, 1)
        drawn = _unseen(frame, image_io.to_picture(0.5 + signal / 2), 0.5)
    top, left, bottom, right = part.box
    return replace(part, picture=drawn.crop((left, top, right, bottom)))


def _unseen(frame: CenterCrop, seen: Image.Image, level: float) -> Image.Image:
    """Lay what a network sees back onto a picture's full size; elsewhere a level of grey."""
    paper = Image.new("RGB", frame.picture[::-1], (round(255 * level),) * 3)
    top, left, bottom, right = map(round, frame.window)
    paper.paste(seen.resize((right - left, bottom - top), Image.Resampling.BICUBIC), (left, top))
    return paper


def network_input(original: Image.Image, frame: CenterCrop) -> torch.Tensor:
    """Turn an original into what a network sees of it, float32 ``[1, 3, H, W]`` in ``[0, 1]``."""
    return image_io.from_bytes(torch.from_numpy(np.array(frame.network_input(original)))[None])
