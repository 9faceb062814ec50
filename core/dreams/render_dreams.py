"""Dreams: images changed so that a network's layers respond more strongly to them (DeepDream).

The energy of some layers is maximised at several image sizes (octaves), the smallest first. The
change made at one size is enlarged and added to the unchanged image at the next size. Patterns of
all sizes therefore appear, and the image stays sharp (Mordvintsev, Olah and Tyka, "Inceptionism",
2015).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from core import allocator
from core.dreams.dream_canvas import DreamCanvas, root_mean_square
from core.dreams.dream_objective import build_objective, measure
from core.errors import ExplorerError
from core.images import image_io
from core.images.channels import COLOUR, open_image
from core.images.colours import with_chroma_of
from core.images.motion import match_tone, warp_detail, zoom_and_rotate
from core.images.resize import resize_image
from core.images.tiles import Tiles
from core.networks.interventions import named_units, switched_network
from core.networks.network import Network
from core.optim.ascent import AscentSettings, ascend
from core.optim.objectives import Objective
from core.optim.transforms import RandomShift
from core.progress import Progress, ShownInNotebooks
from core.recipes.dream import DreamRecipe

# Root mean square of the change at a strength of 1, in units of the full range.
UNIT_STRENGTH = 0.12
# Strength of the change by each frame of a zoom after the first, relative to the recipe's strength.
ZOOM_FRAME_STRENGTH = 0.35
# Initial strength of the change in each frame of a clip after the first, relative to the recipe's
# strength. This change is carried over from the frame before.
CARRIED_STRENGTH = 0.8
# Shorter side of an octave in pixels, at least; smaller images contain nothing that a network
# recognises.
MIN_OCTAVE_SIDE = 48


@dataclass(frozen=True)
class DreamPicture(ShownInNotebooks):
    """A finished dream.

    Attributes:
        part: number of the frame; 0 for a single dream.
        image: ``[C, H, W]`` in ``[0, 1]``, on the CPU, with the channels of the network's images.
        facts: ``activation``, the value of the objective divided by its value for the unchanged
            image; and ``change``, the root mean square of the difference from the unchanged image.
            In a zoom, the change of a later frame is the difference from the zoomed previous frame.
    """

    part: int
    image: Tensor
    facts: Mapping[str, float | bool | str] = field(default_factory=dict)


def plan(
    network: Network, layers: Sequence[str], image: str, seed: int = 0, **settings: Any
) -> DreamRecipe:
    """Return the recipe of a dream.

    Args:
        network: the loaded network.
        layers: names of layers, as ``Network.layer`` accepts them.
        image: fingerprint of the image.
        seed: seed of all random numbers.
        settings: further fields of ``DreamRecipe``.

    Raises:
        UnknownName: there is no such layer.
        ExplorerError: a unit or setting is out of range.
    """
    if switched := settings.get("switched"):
        settings["switched"] = named_units(network, switched)
    recipe = DreamRecipe(
        network=network.name,
        weights=network.fingerprint,
        seed=seed,
        layers=tuple(network.layer(name).name for name in layers),
        image=image,
        **settings,
    )
    check(network, recipe)
    return recipe


def check(network: Network, recipe: DreamRecipe) -> None:
    """Check that a recipe is for these weights, and that its layers and units exist.

    Raises:
        ExplorerError: the recipe does not fit the network.
    """
    network.check_recipe(recipe)
    for name in recipe.layers:
        network.layer_with_units(name, recipe.units)
    switched_network(network, recipe.switched)


def render(
    network: Network, recipe: DreamRecipe, inputs: Mapping[str, bytes]
) -> Iterator[Progress]:
    """Render a dream or a film of dreams; yield progress, and every finished picture.

    Each frame of a film starts from the previous frame: in a zoom, this frame is zoomed and
    rotated; in a clip, its change is moved along with the motion. If the previous frame is not
    among the inputs, it is rendered too. Every frame is rounded to 8 bits, as in files, so that the
    result is the same in both cases.

    ``done`` and ``total`` are sums over optimiser steps of the image's number of pixels.

    Args:
        network: the loaded network.
        recipe: what to render.
        inputs: the encoded images of ``recipe.inputs`` by fingerprint; or those of
            ``recipe.inputs_with_previous``, and the frame before under the key of
            ``recipe.previous``.

    Raises:
        ExplorerError: the recipe is for other weights, or an input is missing.
    """
    check(network, recipe)
    network = switched_network(network, recipe.switched)
    channels = network.channels
    unchanged = _open_image(inputs, recipe.image, recipe.size, channels).to(network.device)
    mask = _open_mask(inputs, recipe, unchanged)
    # Measure in the precision of the ascent, which is three times as fast as full precision.
    extractor = network.extractor(recipe.layers, for_gradients=True)
    guide = None
    if recipe.guide:
        guide = _open_image(inputs, recipe.guide, max(network.input_size), channels)
    objective, unchanged_value = build_objective(network, extractor, recipe, guide, unchanged)
    start, finished = _start(recipe, inputs, unchanged)
    sizes = octave_sizes(unchanged, recipe, network.least_size(recipe.layers))
    per_frame = sum(recipe.steps * rows * cols for rows, cols in sizes)
    total = per_frame * (recipe.pictures[-1] + 1 - start)
    for number in range(start, recipe.pictures[-1] + 1):
        done_before = (number - start) * per_frame
        frame = _initial_frame(recipe, inputs, unchanged, finished, number)
        for done, image in _ascend_octaves(
            network, recipe, objective, frame, mask, sizes, recipe.seed + number
        ):
            previews = {max(number, recipe.first): image[0]}
            yield Progress(done_before + round(done), total, previews)
        allocator.release_memory()
        finished = with_chroma_of(image, frame.base) if recipe.keep_colours else image
        finished = image_io.from_bytes(image_io.to_bytes(finished)).to(network.device)
        if number in recipe.pictures:
            # In a clip every frame has another unchanged image, ``frame.base``. In a zoom,
            # ``frame.base`` already contains the previous dream.
            before = measure(extractor, objective, frame.base) if recipe.clip else unchanged_value
            after = measure(extractor, objective, finished)
            facts = {
                "activation": after / before if before else after,
                "change": float(root_mean_square(finished - frame.base)),
            }
            picture = DreamPicture(number, finished[0].cpu(), facts)
            yield Progress(done_before + per_frame, total, {}, (picture,))


def _start(
    recipe: DreamRecipe, inputs: Mapping[str, bytes], unchanged: Tensor
) -> tuple[int, Tensor]:
    """Return the number of the first frame to render, and the finished frame before it."""
    if recipe.previous is None or recipe.previous.key not in inputs:
        return 0, unchanged
    before = open_image(inputs[recipe.previous.key], unchanged.shape[1])
    return recipe.first, before.to(unchanged.device)


@dataclass(frozen=True)
class _InitialFrame:
    """State of one frame before its ascent.

    Attributes:
        base: the image to which the change is added, ``[1, 3, H, W]`` in ``[0, 1]``.
        detail: change carried over from the frame before, in the same shape; None for no change.
        strength: strength of this frame's change, relative to the recipe's strength.
    """

    base: Tensor
    detail: Tensor | None = None
    strength: float = 1.0


def _initial_frame(
    recipe: DreamRecipe,
    inputs: Mapping[str, bytes],
    unchanged: Tensor,
    finished: Tensor,
    number: int,
) -> _InitialFrame:
    """Return the state from which a frame starts.

    Args:
        recipe: the recipe of the film.
        inputs: its encoded images.
        unchanged: the recipe's image, ``[1, 3, H, W]``.
        finished: the finished frame before, in the same shape.
        number: number of the frame.
    """
    if number == 0:
        return _InitialFrame(unchanged)
    if recipe.clip:
        pictures = (recipe.image, *recipe.clip)[number - 1 : number + 1]
        before, now = (
            _open_image(inputs, it, recipe.size, unchanged.shape[1]).to(unchanged)
            for it in pictures
        )
        if now.shape != unchanged.shape:
            raise ExplorerError("the pictures of a clip are of different shapes; cut them alike")
        return _InitialFrame(now, warp_detail(finished - before, before, now))
    change = recipe.strength * UNIT_STRENGTH
    moved = zoom_and_rotate(finished, recipe.zoom, recipe.turn)
    return _InitialFrame(match_tone(moved, unchanged, change), strength=ZOOM_FRAME_STRENGTH)


def _ascend_octaves(
    network: Network,
    recipe: DreamRecipe,
    objective: Objective,
    frame: _InitialFrame,
    mask: Tensor | None,
    sizes: Sequence[tuple[int, int]],
    seed: int,
) -> Iterator[tuple[float, Tensor]]:
    """Ascend at all ``sizes``; yield the progress and the image after every step or tile.

    The progress counts as ``done`` of ``render`` does.
    """
    generator = torch.Generator().manual_seed(seed)
    strength = recipe.strength * UNIT_STRENGTH * frame.strength
    initial = 0.0 if frame.detail is None else CARRIED_STRENGTH
    detail = None if frame.detail is None else resize_image(frame.detail, sizes[0])
    done = 0
    for number, size in enumerate(sizes):
        tiles = Tiles(recipe.tile) if max(size) > recipe.tile else None
        if tiles is not None:
            # PyTorch's allocator caches memory blocks. Those of one size do not fit the next size.
            allocator.release_memory()
        before, after = (
            strength * (initial + (1 - initial) * at / len(sizes)) for at in (number, number + 1)
        )
        canvas = DreamCanvas(
            resize_image(frame.base, size),
            detail,
            None if mask is None else resize_image(mask, size),
            (before, after),
            recipe.steps,
        )
        settings = AscentSettings(steps=recipe.steps, cooldown=0, patience=0, tiles=tiles)
        for step in ascend(network, objective, canvas, settings, RandomShift(), generator):
            steps_done = step.index - 1 + step.fraction
            yield done + steps_done * size[0] * size[1], canvas.values.detach()
        done += recipe.steps * size[0] * size[1]
        if number + 1 < len(sizes):
            detail = _upscale_detail(canvas.detail, frame.detail, size, sizes[number + 1])


def _upscale_detail(
    detail: Tensor, carried: Tensor | None, size: tuple[int, int], larger: tuple[int, int]
) -> Tensor:
    """Return the change made at one size, enlarged to the next size.

    A change that was carried over from the frame before is known at full size. The frequencies that
    it lost when it was reduced to ``size`` are added again.
    """
    enlarged = resize_image(detail, larger)
    if carried is None:
        return enlarged
    coarse = resize_image(resize_image(carried, size), larger)
    return enlarged + resize_image(carried, larger) - coarse


def octave_sizes(
    base: Tensor, recipe: DreamRecipe, least: tuple[int, int] = (1, 1)
) -> list[tuple[int, int]]:
    """Return the (height, width) of the octaves of an image ``[1, 3, H, W]``, smallest first.

    Octaves that are smaller than ``MIN_OCTAVE_SIDE`` or than ``least``, the least (height, width)
    that the layers need, are left out. The full size always remains.
    """
    height, width = base.shape[2:]
    sizes = [(height, width)]
    for number in range(1, recipe.octaves):
        scale = recipe.octave_scale**-number
        size = (round(height * scale), round(width * scale))
        if any(it < max(MIN_OCTAVE_SIDE, own) for it, own in zip(size, least, strict=True)):
            break
        sizes.append(size)
    return sizes[::-1]


def _open_image(
    inputs: Mapping[str, bytes], fingerprint: str, size: int, channels: int = COLOUR
) -> Tensor:
    """Return an input as ``[1, C, H, W]``, its longer side at most ``size``."""
    if fingerprint not in inputs:
        raise ExplorerError(f"the picture {fingerprint} that this dream needs is not here")
    return open_image(inputs[fingerprint], channels, size)


def _open_mask(inputs: Mapping[str, bytes], recipe: DreamRecipe, base: Tensor) -> Tensor | None:
    """Return the mask at the size of the base, ``[1, 1, H, W]`` in ``[0, 1]``."""
    if not recipe.mask:
        return None
    opened = _open_image(inputs, recipe.mask, recipe.size).mean(1, keepdim=True)
    mask = resize_image(opened, (base.shape[2], base.shape[3])).clamp(0, 1)
    if not bool(mask.any()):
        raise ExplorerError("the mask is black everywhere; paint white where dreams may come")
    return mask.to(base.device)
