"""What is held against a picture of one size, as a style recipe asks: its pictures become costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.images.resize import resize_image
from core.images.tiles import GRID, Tiles
from core.networks.network import Network
from core.optim import regularisers
from core.optim.transforms import ReflectPad
from core.recipes.style import StyleRecipe
from core.style import losses, tiled_statistics
from core.style.loss_sum import LossSum
from core.style.losses import LayerWindow, LossTerm, StyleTarget

# Contrast of the noise that a picture starts from: as much as a soft photograph has.
NOISE = 0.15
# How strongly costs pull is measured on a picture of so many pixels along its longer side.
PULL_SIDE = 256
# No cost is taken to pull less than this share of the strongest.
LEAST_PULL = 1e-4

# What the network sees around the picture.
FRAME = ReflectPad()

STYLE_LOSSES = {"gram": losses.gram, "wasserstein": losses.wasserstein}


@dataclass(frozen=True)
class StyleInputs:
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


def build_losses(
    network: Network,
    recipe: StyleRecipe,
    subjects: StyleInputs,
    size: tuple[int, int],
    pulls: Mapping[str, float] | None = None,
) -> LossSum:
    """Say what is held against a picture of (height, width).

    Weights count the picture's pixels, so that the gradient of a pixel is as large at every size.

    Args:
        network: where layers are.
        recipe: says what counts, and how much.
        subjects: its pictures.
        size: of the picture.
        pulls: how strongly each cost pulls by itself, by its name, as ``pulls`` measures it; all
            costs alike by default.
    """
    pixels = float(size[0] * size[1])
    weighted = _contents(network, recipe, subjects, size) + _styles(network, recipe, subjects, size)
    strength = {} if pulls is None else pulls
    costs = [(pixels * weight / strength.get(it.name, 1.0), it) for weight, it in weighted]
    variation = regularisers.squared_variation() * (recipe.variation * pixels)
    return LossSum.of(costs, variation if recipe.variation else None)


def gradient_norms(
    network: Network, recipe: StyleRecipe, subjects: StyleInputs
) -> dict[str, float]:
    """Measure how strongly each cost pulls at a pixel, so that all can be made to pull alike.

    Even relative to its target's energy, a cost of a deep layer has a gradient a hundred times
    that of a shallow one. So each is divided by its pull: the root mean square over pixels of its
    gradient, times their number. It is measured where the climb has to leave from: costs of style
    at the content, costs of content at the first painting; at noise where that is missing.
    """
    size = _within(subjects.size, PULL_SIDE)
    costs = build_losses(network, recipe, subjects, size)
    extractor = network.extractor(
        sorted({cost.layer for _, cost in costs.costs}), for_gradients=True
    )
    painting = subjects.styles[0] if subjects.styles else None
    found: dict[str, float] = {}
    for start, kind in ((subjects.content, "style"), (painting, "content")):
        image = (
            noise_image(recipe.seed, size)
            if start is None
            else resize_image(start, size).clamp(0, 1)
        )
        image = image.to(subjects.device).requires_grad_()
        seen = extractor(FRAME(image))
        for _, cost in costs.costs:
            if cost.name.startswith(kind):
                worth = cost.loss(cost.sums(seen[cost.layer], LayerWindow())).sum()
                (slope,) = torch.autograd.grad(worth, image, retain_graph=True)
                found[cost.name] = float(slope.norm()) * (size[0] * size[1]) ** 0.5
    # A painting that has the content's style already pulls at nothing, and so it should.
    least = LEAST_PULL * max(found.values())
    return {name: max(pull, least) or 1.0 for name, pull in found.items()}


def noise_image(seed: int, size: tuple[int, int]) -> Tensor:
    """Draw what a picture of (height, width) starts from where nothing else is there."""
    drawn = torch.randn((1, 3, *size), generator=torch.Generator().manual_seed(seed))
    return (0.5 + NOISE * drawn).clamp(0, 1)


def _within(size: tuple[int, int], longer: int) -> tuple[int, int]:
    by = min(1.0, longer / max(size))
    return max(1, round(size[0] * by)), max(1, round(size[1] * by))


def plan_tiles(network: Network, recipe: StyleRecipe) -> Tiles:
    """Say how a large picture is cut up: tiles that see as far as the deepest layer does."""
    layers = [network.layer(name) for name in (*recipe.content_layers, *recipe.style_layers)]
    reach = max((max(it.receptive_field) for it in layers if it.receptive_field), default=0)
    margin = -(-(reach // 2 + 1) // GRID) * GRID
    return Tiles(recipe.tile, min(margin, recipe.tile // 4))


def _contents(
    network: Network, recipe: StyleRecipe, subjects: StyleInputs, size: tuple[int, int]
) -> list[tuple[float, LossTerm]]:
    if subjects.content is None:
        return []
    image = FRAME(resize_image(subjects.content, size).clamp(0, 1))
    names = list(recipe.content_layers)
    says = recipe.balance if recipe.styles else 1.0
    weights = dict(zip(names, _parts(recipe.content_weights, len(names)), strict=True))
    seen = tiled_statistics.activations(network, image, names, plan_tiles(network, recipe))
    return [(says * weights[name], losses.content(name, target)) for name, target in seen.items()]


def _styles(
    network: Network, recipe: StyleRecipe, subjects: StyleInputs, size: tuple[int, int]
) -> list[tuple[float, LossTerm]]:
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
    around = (size[0] + 2 * FRAME.width, size[1] + 2 * FRAME.width)
    places = tiled_statistics.layer_sizes(network, names, around) if any(masks) else {}
    found = []
    for number, region in enumerate(regions):
        members = [at for at, mask in enumerate(masks) if mask == region]
        mask = opened[members[0]]
        for name, weight in zip(names, weights, strict=True):
            style = StyleTarget.mixed(
                [seen[at][name] for at in members], [shares[at] for at in members]
            )
            own = None if mask is None else _at_places(mask, size, places[name])
            title = f"style {name}" + (f" in region {number + 1}" if len(regions) > 1 else "")
            cost = STYLE_LOSSES[recipe.loss](name, style, own, title)
            found.append((weight * areas[number] / sum(areas), cost))
    return found


def _at_places(mask: Tensor, size: tuple[int, int], places: tuple[int, int]) -> Tensor:
    """Scale a mask to a picture of a size, and that with its frame to the places of a layer."""
    return losses.resize_mask(FRAME(resize_image(mask, size)), places)


def resize_style(recipe: StyleRecipe, painting: Tensor, size: tuple[int, int]) -> Tensor:
    """Scale a painting to be looked at beside a picture of a size; it is never enlarged."""
    own = (painting.shape[2], painting.shape[3])
    height, width = _within(own, round(max(size) * recipe.style_scale))
    return resize_image(painting, (max(GRID, height), max(GRID, width))).clamp(0, 1)


def _seen(
    network: Network, recipe: StyleRecipe, painting: Tensor, size: tuple[int, int]
) -> dict[str, StyleTarget]:
    """Measure a painting, as large beside the picture as the recipe says, by layer."""
    image = resize_style(recipe, painting, size)
    sums = tiled_statistics.moments(
        network, image, recipe.style_layers, plan_tiles(network, recipe)
    )
    return {name: StyleTarget.of(own) for name, own in sums.items()}


def _parts(weights: Sequence[float], count: int) -> list[float]:
    """Turn weights, or none, into parts of 1."""
    total = sum(weights)
    return [it / total for it in weights] if weights else [1 / count] * count


def _area(mask: Tensor | None) -> float:
    return 1.0 if mask is None else float(mask.mean())
