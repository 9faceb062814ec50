"""Presets of the Style page: layers, strokes and balances of a known look, and random ones."""

import random

from core.networks import Network
from core.recipes.style import NEAREST, StyleRecipe
from core.style import defaults
from explorer.recipe_fields import FIELDS, STYLE
from explorer.ui import image_picker, job_requests, presets, url_codecs
from explorer.ui.image_picker import PAINTED, PHOTOGRAPHS, PickedImage
from explorer.ui.presets import Examples, Preset
from explorer.ui.style import style_view
from explorer.ui.style.style_view import StyleView

# The parameters of the URL that presets set; the fields of the recipe have the same names.
SETTINGS = {
    it: it
    for it in (
        "content_layers", "style_layers", "balance", "loss", "style_scale", "colours", "init",
    )
}  # fmt: skip
# Longer side of the examples in pixels, and their steps at each size.
EXAMPLE = {"size": "144", "steps": "15"}
# Number of the layers at both ends of the network of which presets take the style alone.
FEW = 3
# Random settings: those below look well.
SCALES, BALANCES = ("0.5", "0.7", "1", "1.4", "2"), ("0.01", "0.025", "0.05", "0.1")
# Share of the random pictures whose colours are those of the photograph.
OWN_COLOURS = 0.2


def find_presets(network: Network) -> list[Preset]:
    """Return the presets for a network."""
    names = [it.name for it in style_view.style_layers(network)]
    return [
        Preset("as usual", {}),
        Preset("keeps shapes", {"loss": NEAREST}),
        Preset("bold strokes", {"style_scale": "2"}),
        Preset("fine strokes", {"style_scale": "0.5"}),
        Preset("wild", {"balance": "0.01", "init": "noise"}),
        Preset("subtle", {"balance": "1"}),
        Preset("a wash of colour", {"style_layers": ",".join(names[:2])}),
        Preset("its shapes", {"style_layers": ",".join(names[-FEW:])}),
        Preset("its own colours", {"colours": "matched"}),
    ]


def example(network: Network, preset: Preset, content: str, style: str) -> StyleRecipe:
    """Return the recipe of a preset's small example, for the fingerprints of two images."""
    return url_codecs.style_from_query({**preset.query, **EXAMPLE}, network, content, style)


def surprise(
    network: Network, content: PickedImage, style: PickedImage, chance: random.Random
) -> dict[str, str | None]:
    """Return random settings of a style transfer, and random samples unless they are one's own."""
    found: dict[str, str | None] = {}
    if content.name in PHOTOGRAPHS:
        found["picture"] = chance.choice(sorted(PHOTOGRAPHS))
    if style.name in PAINTED:
        found["style"] = chance.choice(sorted(PAINTED))
    usual = defaults.default_settings(network)["style_layers"]
    last = chance.randrange(1, len(usual))
    if chance.random() < OWN_COLOURS:
        found["colours"] = chance.choice(FIELDS[STYLE]["colours"].known[1:])
    return {
        **found,
        "style_layers": None if last == len(usual) - 1 else ",".join(usual[: last + 1]),
        "style_scale": chance.choice(SCALES),
        "balance": chance.choice(BALANCES),
    }


def show_presets(network: Network, transfer: StyleView, requests: job_requests.JobRequests) -> None:
    """Show the presets of a network, with examples that start from the visitor's pictures."""
    found = find_presets(network)
    samples = [image_picker.find_image(it) for it in (style_view.SAMPLE, style_view.PAINTING)]
    own = (transfer.recipe.content, transfer.recipe.styles[0])
    pairs = (own, [it.fingerprint for it in samples])
    full = [url_codecs.style_from_query(it.query, network, *own) for it in found]
    examples = Examples(full, *([example(network, it, *pair) for it in found] for pair in pairs))
    presets.show_presets(
        found,
        SETTINGS,
        transfer.recipe,
        examples,
        network.name,
        lambda chance: surprise(network, transfer.content, transfer.style, chance),
        requests,
    )
