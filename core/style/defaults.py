"""Settings of style transfer that give good pictures, by network, and why.

Which depths speak; all else is the same for all, as costs are made to pull alike (see
``style_costs.pulls``), and stands in ``StyleRecipe``:

- The Wasserstein distance, not Gram matrices: these are ruled by the few channels that fire most,
  and what the others say of colour is lost, so that blue nights have pink and green seams. With it
  stars stay whole and palettes are the painting's, for half as much time again.
- Content at a twentieth of style, where houses stand and yet are strokes (a tenth is a filtered
  photograph; at a fiftieth walls dissolve into swirls, as they do with Gram matrices at less).
- Variation at a fiftieth takes away the grain that strided convolutions leave, and no stroke; ten
  times as much brings bright seams in at the border.
- From 64 pixels up: what spans half the picture, such as an eddy of the sky, is found while it is
  as small as a layer sees. From 128 up there are strokes but hardly a star.
- Each size is twice the one before, with 50 steps: with factors of 1.4 and 40 steps pictures take
  a tenth longer and come two hundredths less low.
- L-BFGS, which comes ten times lower than Adam in as many steps, with a first guess at how costs
  curve (``easel.Soft``).
- A reconstruction, which no painting tells what to put where its layer does not look, pays for
  variation by depth (see ``variation``).

What a recipe does not say comes from here.

- SketchNet is robustly trained, so its gradients already look like strokes (as Nakano found of
  robust ResNets, "Neural Style Transfer with Adversarially Robust Classifiers", 2019). Its shallow
  layers, up to ``relu3b``, see no more than 32 pixels; that is the stroke.
- SqueezeNet 1.0: the output of its first layer and of fire modules up to ``features.8``, content
  at ``features.5``, after CS231n's assignment (Stanford), which takes 1, 4, 6, 7 and 3.
- VGG-19: conv1_1 to conv5_1 for style and conv4_2 for content, and averages instead of maxima when
  pooling, all from Gatys, Ecker and Bethge (CVPR 2016, section 3 and figure 2); after their ReLUs,
  as in neural-style (J. Johnson 2015). They are taken from there, not found here: the project was
  made without VGG's weights, so its pictures are for you to judge.
- Any other network: five layers evenly spaced over the shallower two thirds of its depth, as in
  all of these, and content where these end. Plain ResNets give poor style (Nakano 2019).
"""

import math
from collections.abc import Sequence
from typing import Any

from core.networks.depth_sampling import evenly_spaced
from core.networks.layers import Layer
from core.networks.network import Network
from core.networks.registry import SKETCHNET
from core.recipes.style import StyleRecipe

# A share of the depth, and how many layers, for networks that nobody has looked at.
SHALLOWER, LAYERS = 0.67, 5

DEFAULTS: dict[str, dict[str, Any]] = {
    SKETCHNET: {
        "style_layers": ("relu1a", "relu1b", "relu2a", "relu2b", "relu3a", "relu3b"),
        "content_layers": ("relu3b",),
    },
    "squeezenet1_0": {
        "style_layers": (
            "features.1",
            "features.3",
            "features.4",
            "features.5",
            "features.7",
            "features.8",
        ),
        "content_layers": ("features.5",),
    },
    # conv1_1, conv2_1, conv3_1, conv4_1, conv5_1; conv4_2.
    "vgg19": {
        "style_layers": ("features.1", "features.6", "features.11", "features.20", "features.29"),
        "content_layers": ("features.22",),
        "pooling": "average",
    },
}


def default_settings(network: Network) -> dict[str, Any]:
    """Give the settings of a ``StyleRecipe`` that suit a network."""
    if network.architecture in DEFAULTS:
        return dict(DEFAULTS[network.architecture])
    layers = style_layers(network)
    return {
        "style_layers": tuple(it.name for it in layers),
        "content_layers": (layers[-1].name,),
    }


def variation(layers: Sequence[Layer]) -> float:
    """Say how much differences between neighbours cost in a reconstruction from some layers.

    The usual cost times the pixels from one place of a layer to its next, of the finest of them. A
    layer says one thing of each place, and what stands between two places is left to chance: the
    wider they are apart, the more grain fits in, until the climb is caught in it. Shallow layers
    know each pixel and need no help.

    Errors before and after, means (192 pixels; SketchNet on ``cat``, ``coffee`` and ``astronaut``,
    SqueezeNet on the first two): ``relu2b`` 0.002 both, ``relu3b`` 0.025 and 0.022, ``relu4b``
    0.049 and 0.026, ``relu5b`` 0.043 and 0.035; ``features.4`` 0.009 both, ``features.7`` 0.063 and
    0.069, ``features.10`` 0.166 and 0.144, ``features.12`` 0.297 and 0.223. Edges that are kept
    rise from 50 to 61% at ``relu4b``, from 8 to 26% at ``relu5b``.

    Args:
        layers: which speak for content, all of them with places.
    """
    return StyleRecipe.variation * min(spacing(it) for it in layers)


def spacing(layer: Layer) -> float:
    """Give the pixels from one place of a layer to the next, mean over rows and columns."""
    if layer.stride is not None:
        return math.sqrt(math.prod(layer.stride))
    return math.sqrt(math.prod(layer.input_size) / math.prod(layer.size or layer.input_size))


def style_layers(network: Network) -> list[Layer]:
    """Choose layers with places, evenly from shallow to the middle."""
    able = [it for it in network.shown if it.size is not None] or [
        it for it in network.layers if it.size is not None
    ]
    shallow = [it for it in able if it.depth <= SHALLOWER] or able[:1]
    return evenly_spaced(shallow, LAYERS)
