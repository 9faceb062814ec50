"""Style transfer: a picture climbs towards the content of one picture and the style of others.

Content is what a layer sees, and style is how its channels fire together (Gatys, Ecker and Bethge,
"Image Style Transfer Using Convolutional Neural Networks", CVPR 2016; ``core.style.losses`` has the
formulas). The picture grows: it is painted small first, where strokes span what they should span
and steps cost little, and what was painted is enlarged and painted on. Either part alone makes a
texture (style only, from noise) or a reconstruction (content only, from noise).
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from core.errors import ExplorerError
from core.images import colours, image_io
from core.images.colours import with_chroma_of
from core.images.resize import resize_image
from core.networks.network import Network
from core.networks.variants import style_variant
from core.optim.ascent import AscentSettings, ascend
from core.progress import LossHistory, Progress, downsample_curve
from core.recipes.style import StyleRecipe
from core.style import loss_sum, tiled_statistics
from core.style.defaults import default_settings, variation
from core.style.loss_builder import (
    FRAME,
    StyleInputs,
    build_losses,
    gradient_norms,
    noise_image,
    plan_tiles,
)
from core.style.loss_sum import LossSum
from core.style.style_canvas import AdamState, StyleCanvas

# No size is added for less than this part of a growth.
SPARED = 0.1


@dataclass(frozen=True)
class StylePicture:
    """A finished picture.

    Attributes:
        part: 0.
        image: ``[3, H, W]``, RGB in ``[0, 1]``, on the CPU.
        facts: ``losses``, JSON: each cost by its name, as ``start`` and ``end`` at full size and
            ``curve``, its course over all steps.
    """

    part: int
    image: Tensor
    facts: Mapping[str, float | bool | str] = field(default_factory=dict)


def plan(network: Network, seed: int = 0, **settings: Any) -> StyleRecipe:
    """Write the recipe of a style transfer, a texture or a reconstruction.

    Layers, balance and what else is not named, or None, are the usual ones of the network; the cost
    of variation of a reconstruction is that of its layers.

    Args:
        network: the loaded network.
        seed: where all chance comes from.
        settings: of ``StyleRecipe``.

    Raises:
        UnknownName: there is no such layer.
        ExplorerError: a setting is out of range.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    chosen = {**default_settings(network), **given}
    if not chosen.get("styles"):
        chosen["style_layers"] = ()
    if not chosen.get("content"):
        chosen["content_layers"] = ()
    for name in ("content_layers", "style_layers"):
        found = [network.layer(it).name for it in chosen[name]]
        chosen[name] = tuple(dict.fromkeys(found))
    if chosen["content_layers"] and not chosen["style_layers"]:
        layers = [network.layer(it) for it in chosen["content_layers"]]
        chosen.setdefault("variation", variation(layers))
    recipe = StyleRecipe(network=network.name, weights=network.fingerprint, seed=seed, **chosen)
    check(network, recipe)
    return recipe


def check(network: Network, recipe: StyleRecipe) -> None:
    """Refuse a recipe of other weights, or whose layers the network lacks."""
    network.check_recipe(recipe)
    for name in (*recipe.content_layers, *recipe.style_layers):
        if network.layer(name).size is None:
            raise ExplorerError(f"layer {name} of {network.name} has no places; choose another")


def render(
    network: Network, recipe: StyleRecipe, inputs: Mapping[str, bytes]
) -> Iterator[Progress]:
    """Paint, and report every step; the last record brings the picture.

    ``done`` and ``total`` count pixels times steps.

    Args:
        network: the loaded network.
        recipe: what to paint.
        inputs: the encoded pictures that ``recipe.inputs`` name.

    Raises:
        ExplorerError: the recipe was written for other weights, or names what is not there.
    """
    check(network, recipe)
    network = style_variant(network, recipe.pooling)
    subjects = open_inputs(recipe, inputs, network.device)
    strength = gradient_norms(network, recipe, subjects)
    sizes = plan_scales(recipe, subjects.size)
    total = recipe.steps * sum(height * width for height, width in sizes)
    image = initial_image(recipe, subjects, sizes[0])
    momentum: AdamState | None = None
    curves: dict[str, list[float]] = defaultdict(list)
    history = LossHistory(curves, recipe.steps * len(sizes))
    done, generator = 0, torch.Generator().manual_seed(recipe.seed)
    for size in sizes:
        costs = build_losses(network, recipe, subjects, size, strength)
        easel = _canvas(
            recipe,
            subjects,
            upscale(image, initial_image(recipe, subjects, size), recipe),
            momentum,
        )
        for _ in ascend(network, costs, easel, _settings(network, recipe, size), FRAME, generator):
            done += size[0] * size[1]
            for name, value in costs.latest.items():
                curves[name].append(float(value[0]))
            yield Progress(done, total, {0: easel.painted[0]}, history=history)
        image, momentum = easel.painted, easel.momentum
    start = evaluate_losses(network, recipe, costs, initial_image(recipe, subjects, sizes[-1]))
    end = evaluate_losses(network, recipe, costs, image)
    told = {
        name: {"start": start[name], "end": end[name], "curve": downsample_curve(curves[name])}
        for name in end
    }
    finished = image
    if recipe.colours == "light" and subjects.photograph is not None:
        finished = with_chroma_of(image, subjects.photograph)
    picture = StylePicture(0, finished[0].cpu(), {"losses": json.dumps(told)})
    yield Progress(total, total, {}, (picture,))


def plan_scales(recipe: StyleRecipe, size: tuple[int, int]) -> list[tuple[int, int]]:
    """List the (height, width) that a picture of a size is painted at, small ones first.

    The first is the recipe's smallest, and all grow by the same factor: its scale, or whatever less
    or hardly more leads to the size.
    """
    larger = max(1.0, max(size) / recipe.smallest)
    count = math.ceil(math.log(larger) / math.log(recipe.scale) - SPARED)
    factors = [larger ** (-after / count) for after in range(count, 0, -1)]
    return [
        (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
        for factor in (*factors, 1.0)
    ]


def upscale(image: Tensor, start: Tensor, recipe: StyleRecipe) -> Tensor:
    """Enlarge a picture to the next size, and give it the detail that its start has there.

    What differs between the picture and its start is enlarged and laid onto the start: a picture
    that is merely enlarged would have to find the photograph's windows again. Noise has nothing to
    give.

    Args:
        image: ``[1, 3, h, w]``, painted at the size before.
        start: ``[1, 3, H, W]``, what would be started from at this size.
        recipe: says what that is.
    """
    size = _size(start)
    if recipe.init == "noise" or _size(image) == size:
        return resize_image(image, size).clamp(0, 1)
    change = resize_image(image, size) - resize_image(resize_image(start, _size(image)), size)
    return (start + change).clamp(0, 1)


def initial_image(recipe: StyleRecipe, subjects: StyleInputs, size: tuple[int, int]) -> Tensor:
    """Give what a picture of (height, width) starts from, ``[1, 3, H, W]`` in ``[0, 1]``."""
    picture = subjects.content if recipe.init == "content" else subjects.start
    if picture is not None:
        return resize_image(picture, size).clamp(0, 1)
    return noise_image(recipe.seed, size).to(subjects.device)


def evaluate_losses(
    network: Network, recipe: StyleRecipe, costs: LossSum, image: Tensor
) -> dict[str, float]:
    """Measure each cost of a picture ``[1, 3, H, W]``, by its name."""
    layers = [cost.layer for _, cost in costs.costs]
    extractor = network.extractor(layers, for_gradients=True)
    seen = FRAME(image)
    cover = tiled_statistics.tile_windows(network, layers, plan_tiles(network, recipe), _size(seen))
    costs.value_from_sums(loss_sum.sum_over_tiles(extractor, costs, seen, cover), image)
    return {name: float(value[0]) for name, value in costs.latest.items()}


def open_inputs(
    recipe: StyleRecipe, inputs: Mapping[str, bytes], device: torch.device
) -> StyleInputs:
    """Open the pictures that a recipe names, the paintings in the colours that are wanted.

    Raises:
        ExplorerError: one of them is missing.
    """

    def open_one(fingerprint: str, longer: int | None) -> Tensor:
        if fingerprint not in inputs:
            raise ExplorerError(f"the picture {fingerprint} that this one needs is not here")
        picture = image_io.open_picture(inputs[fingerprint])
        scaled = picture if longer is None else image_io.resize_longer_side(picture, longer)
        return image_io.to_tensor(scaled).to(device)

    photograph = open_one(recipe.content, recipe.size) if recipe.content else None
    size = (recipe.size, recipe.size) if photograph is None else _size(photograph)
    start = resize_image(open_one(recipe.start, None), size).clamp(0, 1) if recipe.start else None
    paintings = [open_one(it, None) for it in recipe.styles]
    content = photograph
    if photograph is not None and recipe.colours == "matched":
        paintings = [colours.match_colours(it, photograph) for it in paintings]
    if photograph is not None and recipe.colours == "light":
        paintings = [colours.match_luma(it, photograph) for it in paintings]
        content = colours.to_grey(photograph)
    masks = [
        resize_image(open_one(it, None).mean(1, keepdim=True), size).clamp(0, 1) if it else None
        for it in recipe.masks
    ]
    if any(it is not None and not bool(it.any()) for it in masks):
        raise ExplorerError("a mask is black everywhere; paint white where its style belongs")
    return StyleInputs(photograph, content, tuple(paintings), tuple(masks), start, size, device)


def _canvas(
    recipe: StyleRecipe, subjects: StyleInputs, image: Tensor, momentum: AdamState | None
) -> StyleCanvas:
    size = _size(image)
    base = mask = None
    if subjects.mask is not None and subjects.content is not None:
        base = resize_image(subjects.content, size).clamp(0, 1)
        mask = resize_image(subjects.mask, size).clamp(0, 1)
    carried = None if momentum is None else momentum.resized(size)
    return StyleCanvas(image, recipe.rate, recipe.method, carried, base, mask)


def _settings(network: Network, recipe: StyleRecipe, size: tuple[int, int]) -> AscentSettings:
    tiles = plan_tiles(network, recipe) if max(size) > recipe.tile else None
    return AscentSettings(recipe.steps, cooldown=0, patience=0, redirect_relu_steps=0, tiles=tiles)


def _size(image: Tensor) -> tuple[int, int]:
    return image.shape[2], image.shape[3]
