"""Default settings of style transfer by network, and the reasons for them.

Defaults for all networks are in ``StyleRecipe``. They suit every network because losses are scaled
to equal influence (see ``loss_builder.gradient_norms``). Only the layers differ between networks.
The reasons for the defaults in ``StyleRecipe`` follow. Their examples are transfers from a painting
of a night sky, with stars and swirls, to a photograph of houses.

- The loss is the Wasserstein distance. Gram matrices are dominated by the few most active channels,
  so the colours that other channels represent are lost: blue nights get pink and green seams. With
  the Wasserstein distance, stars are complete and the colours are those of the painting. The
  Wasserstein loss takes 1.5 times as long.
- Content has 1/20 of the weight of style. Houses then stay in place and still consist of strokes.
  With 1/10 the result looks like a filtered photograph. With 1/50 walls dissolve into swirls. With
  Gram matrices, walls dissolve only at a smaller weight.
- The variation penalty has a weight of 1/50. It removes the noise that strided convolutions cause,
  but no strokes. A weight ten times as high causes bright seams at the border.
- The optimisation begins at a size of 64 pixels. At this size even structures that span half the
  image, such as a swirl in the sky, fit into receptive fields. If it begins at 128 pixels, there
  are strokes but hardly any star.
- Each size is twice the size before, and each has 50 steps. A factor of 1.4 between sizes with 40
  steps each takes 10 % longer, and the final loss is 2 % higher.
- L-BFGS reaches a tenth of Adam's loss in the same number of steps. Its preconditioner is
  ``style_canvas.FrequencyPreconditioner``.
- A reconstruction has no painting, so nothing determines the details that the content layer does
  not represent. The weight of the variation penalty therefore depends on the layer (see
  ``variation_weight``).

This module chooses the layers:

- SketchNet is robustly trained, so its gradients already look like strokes (as Nakano found of
  robust ResNets, "Neural Style Transfer with Adversarially Robust Classifiers", 2019). Receptive
  fields of its shallow layers, up to ``relu3b``, are at most 32 pixels, the size of a stroke.
- SqueezeNet 1.0: for style the outputs of the first layer and of the fire modules up to
  ``features.8``, and for content ``features.5``. An assignment of Stanford's course CS231n is
  similar: it uses ``features.1``, ``.4``, ``.6`` and ``.7`` for style and ``features.3`` for
  content.
- VGG: the first layer at each of its five resolutions for style (conv1_1 to conv5_1), the second
  layer at the fourth (conv4_2) for content, and average instead of maximum pooling, all from Gatys,
  Ecker and Bethge (CVPR 2016, section 3 and figure 2). The activations are those after the ReLUs,
  as in neural-style (J. Johnson 2015). Content has half the weight of style, and the optimisation
  begins at 128 pixels: with the values above, a photograph turns into a copy of the painting.
- Other networks: for style five layers, evenly spaced over the shallower two thirds of the depth,
  as in the three networks above, and for content the deepest of the five. ResNets that are not
  robustly trained give poor style (Nakano 2019). ``docs/networks.md`` has a table of what this
  gives for each family of networks.
"""

import math
from collections.abc import Sequence
from typing import Any

from core.networks.depth_sampling import evenly_spaced
from core.networks.known_networks import SKETCHNET
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.style import NEAREST, StyleRecipe

# Largest relative depth of the style layers, and their number, for networks that are not in
# ``DEFAULTS``.
MAX_DEPTH, LAYERS = 0.67, 5
# How the names of all VGGs begin, and at how many resolutions their convolutions work.
VGG, VGG_RESOLUTIONS = "vgg", 5
# Settings of VGG besides its layers. They keep the photograph: at 64 pixels its deepest style layer
# has so few positions that it determines where in the painting each thing is.
VGG_SETTINGS: dict[str, Any] = {"pooling": "average", "smallest": 128, "balance": 0.5}

# Settings of the loss ``nearest``. Its targets were chosen for the content of the photograph and
# agree with it. With a smaller weight of content, faces lose their features.
NEAREST_SETTINGS: dict[str, Any] = {"balance": 0.5}
# The same for VGG, with which houses dissolve at a balance of 0.5, and are a photograph at 2.
VGG_NEAREST_SETTINGS: dict[str, Any] = {"balance": 1.0}

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
}


def default_settings(network: Network, loss: str = StyleRecipe.loss) -> dict[str, Any]:
    """Return the default settings of a ``StyleRecipe`` for a network and a style loss."""
    family = family_settings(network.architecture, loss)
    if network.architecture in DEFAULTS:
        return {**DEFAULTS[network.architecture], **family}
    if family and (layers_by_name := _gatys_layers(network)):
        return {**layers_by_name, **family}
    layers = style_layers(network)
    return {
        "style_layers": tuple(it.name for it in layers),
        "content_layers": (layers[-1].name,),
        **family,
    }


def family_settings(name: str, loss: str = StyleRecipe.loss) -> dict[str, Any]:
    """Return the default settings, besides layers, that suit a network's family and a style loss.

    Args:
        name: name of the network.
        loss: the style loss.
    """
    vgg = name.lower().removeprefix("timm.").startswith(VGG)
    settings = dict(VGG_SETTINGS) if vgg else {}
    if loss == NEAREST:
        settings |= VGG_NEAREST_SETTINGS if vgg else NEAREST_SETTINGS
    return settings


def _gatys_layers(network: Network) -> dict[str, Any]:
    """Return the layers of Gatys, Ecker and Bethge in a VGG, with or without its head.

    For a network that is only called VGG, return ``{}``.
    """
    stages: dict[tuple[int, int] | None, list[str]] = {}
    for layer in network.shown:
        if layer.size is not None:
            stages.setdefault(layer.stride, []).append(layer.name)
    names = list(stages.values())[:VGG_RESOLUTIONS]
    if len(names) < VGG_RESOLUTIONS or len(names[3]) < 2:
        return {}
    return {"style_layers": tuple(it[0] for it in names), "content_layers": (names[3][1],)}


def variation_weight(layers: Sequence[Layer]) -> float:
    """Return the default weight of the variation penalty of a reconstruction from some layers.

    It is ``StyleRecipe.variation`` times the spacing of positions, in pixels, of the layer with the
    smallest spacing. A layer does not determine the details between its positions. The wider the
    spacing, the more noise remains there, and much noise stops the optimisation from making
    progress. Shallow layers determine each pixel and need no larger weight.

    Mean errors of reconstructions without and with this factor (192 pixels; SketchNet on ``cat``,
    ``coffee`` and ``astronaut``, SqueezeNet on ``cat`` and ``coffee``): ``relu2b`` 0.002 and 0.002,
    ``relu3b`` 0.025 and 0.022, ``relu4b`` 0.049 and 0.026, ``relu5b`` 0.043 and 0.035;
    ``features.4`` 0.009 and 0.009, ``features.7`` 0.063 and 0.069, ``features.10`` 0.166 and 0.144,
    ``features.12`` 0.297 and 0.223. With the factor, the share of edges that are kept rises from
    50 % to 61 % at ``relu4b`` and from 8 % to 26 % at ``relu5b``.

    Args:
        layers: the content layers, all of them with positions.
    """
    return StyleRecipe.variation * min(position_spacing(it) for it in layers)


def position_spacing(layer: Layer) -> float:
    """Return the distance in input pixels between adjacent positions of a layer.

    It is the geometric mean of the vertical and the horizontal distance.
    """
    if layer.stride is not None:
        return math.sqrt(math.prod(layer.stride))
    return math.sqrt(math.prod(layer.input_size) / math.prod(layer.size or layer.input_size))


def style_layers(network: Network) -> list[Layer]:
    """Return layers with positions, evenly spaced by index up to ``MAX_DEPTH``.

    Branches of a block are left out: the block joins them.
    """
    shown = [it for it in network.shown if it.size is not None]
    layers = [
        it for it in shown if not any(it.name.startswith(f"{block.name}.") for block in shown)
    ] or [it for it in network.layers if it.size is not None]
    shallow = [it for it in layers if it.depth <= MAX_DEPTH] or layers[:1]
    return evenly_spaced(shallow, LAYERS)
