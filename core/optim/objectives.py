"""What an image climbs: objectives over activations, which add, subtract and scale.

An objective declares the layers it reads, so that the network can be cut below them, and gives one
value an image, always to be maximised. Images of a batch climb independently, since the gradient of
the summed values with respect to image ``n`` is the gradient of value ``n``; only ``diversity``
lets them see each other.

Beside layers an objective may read the image itself, which stands among the activations under
``IMAGE``: what ``core.optim.regularisers`` holds against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from core.images.tiles import Tiles
from core.optim.image_pass import ImagePass

Activations = Mapping[str, Tensor]
# Under this name, which no layer can have, stands the image itself, ``[N, 3, H, W]``, unmoved.
IMAGE = "(image)"
# A cosine below this counts as this, so that what looks the wrong way still gets a gradient.
LEAST_COSINE = 0.1
TINY = 1e-12


class PartialActivations(dict[str, Tensor]):
    """Activations in which some layers hold only channels that are read.

    Attributes:
        kept: those channels, in the order in which they stand, by layer name.
    """

    def __init__(self, seen: Activations, kept: Mapping[str, Sequence[int]]) -> None:
        super().__init__(seen)
        self.kept = kept


@dataclass(frozen=True)
class Objective:
    """Something to maximise.

    Attributes:
        layers: names of the layers it reads.
        value: from activations ``[N, C, ...]`` by layer name to values ``[N]``.
        units: the channels that it reads of a layer, by its name; layers that are not among them
            are read whole.
    """

    layers: frozenset[str]
    value: Callable[[Activations], Tensor]
    units: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def __call__(self, activations: Activations) -> Tensor:
        """Give the value ``[N]`` of each image."""
        return self.value(activations)

    def backward(self, run: ImagePass) -> Iterator[tuple[Tensor, float]]:
        """Send the gradient of minus the value into the images of a pass, tile by tile if asked.

        Yields:
            The value so far, ``[N]``, and the fraction of the pass that is done: after each tile,
            and at the end with the fraction 1.
        """
        if run.tiles is None:
            value = self._value_of(run, run.image)
            (-value.sum()).backward()  # type: ignore[no-untyped-call]
            yield value, 1.0
        else:
            yield from self._backward_tiled(run, run.tiles)

    def _value_of(self, run: ImagePass, image: Tensor) -> Tensor:
        """Return the values ``[N]`` of images ``[N, 3, H, W]``."""
        activations = run.extractor(run.transform(image, run.generator))
        return self(PartialActivations({**activations, IMAGE: image}, run.extractor.kept_channels))

    def _backward_tiled(self, run: ImagePass, tiles: Tiles) -> Iterator[tuple[Tensor, float]]:
        """Do as ``backward`` tile by tile; memory holds the activations of one tile.

        The network processes each tile with its surroundings, but only the tile's own pixels take
        the gradient, so that every pixel takes it once. Values, which are means over positions, are
        weighted by area. All tiles of a pass are moved alike.
        """
        image = run.image
        still = image.detach()
        gradient = torch.empty_like(still)
        value = torch.zeros(len(image), device=image.device)
        state = run.generator.get_state()
        cover = list(tiles.random((image.shape[2], image.shape[3]), run.borders))
        done = 0.0
        for number, tile in enumerate(cover, 1):
            run.generator.set_state(state)
            seen = still[..., tile.padded[0], tile.padded[1]].clone().requires_grad_()
            own = self._value_of(run, seen)
            (slope,) = torch.autograd.grad(own.sum(), seen)
            # The mean over a tile's positions, turned into its part of the sum over the image's.
            part = slope[..., tile.interior_in_padded[0], tile.interior_in_padded[1]].mul_(
                -tile.area
            )
            gradient[..., tile.interior[0], tile.interior[1]] = part
            value += own.detach() * tile.share
            done += tile.share
            if number < len(cover):
                yield value, done
        if image.is_leaf:
            image.grad = gradient  # as it is: backward would copy it, and tiled images are large
        else:
            image.backward(gradient)  # type: ignore[no-untyped-call]
        yield value, 1.0

    def __add__(self, other: Objective) -> Objective:
        """Climb both at once."""
        layers = self.layers | other.layers
        units = {
            layer: frozenset().union(
                *(it.units[layer] for it in (self, other) if layer in it.units)
            )
            for layer in layers
            if all(layer in it.units for it in (self, other) if layer in it.layers)
        }
        return Objective(layers, lambda seen: self(seen) + other(seen), units)

    def __sub__(self, other: Objective) -> Objective:
        """Climb this one and descend the other."""
        return self + -1.0 * other

    def __neg__(self) -> Objective:
        """Descend: what excites a neuron least."""
        return -1.0 * self

    def __mul__(self, weight: float | Tensor) -> Objective:
        """Weigh against the others of a sum: all images alike, or image ``n`` by ``weight[n]``."""

        def value(seen: Activations) -> Tensor:
            own = self(seen)
            return own * (weight.to(own) if isinstance(weight, Tensor) else weight)

        return Objective(self.layers, value, self.units)

    __rmul__ = __mul__


def channels(layer: str, units: Sequence[int]) -> Objective:
    """Climb one channel an image: value ``n`` is the mean of channel ``units[n]`` over positions.

    For a fully connected layer, which has no positions, it is the unit itself, so that on the
    logits it is the score of class ``units[n]``.

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        units: N channels in ``0 .. C - 1``, or a single one for all images.
    """

    def value(activations: Activations) -> Tensor:
        return _places(_channel(activations, layer, units)).mean(1)

    return Objective(frozenset({layer}), value, {layer: frozenset(units)})


def positions(
    layer: str, units: Sequence[int], place: tuple[float, float] = (0.5, 0.5)
) -> Objective:
    """Climb one channel at one position an image, Lucid's ``neuron``.

    Args:
        layer: name of a layer with activations ``[N, C, H, W]``; one without positions will do.
        units: N channels, or a single one for all images.
        place: row and column as fractions of the layer's height and width, ``0.0 .. 1.0``.
    """

    def value(activations: Activations) -> Tensor:
        own = _channel(activations, layer, units)  # [N, ...]
        for fraction, side in zip(place, own.shape[1:3], strict=False):
            own = own.select(1, min(side - 1, int(fraction * side)))
        return _precise(own)

    return Objective(frozenset({layer}), value, {layer: frozenset(units)})


def direction(layer: str, vector: Tensor, power: float = 1.0) -> Objective:
    """Climb a direction in the space of a layer's channels.

    At each position the value is ``<a, v> * max(0.1, cos(a, v)) ** power`` for the activations
    ``a``; their mean over positions counts. The dot product alone, at a power of 0, is content with
    anything strong; the cosine asks for nothing but this direction (Carter et al., "Activation
    Atlas", Distill 2019).

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        vector: ``[C]``, or ``[N, C]`` with one for each image.
        power: of the cosine, at least 0.
    """

    def value(activations: Activations) -> Tensor:
        seen = _precise(
            activations[layer].flatten(2)
            if _has_places(activations[layer])
            else activations[layer][..., None]
        )  # [N, C, P]
        towards = vector.to(seen).expand(seen.shape[0], -1)[..., None]
        return _dot_cosine(seen, towards, power).mean(1)

    return Objective(frozenset({layer}), value)


def cosine_similarity(layer: str, target: Tensor, power: float = 1.0) -> Objective:
    """Climb towards what a layer sees in a picture, position by position.

    With a power of 0 or 1 whatever is there grows without bound, which gives a caricature of the
    picture; with higher powers the direction at each position counts more than its strength, which
    gives back what the layer knows of the picture (feature inversion as in Lucid's
    ``dot_compare``). The formula is that of ``direction``, with the picture's own activations, at
    each position, as the vector, and divided by their mean square, so that the picture itself
    has a value of 1.

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        target: ``[1, C, ...]``, the picture's; resized where the images' layer is of another size.
        power: of the cosine, at least 0.
    """

    def value(activations: Activations) -> Tensor:
        seen = _precise(activations[layer])
        wanted = target.to(seen)
        if seen.shape[2:] != wanted.shape[2:]:
            wanted = F.interpolate(wanted, seen.shape[2:], mode="bilinear", antialias=True)
        if not _has_places(seen):
            seen, wanted = seen[..., None], wanted[..., None]
        seen, wanted = seen.flatten(2), wanted.flatten(2).expand(seen.shape[0], -1, -1)
        strength = wanted.square().sum(1).mean(1).clamp(min=TINY)
        return _dot_cosine(seen, wanted, power).mean(1) / strength

    return Objective(frozenset({layer}), value)


def energy(layer: str, units: Sequence[int] = ()) -> Objective:
    """Climb everything a layer sees at once: the mean of squares, DeepDream's objective.

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        units: only these channels; none for all of them.
    """

    def value(activations: Activations) -> Tensor:
        own = _some(activations, layer, units) if units else activations[layer]
        return _precise(own).square().mean(tuple(range(1, own.ndim)))

    return Objective(frozenset({layer}), value, {layer: frozenset(units)} if units else {})


def total(layer: str, units: Sequence[int]) -> Objective:
    """Climb several channels of every image at once: the sum of their means over positions.

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        units: channels in ``0 .. C - 1``.
    """

    def value(activations: Activations) -> Tensor:
        own = _precise(_some(activations, layer, units))
        return own.flatten(2).mean(2).sum(1) if _has_places(own) else own.sum(1)

    return Objective(frozenset({layer}), value, {layer: frozenset(units)})


def match_activations(layer: str, features: Tensor) -> Objective:
    """Climb towards whichever of some features each position resembles most already.

    The value is the mean over positions of the largest ``<a, f_k>`` over features ``f_k``, for the
    activations ``a``: the guided dream of Google's notebook (Mordvintsev et al. 2015).

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        features: ``[K, C]``, what a guide picture shows at its positions.
    """

    def value(activations: Activations) -> Tensor:
        seen = _precise(activations[layer])
        seen = seen.flatten(2) if _has_places(seen) else seen[..., None]  # [N, C, P]
        return (features.to(seen) @ seen).amax(1).mean(1)

    return Objective(frozenset({layer}), value)


def diversity(layer: str, together: int) -> Objective:
    """Let the images of a group differ in which channels of a layer they excite together.

    Value ``n`` is minus the mean cosine between image ``n``'s Gram matrix and those of the others
    in its group (Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017), between
    -1 and 1.

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        together: images in a group, at least 2; each run of so many in the batch is one.
    """

    def value(activations: Activations) -> Tensor:
        seen = _precise(activations[layer])
        seen = seen.flatten(2) if _has_places(seen) else seen[..., None]  # [N, C, P]
        gram = F.normalize((seen @ seen.mT).flatten(1), dim=1)  # [N, C * C]
        groups = gram.reshape(-1, together, gram.shape[1])  # [groups, together, C * C]
        alike = groups @ groups.mT  # [groups, together, together]
        others = alike.sum(2) - alike.diagonal(dim1=1, dim2=2)
        worth: Tensor = -others.flatten() / (together - 1)
        return worth

    return Objective(frozenset({layer}), value)


def proportional_sum(objective: Objective, base: Objective) -> Objective:
    """Scale an objective by how large another one is just now.

    Activations of one network are a thousand times those of another; what is added to them has
    to keep step. The scale itself is not climbed.
    """
    return Objective(
        objective.layers | base.layers,
        lambda seen: objective(seen) * base(seen).detach().abs(),
        (objective + base).units,
    )


def _channel(activations: Activations, layer: str, units: Sequence[int]) -> Tensor:
    """Take channel ``units[n]`` of image ``n``, or one for all: ``[N, C, ...]`` to ``[N, ...]``."""
    seen = activations[layer]
    count = seen.shape[0]
    places = torch.tensor(_places_of(activations, layer, units), device=seen.device)
    # With channels last, as they are in memory, so that the gradient comes in the same layout and
    # does not slow every operation on its way back.
    return seen.movedim(1, -1)[torch.arange(count), ..., places.expand(count)]


def _some(activations: Activations, layer: str, units: Sequence[int]) -> Tensor:
    """Take some channels of every image: ``[N, C, ...]`` to ``[N, K, ...]``."""
    return activations[layer][:, _places_of(activations, layer, units)]


def _places_of(activations: Activations, layer: str, units: Sequence[int]) -> list[int]:
    """Find where channels stand among those of a layer that are there."""
    kept = activations.kept.get(layer) if isinstance(activations, PartialActivations) else None
    return list(units) if kept is None else [kept.index(unit) for unit in units]


def _has_places(seen: Tensor) -> bool:
    return seen.ndim > 2


def _places(own: Tensor) -> Tensor:
    """Lay the positions of one channel out: ``[N, ...]`` to ``[N, P]``."""
    return _precise(own.reshape(own.shape[0], -1))


def _precise(values: Tensor) -> Tensor:
    """Take on float32, if it is less: sums of thousands in bfloat16 would lose most digits."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _dot_cosine(seen: Tensor, towards: Tensor, power: float) -> Tensor:
    """Give ``<a, v> * max(0.1, cos(a, v)) ** power`` over channels: ``[N, C, P]`` to ``[N, P]``."""
    dot = (seen * towards).sum(1)
    if power == 0:
        return dot
    lengths = seen.square().sum(1) * towards.square().sum(1)
    cosine = dot / lengths.clamp(min=TINY).sqrt()
    return dot * cosine.clamp(min=LEAST_COSINE) ** power
