"""Why a network gives an answer: the neurons that speak for it, and those against it."""

from dataclasses import replace

import streamlit as st
from torch import Tensor

from core.analysis import explanation, unit_effects
from core.analysis.attribution import enlarge
from core.analysis.contributions import Contributions, contributions
from core.analysis.explanation import ExplainedLayer, ExplainingUnit
from core.errors import unknown
from core.index.reader import Index
from core.networks import Network
from core.networks.known_networks import title_of
from core.networks.interventions import switched_network
from explorer.library import effects
from explorer.text import formatting
from explorer.text.formatting import escape_markdown, percent
from explorer.ui import job_requests, job_status, server_state, url_controls, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.image_picker import PickedImage
from explorer.ui.layers.small_pictures import SmallPictures, plan_small_pictures
from explorer.ui.probe import heatmaps
from explorer.ui.probe.probe_page import ProbeView, show_layer_name

# The word of the URL for this view of the page, and its parameters.
WHY = "why"
VIEWS = {"": "Neurons that respond", WHY: "Why this answer"}
CLASS, AGAINST = "class", "against"
# Neurons of each layer that speak for the class, and against it.
COUNT = 4
PIXELS = 192
EXPLAINED_AT_MOST = 16
NOTHING = "no class: only what speaks for it"


def read_classes(view: ProbeView, problems: list[str]) -> tuple[str, str]:
    """Return the class that is explained, and the class that it is compared with, or "".

    Args:
        view: the page. Without a class in the URL, the likeliest is explained.
        problems: a sentence is appended if the URL names a class that does not exist.
    """
    names = {}
    for name in (CLASS, AGAINST):
        word = st.query_params.get(name, "")
        if word and word not in view.network.labels:
            problems.append(str(unknown("class", word, view.network.labels, view.network.name)))
            word = ""
        names[name] = word
    wanted = names[CLASS] or view.changed.classes[0][0]
    return wanted, names[AGAINST] if names[AGAINST] != wanted else ""


def show_why(view: ProbeView, problems: list[str]) -> None:
    """Show for each layer the neurons that speak most for a class, and most against it."""
    network = view.network
    if words := unit_effects.no_answers(network):
        st.caption(escape_markdown(words))
        return
    wanted, against = read_classes(view, problems)
    html_snippets.heading(
        f"Why {wanted}?" if not against else f"Why {wanted} rather than {against}?",
        "What each neuron adds to the answer, or takes from it: the gradient times the "
        "activation. Beneath it is what the answer really loses without the neuron.",
    )
    _show_choice(network, wanted, against)
    off = tuple(map(str, view.switched))
    layers = explained(network, view.picked, view.index, wanted, against, off)
    _show_layers(view, layers, f"{wanted} {against}")


def _show_choice(network: Network, wanted: str, against: str) -> None:
    """Show the choice of the class, and of another one that it is compared with."""
    names = sorted(network.labels)
    with st.container(key="classes", horizontal=True):
        st.selectbox(
            "Why",
            names,
            **url_controls.bind(CLASS, wanted, lambda it: urls.update_query(**{CLASS: it})),
        )
        others = ["", *(it for it in names if it != wanted)]
        st.selectbox(
            "rather than",
            others,
            format_func=lambda it: it or NOTHING,
            **url_controls.bind(
                AGAINST, against, lambda it: urls.update_query(**{AGAINST: it or None})
            ),
        )


@server_state.cached(EXPLAINED_AT_MOST)
def found_contributions(
    network: Network, picked: PickedImage, wanted: str, against: str, off: tuple[str, ...] = ()
) -> dict[str, Contributions]:
    """Return the contributions of all units for a picture, by layer, cached.

    Args:
        network, picked: the network and the picture.
        wanted, against: names of the class, and of the class that it is compared with, or "".
        off: the units that are multiplied meanwhile, as recipes write them.
    """
    image = heatmaps.probe_cached(network, picked, None).image
    other = network.labels.index(against) if against else None
    found = contributions(
        switched_network(network, off),
        image,
        explanation.explained_layers(network),
        network.labels.index(wanted),
        other,
    )
    return {it.layer.name: it for it in found}


@server_state.cached(EXPLAINED_AT_MOST)
def explained(
    network: Network,
    picked: PickedImage,
    index: Index | None,
    wanted: str,
    against: str,
    off: tuple[str, ...] = (),
) -> tuple[ExplainedLayer, ...]:
    """Return the units that speak most for a class and against it, by layer, cached.

    Their exact effects are 0 for networks that take too long for a page.
    """
    image = heatmaps.probe_cached(network, picked, None).image
    found = found_contributions(network, picked, wanted, against, off)
    shown = {it.name for it in heatmaps.shown_layers(network, index)}
    other = network.labels.index(against) if against else None
    return tuple(
        explanation.explain_layer(
            switched_network(network, off),
            image,
            it,
            network.labels.index(wanted),
            other,
            COUNT,
            exact=effects.fits_a_page(network),
        )
        for name, it in found.items()
        if name in shown
    )


def _show_layers(view: ProbeView, layers: tuple[ExplainedLayer, ...], classes: str) -> None:
    """Show the units of each layer as tiles; a click chooses one."""
    network = view.network
    chosen = {it.layer: (*it.speaking_for, *it.against) for it in layers}
    requests = job_requests.JobRequests()
    pictures = {
        name: plan_small_pictures(network, network.layer(name), [one.unit for one in some])
        for name, some in chosen.items()
    }
    asked = requests.ask([recipe for it in pictures.values() for recipe in it.recipes])

    def select(tile_id: str) -> None:
        layer, unit = tile_id.rsplit(" ", 1)
        urls.update_query(layer=layer, unit=unit)

    def show(previews: job_status.Previews) -> None:
        for name, some in chosen.items():
            show_layer_name(network.layer(name))
            if not some:
                st.caption("No neuron of this layer changes the answer.")
                continue
            tiles = [_tile(pictures[name], it, previews, view) for it in some]
            label = f"Neurons of {name} in {title_of(network.name)} that explain the answer"
            key, place = f"why {name}", f"{view.picked.name} {classes}"
            if tile_grid(tiles, key, label, select, 2 * COUNT, set_key=place):
                st.rerun()

    job_status.show_while_running("why", asked, percent, show, stop=False)
    requests.settle()


def _tile(
    pictures: SmallPictures, unit: ExplainingUnit, previews: job_status.Previews, view: ProbeView
) -> PictureTile:
    """Return the tile of a unit: what it contributes, its share, and its exact effect."""
    number = formatting.signed(unit.contribution)
    name = unit.name or f"neuron {unit.unit}"
    tile = pictures.tile(unit.unit, f"{name} \N{MIDDLE DOT} {number}", previews, PIXELS)
    effect = f"without it {formatting.signed(-unit.effect)}" if unit.effect else ""
    return replace(
        tile,
        note=percent(unit.share),
        detail=effect,
        silent=False,
        chosen=(pictures.layer.name, unit.unit) == view.selected,
    )


def contribution_heat(view: ProbeView, problems: list[str]) -> Tensor | None:
    """Return where the chosen unit contributes, ``[H, W]``; None without a unit or an answer.

    Of a unit that speaks against the class, it is where it does that.
    """
    if view.layer is None or view.network.class_layer is None:
        return None
    wanted, against = read_classes(view, problems)
    off = tuple(map(str, view.switched))
    found = found_contributions(view.network, view.picked, wanted, against, off)
    if view.layer.name not in found:
        return None
    layer = found[view.layer.name]
    sign = 1 if float(layer.units[view.unit]) >= 0 else -1
    return enlarge(view.layer, sign * layer.places[view.unit], view.network.input_size)
