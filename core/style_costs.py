"""What is held against a picture of one size, as a style recipe asks: its pictures become costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core import penalties, style_losses, whole
from core.dreams import resized
from core.networks import Network
from core.style_losses import Cost, Costs, Style
from core.style_recipes import StyleRecipe
from core.tiles import GRID, Tiles

COSTS = {"gram": style_losses.gram, "wasserstein": style_losses.wasserstein}


@dataclass(frozen=True)
class Subjects:
    """The pictures that a recipe names.

    Attributes:
        photograph: ``[1, 3, H, W]`` in ``[0, 1]``; none for a texture.
        content: the same, or its light alone, where only that is painted.
        styles: the paintings, ``[1, 3, h, w]``, each of its own size, in the colours to paint in.
        masks: ``[1, 1, H, W]`` in ``[0, 1]`` for each painting; none for everywhere.
        start: ``[1, 3, H, W]``, what is started from, if it is another picture.
        size: (height, width) of the picture to make.
        device: where they all lie.
    """

    photograph: Tensor | None
    content: Tensor | None
    styles: tuple[Tensor, ...]
    masks: tuple[Tensor | None, ...]
    start: Tensor | None
    size: tuple[int, int]
    device: torch.device

    @property
    def mask(self) -> Tensor | None:
        """Where there is painted at all, ``[1, 1, H, W]``; none for everywhere."""
        masks = [it for it in self.masks if it is not None]
        if not masks or len(masks) < len(self.masks):
            return None
        return torch.cat(masks, 1).amax(1, keepdim=True)


def costs_at(
    network: Network, recipe: StyleRecipe, subjects: Subjects, size: tuple[int, int]
) -> Costs:
    """Say what is held against a picture of (height, width).

    Weights count the picture's pixels, so that the gradient of a pixel is as large at every size.
    """
    pixels = float(size[0] * size[1])
    weighted = _contents(network, recipe, subjects, size) + _styles(network, recipe, subjects, size)
    variation = penalties.squared_variation() * (recipe.variation * pixels)
    costs = [(weight * pixels, cost) for weight, cost in weighted]
    return Costs.of(costs, variation if recipe.variation else None)


def tiles_of(network: Network, recipe: StyleRecipe) -> Tiles:
    """Say how a large picture is cut up: tiles that see as far as the deepest layer does."""
    layers = [network.layer(name) for name in (*recipe.content_layers, *recipe.style_layers)]
    reach = max((max(it.receptive_field) for it in layers if it.receptive_field), default=0)
    margin = -(-(reach // 2 + 1) // GRID) * GRID
    return Tiles(recipe.tile, min(margin, recipe.tile // 4))


def _contents(
    network: Network, recipe: StyleRecipe, subjects: Subjects, size: tuple[int, int]
) -> list[tuple[float, Cost]]:
    if subjects.content is None:
        return []
    image = resized(subjects.content, size).clamp(0, 1)
    names = list(recipe.content_layers)
    says = recipe.balance if recipe.styles else 1.0
    weights = dict(zip(names, _parts(recipe.content_weights, len(names)), strict=True))
    seen = whole.activations(network, image, names, tiles_of(network, recipe))
    return [
        (says * weights[name], style_losses.content(name, target)) for name, target in seen.items()
    ]


def _styles(
    network: Network, recipe: StyleRecipe, subjects: Subjects, size: tuple[int, int]
) -> list[tuple[float, Cost]]:
    """Hold each region to the mixture of the paintings that belong there.

    A region has to say as much as it is large, so that each of its pixels is pulled alike.
    """
    if not recipe.styles:
        return []
    names = recipe.style_layers
    weights = _parts(recipe.style_weights, len(names))
    shares = _parts(recipe.style_shares, len(recipe.styles))
    seen = [_seen(network, recipe, it, size) for it in subjects.styles]
    masks = recipe.masks or ("",) * len(recipe.styles)
    opened = subjects.masks or (None,) * len(recipe.styles)
    regions = list(dict.fromkeys(masks))
    areas = [_area(opened[masks.index(region)]) for region in regions]
    places = whole.places(network, names, size) if any(masks) else {}
    found = []
    for number, region in enumerate(regions):
        members = [at for at, mask in enumerate(masks) if mask == region]
        mask = opened[members[0]]
        for name, weight in zip(names, weights, strict=True):
            style = Style.mixed([seen[at][name] for at in members], [shares[at] for at in members])
            own = None if mask is None else style_losses.at_places(mask, places[name])
            title = f"style {name}" + (f" in region {number + 1}" if len(regions) > 1 else "")
            cost = COSTS[recipe.loss](name, style, own, title)
            found.append((weight * areas[number] / sum(areas), cost))
    return found


def _seen(
    network: Network, recipe: StyleRecipe, painting: Tensor, size: tuple[int, int]
) -> dict[str, Style]:
    """Measure a painting, as large beside the picture as the recipe says, by layer."""
    longer = min(max(size) * recipe.style_scale, max(painting.shape[2:]))
    by = longer / max(painting.shape[2:])
    height, width = (max(GRID, round(side * by)) for side in painting.shape[2:])
    image = resized(painting, (height, width)).clamp(0, 1)
    sums = whole.moments(network, image, recipe.style_layers, tiles_of(network, recipe))
    return {name: Style.of(own) for name, own in sums.items()}


def _parts(weights: Sequence[float], count: int) -> list[float]:
    """Turn weights, or none, into parts of 1."""
    total = sum(weights)
    return [it / total for it in weights] if weights else [1 / count] * count


def _area(mask: Tensor | None) -> float:
    return 1.0 if mask is None else float(mask.mean())
