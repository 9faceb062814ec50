"""Style transfer: an image with the content of one image and the style of others.

Content is the activations of a layer, and style is which channels of a layer respond together
(Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016;
``core.style.losses`` has the formulas). The image is optimised at growing sizes. At small sizes
steps are cheap, and receptive fields cover large structures. If noise is optimised with style
losses alone, the result is a texture; with content losses alone, it is a reconstruction.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from core.errors import ExplorerError
from core.images import colours
from core.images.channels import COLOUR, open_image
from core.images.colours import with_chroma_of
from core.images.resize import resize_image
from core.networks.interventions import named_units, switched_network
from core.networks.network import Network
from core.networks.variants import style_variant
from core.optim.ascent import AscentSettings, ascend
from core.optim.objectives import Objective
from core.progress import LossHistory, Progress, ShownInNotebooks, downsample_curve
from core.recipes.style import StyleRecipe
from core.style.defaults import default_settings, variation_weight
from core.style.image_sizes import plan_scales, rounds
from core.style.loss_builder import (
    StyleInputs,
    build_losses,
    gradient_norms,
    noise_image,
    padding_of,
    plan_tiles,
)
from core.style.loss_sum import LossSum, sum_over_tiles
from core.style.style_canvas import AdamState, StyleCanvas
from core.style.tiled_statistics import tile_windows


@dataclass(frozen=True)
class StylePicture(ShownInNotebooks):
    """The finished picture of a style transfer.

    Attributes:
        part: always 0.
        image: ``[C, H, W]`` in ``[0, 1]``, on the CPU, with the channels of the network's images.
        facts: ``losses``, JSON with an entry for each loss by name: ``start`` and ``end``, its
            values at full size for the initial and the final image, and ``curve``, its values
            over all steps of all sizes.
    """

    part: int
    image: Tensor
    facts: Mapping[str, float | bool | str] = field(default_factory=dict)


def plan(
    network: Network, seed: int = 0, kind: type[StyleRecipe] = StyleRecipe, **settings: Any
) -> StyleRecipe:
    """Return the recipe of a style transfer, a texture or a reconstruction.

    For settings that are missing or None, the defaults of network and loss are used. For a
    reconstruction, the default weight of the variation penalty depends on the content layers.

    Args:
        network: the loaded network.
        seed: seed of all random numbers.
        kind: the class of the recipe.
        settings: its fields.

    Raises:
        UnknownName: there is no such layer.
        ExplorerError: a setting is out of range.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    chosen = {**default_settings(network, given.get("loss", StyleRecipe.loss)), **given}
    if not chosen.get("styles"):
        chosen["style_layers"] = ()
    if not chosen.get("content"):
        chosen["content_layers"] = ()
    for name in ("content_layers", "style_layers"):
        names = [network.layer(it).name for it in chosen[name]]
        chosen[name] = tuple(dict.fromkeys(names))
    if switched := chosen.get("switched"):
        chosen["switched"] = named_units(network, switched)
    if chosen["content_layers"] and not chosen["style_layers"]:
        layers = [network.layer(it) for it in chosen["content_layers"]]
        chosen.setdefault("variation", variation_weight(layers))
    recipe = kind(network=network.name, weights=network.fingerprint, seed=seed, **chosen)
    check(network, recipe)
    return recipe


def check(network: Network, recipe: StyleRecipe) -> None:
    """Check that a recipe is for these weights, and that its layers exist and have positions.

    Raises:
        ExplorerError: the recipe does not fit the network.
    """
    network.check_recipe(recipe)
    for name in (*recipe.content_layers, *recipe.style_layers):
        if network.layer(name).size is None:
            raise ExplorerError(f"layer {name} of {network.name} has no places; choose another")
    switched_network(network, recipe.switched)


def prepared_network(network: Network, recipe: StyleRecipe) -> Network:
    """Return the network with which a recipe is painted: its pooling, and units switched off.

    Raises:
        ExplorerError: as for ``check``.
    """
    check(network, recipe)
    return switched_network(style_variant(network, recipe.pooling), recipe.switched)


def render(
    network: Network, recipe: StyleRecipe, inputs: Mapping[str, bytes]
) -> Iterator[Progress]:
    """Render a style transfer; yield progress after every step, and at the end the picture.

    ``done`` and ``total`` are sums over optimiser steps of the image's number of pixels.

    Args:
        network: the loaded network.
        recipe: what to render.
        inputs: the encoded images of ``recipe.inputs`` by fingerprint.

    Raises:
        ExplorerError: the recipe is for other weights, or an input is missing.
    """
    network = prepared_network(network, recipe)
    opened = open_inputs(recipe, inputs, network.device, network.channels)
    norms = gradient_norms(network, recipe, opened)
    yield from paint(network, recipe, opened, norms, plan_scales(recipe, opened.size))


def paint(
    network: Network,
    recipe: StyleRecipe,
    opened: StyleInputs,
    norms: Mapping[str, float],
    sizes: Sequence[tuple[int, int]],
    extra: Callable[[tuple[int, int]], Objective] | None = None,
) -> Iterator[Progress]:
    """Optimise an image at growing sizes; yield as ``render`` does.

    Args:
        network: the network, with the pooling of the recipe.
        recipe: what to render.
        opened: its opened images.
        norms: the gradient norm of each loss.
        sizes: (height, width) of all sizes, the smallest first.
        extra: returns a further penalty of the image at a size; None for none.
    """
    total = recipe.steps * sum(height * width for height, width in sizes)
    image = initial_image(recipe, opened, sizes[0])
    adam_state: AdamState | None = None
    curves: dict[str, list[float]] = defaultdict(list)
    history = LossHistory(curves, recipe.steps * len(sizes))
    padding = padding_of(network, recipe)
    done, generator = 0, torch.Generator().manual_seed(recipe.seed)
    for number, (size, steps) in enumerate(rounds(recipe, sizes)):
        image = upscale(image, initial_image(recipe, opened, size), recipe)
        current = image if number else None
        losses = build_losses(network, recipe, opened, size, norms, current)
        if extra is not None:
            losses = losses.with_penalty(extra(size))
        canvas = _canvas(recipe, opened, image, adam_state)
        settings = _settings(network, recipe, size, steps)
        for _ in ascend(network, losses, canvas, settings, padding, generator):
            done += size[0] * size[1]
            for name, value in _numbers(losses).items():
                curves[name].append(value)
            yield Progress(done, total, {0: canvas.result[0]}, history=history)
        image, adam_state = canvas.result, canvas.adam_state
    start = evaluate_losses(network, recipe, losses, initial_image(recipe, opened, sizes[-1]))
    end = evaluate_losses(network, recipe, losses, image)
    summary = {
        name: {"start": start[name], "end": end[name], "curve": downsample_curve(curves[name])}
        for name in end
    }
    finished = image
    if recipe.colours == "light" and opened.photograph is not None:
        finished = with_chroma_of(image, opened.photograph)
    picture = StylePicture(0, finished[0].cpu(), {"losses": json.dumps(summary)})
    yield Progress(total, total, {}, (picture,))


def upscale(image: Tensor, start: Tensor, recipe: StyleRecipe) -> Tensor:
    """Enlarge an image to the next size, with the details of the initial image at that size.

    The difference between the image and the initial image is enlarged and added to the initial
    image at the next size. If only the image were enlarged, the photograph's details would be lost.
    Initial noise has no details to keep, so in this case the image is only enlarged.

    Args:
        image: result of the size before, ``[1, 3, h, w]``.
        start: initial image at the next size, ``[1, 3, H, W]``.
        recipe: the recipe; its ``init`` says what the initial image is.
    """
    size = _size(start)
    if recipe.init == "noise" or _size(image) == size:
        return resize_image(image, size).clamp(0, 1)
    change = resize_image(image, size) - resize_image(resize_image(start, _size(image)), size)
    return (start + change).clamp(0, 1)


def initial_image(recipe: StyleRecipe, inputs: StyleInputs, size: tuple[int, int]) -> Tensor:
    """Return the initial image of (height, width), ``[1, 3, H, W]`` in ``[0, 1]``."""
    image = inputs.content if recipe.init == "content" else inputs.start
    if image is not None:
        return resize_image(image, size).clamp(0, 1)
    return noise_image(recipe.seed, size, inputs.channels).to(inputs.device)


def evaluate_losses(
    network: Network, recipe: StyleRecipe, losses: LossSum, image: Tensor
) -> dict[str, float]:
    """Compute the unweighted losses for an image ``[1, 3, H, W]``, by the name of the loss."""
    layers = [term.layer for _, term in losses.terms]
    extractor = network.extractor(layers, for_gradients=True)
    padded = padding_of(network, recipe)(image)
    cover = tile_windows(network, layers, plan_tiles(network, recipe), _size(padded))
    losses.value_from_sums(sum_over_tiles(extractor, losses, padded, cover), image)
    return _numbers(losses)


def _numbers(losses: LossSum) -> dict[str, float]:
    """Return the unweighted losses of the last evaluation by name.

    The host asks the device for all of them at once, because it waits for each request.
    """
    values = torch.stack([value[0] for value in losses.latest.values()])
    return dict(zip(losses.latest, values.tolist(), strict=True))


def open_inputs(
    recipe: StyleRecipe,
    inputs: Mapping[str, bytes],
    device: torch.device,
    channels: int = COLOUR,
) -> StyleInputs:
    """Open the images of a recipe, and match their colours as ``recipe.colours`` says.

    Raises:
        ExplorerError: an image is missing, or a mask is black everywhere.
    """

    def open_one(fingerprint: str, longer: int | None, channels: int = channels) -> Tensor:
        if fingerprint not in inputs:
            raise ExplorerError(f"the picture {fingerprint} that this one needs is not here")
        return open_image(inputs[fingerprint], channels, longer).to(device)

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
        resize_image(open_one(it, None, COLOUR).mean(1, keepdim=True), size).clamp(0, 1)
        if it
        else None
        for it in recipe.masks
    ]
    if any(it is not None and not bool(it.any()) for it in masks):
        raise ExplorerError("a mask is black everywhere; paint white where its style belongs")
    return StyleInputs(
        photograph, content, tuple(paintings), tuple(masks), start, size, device, channels
    )


def _canvas(
    recipe: StyleRecipe, inputs: StyleInputs, image: Tensor, adam_state: AdamState | None
) -> StyleCanvas:
    """Return the canvas for one size.

    Args:
        recipe: the recipe.
        inputs: the opened images of the recipe.
        image: the initial image at this size, ``[1, 3, H, W]``.
        adam_state: state of Adam after the previous, smaller size; it is resized. None for none.
    """
    size = _size(image)
    base = mask = None
    if inputs.mask is not None and inputs.content is not None:
        base = resize_image(inputs.content, size).clamp(0, 1)
        mask = resize_image(inputs.mask, size).clamp(0, 1)
    resized = None if adam_state is None else adam_state.resized(size)
    return StyleCanvas(image, recipe.rate, recipe.method, resized, base, mask)


def _settings(
    network: Network, recipe: StyleRecipe, size: tuple[int, int], steps: int
) -> AscentSettings:
    """Return the settings of the ascent in one round."""
    tiles = plan_tiles(network, recipe) if max(size) > recipe.tile else None
    return AscentSettings(steps, cooldown=0, patience=0, redirect_relu_steps=0, tiles=tiles)


def _size(image: Tensor) -> tuple[int, int]:
    return image.shape[2], image.shape[3]
