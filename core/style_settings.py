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
- L-BFGS, which comes ten times lower than Adam in as many steps.

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

from typing import Any

from core.layers import Layer
from core.networks import SKETCHNET, Network

# A share of the depth, and how many layers, for networks that nobody has looked at.
SHALLOWER, LAYERS = 0.67, 5

USUAL: dict[str, dict[str, Any]] = {
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


def usual(network: Network) -> dict[str, Any]:
    """Give the settings of a ``StyleRecipe`` that suit a network."""
    if network.architecture in USUAL:
        return dict(USUAL[network.architecture])
    layers = style_layers(network)
    return {
        "style_layers": tuple(it.name for it in layers),
        "content_layers": (layers[-1].name,),
    }


def style_layers(network: Network) -> list[Layer]:
    """Choose layers with places, evenly from shallow to the middle."""
    able = [it for it in network.shown if it.size is not None] or [
        it for it in network.layers if it.size is not None
    ]
    shallow = [it for it in able if it.depth <= SHALLOWER] or able[:1]
    count = min(LAYERS, len(shallow))
    places = [round(at * (len(shallow) - 1) / max(1, count - 1)) for at in range(count)]
    return [shallow[at] for at in dict.fromkeys(places)]
