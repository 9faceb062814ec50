"""The weighted sum of style and content losses, and its gradient, tile by tile if required."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.images.tiles import Tiles
from core.networks.network import FeatureExtractor
from core.optim.activations import IMAGE, Activations
from core.optim.image_pass import ImagePass
from core.optim.objectives import Objective
from core.style.border import Shares, inner_gradient
from core.style.losses import LayerWindow, LossTerm, evaluate
from core.style.moments import Sums
from core.style.tiled_statistics import TileWindows, tile_windows


@dataclass(frozen=True)
class LossSum(Objective):
    """An objective whose value is minus the weighted sum of losses.

    Attributes:
        terms: the weight of each loss, and the loss.
        penalty: regulariser of the image itself; None for no regulariser.
        inner: how much of each layer's cells is inside the image, by layer name. The gradient of
            losses for a position is multiplied by it, see ``core.style.border``. Layers that are
            missing have their whole gradient everywhere.
        latest: unweighted losses in the last evaluation, ``[N]`` by the name of the loss.
    """

    terms: tuple[tuple[float, LossTerm], ...] = ()
    penalty: Objective | None = None
    inner: Mapping[str, Shares] = field(default_factory=dict)
    latest: dict[str, Tensor] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls,
        terms: Sequence[tuple[float, LossTerm]],
        penalty: Objective | None = None,
        inner: Mapping[str, Shares] | None = None,
    ) -> LossSum:
        """Create a ``LossSum`` of pairs (weight, loss), a regulariser, and ``inner``."""
        layers = frozenset(term.layer for _, term in terms)
        penalty_layers = frozenset() if penalty is None else penalty.layers
        return cls(
            layers | penalty_layers,
            _unused,
            terms=tuple(terms),
            penalty=penalty,
            inner=inner or {},
        )

    def with_penalty(self, penalty: Objective) -> LossSum:
        """Return the sum of the same losses and a further penalty of the image."""
        both = penalty if self.penalty is None else self.penalty + penalty
        return LossSum.of(self.terms, both, self.inner)

    def __call__(self, activations: Activations) -> Tensor:
        """Return minus the weighted sum of all losses and the penalty, ``[N]``."""
        return self.value_from_sums(self.sums(activations), activations.get(IMAGE))

    def sums(
        self, activations: Activations, windows: Mapping[str, LayerWindow] | None = None
    ) -> tuple[Sums, ...]:
        """Compute the sums over positions that each loss is computed from, such as Gram products.

        Args:
            activations: activations ``[N, C, ...]`` by layer name.
            windows: the positions over which to sum, by layer name; by default all positions.
        """
        windows = windows or {}
        found = []
        for _, term in self.terms:
            values, window = activations[term.layer], windows.get(term.layer, LayerWindow())
            if term.layer in self.inner and values.requires_grad:
                values = inner_gradient(values, window, self.inner[term.layer])
            found.append(term.sums(values, window))
        return tuple(found)

    def value_from_sums(self, sums: Sequence[Sums], image: Tensor | None) -> Tensor:
        """Compute minus the weighted sum of all losses and the penalty, ``[N]``.

        Args:
            sums: the result of ``sums``, or the total of these results over all tiles.
            image: the image, ``[N, 3, H, W]``, for the penalty; None to ignore the penalty.
        """
        total: Tensor | None = None
        found = evaluate([term for _, term in self.terms], sums)
        for (weight, term), loss in zip(self.terms, found, strict=True):
            self.latest[term.name] = loss.detach()
            total = weight * loss if total is None else total + weight * loss
        if self.penalty is not None and image is not None:
            penalty = self.penalty({IMAGE: image})
            total = penalty if total is None else total + penalty
        if total is None:
            raise ValueError("a sum of losses needs a term or a penalty")
        return -total

    def _backward_tiled(
        self, image_pass: ImagePass, tiles: Tiles
    ) -> Iterator[tuple[Tensor, float]]:
        """Do the same as ``backward`` tile by tile; memory holds the activations of one tile.

        In ``Objective``, the value is the mean of the values of single tiles. Here the losses are
        functions of sums over the whole image. A first pass over the tiles adds up these sums. Then
        the gradient of the losses with respect to the sums is computed. A second pass over the
        tiles backpropagates this gradient to the pixels. If the margin of the tiles is at least
        half the receptive field of the layers, value and gradient are the same as without tiles.
        """
        image, extractor = image_pass.image, image_pass.extractor
        moved = image_pass.transform(image, image_pass.generator)
        size = (moved.shape[2], moved.shape[3])
        cover = tile_windows(
            image_pass.network, (term.layer for _, term in self.terms), tiles, size
        )
        detached = moved.detach()
        sums = sum_over_tiles(extractor, self, detached, cover)
        with torch.enable_grad():
            leaves = [tuple(it.requires_grad_() for it in term_sums) for term_sums in sums]
            image_leaf = image.detach().requires_grad_()
            value = self.value_from_sums(leaves, image_leaf)
            inputs = [image_leaf, *(it for term_leaves in leaves for it in term_leaves)]
            penalty_gradient, *sum_gradients = torch.autograd.grad(
                -value.sum(), inputs, allow_unused=True
            )
        gradient = torch.zeros_like(detached)
        for tile_window in cover:
            rows, cols = tile_window.tile.padded
            part = detached[..., rows, cols].clone().requires_grad_()
            outputs, output_gradients = [], []
            part_sums = _tile_sums(extractor, self, part, tile_window)
            flat_sums = (it for term_sums in part_sums for it in term_sums)
            for output, output_gradient in zip(flat_sums, sum_gradients, strict=True):
                # Skip sums that no loss reads, as they have no gradient. Skip numbers of positions,
                # as they do not depend on pixels.
                if output_gradient is not None and output.requires_grad:
                    outputs.append(output)
                    output_gradients.append(output_gradient)
            gradient[..., rows, cols] += torch.autograd.grad(outputs, part, output_gradients)[0]
        if penalty_gradient is not None:
            image.backward(penalty_gradient, retain_graph=True)  # type: ignore[no-untyped-call]
        moved.backward(gradient)  # type: ignore[no-untyped-call]
        yield value.detach(), 1.0


def _unused(activations: Activations) -> Tensor:
    """Fill the field ``Objective.value``; ``LossSum.__call__`` does not use it."""
    raise NotImplementedError


@torch.no_grad()
def sum_over_tiles(
    extractor: FeatureExtractor, losses: LossSum, image: Tensor, cover: list[TileWindows]
) -> list[Sums]:
    """Compute ``LossTerm.sums`` of each loss for whole images ``[N, 3, H, W]``, tile by tile."""
    total: list[Sums] = []
    for tile_window in cover:
        rows, cols = tile_window.tile.padded
        tile_sums = _tile_sums(extractor, losses, image[..., rows, cols], tile_window)
        pairs = zip(total, tile_sums, strict=True)
        total = [tuple(map(torch.add, *pair)) for pair in pairs] if total else list(tile_sums)
    return total


def _tile_sums(
    extractor: FeatureExtractor, losses: LossSum, part: Tensor, tile_window: TileWindows
) -> tuple[Sums, ...]:
    """Compute ``LossTerm.sums`` of each loss over the positions that belong to one tile.

    Args:
        extractor: computes the activations of the layers.
        losses: the losses.
        part: the pixels of the padded tile, ``[N, 3, h, w]``.
        tile_window: the tile, and the positions of each layer that belong to it.
    """
    return losses.sums(extractor(part), tile_window.windows)
