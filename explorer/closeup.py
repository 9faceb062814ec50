"""One neuron, large: what it is, and its picture drawn anew with settings of one's own."""

from collections.abc import Sequence
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import images, neurons
from core.errors import ExplorerError
from core.layers import Layer
from core.networks import Network
from core.recipes import SEED_RANGE, NeuronRecipe
from explorer import gallery, links, rendering, shared, widgets, words
from explorer.store import StoredPicture

SIZES = (64, 96, 128, 192, 256, 384, 512)
STEPS = (32, 64, 128, 256, 512, 1024)
# The picture takes half of a wide dialog, on a sharp screen too; smaller ones are enlarged to this.
LARGE_PIXELS = 768
STORY = (
    "This picture began as noise. Step by step it was changed so that the neuron answers more "
    "strongly: it shows what the neuron looks for."
)
DEAD = "This neuron is dead: it stays at zero, so its picture shows little but noise."
PNG_SIGNATURE = b"\x89PNG"


def show(network: Network, layer: Layer, unit: int, page: Sequence[NeuronRecipe]) -> None:
    """Open a dialog on one neuron.

    Args:
        network, layer, unit: the neuron.
        page: recipes of which one draws its usual picture, among others.
    """
    usual = next(recipe for recipe in page if unit in recipe.units)
    name = words.class_name(network, layer, unit)
    title = f"{name} · neuron {unit} of {layer.name}" if name else f"Neuron {unit} of {layer.name}"
    dialog = st.dialog(title, width="large", on_dismiss=partial(_close, unit))
    dialog(_body)(network, layer, unit, usual)


def _close(unit: int) -> None:
    """Leave the neuron for its page in the URL, when its dialog is dismissed."""
    st.query_params.pop("unit", None)
    st.query_params["page"] = str(unit // gallery.PER_PAGE + 1)


def _body(network: Network, layer: Layer, unit: int, usual: NeuronRecipe) -> None:
    """Show the neuron as chosen, or as last shown until a click draws what is chosen."""
    who = f"{network.name} {layer.name} {unit}"
    left, right = st.columns([6, 5], gap="large")
    with left:
        picture, tools = st.empty(), st.container(horizontal=True, key="closeup-tools")
    with right:
        facts = st.empty()
        chosen = _settings(network, unit, usual, who)
        slot = st.empty()
    shown = st.session_state.get(f"shown {who}", usual)
    before, now = _find(shown, unit), _find(chosen, unit)
    if now is None:
        if before is not None:
            _show(picture, facts, layer, shown, before)
        # Its usual picture was asked for by opening it.
        if chosen == usual or slot.button(
            "Draw with these settings", type="primary", key=f"draw {who}"
        ):
            now = _draw(network, chosen, unit, slot)
    if now is not None:
        st.session_state[f"shown {who}"] = shown = chosen
    with tools:
        # First, so that nobody saves the picture before while looking at the next.
        _tools(network, layer, unit, shown, now or before)
    if now is not None:
        _show(picture, facts, layer, shown, now)


def _settings(network: Network, unit: int, usual: NeuronRecipe, who: str) -> NeuronRecipe:
    """Let the visitor choose settings, and write the recipe for this neuron alone."""
    with st.container(key="closeup-settings"):
        size = st.select_slider(
            "Size in pixels", sorted({*SIZES, usual.size}), usual.size, key=f"size {who}"
        )
        steps = st.select_slider(
            "Steps", sorted({*STEPS, usual.steps}), usual.steps, key=f"steps {who}"
        )
        seed = st.number_input(
            "Seed: another one starts from other noise", *SEED_RANGE, usual.seed, key=f"seed {who}"
        )
    if (size, steps, seed) == (usual.size, usual.steps, usual.seed):
        return usual
    return neurons.plan(network, usual.layer, [unit], size, steps, int(seed))[0]


def _find(recipe: NeuronRecipe, unit: int) -> StoredPicture | None:
    return rendering.stored_neurons(shared.store(), [recipe]).get(unit)


def _draw(
    network: Network, recipe: NeuronRecipe, unit: int, slot: DeltaGenerator
) -> StoredPicture | None:
    """Draw the neurons of a recipe in sight of the visitor, and give the one that is open."""
    try:
        gallery.draw(network, recipe, widgets.Meter(slot, 0, len(recipe.units)))
    except ExplorerError as error:
        slot.error(str(error))
        return None
    slot.empty()
    return _find(recipe, unit)


def _show(
    picture: DeltaGenerator,
    facts: DeltaGenerator,
    layer: Layer,
    recipe: NeuronRecipe,
    stored: StoredPicture,
) -> None:
    """Show a picture large, and what is known of it."""
    dead = bool(stored.facts["dead"])
    activation = float(stored.facts["activation"])
    alt = f"What neuron {stored.part} of {layer.name} wants to see"
    picture.html(widgets.large_picture(widgets.thumbnail(stored.image, LARGE_PIXELS), alt, dead))
    pixels = words.times((recipe.size, recipe.size))
    rows = {
        "Activation": f"{activation:.4g}" + (", mean over the picture" if layer.size else ""),
        "Receptive field": words.sees(layer),
        "Drawn with": f"{pixels} px, {recipe.steps} steps, seed {recipe.seed}",
    }
    if dead:
        rows["Activation"] = "0, nothing that was tried excites this neuron"
    facts.html(widgets.facts(DEAD if dead else STORY, rows))


def _tools(
    network: Network, layer: Layer, unit: int, recipe: NeuronRecipe, stored: StoredPicture | None
) -> None:
    """Offer the neurons next to this one, and the picture as a file."""
    for label, other in ((f"← {unit - 1}", unit - 1), (f"{unit + 1} →", unit + 1)):
        there = 0 <= other < layer.channels
        if st.button(label if there else "·", disabled=not there, key=f"go {other}"):
            links.go(network=network.name, layer=layer.name, unit=other)
            st.rerun()
    if stored is not None:
        st.download_button(
            "Save as PNG",
            png(stored, recipe),
            f"{network.name}-{layer.name}-{unit}-seed{recipe.seed}.png",
            "image/png",
            key="save",
            on_click="ignore",
        )


def png(stored: StoredPicture, recipe: NeuronRecipe) -> bytes:
    """Give a stored picture as a PNG that carries its recipe."""
    if stored.image.startswith(PNG_SIGNATURE):
        return stored.image
    picture = images.open_picture(stored.image)
    return images.encode_png(picture, {rendering.RECIPE_CHUNK: recipe.to_json()})
