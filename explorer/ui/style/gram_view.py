"""Who fires with whom: the Gram matrices of a painting and a picture, and the pairs in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import streamlit as st
import torch
from PIL import Image
from torch.nn import functional

from core.analysis import unit_labels
from core.errors import ExplorerError
from core.images import image_io
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import require
from core.style import defaults, gram_matrix
from core.style.gram_matrix import ChannelCorrelations
from explorer import layer_pages
from explorer.charts import depth_colours, figures
from explorer.ui import chart, job_status, server_state, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.image_picker import PickedImage
from explorer.ui.job_status import JobRequests
from explorer.ui.layers import neuron_grid
from explorer.ui.neuron import pictures
from explorer.ui.probe import heatmaps
from explorer.ui.style import style_view

# Longer side at which pictures are looked at, in pixels.
LOOKED_PIXELS = 256
# So many neurons can be clicked in a square of a page: those that fire most.
LOUDEST = 40
# Pairs in a row, and rows from which they are taken.
PAIRS = 4
# A neuron twice in a pair says nothing of company, and neither does one of two that are silent.
TILE_PIXELS = 160
SIDE = 420
# What fires little is seen too: light is this power of the activation.
FAINT = 0.7

Pair = tuple[int, int]


@dataclass(frozen=True)
class GramView:
    """How the neurons of a layer fire together in a painting and in a picture.

    Attributes:
        layer: whose neurons.
        style, content: both pictures.
        painted, seen: what was measured in them.
        order: the neurons that are shown, those of like company in the painting beside each other.
    """

    layer: Layer
    style: PickedImage
    content: PickedImage
    painted: ChannelCorrelations
    seen: ChannelCorrelations
    order: tuple[int, ...]


def read_view(network: Network, layer: Layer, content: PickedImage, style: PickedImage) -> GramView:
    """Measure both pictures at a layer, once for all."""
    painted, seen = (
        _correlations(network, it.picture, network.fingerprint, it.fingerprint, layer.name)
        for it in (style, content)
    )
    energy = sum(it.energy / it.energy.sum().clamp(min=1e-12) for it in (painted, seen))
    loud = set(torch.as_tensor(energy).topk(min(LOUDEST, layer.channels)).indices.tolist())
    own = [it for it in painted.order() if it in loud]
    others = [it for it in seen.order() if it in loud and it not in own]
    return GramView(layer, style, content, painted, seen, (*own, *others))


@st.cache_resource(max_entries=32, show_spinner=False)
def _correlations(
    _network: Network, _picture: Image.Image, weights: str, picture: str, layer: str
) -> ChannelCorrelations:
    image = image_io.to_tensor(image_io.resize_longer_side(_picture, LOOKED_PIXELS))
    return gram_matrix.channel_correlations(_network, image, layer)


def layer_of(network: Network, problems: list[str]) -> Layer:
    """Read from the URL whose neurons are looked at; the last but one that speaks for style."""
    usual = defaults.default_settings(network)["style_layers"]
    first = network.layer(usual[max(len(usual) - 2, 0)])
    try:
        layer = network.layer(st.query_params.get("layer", first.name))
        if layer.size is None:
            raise ExplorerError(f"layer {layer.name} has no places to fire together in")
    except ExplorerError as error:
        problems.append(str(error))
        return first
    return layer


def pair_of(company: GramView, problems: list[str]) -> Pair:
    """Read from the URL which two neurons are looked at; those most together by default."""
    text = st.query_params.get("pair", "")
    try:
        if text:
            numbers = [int(it) if it.isascii() and it.isdigit() else it for it in text.split(",")]
            if len(numbers) != len({*numbers}) or len(numbers) != 2:
                raise ExplorerError(f"pair is {text!r}; name two different neurons, such as 3,17")
            for number in numbers:
                require("pair", number, (0, company.layer.channels - 1))
            return int(numbers[0]), int(numbers[1])
    except ExplorerError as error:
        problems.append(str(error))
    return next(iter(notable_pairs(company).values()))[0]


def show_pairs(network: Network, company: GramView, pair: Pair) -> None:
    """Show both squares, the pair that is looked at, and the pairs that stand out."""
    names = unit_names(network, company.layer)
    wanted = JobRequests()
    pairs = notable_pairs(company)
    units = sorted(
        {unit for some in pairs.values() for one, other in some for unit in (one, other)}
    )
    recipe, _ = pictures.plan_missing(network, company.layer, sorted({*units, *pair}))
    asked = wanted.ask([] if recipe is None else [recipe])
    st.html(
        '<div class="section"><h3>Style is who fires with whom</h3><p>Each square is a Gram '
        f"matrix, of the {len(company.order)} neurons of {company.layer.name} that fire most: "
        "bright where two of them fire in the same places. Like company stands together, in the "
        "painting's order in both. Click a place for its two neurons.</p></div>"
    )
    for column, found, chosen, which in zip(
        st.columns(2),
        (company.painted, company.seen),
        (company.style, company.content),
        ("style", "content"),
        strict=True,
    ):
        with column:
            st.html(f'<h4 class="side">{which.capitalize()}: {chosen.title}</h4>')
            _square(company, found, names, pair, f"{which} square")

    def body(previews: job_status.Previews) -> None:
        _pair(network, company, pair, names, partial(_tile, network, company, recipe, previews))
        for title, some in pairs.items():
            st.html(f'<h4 class="side">{title}</h4>')
            tiles = [
                _both(company, it, names, partial(_tile, network, company, recipe, previews), pair)
                for it in some
            ]
            here = f"{title} {network.name} {company.layer.name}"
            widgets_key = f"pairs {title}"
            if tile_grid(tiles, widgets_key, here, choose_pair, PAIRS, pairs=True):
                st.rerun()

    job_status.show_while_running("company", asked, "{:.0%}".format, body)
    wanted.settle()


def unit_names(network: Network, layer: Layer) -> list[str]:
    """Name neurons by their numbers, and by what they stand for where that is known."""
    meanings = (unit_labels.unit_name(network, layer, unit) for unit in range(layer.channels))
    return [f"{unit} ({it})" if it else str(unit) for unit, it in enumerate(meanings)]


def notable_pairs(company: GramView) -> dict[str, list[Pair]]:
    """Choose pairs to show: most together in the painting, and most unlike between the pictures."""
    loud = set(company.order)

    def heard(pairs: Sequence[tuple[int, int, float]], sign: int = 1) -> list[Pair]:
        kept = [(one, other) for one, other, by in pairs if by * sign > 0 and {one, other} <= loud]
        return kept[:PAIRS]

    count = company.layer.channels**2
    every = company.painted.differing_pairs(company.seen, count)
    most, more, less = heard(company.painted.pairs(count)), heard(every), heard(every, -1)
    found = {
        "Most together in the painting": most,
        "More together in the painting than in the picture": more,
        "More together in the picture than in the painting": less,
    }
    return {title: some for title, some in found.items() if some}


def choose_pair(pair: str) -> None:
    """Look at two neurons."""
    urls.update_query(pair=pair)


def picked_pair(company: GramView, state: Mapping[str, Any]) -> Pair | None:
    """Tell which two neurons were clicked in a square; None for none, or one twice."""
    points = state.get("selection", {}).get("points", [])
    if not points:
        return None
    row, col = (company.order[round(points[0][axis])] for axis in ("y", "x"))
    return None if row == col else (row, col)


def _square(
    company: GramView, found: ChannelCorrelations, names: Sequence[str], pair: Pair, key: str
) -> None:
    figure = figures.cosine_matrix(found.cosines, company.order, names, SIDE)
    figures.make_clickable(figure, company.order, pair, SIDE)
    here = f"{key} {company.layer.name} {company.style.name} {company.content.name}"

    def clicked() -> None:
        chosen = picked_pair(company, st.session_state[here])
        if chosen is not None:
            choose_pair(f"{chosen[0]},{chosen[1]}")

    name = f"{company.layer.name}-{key}-together".replace(" ", "-")
    chart.show_chart(figure, here, name, clicked)


def _pair(network: Network, company: GramView, pair: Pair, names: Sequence[str], tile: Any) -> None:
    """Show two neurons: what each wants to see, and where both fire in both pictures."""
    layer = company.layer
    cosines = [float(it.cosines[pair]) for it in (company.painted, company.seen)]
    with st.container(key="pair"):
        html_snippets.heading(
            f"Neurons {' and '.join(names[unit] for unit in pair)}",
            f"Together {cosines[0]:.2f} in the painting, {cosines[1]:.2f} in the picture "
            "(1: always in the same places; 0: never).",
            depth_colours.depth_colour(layer.depth),
        )
        for column, unit in zip(st.columns(2), pair, strict=True):
            tiles = [replace(tile(unit), id=f"neuron {unit}", caption=f"neuron {unit}")]
            for chosen, where in ((company.style, "painting"), (company.content, "picture")):
                label = f"Where neuron {unit} fires in the {where}"
                url = activation_overlay(network, chosen, layer.name, unit)
                tiles.append(PictureTile(f"{where} {unit}", label, url, caption=f"in the {where}"))
            here = f"neuron {unit} of {network.name} {layer.name}, {company.style.name}"
            with column:
                clicked = tile_grid(tiles, f"of {unit}", here, columns=len(tiles))
            if clicked is not None:
                urls.open_neuron(network.name, layer.name, int(clicked.split()[1]))


def _tile(
    network: Network,
    company: GramView,
    recipe: NeuronRecipe | None,
    previews: job_status.Previews,
    unit: int,
) -> PictureTile:
    """Make the tile of a neuron's own picture."""
    layer = company.layer
    part = layer_pages.part_of(network, layer, unit)
    picture = server_state.store().picture(part.key, unit)
    if picture is None and recipe is not None:
        picture = server_state.store().picture(recipe.key, unit)
    preview = None if recipe is None else previews.get((recipe.key, unit))
    name = unit_labels.unit_name(network, layer, unit)
    made = neuron_grid.unit_tile(unit, name, picture, preview, str(unit), TILE_PIXELS)
    return replace(made, caption=f"{unit} {name}".strip())


def _both(
    company: GramView, pair: Pair, names: Sequence[str], tile: Any, here: Pair
) -> PictureTile:
    """Make the tile of two neurons side by side."""
    one, other = (tile(unit) for unit in pair)
    cosines = " | ".join(f"{float(it.cosines[pair]):.2f}" for it in (company.painted, company.seen))
    label = " and ".join(names[unit] for unit in pair)
    return PictureTile(
        id=f"{pair[0]},{pair[1]}",
        label=f"{label}: together {cosines}",
        picture=one.picture,
        beside=other.picture,
        title=label,
        caption=f"{pair[0]} and {pair[1]}: {cosines}",
        chosen=set(pair) == set(here),
    )


@lru_cache(maxsize=256)
def activation_overlay(network: Network, chosen: PickedImage, layer: str, unit: int) -> str:
    """Draw a picture as a URL, bright where a neuron fires, also where it fires little."""
    seen = image_io.resize_longer_side(chosen.picture, LOOKED_PIXELS)
    activation = network.activations(image_io.to_tensor(seen), [layer])[layer][:, [unit]]
    size = (seen.height, seen.width)
    heat = functional.interpolate(activation.float().cpu(), size, mode="bilinear")[0, 0]
    heat = heat.clamp(min=0).pow(FAINT)
    return heatmaps.encoded(heatmaps.overlay(seen, heat))


def comparable_layers(network: Network, here: Layer) -> None:
    """Let the visitor choose whose neurons are looked at."""
    able = {it.name: it for it in style_view.style_layers(network)}

    def pick() -> None:
        urls.update_query(layer=st.session_state[key], pair=None)

    key = f"company {network.name} {here.name}"
    st.select_slider(
        "Layer: shallow to deep",
        list(able) if here.name in able else [*able, here.name],
        here.name,
        key=key,
        on_change=pick,
    )
