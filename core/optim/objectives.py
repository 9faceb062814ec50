"""Objectives: functions of activations to maximise, which can be added, subtracted and scaled.

An objective declares the layers that it reads, so that the network can be truncated below them, and
has one value for each image of a batch. Images are optimised independently, since the gradient of
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

from core.images.tiles import Tiles
from core.optim.activations import (
    IMAGE,
    Activations,
    PartialActivations,
    at_least_float32,
    channel_of_each,
    flatten_positions,
    select_channels,
)
from core.optim.image_pass import ImagePass

# Lower bound of the cosine in an objective's factor, so that activations that point the wrong way
# still get a gradient.
MIN_COSINE = 0.1
# Lower bound of divisors.
TINY = 1e-12


@dataclass(frozen=True)
class Objective:
    """A function of activations to maximise.

    Attributes:
        layers: names of the layers that it reads.
        value: the function, from activations ``[N, C, ...]`` by layer name to values ``[N]``.
        units: the channels that it reads, by layer name; layers without an entry are read whole.
    """

    layers: frozenset[str]
    value: Callable[[Activations], Tensor]
    units: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def __call__(self, activations: Activations) -> Tensor:
        """Return the value of each image, ``[N]``."""
        return self.value(activations)

    def backward(self, image_pass: ImagePass) -> Iterator[tuple[Tensor, float]]:
        """Backpropagate minus the value into the images of a pass, tile by tile if it has tiles.

        Yields:
            The value so far, ``[N]``, and the fraction of the pass that is done: after each tile,
            and at the end with the fraction 1.
        """
        if image_pass.tiles is None:
            value = self._value_of(image_pass, image_pass.image)
            (-value.sum()).backward()  # type: ignore[no-untyped-call]
            yield value, 1.0
        else:
            yield from self._backward_tiled(image_pass, image_pass.tiles)

    def _value_of(self, image_pass: ImagePass, image: Tensor) -> Tensor:
        """Return the values ``[N]`` of images ``[N, 3, H, W]``."""
        extractor = image_pass.extractor
        activations = extractor(image_pass.transform(image, image_pass.generator))
        return self(PartialActivations({**activations, IMAGE: image}, extractor.kept_channels))

    def _backward_tiled(
        self, image_pass: ImagePass, tiles: Tiles
    ) -> Iterator[tuple[Tensor, float]]:
        """Do the same as ``backward`` tile by tile; memory holds the activations of one tile.

        The network processes each tile with its margin, but only the tile's interior receives the
        gradient, so every pixel receives it once. Values are means over positions, so those of
        tiles are averaged with weights in proportion to their interiors. The transform moves all
        tiles of a pass alike.
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
            part_value = self._value_of(image_pass, part)
            (part_gradient,) = torch.autograd.grad(part_value.sum(), part)
            # Times the tile's area, as the gradient of a sum over positions instead of a mean.
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
            return values * (weight.to(values) if isinstance(weight, Tensor) else weight)

        return Objective(self.layers, value, self.units)

    __rmul__ = __mul__


def channels(layer: str, units: Sequence[int]) -> Objective:
    """Return the objective whose value ``n`` is the mean of channel ``units[n]`` over positions.

    In a fully connected layer, which has no positions, it is the unit itself. For the logits it is
    therefore the score of class ``units[n]``.

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        units: N channels in ``0 .. C - 1``, or a single one for all images.
    """

    def value(activations: Activations) -> Tensor:
        channel = channel_of_each(activations, layer, units)
        return at_least_float32(channel.reshape(channel.shape[0], -1)).mean(1)

    return Objective(frozenset({layer}), value, {layer: frozenset(units)})


def positions(
    layer: str, units: Sequence[int], position: tuple[float, float] = (0.5, 0.5)
) -> Objective:
    """Return the objective whose value ``n`` is channel ``units[n]`` at one position.

    This is Lucid's ``neuron``.

    Args:
        layer: name of a layer with activations ``[N, C, H, W]``, or without positions.
        units: N channels, or a single one for all images.
        position: row and column as fractions of the layer's height and width, ``0.0 .. 1.0``.
    """

    def value(activations: Activations) -> Tensor:
        channel = channel_of_each(activations, layer, units)  # [N, ...]
        for fraction, side in zip(position, channel.shape[1:3], strict=False):
            channel = channel.select(1, min(side - 1, int(fraction * side)))
        return at_least_float32(channel)

    return Objective(frozenset({layer}), value, {layer: frozenset(units)})


def direction(layer: str, vector: Tensor, power: float = 1.0) -> Objective:
    """Return the objective of a direction in the space of a layer's channels.

    At each position the value is ``<a, v> * max(0.1, cos(a, v)) ** power`` for the activations
    ``a``; the objective is its mean over positions. The dot product alone (power 0) is maximised by
    any strong activation; the cosine also requires the direction to be this one (Carter et al.,
    "Activation Atlas", Distill 2019).

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        vector: ``[C]``, or ``[N, C]`` with one for each image.
        power: exponent of the cosine, at least 0.
    """

    def value(activations: Activations) -> Tensor:
        flat = flatten_positions(at_least_float32(activations[layer]))
        vectors = vector.to(flat).expand(flat.shape[0], -1)[..., None]
        return _dot_cosine(flat, vectors, power).mean(1)

    return Objective(frozenset({layer}), value)


def cosine_similarity(layer: str, target: Tensor, power: float = 1.0) -> Objective:
    """Return the similarity of a layer's activations to those of a given image, by position.

    With a power of 0 or 1 the present features grow without bound, which gives a caricature of the
    given image. With higher powers the direction at each position counts more than its strength,
    which reconstructs what the layer represents of the image (feature inversion as in Lucid's
    ``dot_compare``). The formula is that of ``direction``, with the given image's activations at
    each position as the vector, divided by their mean square. The given image itself therefore has
    the value 1.

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        target: ``[1, C, ...]``, the given image's activations; resized if the layer's size differs.
        power: exponent of the cosine, at least 0.
    """

    def value(activations: Activations) -> Tensor:
        current = at_least_float32(activations[layer])
        vectors = target.to(current)
        if current.shape[2:] != vectors.shape[2:]:
            vectors = F.interpolate(vectors, current.shape[2:], mode="bilinear", antialias=True)
        current = flatten_positions(current)
        vectors = flatten_positions(vectors).expand(current.shape[0], -1, -1)
        strength = vectors.square().sum(1).mean(1).clamp(min=TINY)
        return _dot_cosine(current, vectors, power).mean(1) / strength

    return Objective(frozenset({layer}), value)


def energy(layer: str, units: Sequence[int] = ()) -> Objective:
    """Return the mean of squared activations, the objective of DeepDream.

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        units: use only these channels; empty for all of them.
    """

    def value(activations: Activations) -> Tensor:
        used = select_channels(activations, layer, units) if units else activations[layer]
        return at_least_float32(used).square().mean(tuple(range(1, used.ndim)))

    return Objective(frozenset({layer}), value, {layer: frozenset(units)} if units else {})


def total(layer: str, units: Sequence[int]) -> Objective:
    """Return the sum of several channels, each averaged over positions.

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        units: channels in ``0 .. C - 1``.
    """

    def value(activations: Activations) -> Tensor:
        used = at_least_float32(select_channels(activations, layer, units))
        return used.flatten(2).mean(2).sum(1) if used.ndim > 2 else used.sum(1)

    return Objective(frozenset({layer}), value, {layer: frozenset(units)})


def match_activations(layer: str, features: Tensor) -> Objective:
    """Return the similarity of each position to the most similar of some feature vectors.

    The value is the mean over positions of the largest ``<a, f_k>`` over features ``f_k``, for the
    activations ``a``: the guided dream of Google's notebook (Mordvintsev et al. 2015).

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        features: ``[K, C]``, activations of a guide image at K positions.
    """

    def value(activations: Activations) -> Tensor:
        flat = flatten_positions(at_least_float32(activations[layer]))
        return (features.to(flat) @ flat).amax(1).mean(1)

    return Objective(frozenset({layer}), value)


def diversity(layer: str, group_size: int) -> Objective:
    """Return how much the images of a group differ in which channels respond together.

    Value ``n`` is minus the mean cosine between image ``n``'s Gram matrix and those of the others
    in its group (Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017), between
    -1 and 1.

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
    """Return an objective times the present magnitude of another one.

    Activations of one network are a thousand times those of another. A term that is added to an
    objective must be scaled with it. The scale itself gets no gradient.
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
