"""Presets of the Dream page: layers and neurons whose dreams look alike, and random ones."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.networks import Network, depth_sampling
from core.networks.known_networks import SKETCHNET
from core.recipes.dream import DreamRecipe
from explorer.ui import image_picker, job_requests, presets, url_codecs
from explorer.ui.dream import dream_view
from explorer.ui.image_picker import PHOTOGRAPHS, PickedImage
from explorer.ui.presets import Examples, Preset

# The parameters of the URL that presets set, with the fields of a dream.
SETTINGS = {
    "layer": "layers",
    "unit": "units",
    "guide": "guide",
    "strength": "strength",
    "octaves": "octaves",
    "colours": "keep_colours",
}


def _preset(title: str, layer: str, unit: str = "", **more: str) -> Preset:
    units = {"unit": unit} if unit else {}
    return Preset(title, {"layer": layer, **units, **more})


# Chosen by eye from dreams of SketchNet's clearly labelled neurons, and of whole layers.
PRESETS: Mapping[str, Sequence[Preset]] = {
    SKETCHNET: (
        _preset("eyes", "relu5b", "11,135"),
        _preset("swirls", "relu5a", "203,166"),
        _preset("hearts", "relu5b", "16,191,1,150"),
        _preset("houses", "relu5b", "215,153,78"),
        _preset("ladybirds", "relu5b", "105,184,54"),
        _preset("waves", "relu5b", "183,93"),
        _preset("zigzags", "relu4a", "121"),
        _preset("rainbows", "relu5b", "175,46"),
    ),
    "squeezenet1_0": (
        _preset("bold outlines", "features.3"),
        _preset("flowing lines", "features.5"),
        _preset("eyes", "features.7"),
        _preset("rings", "features.8"),
        _preset("fur", "features.10"),
        _preset("creatures", "features.12"),
    ),
}
# Longer side of the examples in pixels, half of that of dreams, and the octaves that they lack:
# two of them, with the usual factor of 1.4, double the size.
EXAMPLE_PIXELS, LEFT_OUT = 256, 2
# For other networks: a word, and the relative depth of the layer.
DEPTHS = {"lines": 0.15, "swirls": 0.4, "patterns": 0.6, "parts of things": 0.8}
# Random settings: those below look well on photographs.
STRENGTHS, OCTAVES = ("0.75", "1", "1.25", "1.5"), ("3", "4", "5", "6")
# Share of the random dreams that begin with a preset, and the least depth of the others' layers.
FROM_PRESETS, DEEP = 0.5, 0.3


def _units(preset: Preset) -> list[str]:
    """Return the units of a preset as text; the first unit if it means all."""
    return preset.query.get("unit", "0").split(",")


def find_presets(network: Network) -> list[Preset]:
    """Return the presets of a network: those that were chosen for it, or layers by their depth."""
    channels = {it.name: it.channels for it in network.layers}
    chosen = [
        it
        for it in PRESETS.get(network.name, ())
        if all(int(unit) < channels.get(it.query["layer"], 0) for unit in _units(it))
    ]
    if chosen:
        return chosen
    layers = {
        title: network.shown[depth_sampling.nearest_to_depth(network.shown, depth)]
        for title, depth in DEPTHS.items()
    }
    return [_preset(title, layer.name) for title, layer in layers.items()]


def example(full: DreamRecipe, image: str) -> DreamRecipe:
    """Return the recipe of the small example of a dream, which starts from an image.

    It is half as large and leaves out the largest sizes. So its forms are as large, compared with
    the picture, as those of the dream itself.
    """
    octaves = max(1, full.octaves - LEFT_OUT)
    return replace(full, image=image, size=EXAMPLE_PIXELS, octaves=octaves)


def surprise(
    network: Network, picture: PickedImage, chance: random.Random
) -> dict[str, str | None]:
    """Return random settings of a dream, and a random sample unless the picture is one's own."""
    found: dict[str, str | None] = {"seed": str(chance.randrange(1000))}
    if picture.name in PHOTOGRAPHS:
        found["picture"] = chance.choice(sorted(PHOTOGRAPHS))
    if chance.random() < FROM_PRESETS:
        found |= chance.choice(find_presets(network)).query
    else:
        found["layer"] = chance.choice([it for it in network.shown if it.depth >= DEEP]).name
        found["octaves"] = chance.choice(OCTAVES)
    return {**found, "strength": chance.choice(STRENGTHS)}


def show_presets(
    network: Network, dream: dream_view.DreamView, requests: job_requests.JobRequests
) -> None:
    """Show the presets of a network, with examples that start from the visitor's picture."""
    found = find_presets(network)
    sample = image_picker.find_image(dream_view.SAMPLE)
    own, usual = dream_view.store_small(dream.picture), dream_view.small(sample).fingerprint
    full = [url_codecs.dream_from_query(it.query, network, dream.recipe.image) for it in found]
    examples = Examples(
        full, [example(it, own) for it in full], [example(it, usual) for it in full]
    )
    presets.show_presets(
        found,
        SETTINGS,
        dream.recipe,
        examples,
        network.name,
        lambda chance: surprise(network, dream.picture, chance),
        requests,
    )
