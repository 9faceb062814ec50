"""The weighted sum of style and content losses, and its gradient, tile by tile if asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.images.tiles import Tiles
from core.networks.network import FeatureExtractor, Network
from core.optim.activations import IMAGE, Activations
from core.optim.image_pass import ImagePass
from core.optim.objectives import Objective
from core.style.losses import LayerWindow, LossTerm, Sums
from core.style.tiled_statistics import TileWindows, tile_windows


@dataclass(frozen=True)
class LossSum(Objective):
    """Costs of several layers at once, to be climbed downwards: the value is minus their sum.

    Attributes:
        costs: each of them with its weight.
        penalty: what is held against the image itself; may be none.
        latest: what each cost was, without its weight, at the last look, ``[N]`` by name.
    """

    costs: tuple[tuple[float, LossTerm], ...] = ()
    penalty: Objective | None = None
    latest: dict[str, Tensor] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls, costs: Sequence[tuple[float, LossTerm]], penalty: Objective | None = None
    ) -> LossSum:
        """Join costs with their weights."""
        layers = frozenset(cost.layer for _, cost in costs)
        beside = frozenset() if penalty is None else penalty.layers
        return cls(layers | beside, _never, costs=tuple(costs), penalty=penalty)

    def __call__(self, activations: Activations) -> Tensor:
        """Give minus the sum of all costs, ``[N]``."""
        return self.value_from_sums(self.sums(activations), activations.get(IMAGE))

    def backward(self, run: ImagePass) -> Iterator[tuple[Tensor, float]]:
        """Do as ``Objective.backward``, but exactly, as statistics of the whole image need."""
        if run.tiles is None:
            yield from super().backward(run)
            return
        moved = run.transform(run.image, run.generator)
        yield (
            backward_tiled(run.network, run.extractor, self, run.image, moved, run.tiles),
            1.0,
        )

    def sums(
        self, activations: Activations, windows: Mapping[str, LayerWindow] | None = None
    ) -> tuple[Sums, ...]:
        """Give each cost's sums over the places that count, all places by default."""
        windows = windows or {}
        return tuple(
            cost.sums(activations[cost.layer], windows.get(cost.layer, LayerWindow()))
            for _, cost in self.costs
        )

    def value_from_sums(self, sums: Sequence[Sums], image: Tensor | None) -> Tensor:
        """Give minus the sum of all costs, ``[N]``, from each one's sums and the image."""
        total: Tensor | None = None
        for (weight, cost), own in zip(self.costs, sums, strict=True):
            worth = cost.loss(own)
            self.latest[cost.name] = worth.detach()
            total = weight * worth if total is None else total + weight * worth
        if self.penalty is not None and image is not None:
            beside = self.penalty({IMAGE: image})
            total = beside if total is None else total + beside
        if total is None:
            raise ValueError("there is nothing to judge by")
        return -total


def _never(activations: Activations) -> Tensor:
    raise NotImplementedError


def backward_tiled(
    network: Network,
    extractor: FeatureExtractor,
    costs: LossSum,
    image: Tensor,
    moved: Tensor,
    tiles: Tiles,
) -> Tensor:
    """Send the gradient of costs into images ``[N, 3, H, W]``, and give minus the costs, ``[N]``.

    The network sees the images as moved, ``[N, 3, H', W']``.

    Where tiles see as far around their own places as these see, both are as without tiles.
    """
    size = (moved.shape[2], moved.shape[3])
    cover = tile_windows(network, (cost.layer for _, cost in costs.costs), tiles, size)
    still = moved.detach()
    sums = sum_over_tiles(extractor, costs, still, cover)
    with torch.enable_grad():
        leaves = [tuple(it.requires_grad_() for it in own) for own in sums]
        bare = image.detach().requires_grad_()
        value = costs.value_from_sums(leaves, bare)
        wanted = [it for own in leaves for it in own]
        slopes = torch.autograd.grad(-value.sum(), [bare, *wanted], allow_unused=True)
    slope = torch.zeros_like(still)
    for piece in cover:
        rows, cols = piece.tile.padded
        seen = still[..., rows, cols].clone().requires_grad_()
        own = [it for part in _sums(extractor, costs, seen, piece) for it in part]
        # Sums that no cost reads, or that no pixel changes, have no slope.
        live = [
            (it, by)
            for it, by in zip(own, slopes[1:], strict=True)
            if by is not None and it.requires_grad
        ]
        outputs, by = [it for it, _ in live], [it for _, it in live]
        slope[..., rows, cols] += torch.autograd.grad(outputs, seen, by)[0]
    if slopes[0] is not None:
        image.backward(slopes[0], retain_graph=True)  # type: ignore[no-untyped-call]
    moved.backward(slope)  # type: ignore[no-untyped-call]
    return value.detach()


@torch.no_grad()
def sum_over_tiles(
    extractor: FeatureExtractor, costs: LossSum, image: Tensor, cover: list[TileWindows]
) -> list[Sums]:
    """Give each cost's sums over a whole picture ``[N, 3, H, W]``, a tile at a time."""
    total: list[Sums] = []
    for piece in cover:
        rows, cols = piece.tile.padded
        own = _sums(extractor, costs, image[..., rows, cols], piece)
        pairs = zip(total, own, strict=True)
        total = [tuple(map(torch.add, *pair)) for pair in pairs] if total else list(own)
    return total


def _sums(
    extractor: FeatureExtractor, costs: LossSum, seen: Tensor, piece: TileWindows
) -> tuple[Sums, ...]:
    return costs.sums(extractor(seen), piece.windows)
