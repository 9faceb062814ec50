"""The pictures of one unit: the recipes that draw them, and which of them are in the store.

By default a unit is drawn as on the Layers page; a link may have other settings.
"""

from dataclasses import dataclass, replace

from core.networks.layers import Layer
from core.networks.network import Network
from core.neurons import render_neurons
from core.recipes.neuron import CANVASES, NeuronRecipe
from explorer import layer_pages
from explorer.store.results import StoredPicture
from explorer.ui import server_state, urls

# Number of other seeds with which a unit is drawn, to see how much its picture depends on the seed.
OTHER_SEEDS = 2


@dataclass(frozen=True)
class RenderSettings:
    """The settings with which a unit is drawn; the fields are those of ``NeuronRecipe``."""

    size: int
    steps: int
    seed: int = 0
    canvas: str = CANVASES[0]


@dataclass(frozen=True)
class UnitPicture:
    """One picture of a unit.

    Attributes:
        recipe: draws it, perhaps among others of the same unit.
        number: its number among the recipe's pictures.
        twin: the recipe that draws the very same picture for the Layers page, if there is one.
    """

    recipe: NeuronRecipe
    number: int
    twin: NeuronRecipe | None = None

    def find(self) -> StoredPicture | None:
        """Return it from the store, ``None`` if it is not drawn yet."""
        store = server_state.store()
        found = store.picture(self.recipe.key, self.number)
        if found is None and self.twin is not None:
            found = store.picture(self.twin.key, self.number)
        return found


class NeuronView:
    """One unit, and all the pictures of it that its page shows.

    Attributes:
        network, layer, unit: which one.
        usual: the default settings.
        settings: the settings of its large picture.
    """

    def __init__(self, network: Network, layer: Layer, unit: int, **asked: int | str) -> None:
        """Plan its pictures.

        Args:
            network, layer, unit: which one.
            asked: fields of ``RenderSettings`` that differ from the default.
        """
        self.network, self.layer, self.unit = network, layer, unit
        self._twin = layer_pages.part_of(network, layer, unit)
        self.usual = RenderSettings(self._twin.size, self._twin.steps, self._twin.seed)
        self.settings = replace(self.usual, **asked)  # type: ignore[arg-type]

    def large(self, view: str) -> UnitPicture:
        """Plan the large picture: one of ``urls.VIEWS``, or "" for the strongest activation."""
        return self._take(view, self.settings)

    def small(self, view: str) -> UnitPicture:
        """Plan the same picture for a row of several, with the default size and steps."""
        return self._take(view, self._quick)

    def others(self) -> list[UnitPicture]:
        """Plan the picture of the strongest activation with other seeds."""
        seeds = [it for it in range(OTHER_SEEDS + 1) if it != self.settings.seed][:OTHER_SEEDS]
        return [self._take("", replace(self._quick, seed=seed)) for seed in seeds]

    @property
    def _quick(self) -> RenderSettings:
        return replace(self.settings, size=self.usual.size, steps=self.usual.steps)

    def _take(self, view: str, settings: RenderSettings) -> UnitPicture:
        manner: dict[str, int | bool] = {}
        number = self.unit
        if view == urls.NEGATIVE:
            manner["negative"] = True
        elif view:
            manner["count"] = urls.DIVERSE
            number = self.unit * urls.DIVERSE + int(view) - 1
        recipe = render_neurons.plan(
            self.network, self.layer.name, [self.unit], **vars(settings), **manner
        )
        usual = not view and settings == self.usual
        return UnitPicture(recipe, number, self._twin if usual else None)
