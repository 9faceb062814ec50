"""The objective of a dream, and its value for an image."""

import torch
from torch import Tensor

from core.fixed_order import one_thread
from core.images.resize import reduced_size, resize_image
from core.networks.network import FeatureExtractor, Network
from core.optim import objectives
from core.optim.objectives import Objective
from core.recipes.dream import DreamRecipe

# Largest number of positions of a guide image with which each position of the dream is compared.
MAX_GUIDE_POSITIONS = 1024
# Images on which the value of the objective is reported are reduced to this longer side in pixels.
MEASURED_SIDE = 512


def build_objective(
    network: Network,
    extractor: FeatureExtractor,
    recipe: DreamRecipe,
    guide: Tensor | None,
    base: Tensor,
) -> tuple[Objective, float]:
    """Return the objective of a dream, and its value for the unchanged image.

    The term of each layer is divided by the value of this term for the unchanged image, because
    energies of layers differ by powers of ten. Layers with equal shares then have equal influence.

    Args:
        network: the loaded network.
        extractor: the network, truncated after the layers of the recipe.
        recipe: the recipe.
        guide: the guide image, ``[1, 3, h, w]``; None for no guide.
        base: the unchanged image, ``[1, 3, H, W]``.
    """
    features = None
    if guide is not None:
        with one_thread():
            features = network.activations(guide, recipe.layers)
    terms, total = [], 0.0
    shares = recipe.shares or (1.0,) * len(recipe.layers)
    for name, share in zip(recipe.layers, shares, strict=True):
        if features is not None:
            term = objectives.match_activations(name, _guide_features(features[name]))
        elif recipe.towards:
            vector = torch.zeros(network.layer(name).channels)
            vector[list(recipe.units)] = torch.tensor(recipe.towards)
            term = objectives.direction(name, vector / vector.norm())
        elif network.layer(name).size is None and recipe.units:
            term = objectives.total(name, recipe.units)
        else:
            term = objectives.energy(name, recipe.units)
        value = measure(extractor, term, base)
        scale = share / max(abs(value), objectives.TINY)
        terms.append(scale * term)
        total += scale * value
    first, *rest = terms
    return sum(rest, first), total


def _guide_features(activations: Tensor) -> Tensor:
    """Return the activations of a guide image at single positions: ``[1, C, ...]`` to ``[P, C]``.

    Only every second (third, ...) position is used if there are more than ``MAX_GUIDE_POSITIONS``.
    """
    features = activations.flatten(2)[0].T if activations.ndim > 2 else activations
    stride = -(-len(features) // MAX_GUIDE_POSITIONS)
    return features[::stride]


@torch.no_grad()
def measure(extractor: FeatureExtractor, objective: Objective, image: Tensor) -> float:
    """Return the objective's value for an image ``[1, 3, H, W]``, reduced to ``MEASURED_SIDE``."""
    size = reduced_size((image.shape[2], image.shape[3]), MEASURED_SIDE)
    return float(objective(extractor(resize_image(image, size))))
