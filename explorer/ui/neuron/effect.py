"""What a unit does: which answers of the network change when it is turned off."""

import os
from html import escape

import streamlit as st

from core.analysis import unit_effects
from core.analysis.picture_sample import PictureSample
from core.analysis.unit_effects import AnswerChange, ClassChange, EffectMeter
from core.datasets.image_source import printable
from core.errors import ExplorerError
from core.index.reader import Index
from core.networks import Layer, Network
from explorer import thumbnails
from explorer.library import catalogue, effects
from explorer.library.effects import EffectPlace, KeptEffect
from explorer.reports import effect_report
from explorer.text import formatting
from explorer.ui import page_list, server_state, task_status, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.term_marks import mark_terms
from explorer.ui.neuron.pictures import NeuronView

# Number of layers whose pictures stay in memory as activations, and of effects and pictures.
METERS_AT_MOST, EFFECTS_AT_MOST, THUMBNAILS_AT_MOST = 2, 512, 512
PIXELS = 144
# Length in percent of the longest bar; the rest is for its number.
LONGEST_BAR = 62


def show_effect(neuron: NeuronView, index: Index | None, waits: bool) -> None:
    """Show which answers fall and rise without a unit, and the pictures that change most.

    Args:
        neuron: the unit.
        index: the index on whose pictures it is measured; None for drawings.
        waits: whether the page still waits for its large picture. To measure now would take the
            processor from the worker that makes it.
    """
    network, layer, unit = neuron.network, neuron.layer, neuron.unit
    html_snippets.section(
        "What it does",
        "The network answers for many pictures, once with this neuron and once with it turned "
        "off: its activation is 0 everywhere. A class that falls needs the neuron; one that rises "
        "was held back by it.",
    )
    if words := unit_effects.no_answers(network):
        st.caption(formatting.escape_markdown(words))
        return
    place = EffectPlace(network.name, network.fingerprint, layer.name, unit, index)
    with st.container(key="effect"):
        effect = place.read()
        try:
            if effect is None and effects.fits_a_page(network):
                if waits:
                    st.caption("It is measured as soon as the large picture above is finished.")
                    return
                effect = measured(network, layer, unit, place.collection, place)
        except ExplorerError as error:
            st.caption(f"It cannot be measured: {formatting.escape_markdown(str(error))}")
            return
        if effect is None:
            _show_task(network, place)
            return
        _show_changes(network, place, effect)
        _show_pictures(place, effect)
        _show_links(network, place)


@server_state.cached(EFFECTS_AT_MOST)
def measured(
    network: Network, layer: Layer, unit: int, collection: str, _place: EffectPlace
) -> KeptEffect:
    """Return the effect of a unit, measured in this process and cached."""
    return _place.measure(_meter(network, layer, collection, _place))


@server_state.cached(METERS_AT_MOST)
def _meter(network: Network, layer: Layer, collection: str, _place: EffectPlace) -> EffectMeter:
    """Return what measures the units of one layer; it keeps the activations of all pictures."""
    return EffectMeter(network, layer, _pictures(network, collection, _place))


@server_state.cached(METERS_AT_MOST)
def _pictures(network: Network, collection: str, _place: EffectPlace) -> PictureSample:
    """Return the pictures on which a network is measured, cached for its other layers."""
    return effects.sample(network, _place)


def _show_task(network: Network, place: EffectPlace) -> None:
    """Show a button that starts the measurement in the background, or its progress."""
    weights = catalogue.weights_file(network.name) if ":" in network.name else None
    task_status.show_task(
        place.key,
        f"Turning it off on {effects.PICTURES} {place.noun}",
        f"Turn it off on {effects.PICTURES} {place.noun}",
        lambda: place.start(weights, server_state.visitor()),
    )


def _show_changes(network: Network, place: EffectPlace, effect: KeptEffect) -> None:
    """Show bars of the classes that fall and that rise, and a sentence on the answers."""
    most = max((abs(it.mean) for it in (*effect.falling, *effect.rising)), default=0.0)
    columns = st.columns(2, gap="large")
    for column, title, some in (
        (columns[0], "These fall without it", effect.falling),
        (columns[1], "These rise without it", effect.rising),
    ):
        with column:
            html_snippets.side_heading(title)
            if some:
                st.html(bars_html(some, most))
            else:
                st.caption("no class")
    pictures = f"{effect.pictures:,} {place.noun}"
    others = effect.other_answers
    answers = f"{others} of them get another answer"
    if not others:
        answers = "none gets another answer: one neuron seldom decides alone"
    pale = ""
    if not all(it.sure for it in (*effect.falling, *effect.rising)):
        pale = " Pale bars may be chance."
    _show_note(
        f"Mean change of the logit over {pictures}; \N{PLUS-MINUS SIGN} is the 95% interval."
        f"{pale} Without the neuron, {answers}."
    )


def _show_note(words: str) -> None:
    """Show a sentence beneath a chart or pictures, in which terms of the glossary are marked."""
    st.html(f'<p class="note">{mark_terms(words)}</p>')


def bars_html(changes: tuple[ClassChange, ...], most: float) -> str:
    """Return HTML of bars with the changes of some logits.

    Args:
        changes: the changes.
        most: the size of the change whose bar is longest.
    """
    rows = []
    for it in changes:
        width = LONGEST_BAR * abs(it.mean) / most if most else 0.0
        kind = "" if it.sure else ' class="unsure"'
        rows.append(
            f'<dt>{escape(it.label)}</dt><dd{kind}><i style="width:{width:.1f}%"></i>'
            f"{change_text(it)}</dd>"
        )
    return f'<dl class="counts effect">{"".join(rows)}</dl>'


def change_text(change: ClassChange) -> str:
    """Return the mean change of a logit with its interval, such as ``-1.24 ± 0.15``."""
    margin = formatting.number(change.margin, 2)
    return f"{formatting.signed(change.mean)} \N{PLUS-MINUS SIGN} {margin}"


def _show_pictures(place: EffectPlace, effect: KeptEffect) -> None:
    """Show the pictures whose answer changes most, with both answers beneath."""
    if not effect.changed:
        return
    html_snippets.side_heading("The answers that change most")
    cells = []
    for it in effect.changed:
        try:
            url = thumbnail_url(place.collection, os.fsencode(it.picture), place)
        except ExplorerError:
            # The picture has been deleted since it was measured.
            continue
        cells.append(
            f'<figure><img src="{url}" alt="{escape(it.truth or printable(it.picture))}">'
            f"<figcaption>{answer_html(it)}</figcaption></figure>"
        )
    st.html(f'<div class="effect-pictures">{"".join(cells)}</div>')
    if any(effect_report.answer_texts(it)[1].endswith(" ahead") for it in effect.changed):
        _show_note(effect_report.AHEAD)


def answer_html(change: AnswerChange) -> str:
    """Return HTML of the answers for a picture before and after."""
    before, after = map(escape, effect_report.answer_texts(change))
    kind = ' class="other"' if change.before != change.after else ""
    return f"{before}<br><b{kind}>\N{RIGHTWARDS ARROW} {after}</b>"


@server_state.cached(THUMBNAILS_AT_MOST)
def thumbnail_url(collection: str, picture: bytes, _place: EffectPlace) -> str:
    """Return a small picture of a collection as a URL, cached.

    Args:
        collection: the collection.
        picture: name of the picture, as a file system has it; it need not be UTF-8.

    Raises:
        ExplorerError: the picture or the collection is gone.
    """
    source = _place.source()
    opened, _ = source.open(source.find(os.fsdecode(picture)))
    return thumbnails.shrink(opened, PIXELS)


def _show_links(network: Network, place: EffectPlace) -> None:
    """Show a link to the Probe page with the unit turned off."""
    page_list.page_link(
        urls.PROBE,
        "Turn it off for one picture",
        network=network.name,
        layer=place.layer,
        unit=place.unit,
        off=f"{place.layer}:{place.unit}",
    )
