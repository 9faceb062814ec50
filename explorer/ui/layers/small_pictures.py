"""Small pictures of some units of a layer.

The pictures that the Layers page has drawn are used; a recipe draws only those that are missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.analysis import unit_labels
from core.networks import Layer, Network, depth_sampling
from core.neurons import render_neurons
from core.recipes.neuron import NeuronRecipe
from explorer import layer_pages
from explorer.store.results import StoredPicture
from explorer.text import neuron_names
from explorer.ui import job_requests, job_status, server_state
from explorer.ui.components.layer_pickers import SliderStop, depth_slider, slider_stop
from explorer.ui.components.tiles import PictureTile
from explorer.ui.layers import neuron_grid

# How many pictures there are above a slider, at most.
EXAMPLES_AT_MOST = 12


@dataclass(frozen=True)
class SmallPictures:
    """Pictures of some units of a layer, of the default size.

    Attributes:
        network, layer: the layer of the units.
        recipe: the recipe of the pictures that are missing; None if the store has all pictures.
    """

    network: Network
    layer: Layer
    recipe: NeuronRecipe | None = None

    @property
    def recipes(self) -> list[NeuronRecipe]:
        """The recipes to request: ``[recipe]``, or none if no pictures are missing."""
        return [] if self.recipe is None else [self.recipe]

    def find(self, unit: int) -> StoredPicture | None:
        """Return the picture of a unit; None if it is not drawn yet."""
        recipe = self.recipe
        if recipe is None or unit not in recipe.units:
            recipe = layer_pages.part_of(self.network, self.layer, unit)
        return server_state.store().picture(recipe.key, unit)

    def tile(
        self,
        unit: int,
        previews: job_status.Previews | None = None,
        pixels: int = neuron_grid.TILE_PIXELS,
        note: str = "",
    ) -> PictureTile:
        """Return a tile of a unit; a click returns the layer and the unit, such as ``relu3b 12``.

        Args:
            unit: number of the unit.
            previews: previews of unfinished pictures.
            pixels: height and width of the thumbnail on the tile.
            note: what stands behind the unit's name beneath the picture; may be empty.
        """
        label = unit_labels.unit_name(self.network, self.layer, unit)
        name = neuron_names.short_name(unit, label)
        caption = f"{name} \N{MIDDLE DOT} {note}" if note else name
        preview = None
        if self.recipe is not None and previews is not None:
            preview = previews.get((self.recipe.key, unit))
        place = f"{self.layer.name} {unit}"
        return neuron_grid.unit_tile(unit, label, self.find(unit), preview, place, pixels, caption)


def clearest_picture(network: Network, layer: Layer) -> bytes | None:
    """Return the encoded picture of a layer's unit with the clearest label; None if not drawn."""
    unit = _clearest(network, layer)
    found = plan_small_pictures(network, layer, [unit]).find(unit)
    return None if found is None else found.image


def example_slider(
    network: Network,
    layers: Sequence[Layer],
    selected: Layer,
    key: str,
    on_pick: Callable[[str], None],
) -> bool:
    """Show a slider over layers, above them pictures of their units with the clearest labels.

    Args:
        network: the network.
        layers: the layers to choose from.
        selected: the layer among them that is chosen.
        key: the widget's key.
        on_pick: called with the name of the layer that was chosen before the page runs again.

    Returns:
        Whether another layer was chosen just now.
    """
    stops = example_stops(network, layers)
    label = f"{network.name} {' '.join(it.name for it in layers)}"
    return depth_slider(stops, layers.index(selected), key, label, on_pick) is not None


def example_stops(network: Network, layers: Sequence[Layer]) -> list[SliderStop]:
    """Return the stops of a slider, with the pictures that are drawn.

    ``request_examples`` draws those that are missing.
    """
    shown = _with_example(layers)
    return [
        slider_stop(it, clearest_picture(network, it) if it in shown else None, it in shown)
        for it in layers
    ]


def request_examples(
    requests: job_requests.JobRequests, network: Network, layers: Sequence[Layer]
) -> None:
    """Request the pictures above a slider that are missing; run the page again when one is there.

    This is called when everything else of the page is requested, which is more important.

    Args:
        requests: the requests of the page.
        network: the network.
        layers: the layers of the slider.
    """
    recipes = [
        recipe
        for it in _with_example(layers)
        for recipe in plan_small_pictures(network, it, [_clearest(network, it)]).recipes
    ]
    asked = requests.ask(recipes)
    job_status.show_while_running("examples", asked, None, lambda previews: None, stop=False)


def _with_example(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers of a slider that have a picture above it."""
    return list(depth_sampling.evenly_spaced(layers, EXAMPLES_AT_MOST))


def _clearest(network: Network, layer: Layer) -> int:
    """Return the unit of a layer with the clearest label; the first one if none has a label."""
    return unit_labels.clearest_unit(network, layer.name) or 0


def plan_small_pictures(network: Network, layer: Layer, units: Sequence[int]) -> SmallPictures:
    """Return the pictures of some units, with a recipe for the units that are not drawn yet."""
    parts = {unit: layer_pages.part_of(network, layer, unit) for unit in units}
    drawn = server_state.store().present([part.key for part in parts.values()])
    missing = sorted(unit for unit, part in parts.items() if part.key not in drawn)
    if not missing:
        return SmallPictures(network, layer)
    usual = parts[missing[0]]
    recipe = render_neurons.plan(network, layer.name, missing, usual.size, usual.steps)
    return SmallPictures(network, layer, recipe)
