"""The losses of a style recipe for an image of one size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.fixed_order import mean_per_image, norm
from core.images.channels import COLOUR
from core.images.resize import reduced_size, resize_image
from core.images.tiles import GRID, Tiles
from core.networks.network import Network
from core.optim import regularisers
from core.optim.transforms import SymmetricPad
from core.recipes.style import NEAREST, StyleRecipe
from core.style import cell_matching, losses, nearest, tiled_statistics
from core.style.border import Shares, inner_box, inner_shares, padding_for
from core.style.loss_sum import LossSum
from core.style.losses import LayerWindow, LossTerm, StyleTarget
from core.style.wasserstein_loss import wasserstein

# Standard deviation of the initial noise, about that of a photograph with low contrast.
NOISE = 0.15
# Longer side in pixels, at most, of the images on which gradient norms are measured.
GRADIENT_SIDE = 256
# Lower bound of gradient norms, relative to the largest norm of a term.
MIN_RELATIVE_NORM = 1e-4

# The losses that compare statistics of a whole layer, by name.
STYLE_LOSSES = {"gram": losses.gram, "wasserstein": wasserstein}
# Function that builds the style losses of one region, one for each style layer: from the indices of
# the region's paintings, its padded mask and the end of the names of the losses.
RegionLosses = Callable[[Sequence[int], Tensor | None, str], list[LossTerm]]


@dataclass(frozen=True)
class StyleInputs:
    """The opened images of a recipe.

    Attributes:
        photograph: ``[1, 3, H, W]`` in ``[0, 1]``; None for a texture.
        content: the photograph, converted to grey if the recipe transfers only luma
            (``colours="light"``); None for a texture.
        styles: the paintings, ``[1, 3, h, w]`` of different sizes. If the recipe asks for it, their
            colours have been matched to those of the photograph.
        masks: for each painting the region that gets its style, ``[1, 1, H, W]`` in ``[0, 1]``;
            None for the whole image.
        start: initial image ``[1, 3, H, W]``; None if the recipe names none.
        size: (height, width) of the resulting image.
        device: device of all tensors.
        channels: number of channels of the images.
    """

    photograph: Tensor | None
    content: Tensor | None
    styles: tuple[Tensor, ...]
    masks: tuple[Tensor | None, ...]
    start: Tensor | None
    size: tuple[int, int]
    device: torch.device
    channels: int = COLOUR

    @property
    def mask(self) -> Tensor | None:
        """Union of the regions of all paintings, ``[1, 1, H, W]``; None for the whole image."""
        masks = [it for it in self.masks if it is not None]
        if not masks or len(masks) < len(self.masks):
            return None
        return torch.cat(masks, 1).amax(1, keepdim=True)


def build_losses(
    network: Network,
    recipe: StyleRecipe,
    inputs: StyleInputs,
    size: tuple[int, int],
    norms: Mapping[str, float] | None = None,
    current: Tensor | None = None,
) -> LossSum:
    """Build the weighted style and content losses for an image of (height, width).

    Weights are multiplied by the number of pixels, so that the gradient of a pixel does not depend
    on the size.

    Args:
        network: the network.
        recipe: the recipe, with layers and weights.
        inputs: the opened images of the recipe.
        size: (height, width) of the image.
        norms: gradient norm of each loss by the name of the loss, see ``gradient_norms``. The
            weight of a loss is divided by its norm. All norms are 1 by default.
        current: the image so far, ``[1, 3, height, width]``, from which the loss ``nearest`` takes
            its targets; None for the content image alone.
    """
    pixels = float(size[0] * size[1])
    width = padding_of(network, recipe).width
    padded = (size[0] + 2 * width, size[1] + 2 * width)
    layers = sorted({*recipe.content_layers, *recipe.style_layers})
    inner = inner_shares(network, layers, padded, width)
    weighted = _content_terms(network, recipe, inputs, size, inner)
    weighted += _style_terms(network, recipe, inputs, size, current)
    norms = {} if norms is None else norms
    terms = [(pixels * weight / norms.get(it.name, 1.0), it) for weight, it in weighted]
    variation = regularisers.squared_variation() * (recipe.variation * pixels)
    return LossSum.of(terms, variation if recipe.variation else None, inner)


def padding_of(network: Network, recipe: StyleRecipe) -> SymmetricPad:
    """Return the padding of a recipe's images before the network."""
    return padding_for(network, (*recipe.content_layers, *recipe.style_layers))


def gradient_norms(network: Network, recipe: StyleRecipe, inputs: StyleInputs) -> dict[str, float]:
    """Measure the gradient norm of each loss, so that all losses can be scaled to equal influence.

    Although every loss is divided by the energy of its target, the gradient of the loss of a deep
    layer is a hundred times that of a shallow layer. The gradient norm of a loss is the root mean
    square over pixels of its gradient, times the number of pixels. It is measured at an image for
    which the loss is high: style losses at the content image, content losses at the first painting.
    If the recipe has no such image, the norm is measured at noise.

    Returns:
        Gradient norms by the name of the loss, such as ``style relu1a``.
    """
    size = reduced_size(inputs.size, GRADIENT_SIDE)
    loss_sum = build_losses(network, recipe, inputs, size)
    extractor = network.extractor(
        sorted({term.layer for _, term in loss_sum.terms}), for_gradients=True
    )
    painting, padding = inputs.styles[0] if inputs.styles else None, padding_of(network, recipe)
    norms: dict[str, float] = {}
    for start, kind in ((inputs.content, "style"), (painting, "content")):
        image = (
            noise_image(recipe.seed, size, network.channels)
            if start is None
            else resize_image(start, size).clamp(0, 1)
        )
        image = image.to(inputs.device).requires_grad_()
        activations = extractor(padding(image))
        for _, term in loss_sum.terms:
            if term.name.startswith(kind):
                loss = term.loss(term.sums(activations[term.layer], LayerWindow())).sum()
                (gradient,) = torch.autograd.grad(loss, image, retain_graph=True)
                norms[term.name] = float(norm(gradient)) * (size[0] * size[1]) ** 0.5
    # If a painting has the same style as the content image, its style losses have a gradient of
    # about 0. Without the lower bound, these losses would be multiplied by a huge factor.
    least = MIN_RELATIVE_NORM * max(norms.values())
    return {name: max(norm, least) or 1.0 for name, norm in norms.items()}


def noise_image(seed: int, size: tuple[int, int], channels: int = COLOUR) -> Tensor:
    """Return noise around grey as an initial image of (height, width), ``[1, C, H, W]``."""
    noise = torch.randn((1, channels, *size), generator=torch.Generator().manual_seed(seed))
    return (0.5 + NOISE * noise).clamp(0, 1)


def plan_tiles(network: Network, recipe: StyleRecipe) -> Tiles:
    """Return the tiles of a large image.

    The margin of a tile is half the largest local receptive field, but at most a quarter of its
    side.
    """
    layers = [network.layer(name) for name in (*recipe.content_layers, *recipe.style_layers)]
    reach = max((max(it.local_field) for it in layers if it.local_field), default=0)
    margin = -(-(reach // 2 + 1) // GRID) * GRID
    return Tiles(recipe.tile, min(margin, recipe.tile // 4))


def _content_terms(
    network: Network,
    recipe: StyleRecipe,
    inputs: StyleInputs,
    size: tuple[int, int],
    inner: Mapping[str, Shares],
) -> list[tuple[float, LossTerm]]:
    """Return the weighted content losses, one for each layer, of the positions ``inner``."""
    if inputs.content is None:
        return []
    image = padding_of(network, recipe)(resize_image(inputs.content, size).clamp(0, 1))
    names = list(recipe.content_layers)
    balance = recipe.balance if recipe.styles else 1.0
    weights = _normalise(recipe.content_weights, len(names))
    tiles = plan_tiles(network, recipe)
    activations = tiled_statistics.activations(network, image, names, tiles)
    boxes = {name: inner_box(shares) for name, shares in inner.items()}
    return [
        (balance * weight, losses.content(name, activations[name], boxes.get(name)))
        for name, weight in zip(names, weights, strict=True)
    ]


def _style_terms(
    network: Network,
    recipe: StyleRecipe,
    inputs: StyleInputs,
    size: tuple[int, int],
    current: Tensor | None,
) -> list[tuple[float, LossTerm]]:
    """Return the weighted style losses, one for each region and layer.

    Paintings with the same mask share a region. The weight of a region is its share of the area, so
    that the gradient of a pixel does not depend on the size of its region.
    """
    if not recipe.styles:
        return []
    weights = _normalise(recipe.style_weights, len(recipe.style_layers))
    fingerprints = recipe.masks or ("",) * len(recipe.styles)
    masks = inputs.masks or (None,) * len(recipe.styles)
    regions = list(dict.fromkeys(fingerprints))
    region_masks = [masks[fingerprints.index(region)] for region in regions]
    areas = [1.0 if mask is None else float(mean_per_image(mask)) for mask in region_masks]
    # By the end of the names of their losses.
    builders = {"": (1.0, _statistics_losses(network, recipe, inputs, size))}
    if recipe.loss == NEAREST:
        of_cells = _nearest_losses(network, recipe, inputs, size, current)
        builders = {
            "": (1 - nearest.STATISTICS, of_cells),
            " statistics": (nearest.STATISTICS, builders[""][1]),
        }
    padding = padding_of(network, recipe)
    terms = []
    for number, (region, mask, area) in enumerate(zip(regions, region_masks, areas, strict=True)):
        members = [at for at, it in enumerate(fingerprints) if it == region]
        padded_mask = None if mask is None else padding(resize_image(mask, size))
        region_suffix = f" in region {number + 1}" if len(regions) > 1 else ""
        for suffix, (share, build) in builders.items():
            losses_of = build(members, padded_mask, suffix + region_suffix)
            factor = share * area / sum(areas)
            terms += [(weight * factor, it) for weight, it in zip(weights, losses_of, strict=True)]
    return terms


def _statistics_losses(
    network: Network, recipe: StyleRecipe, inputs: StyleInputs, size: tuple[int, int]
) -> RegionLosses:
    """Return what builds losses that compare statistics of a region with those of its paintings.

    The target of a region is the average of the statistics of its paintings. For the loss
    ``nearest``, of which they are a part, they are those of the default loss.
    """
    loss = STYLE_LOSSES[StyleRecipe.loss if recipe.loss == NEAREST else recipe.loss]
    shares = _normalise(recipe.style_shares, len(recipe.styles))
    targets = [style_targets(network, recipe, it, size) for it in inputs.styles]

    def build(members: Sequence[int], mask: Tensor | None, suffix: str) -> list[LossTerm]:
        terms = []
        layer_masks = _layer_masks(network, recipe.style_layers, mask)
        for name in recipe.style_layers:
            target = StyleTarget.mixed(
                [targets[at][name] for at in members], [shares[at] for at in members]
            )
            terms.append(loss(name, target, layer_masks.get(name), f"style {name}{suffix}"))
        return terms

    return build


def _nearest_losses(
    network: Network,
    recipe: StyleRecipe,
    inputs: StyleInputs,
    size: tuple[int, int],
    current: Tensor | None,
) -> RegionLosses:
    """Return what builds losses that compare each cell of a region with its match in a painting."""
    names, tiles = recipe.style_layers, plan_tiles(network, recipe)
    photograph = inputs.content
    if photograph is None:
        raise ValueError("the loss nearest needs a content image")
    query = padding_of(network, recipe)(
        nearest.matched_image(resize_image(photograph, size).clamp(0, 1), current, recipe.balance)
    )
    shares = _normalise(recipe.style_shares, len(recipe.styles))
    layer_sizes = tiled_statistics.layer_sizes(network, names, (query.shape[2], query.shape[3]))

    def build(members: Sequence[int], mask: Tensor | None, suffix: str) -> list[LossTerm]:
        paintings = [(resize_style(recipe, inputs.styles[at], size), shares[at]) for at in members]
        cells = cell_matching.match_cells(network, names, query, paintings, mask, tiles)
        layer_masks = _layer_masks(network, names, mask)
        return [
            nearest.style_loss(
                name, cells, layer_sizes[name], layer_masks.get(name), f"style {name}{suffix}"
            )
            for name in names
        ]

    return build


def _layer_masks(network: Network, names: Sequence[str], mask: Tensor | None) -> dict[str, Tensor]:
    """Return a padded mask ``[1, 1, H, W]`` at the positions of each layer; empty without one."""
    if mask is None:
        return {}
    sizes = tiled_statistics.layer_sizes(network, names, (mask.shape[2], mask.shape[3]))
    return {name: losses.resize_mask(mask, size) for name, size in sizes.items()}


def resize_style(recipe: StyleRecipe, painting: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a painting, reduced in proportion to the size (height, width) of the result.

    The longer side becomes ``recipe.style_scale`` times that of the result, but paintings are never
    enlarged.
    """
    own_size = (painting.shape[2], painting.shape[3])
    height, width = reduced_size(own_size, round(max(size) * recipe.style_scale))
    return resize_image(painting, (max(GRID, height), max(GRID, width))).clamp(0, 1)


def style_targets(
    network: Network, recipe: StyleRecipe, painting: Tensor, size: tuple[int, int]
) -> dict[str, StyleTarget]:
    """Return the statistics of a painting by layer; ``resize_style`` scales the painting first."""
    image = resize_style(recipe, painting, size)
    tiles = plan_tiles(network, recipe)
    sums = tiled_statistics.moments(network, image, recipe.style_layers, tiles)
    return {name: StyleTarget.of(layer_sums) for name, layer_sums in sums.items()}


def _normalise(weights: Sequence[float], count: int) -> list[float]:
    """Scale weights to a sum of 1. Without weights, return ``count`` equal ones."""
    total = sum(weights)
    return [it / total for it in weights] if weights else [1 / count] * count
