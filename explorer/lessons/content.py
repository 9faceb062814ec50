"""Lesson 3: what each layer still knows of a picture."""

from collections.abc import Sequence

import streamlit as st

from core.experiments.style_grid_measures import edges_kept
from core.images import image_io
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.style import StyleRecipe
from core.style import transfer
from explorer import choosing, rows
from explorer.lessons import desk
from explorer.lessons.desk import Answer, Desk, Shown

SAMPLE = "cat"
# After the usual steps edges are where they will be; after half of them, another processor's
# rounding moves a tenth of those that deep layers keep.
SIZE, SMALLEST = 128, 64
# Between what SketchNet's third stage keeps of the samples (75 to 90%) and its fourth of most of
# them (42 to 62%).
MOST = 2 / 3


def recipe(network: Network, picture: str, layer: str) -> StyleRecipe:
    """Write the recipe of what a layer knows of a picture, by its fingerprint."""
    return transfer.plan(
        network,
        content=picture,
        content_layers=(layer,),
        init="noise",
        size=SIZE,
        smallest=SMALLEST,
    )


def stage(here: Desk) -> None:
    """Show a picture, and what one layer knows of it."""
    chosen = desk.picture(here, SAMPLE)
    layers = desk.depths(here.network)
    layer = desk.slide(here, layers, min(2, len(layers) - 1))
    wanted = recipe(here.network, choosing.keep(chosen), layer.name)
    size = (chosen.picture.height, chosen.picture.width)

    def show(sketches: rows.Sketches) -> None:
        image = desk.made(wanted)
        lines: tuple[str, ...] = ("began as noise",)
        if image is not None:
            lines = (f"{kept(_small(chosen), image):.0%} of the edges kept",)
        own = Shown(chosen.title, desk.given(chosen))
        title = f"what {layer.name} knows of it"
        desk.row([own, desk.shown(wanted, sketches, title, lines, desk.color(layer))], size)

    desk.grow(here, "known", [wanted], show)


def _small(chosen: choosing.Chosen) -> bytes:
    return image_io.encode_png(image_io.scaled(chosen.picture, SIZE))


def kept(picture: bytes, reconstruction: bytes) -> float:
    """Tell which share of a picture's edges a reconstruction of its size has."""
    return edges_kept(desk.tensor(picture), desk.tensor(reconstruction))


def options(here: Desk) -> Sequence[str]:
    """Name the layers."""
    return [it.name for it in desk.depths(here.network)]


def answer(here: Desk) -> Answer | None:
    """Measure what each depth keeps of the edges."""
    chosen = choosing.chosen("picture", SAMPLE, []) or choosing.find(SAMPLE)
    layers = desk.depths(here.network)
    recipes = [recipe(here.network, choosing.keep(chosen), it.name) for it in layers]
    if not desk.grow(here, "knows", recipes, lambda _: None):
        return None
    values = measure(_small(chosen), layers, [desk.made(it) or b"" for it in recipes])
    right = next((name for name, value in values.items() if value < MOST), "no layer")
    told = ", ".join(f"{name} {value:.0%}" for name, value in values.items())
    return Answer(right, f"Edges kept: {told}.", {"edges kept": values}, "{:.0%}".format)


@st.cache_data(max_entries=32, show_spinner=False)
def measure(picture: bytes, _layers: Sequence[Layer], made: Sequence[bytes]) -> dict[str, float]:
    """Measure it once for all."""
    return {layer.name: kept(picture, image) for layer, image in zip(_layers, made, strict=True)}
