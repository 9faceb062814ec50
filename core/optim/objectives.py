"""Objectives: functions of activations to maximise, which can be added, subtracted and scaled.

An objective declares the layers that it reads, so that deeper layers need not be computed. It has
one value for each image of a batch. Images are optimised independently, since the gradient of
the summed values with respect to image ``n`` is the gradient of value ``n``. Only ``diversity``
depends on several images.

An objective may also read the image itself, which is among the activations under the name
``IMAGE``. The penalties of ``core.optim.regularisers`` do so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from core.devices import like
from core.fixed_order import mean_per_image
from core.images.resize import resize_linearly
from core.images.tiles import Tiles
from core.optim.activations import (
    IMAGE,
    Activations,
    at_least_float32,
    channel_of_each,
    flatten_positions,
    select_channels,
)
from core.optim.image_pass import ImagePass

# Lower bound of the cosine by which dot products are multiplied, see ``direction``. Without it,
# activations with a negative cosine would get no useful gradient.
MIN_COSINE = 0.1
# Lower bound of divisors.
TINY = 1e-12


@dataclass(frozen=True)
class Objective:
    """A function of activations to maximise.

    Attributes:
        layers: names of the layers that it reads.
        value: the function, from activations ``[N, C, ...]`` by layer name to values ``[N]``.
        units: the channels that it reads, by layer name; all channels of layers without an entry.
    """

    layers: frozenset[str]
    value: Callable[[Activations], Tensor]
    units: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def __call__(self, activations: Activations) -> Tensor:
        """Return the value of each image, ``[N]``."""
        return self.value(activations)

    def backward(self, image_pass: ImagePass) -> Iterator[tuple[Tensor, float]]:
        """Compute the gradient of minus the value with respect to the images of a pass.

        Yields:
            The value so far, ``[N]``, and the fraction of the pass that is done. With tiles there
            is one pair after each tile. The last pair has the fraction 1.
        """
        if image_pass.tiles is None:
            value = image_pass.value_of(self, image_pass.image, IMAGE in self.layers)
            (-value.sum()).backward()  # type: ignore[no-untyped-call]
            yield value, 1.0
        else:
            yield from self._backward_tiled(image_pass, image_pass.tiles)

    def _backward_tiled(
        self, image_pass: ImagePass, tiles: Tiles
    ) -> Iterator[tuple[Tensor, float]]:
        """Do the same as ``backward`` tile by tile; memory holds the activations of one tile.

        The network processes each tile with its margin, but only the pixels of the tile's interior
        keep their gradient, so that every pixel gets a gradient exactly once. The value of an
        objective is a mean over positions. The value for the image is therefore the mean of the
        values of its tiles, weighted by the areas of their interiors. The transform applies the
        same random movement to all tiles of a pass.
        """
        image = image_pass.image
        detached = image.detach()
        gradient = torch.empty_like(detached)
        value = torch.zeros(len(image), device=image.device)
        state = image_pass.generator.get_state()
        cover = list(tiles.random((image.shape[2], image.shape[3]), image_pass.borders))
        done = 0.0
        for number, tile in enumerate(cover, 1):
            image_pass.generator.set_state(state)
            part = detached[..., tile.padded[0], tile.padded[1]].clone().requires_grad_()
            part_value = image_pass.value_of(self, part, IMAGE in self.layers)
            (part_gradient,) = torch.autograd.grad(part_value.sum(), part)
            # The value is a mean over the tile. Multiplied by the tile's area, its gradient is that
            # of a sum, which has the same scale for tiles of all sizes.
            rows, cols = tile.interior_in_padded
            interior_gradient = part_gradient[..., rows, cols].mul_(-tile.area)
            gradient[..., tile.interior[0], tile.interior[1]] = interior_gradient
            value += part_value.detach() * tile.share
            done += tile.share
            if number < len(cover):
                yield value, done
        if image.is_leaf:
            # Set without ``backward``, which would copy the gradient: tiled images are large.
            image.grad = gradient
        else:
            image.backward(gradient)  # type: ignore[no-untyped-call]
        yield value, 1.0

    def __add__(self, other: Objective) -> Objective:
        """Return the sum of two objectives."""
        layers = self.layers | other.layers
        units = {
            layer: frozenset().union(
                *(it.units[layer] for it in (self, other) if layer in it.units)
            )
            for layer in layers
            if all(layer in it.units for it in (self, other) if layer in it.layers)
        }
        return Objective(layers, lambda it: self(it) + other(it), units)

    def __sub__(self, other: Objective) -> Objective:
        """Return the difference of two objectives."""
        return self + -1.0 * other

    def __neg__(self) -> Objective:
        """Return minus the objective, to minimise it."""
        return -1.0 * self

    def __mul__(self, weight: float | Tensor) -> Objective:
        """Return the objective times a weight, or for image ``n`` times ``weight[n]``."""

        def value(activations: Activations) -> Tensor:
            values = self(activations)
            return values * (like(weight, values) if isinstance(weight, Tensor) else weight)

        return Objective(self.layers, value, self.units)

    __rmul__ = __mul__


def channels(layer: str, units: Sequence[int]) -> Objective:
    """Return the objective whose value ``n`` is the mean of channel ``units[n]`` over positions.

    In a fully connected layer, which has no positions, value ``n`` is the activation of unit
    ``units[n]``. In the layer of logits it is therefore the score of class ``units[n]``.

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        units: N channels in ``0 .. C - 1``, or a single channel for all images.
    """

    def value(activations: Activations) -> Tensor:
        channel = channel_of_each(activations, layer, units)
        return mean_per_image(at_least_float32(channel))

    return Objective(frozenset({layer}), value, {layer: frozenset(units)})


def positions(
    layer: str, units: Sequence[int], position: tuple[float, float] = (0.5, 0.5)
) -> Objective:
    """Return the objective whose value ``n`` is channel ``units[n]`` at one position.

    This is Lucid's ``neuron``.

    Args:
        layer: name of a layer with activations ``[N, C, H, W]``, or without positions.
        units: N channels, or a single channel for all images.
        position: row and column as fractions of the layer's height and width, ``0.0 .. 1.0``.
    """

    def value(activations: Activations) -> Tensor:
        channel = channel_of_each(activations, layer, units)  # [N, ...]
        for fraction, side in zip(position, channel.shape[1:3], strict=False):
            channel = channel.select(1, min(side - 1, int(fraction * side)))
        return at_least_float32(channel)

    return Objective(frozenset({layer}), value, {layer: frozenset(units)})


def direction(layer: str, vector: Tensor, power: float = 1.0) -> Objective:
    """Return the objective for activations in the direction of a vector.

    The objective is the mean over positions of ``<a, v> * max(0.1, cos(a, v)) ** power``, where
    ``a`` is the vector ``[C]`` of activations at a position. With the dot product alone (power 0),
    any strong activation has a high value. The factor with the cosine requires that the activations
    also have the direction of ``v`` (Carter et al., "Activation Atlas", Distill 2019).

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        vector: ``v``, ``[C]`` for all images, or ``[N, C]`` with one vector for each image.
        power: exponent of the cosine, at least 0.
    """

    def value(activations: Activations) -> Tensor:
        flat = flatten_positions(at_least_float32(activations[layer]))
        vectors = like(vector, flat).expand(flat.shape[0], -1)[..., None]
        return mean_per_image(_dot_cosine(flat, vectors, power))

    return Objective(frozenset({layer}), value)


def cosine_similarity(layer: str, target: Tensor, power: float = 1.0) -> Objective:
    """Return the objective for activations that are similar, position by position, to a target.

    The target is the activations of a given image. With a power of 0 or 1, features of the given
    image are exaggerated without bound, which gives a caricature of it. With higher powers the
    direction of the activations counts more than their strength. The ascent then reconstructs what
    the layer represents of the given image (feature inversion as in Lucid's ``dot_compare``). The
    formula is that of ``direction``, with the target at each position as ``v``, divided by the mean
    over positions of ``|v|^2``. The value of the given image is therefore 1.

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        target: ``[1, C, ...]``, the given image's activations; resized if the layer's size differs.
        power: exponent of the cosine, at least 0.
    """

    def value(activations: Activations) -> Tensor:
        current = at_least_float32(activations[layer])
        vectors = like(target, current)
        if current.shape[2:] != vectors.shape[2:]:
            vectors = resize_linearly(vectors, (current.shape[2], current.shape[3]))
        current = flatten_positions(current)
        vectors = flatten_positions(vectors).expand(current.shape[0], -1, -1)
        strength = mean_per_image(vectors.square().sum(1)).clamp(min=TINY)
        return mean_per_image(_dot_cosine(current, vectors, power)) / strength

    return Objective(frozenset({layer}), value)


def energy(layer: str, units: Sequence[int] = ()) -> Objective:
    """Return the objective of DeepDream: the mean of squared activations.

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        units: use only these channels; empty for all of them.
    """

    def value(activations: Activations) -> Tensor:
        used = select_channels(activations, layer, units) if units else activations[layer]
        return mean_per_image(at_least_float32(used).square())

    return Objective(frozenset({layer}), value, {layer: frozenset(units)} if units else {})


def total(layer: str, units: Sequence[int]) -> Objective:
    """Return the objective that is the sum of several channels, each averaged over positions.

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        units: channels in ``0 .. C - 1``.
    """

    def value(activations: Activations) -> Tensor:
        used = at_least_float32(select_channels(activations, layer, units))
        return mean_per_image(used) * len(units)

    return Objective(frozenset({layer}), value, {layer: frozenset(units)})


def match_activations(layer: str, features: Tensor) -> Objective:
    """Return the objective for activations that are similar to any of a guide image's features.

    The value is the mean over positions of ``max_k <a, f_k>``, for the activations ``a`` at a
    position and the features ``f_k``. It is the objective of the guided dreams in Google's notebook
    (Mordvintsev et al. 2015).

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        features: ``[K, C]``, activations of the guide image at K positions.
    """

    def value(activations: Activations) -> Tensor:
        flat = flatten_positions(at_least_float32(activations[layer]))
        return mean_per_image((like(features, flat) @ flat).amax(1))

    return Objective(frozenset({layer}), value)


def diversity(layer: str, group_size: int) -> Objective:
    """Return the objective for images whose Gram matrices differ within each group.

    Value ``n``, from -1 to 1, is minus the mean cosine between the Gram matrix of image ``n`` and
    the Gram matrices of the other images in the same group (Olah, Mordvintsev and Schubert,
    "Feature Visualization", Distill 2017).

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        group_size: number of images in a group, at least 2; groups are consecutive in the batch.
    """

    def value(activations: Activations) -> Tensor:
        flat = flatten_positions(at_least_float32(activations[layer]))
        gram = F.normalize((flat @ flat.mT).flatten(1), dim=1)  # [N, C * C]
        groups = gram.reshape(-1, group_size, gram.shape[1])  # [groups, group_size, C * C]
        cosines = groups @ groups.mT  # [groups, group_size, group_size]
        others = cosines.sum(2) - cosines.diagonal(dim1=1, dim2=2)
        result: Tensor = -others.flatten() / (group_size - 1)
        return result

    return Objective(frozenset({layer}), value)


def proportional_sum(objective: Objective, base: Objective) -> Objective:
    """Return ``objective`` times the present absolute value of ``base``.

    It is used for terms that are added to ``base``, such as penalties. Activations differ between
    networks by factors of up to a thousand. With this scale, the same weight of a term suits all
    networks. The scale is treated as a constant in the backward pass.
    """
    return Objective(
        objective.layers | base.layers,
        lambda it: objective(it) * base(it).detach().abs(),
        (objective + base).units,
    )


def _dot_cosine(values: Tensor, vectors: Tensor, power: float) -> Tensor:
    """Compute ``<a, v> * max(0.1, cos(a, v)) ** power`` over channels.

    Args:
        values: activations ``a``, ``[N, C, P]``.
        vectors: ``v``, ``[N, C, P]`` or broadcast to it.
        power: exponent of the cosine.

    Returns:
        ``[N, P]``.
    """
    dot = (values * vectors).sum(1)
    if power == 0:
        return dot
    lengths = values.square().sum(1) * vectors.square().sum(1)
    cosine = dot / lengths.clamp(min=TINY).sqrt()
    return dot * cosine.clamp(min=MIN_COSINE) ** power
