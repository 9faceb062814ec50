"""One neuron, large: what it is, and its picture drawn anew with settings of one's own."""

from collections.abc import Mapping
from functools import partial

import streamlit as st

from core import neurons
from core.layers import Layer
from core.networks import Network
from core.recipes import SEED_RANGE, NeuronRecipe
from explorer import following, grid, labelling, links, shared, widgets, words
from explorer.jobs import Busy, Job
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
LOSSY = (
    "This picture came with the explorer, made smaller with loss. It takes a moment to draw it "
    "here once more, exactly as its recipe says, so that the file can be replayed."
)
PNG_SIGNATURE = b"\x89PNG"


def show(
    network: Network, layer: Layer, unit: int, page: NeuronRecipe, settings: Mapping[str, int]
) -> None:
    """Open a dialog on one neuron.

    Args:
        network, layer, unit: the neuron.
        page: the recipe that draws its usual picture, among others.
        settings: other sizes, steps or seed than the usual ones, by name.
    """
    name = words.meaning(network, layer, unit)
    title = f"{name} · neuron {unit} of {layer.name}" if name else f"Neuron {unit} of {layer.name}"
    dialog = st.dialog(title, width="large", on_dismiss=partial(_close, unit))
    dialog(_body)(network, layer, unit, page, settings)


def _close(unit: int) -> None:
    """Leave the neuron for its page in the URL, when its dialog is dismissed."""
    for name in ("unit", *links.SETTINGS):
        st.query_params.pop(name, None)
    st.query_params["page"] = str(unit // grid.PER_PAGE + 1)


def _body(
    network: Network, layer: Layer, unit: int, page: NeuronRecipe, settings: Mapping[str, int]
) -> None:
    """Show the neuron as the link asks for it, and offer to draw it otherwise."""
    usual = next(it for it in page.parts() if unit in it.units)
    shown = _planned(network, usual, unit, settings)
    stored = shared.store().pictures(shown).get(unit)
    left, right = st.columns([6, 5], gap="large")
    with right:
        _facts(network, layer, unit, shown, stored)
        _choose(network, layer, unit, usual, shown)
    job: Job | str | None = None
    if stored is None:
        # The usual picture is drawn together with its page's.
        job = following.ask(page if shown == usual else shown)
    elif not _exact(stored):
        job = shared.jobs().get(shown.key)
    with left:
        _picture(layer, unit, shown, stored, job)
        with st.container(horizontal=True, key="closeup-tools"):
            _tools(network, layer, unit, shown, stored, job)


def _planned(
    network: Network, usual: NeuronRecipe, unit: int, settings: Mapping[str, int]
) -> NeuronRecipe:
    """Write the recipe for one neuron with some settings; the usual one if they are the usual."""
    every = {name: settings.get(name, getattr(usual, name)) for name in links.SETTINGS}
    if all(getattr(usual, name) == value for name, value in every.items()):
        return usual
    return neurons.plan(network, usual.layer, [unit], **every)


def _choose(
    network: Network, layer: Layer, unit: int, usual: NeuronRecipe, shown: NeuronRecipe
) -> None:
    """Let the visitor choose other settings, and go there."""
    # Named by what is shown, so that the controls follow a link that changes it.
    key = f"{network.name} {layer.name} {unit} {shown.key}"
    with st.container(key="closeup-settings"):
        size = st.select_slider(
            "Size in pixels",
            sorted({*SIZES, usual.size, shown.size}),
            shown.size,
            key=f"size {key}",
        )
        steps = st.select_slider(
            "Steps", sorted({*STEPS, usual.steps, shown.steps}), shown.steps, key=f"steps {key}"
        )
        seed = st.number_input(
            "Seed: another one starts from other noise", *SEED_RANGE, shown.seed, key=f"seed {key}"
        )
    settings = {"size": size, "steps": steps, "seed": int(seed)}
    chosen = _planned(network, usual, unit, settings)
    if chosen == shown:
        return
    place = {} if chosen == usual else settings
    go = partial(links.go, network=network.name, layer=layer.name, unit=unit, **place)
    if unit in shared.store().pictures(chosen):
        go()
        st.rerun()
    if st.button("Draw with these settings", type="primary", key="draw", on_click=go):
        st.rerun()


def _picture(
    layer: Layer,
    unit: int,
    shown: NeuronRecipe,
    stored: StoredPicture | None,
    job: Job | str | None,
) -> None:
    """Show the picture large, or follow it as it grows."""
    follow = following.pace(job)

    def body() -> None:
        now = shared.jobs().get(job.key) if isinstance(job, Job) else job
        dead = stored is not None and bool(stored.facts["dead"])
        if stored is not None:
            alt = f"What neuron {unit} of {layer.name} wants to see"
            url = widgets.thumbnail(stored.image, LARGE_PIXELS)
            st.html(widgets.large_picture(url, alt, dead))
        else:
            sketch = shared.jobs().sketches(job.key).get(unit) if isinstance(job, Job) else None
            st.html(widgets.large_sketch(sketch, f"Neuron {unit} of {layer.name}, unfinished"))
        if isinstance(now, str):
            st.caption(now)
        elif now is not None and now.state != "done":
            following.show(now, "{:.0%}".format, "neuron")
        arrived = stored is None and unit in shared.store().pictures(shown)
        if arrived or (isinstance(job, Job) and isinstance(now, Job) and job.open != now.open):
            st.rerun()

    st.fragment(body, run_every=follow)()


def _facts(
    network: Network, layer: Layer, unit: int, recipe: NeuronRecipe, stored: StoredPicture | None
) -> None:
    """Tell what is known of a picture, in as many lines before it is there."""
    dead = stored is not None and bool(stored.facts["dead"])
    pixels = words.times((recipe.size, recipe.size))
    rows = {
        "Activation": "measured when it is finished",
        "Receptive field": words.sees(layer),
        "Drawn with": f"{pixels} px, {recipe.steps} steps, seed {recipe.seed}",
    }
    if dead:
        rows["Activation"] = "0, nothing that was tried excites this neuron"
    elif stored is not None:
        activation = f"{float(stored.facts['activation']):.4g}"
        rows["Activation"] = activation + (", mean over the picture" if layer.size else "")
    label = labelling.clear_label(network, layer.name, unit)
    if label is not None:
        rows["Picks out"] = f"{label.concept} ({label.kind}), IoU {label.iou:.2f}"
    st.html(widgets.facts(DEAD if dead else STORY, rows))


def _tools(
    network: Network,
    layer: Layer,
    unit: int,
    recipe: NeuronRecipe,
    stored: StoredPicture | None,
    job: Job | str | None,
) -> None:
    """Offer the neurons next to this one, and the picture as a file."""
    for label, other in ((f"← {unit - 1}", unit - 1), (f"{unit + 1} →", unit + 1)):
        there = 0 <= other < layer.channels
        if st.button(label if there else "·", disabled=not there, key=f"go {other}"):
            links.go(network=network.name, layer=layer.name, unit=other)
            st.rerun()
    if stored is None:
        return
    if _exact(stored):
        st.download_button(
            "Save as PNG",
            stored.image,
            f"{network.name}-{layer.name}-{unit}-seed{recipe.seed}.png",
            "image/png",
            key="save",
            on_click="ignore",
        )
    elif not isinstance(job, Job) or not job.open:
        st.button("Prepare a PNG", help=LOSSY, key="prepare", on_click=_prepare, args=(recipe,))


def _prepare(recipe: NeuronRecipe) -> None:
    try:
        shared.jobs().submit(recipe, shared.visitor(), shipped=False)
    except Busy as busy:
        st.toast(str(busy))


def _exact(stored: StoredPicture) -> bool:
    """Tell whether a picture is the very one that its recipe gives."""
    return stored.image.startswith(PNG_SIGNATURE)
