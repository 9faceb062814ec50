"""Rows of small pictures beneath a neuron's large one: its other pictures, and its kin."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from core.analysis import unit_labels
from core.networks import connectivity
from core.networks.connectivity import Connection
from core.networks.layers import Layer
from core.networks.network import Network
from core.neurons import render_neurons
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from explorer import following, grid, layer_pages, likeness, links, shared, thumbnails, widgets
from explorer.jobs.job_queue import UNASKED, Job
from explorer.likeness import Drawn
from explorer.store.results import StoredPicture
from explorer.takes import Neuron

# In one row of a wide page, in two of a phone.
SIMILAR = 8
# Of those that excite and those that inhibit.
INPUTS = 4
PIXELS = 256
# Neurons whose weights have been read stay in memory; each is a few kilobytes.
FEEDS_AT_MOST = 256
# Unfinished pictures, by the key of the recipe that draws them and their number.
Sketches = Mapping[tuple[str, int], bytes]
CAPTIONS = {"": "most wanted", links.NEGATIVE: "least wanted"}


class Wanted:
    """What the page has asked for so far, in the order in which it is looked at.

    Attributes:
        jobs: what draws each recipe, or why there is none, by the recipe's key.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, Job | str] = {}

    def ask(self, recipes: Sequence[Recipe]) -> list[Job | str]:
        """Ask for what is not there, after all that somebody asked for himself."""
        here = shared.store().present([recipe.key for recipe in recipes])
        missing = {it.key: it for it in recipes if it.key not in here}
        for key, recipe in missing.items():
            if key not in self.jobs:
                self.jobs[key] = following.ask(recipe, UNASKED)
        return [self.jobs[key] for key in missing]

    def settle(self) -> None:
        """Forget what was only wanted for a neuron that the visitor has left."""
        open_now = {key for key, job in self.jobs.items() if isinstance(job, Job) and job.open}
        left: set[str] = st.session_state.get("filling", set()) - open_now
        if left:
            shared.jobs().withdraw(left, shared.visitor())
        st.session_state["filling"] = open_now


def grow(
    key: str,
    asked: Sequence[Job | str],
    doing: Callable[[float], str] | None,
    show: Callable[[Sketches], None],
) -> None:
    """Show something that grows with jobs, and run the page again when one of them is over.

    Args:
        key: names the place.
        asked: the jobs, or why there are none.
        doing: says in words how far a job is; None to speak up only when one has stopped.
        show: is given the unfinished pictures.
    """
    jobs = [it for it in asked if isinstance(it, Job)]
    looked: list[bool] = []

    def body() -> None:
        now = [shared.jobs().get(job.key) or job for job in jobs]
        for job in now:
            if job.open:
                shared.jobs().watch(job.key, shared.visitor())
        found = {job.key: shared.jobs().sketches(job.key) for job in now}
        show({(key, part): it for key, some in found.items() for part, it in some.items()})
        left = [job for job in now if job.state != "done" and (doing or not job.open)]
        with st.container(key=f"{key}-status"):
            if left:
                following.show(left[0], doing or "{:.0%}".format, key)
            elif len(jobs) < len(asked):
                st.caption(next(it for it in asked if isinstance(it, str)))
        over = any(one.open != other.open for one, other in zip(jobs, now, strict=True))
        retry = len(jobs) < len(asked) and bool(looked)
        looked.append(True)
        if over or retry:
            st.rerun()

    paces = [pace for job in asked if (pace := following.pace(job)) is not None]
    st.fragment(body, run_every=min(paces, default=None))()


def views(neuron: Neuron, view: str, wanted: Wanted) -> None:
    """Show the neuron's other pictures; a click makes one large."""
    takes = {name: neuron.small(name) for name in ("", *links.VIEWS)}
    found = {name: take.find() for name, take in takes.items()}
    asked = wanted.ask([takes[name].recipe for name, it in found.items() if it is None])

    def show(sketches: Sketches) -> None:
        tiles = [
            _view(
                neuron,
                name,
                found[name] or take.find(),
                sketches.get((take.recipe.key, take.number)),
                name == view,
            )
            for name, take in takes.items()
        ]
        how = " ".join(str(value) for value in vars(neuron.settings).values())
        here = f"{neuron.network.name} {neuron.layer.name}, neuron {neuron.unit}, drawn with {how}"
        if widgets.tile_grid(tiles, "views", here, _look, columns=len(tiles)):
            st.rerun()

    _section(
        "Seen from several sides",
        "Four pictures that excite it, made to differ as much as they can: what they share is "
        "what matters to it. The last one shows what it wants least.",
    )
    grow("views", asked, "{:.0%}".format, show)


def _look(view: str) -> None:
    links.change(view=view.removeprefix("view ") or None)


def _view(
    neuron: Neuron, view: str, picture: StoredPicture | None, sketch: bytes | None, chosen: bool
) -> widgets.Tile:
    caption = CAPTIONS.get(view, f"variant {view}")
    who = f"neuron {neuron.unit}, {caption}"
    place = f"view {view}"
    if picture is None:
        if sketch is None:
            return widgets.Tile(place, f"{who}, not drawn yet", caption=caption)
        url = thumbnails.data_url(sketch)
        return widgets.Tile(place, f"{who}, unfinished", url, caption=caption, sketch=True)
    activation = f"{float(picture.facts['activation']):.3g}"
    return widgets.Tile(
        id=place,
        label=f"{who}, activation {activation}",
        picture=thumbnails.thumbnail(picture.image, PIXELS),
        note=activation,
        caption=caption,
        dead=bool(picture.facts["dead"]) and view != links.NEGATIVE,
        chosen=chosen,
    )


def similar(neuron: Neuron, drawn: Drawn | None, own: StoredPicture | None, wanted: Wanted) -> None:
    """Show the neurons of the layer whose pictures look most alike to it; a click goes there."""
    network, layer, unit = neuron.network, neuron.layer, neuron.unit
    count = min(SIMILAR, layer.channels - 1)
    if count < 1:
        return
    page = layer_pages.plan_page(network, layer, layer_pages.page_of(unit))
    asked = [] if drawn is not None else wanted.ask([page])
    found: list[tuple[int, float]] = []
    if drawn is not None and own is not None and not own.facts["dead"]:
        signature = likeness.look(network, layer, [own])[0]
        found = drawn.nearest(unit, signature, count)
    _section(
        "Similar neurons",
        f"To {layer.name} their pictures look most like this one's; the number is the cosine of "
        "what the layer sees.",
    )
    if own is not None and own.facts["dead"]:
        st.caption("A dead neuron has no kin: its picture shows nothing that the layer knows.")
        return

    def show(sketches: Sketches) -> None:
        tiles = [_waiting(number) for number in range(count)]
        if found:
            tiles = [_kin(network, layer, it, f"{cosine:.2f}") for it, cosine in found]
        here = f"similar to {network.name} {layer.name} {unit}"
        _visit(network, widgets.tile_grid(tiles, "similar", here, columns=SIMILAR))

    total = len(page.units)
    grow("similar", asked, lambda it: f"{int(it * total)} of {total} neurons of the layer", show)


def listens(neuron: Neuron, wanted: Wanted) -> None:
    """Show the neurons of the layer before that it listens to most; a click goes there."""
    network = neuron.network
    found = feeds(network, network.fingerprint, neuron.layer.name, neuron.unit)
    if not found:
        return
    excite = [it for it in found if it.weight > 0][:INPUTS]
    inhibit = [it for it in found if it.weight < 0][:INPUTS]
    source = network.layer(found[0].layer)
    recipe, lacking = missing(network, source, [it.unit for it in (*excite, *inhibit)])
    asked = [] if recipe is None else wanted.ask([recipe])
    _section(
        f"Listens to {source.name}",
        "Its strongest connections to the layer before, read from the weights. The number is the "
        "strength against the strongest of all.",
    )
    most = abs(found[0].weight)

    def show(sketches: Sketches) -> None:
        columns = st.columns(2, gap="large")
        for column, name, some in zip(
            columns, ("Excited by", "Inhibited by"), (excite, inhibit), strict=True
        ):
            with column, st.container(key=name.split()[0].lower()):
                st.html(f'<h4 class="side">{name}</h4>')
                tiles = [
                    _kin(
                        network,
                        source,
                        it.unit,
                        f"{it.weight / most:+.2f}".replace("-", "\N{MINUS SIGN}"),
                        recipe if it.unit in lacking else None,
                        None if recipe is None else sketches.get((recipe.key, it.unit)),
                    )
                    for it in some
                ]
                here = f"{name} {network.name} {neuron.layer.name} {neuron.unit}"
                if tiles:
                    _visit(network, widgets.tile_grid(tiles, name, here, columns=INPUTS))
                else:
                    st.caption("no neuron")

    grow("listens", asked, "{:.0%}".format, show)


@st.cache_data(max_entries=FEEDS_AT_MOST, show_spinner=False)
def feeds(_network: Network, weights: str, layer: str, unit: int) -> tuple[Connection, ...]:
    """Read once for all what a neuron listens to."""
    return connectivity.strongest_inputs(_network, _network.layer(layer), unit)


def missing(
    network: Network, layer: Layer, units: Sequence[int]
) -> tuple[NeuronRecipe | None, set[int]]:
    """Write the recipe for those neurons that the layer's own pages have not drawn yet."""
    parts = {unit: layer_pages.part_of(network, layer, unit).key for unit in units}
    here = shared.store().present(parts.values())
    lacking = sorted(unit for unit, key in parts.items() if key not in here)
    if not lacking:
        return None, set()
    usual = layer_pages.part_of(network, layer, lacking[0])
    return render_neurons.plan(network, layer.name, lacking, usual.size, usual.steps), set(lacking)


def _kin(
    network: Network,
    layer: Layer,
    unit: int,
    note: str,
    recipe: NeuronRecipe | None = None,
    sketch: bytes | None = None,
) -> widgets.Tile:
    """Make the tile of another neuron, with a number beneath."""
    key = (recipe or layer_pages.part_of(network, layer, unit)).key
    picture = shared.store().picture(key, unit)
    name = unit_labels.unit_name(network, layer, unit)
    caption = f"{name} \N{MIDDLE DOT} {note}" if name else note
    return grid.tile(unit, caption, picture, sketch, f"{layer.name} {unit}", PIXELS)


def _waiting(number: int) -> widgets.Tile:
    return widgets.Tile(
        f"waiting {number}", "similar neuron, not known yet", caption="\N{EN SPACE}"
    )


def _visit(network: Network, clicked: str | None) -> None:
    """Go to the neuron whose tile was clicked just now, if any was."""
    if clicked is not None:
        layer, unit = clicked.rsplit(" ", 1)
        links.neuron(network.name, layer, int(unit))


def _section(title: str, words: str) -> None:
    st.html(f'<div class="section"><h3>{title}</h3><p>{words}</p></div>')
