"""Style transfer over a film, without flicker.

The frames are painted one after the other. Each frame starts from the painted frame before, moved
along with the film (``core.images.motion``), and a temporal loss keeps what is visible in both
frames as it was (Ruder, Dosovitskiy and Brox, "Artistic style transfer for videos", 2016, section
5). What a moving object uncovers starts from the film's own frame, and nothing keeps it, so it is
painted anew. Unlike in Ruder et al., later frames need few steps, as most of each is painted
already; these steps are made at a few of the largest sizes, so that new strokes are as large as
the old ones.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from torch import Tensor

from core import allocator
from core.errors import ExplorerError
from core.fixed_order import mean_per_image
from core.images import colours, image_io
from core.images.channels import open_image
from core.images.motion import carry
from core.images.resize import reduced_size, resize_image
from core.networks.network import Network
from core.optim.activations import IMAGE, Activations
from core.optim.objectives import Objective
from core.progress import Progress
from core.recipes.style import StyleRecipe
from core.recipes.style_film import LATER_SIZES, StyleFilmRecipe
from core.style import image_sizes, transfer
from core.style.loss_builder import StyleInputs, gradient_norms
from core.style.transfer import StylePicture

# Longer side in pixels of a reduced frame that has the colours of areas.
AREAS = 32


def plan(network: Network, seed: int = 0, **settings: Any) -> StyleFilmRecipe:
    """Return the recipe of a style transfer over a film.

    Args:
        network: the loaded network.
        seed: seed of all random numbers.
        settings: fields of ``StyleFilmRecipe``; the defaults are those of ``transfer.plan``.

    Raises:
        UnknownName: there is no such layer.
        ExplorerError: a setting is out of range.
    """
    recipe = transfer.plan(network, seed, StyleFilmRecipe, **settings)
    if not isinstance(recipe, StyleFilmRecipe):
        raise TypeError("the recipe is of another kind")
    return recipe


def render(
    network: Network, recipe: StyleFilmRecipe, inputs: Mapping[str, bytes]
) -> Iterator[Progress]:
    """Render the frames of a film; yield progress after every step, and every finished frame.

    If the previous frame is not among the inputs, it is rendered too. Every frame is rounded to 8
    bits, as in files, so that the result is the same in both cases.

    ``done`` and ``total`` are sums over optimiser steps of the image's number of pixels.

    Args:
        network: the loaded network.
        recipe: what to render.
        inputs: the encoded images of ``recipe.inputs`` by fingerprint; or those of
            ``recipe.inputs_with_previous``, and the frame before under the key of
            ``recipe.previous``.

    Raises:
        ExplorerError: the recipe is for other weights, an input is missing, or the frames have
            different shapes.
    """
    network = transfer.prepared_network(network, recipe)
    opened = transfer.open_inputs(recipe, inputs, network.device, network.channels)
    norms = gradient_norms(network, recipe, opened)
    sizes = image_sizes.plan_scales(recipe, opened.size)
    start, finished = _start(recipe, inputs, network)
    work = [_work(recipe, sizes, number) for number in range(recipe.pictures[-1] + 1)]
    total, done = sum(work[start:]), 0
    for number in range(start, recipe.pictures[-1] + 1):
        frame: _Frame | None = None
        if number == 0 or finished is None:
            steps = transfer.paint(network, recipe, opened, norms, sizes)
        else:
            frame = _Frame(recipe, inputs, opened, finished, number)
            steps = transfer.paint(
                network, frame.recipe, frame.opened, norms, sizes[-LATER_SIZES:], frame.penalty
            )
        for progress in steps:
            previews = {max(number, recipe.first): it for it in progress.previews.values()}
            if not progress.pictures:
                yield Progress(done + progress.done, total, previews, history=progress.history)
        allocator.release_memory()
        (painted,) = progress.pictures
        finished = image_io.from_bytes(image_io.to_bytes(painted.image[None])).to(network.device)
        done += work[number]
        if number in recipe.pictures:
            facts = {
                **painted.facts,
                **({} if frame is None else {"change": frame.change(finished)}),
            }
            picture = StylePicture(number, finished[0].cpu(), facts)
            yield Progress(done, total, {}, (picture,))


def temporal_loss(target: Tensor, visible: Tensor) -> Objective:
    """Return the weighted mean squared difference of an image from the moved previous one.

    It is equation 7 of Ruder et al. 2016: the mean over pixels and channels of ``visible * (image -
    target) ** 2``.

    Args:
        target: the moved previous image, ``[1, C, H, W]`` in ``[0, 1]``.
        visible: the weight of each pixel, ``[1, 1, H, W]`` in ``[0, 1]``.
    """

    def value(activations: Activations) -> Tensor:
        return mean_per_image(visible * (activations[IMAGE] - target).square())

    return Objective(frozenset({IMAGE}), value)


class _Frame:
    """What a frame after the first is painted from.

    Attributes:
        recipe: the recipe of the frame as a style transfer that starts from a picture.
        opened: its images: the film's frame as content, and the moved frame before as start.
    """

    def __init__(
        self,
        recipe: StyleFilmRecipe,
        inputs: Mapping[str, bytes],
        opened: StyleInputs,
        finished: Tensor,
        number: int,
    ) -> None:
        """Move the painted frame before along with the film.

        Args:
            recipe: the recipe of the film.
            inputs: its encoded images.
            opened: its opened images, with the first frame as content.
            finished: the painted frame before, ``[1, C, H, W]`` in ``[0, 1]``.
            number: number of the frame, at least 1.
        """
        before, now = (_open_frame(recipe, inputs, at, opened) for at in (number - 1, number))
        self._carried, self._visible, fitting = carry(finished, before, now)
        self._moved, content = self._carried, now
        if recipe.colours == "light":
            content, self._moved = colours.to_grey(now), colours.to_grey(self._moved)
        start = start_uncovered(content, self._moved, fitting).lerp(self._moved, self._visible)
        self._keep = recipe.keep
        self.opened = replace(opened, photograph=now, content=content, start=start)
        settings = {it.name: getattr(recipe, it.name) for it in fields(StyleRecipe)}
        start_picture = {"init": "picture", "start": recipe.film[number]}
        self.recipe = StyleRecipe(**{**settings, **start_picture, "steps": recipe.frame_steps})

    def change(self, painted: Tensor) -> float:
        """Return the root mean square difference from the moved frame before, where it is visible.

        Args:
            painted: the painted frame, ``[1, C, H, W]`` in ``[0, 1]``.
        """
        squares = self._visible * (painted - self._carried).square()
        share = float(mean_per_image(self._visible))
        return math.sqrt(float(mean_per_image(squares)) / share) if share else 0.0

    def penalty(self, size: tuple[int, int]) -> Objective:
        """Return the weighted temporal loss at a size (height, width)."""
        target, visible = (
            resize_image(it, size).clamp(0, 1) for it in (self._moved, self._visible)
        )
        return temporal_loss(target, visible) * (self._keep * size[0] * size[1])


def start_uncovered(content: Tensor, moved: Tensor, fitting: Tensor) -> Tensor:
    """Return from what areas that come into view start: the frame in the colours of painted ones.

    Few steps would leave the film's own colours there, which then spread from frame to frame. The
    colours are those of the painted frame as a whole, and where the moved frame fits, those of the
    same place. Only the colours of areas are taken: dots and strokes are too strong for areas, and
    mirrored strokes would become stripes when the camera moves slowly.

    Args:
        content: the frame, ``[1, C, H, W]`` in ``[0, 1]``.
        moved: the moved painted frame before, in the same shape.
        fitting: how well it fits, ``[1, 1, H, W]``, as ``carry`` returns it.
    """
    size = (content.shape[2], content.shape[3])

    def areas(image: Tensor) -> Tensor:
        return resize_image(image, reduced_size(size, AREAS))

    recoloured = colours.match_colours(content, areas(moved))
    change = resize_image(areas(moved) - areas(recoloured), size)
    return (recoloured + change * fitting).clamp(0, 1)


def _start(
    recipe: StyleFilmRecipe, inputs: Mapping[str, bytes], network: Network
) -> tuple[int, Tensor | None]:
    """Return the number of the first frame to paint, and the painted frame before it, if any."""
    if recipe.previous is None or recipe.previous.key not in inputs:
        return 0, None
    before = open_image(inputs[recipe.previous.key], network.channels)
    return recipe.first, before.to(network.device)


def _work(recipe: StyleFilmRecipe, sizes: list[tuple[int, int]], number: int) -> int:
    """Return the number of pixels of all steps of a frame."""
    if number == 0:
        return recipe.steps * sum(height * width for height, width in sizes)
    return recipe.frame_steps * sum(height * width for height, width in sizes[-LATER_SIZES:])


def _open_frame(
    recipe: StyleFilmRecipe, inputs: Mapping[str, bytes], number: int, opened: StyleInputs
) -> Tensor:
    """Return a frame of the film, ``[1, C, H, W]`` in ``[0, 1]``, in the size of the first one."""
    fingerprint = recipe.film[number]
    if not inputs.get(fingerprint):
        raise ExplorerError(f"the picture {fingerprint} that this film needs is not here")
    frame = open_image(inputs[fingerprint], opened.channels, recipe.size).to(opened.device)
    if (frame.shape[2], frame.shape[3]) != opened.size:
        raise ExplorerError("the pictures of a film are of different shapes; cut them alike")
    return frame
