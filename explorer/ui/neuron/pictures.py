"""The pictures that the Neuron page shows of one unit, with the recipes that draw them.

By default the recipe has the same settings as on the Layers page; a link may have others.
"""

from dataclasses import dataclass, replace

from core.networks import Layer, Network
from core.neurons import render_neurons
from core.recipes.neuron import CANVASES, NeuronRecipe
from explorer import layer_pages
from explorer.store.results import StoredPicture
from explorer.ui import server_state, urls


@dataclass(frozen=True)
class RenderSettings:
    """Settings of a unit's picture; ``NeuronRecipe`` explains the fields of the same names."""

    size: int
    steps: int
    seed: int = 0
    canvas: str = CANVASES[0]


@dataclass(frozen=True)
class UnitPicture:
    """One picture of a unit.

    Attributes:
        recipe: the recipe of the picture; it may have several pictures of the unit.
        number: number of the picture among the recipe's pictures.
        twin: the recipe of the Layers page that draws the same picture; None if there is none.
    """

    recipe: NeuronRecipe
    number: int
    twin: NeuronRecipe | None = None

    def find(self) -> StoredPicture | None:
        """Return the picture from the store; None if it is not drawn yet."""
        store = server_state.store()
        found = store.picture(self.recipe.key, self.number)
        if found is None and self.twin is not None:
            found = store.picture(self.twin.key, self.number)
        return found


class NeuronView:
    """One unit, and the pictures of it that the Neuron page shows.

    Attributes:
        network, layer, unit: the unit.
        usual: default settings, those of the Layers page.
        settings: settings of the large picture.
    """

    def __init__(self, network: Network, layer: Layer, unit: int, **asked: int | str) -> None:
        """Choose the settings of the pictures.

        Args:
            network, layer, unit: the unit.
            asked: fields of ``RenderSettings`` that differ from the defaults.
        """
        self.network, self.layer, self.unit = network, layer, unit
        self._twin = layer_pages.part_of(network, layer, unit)
        self.usual = RenderSettings(self._twin.size, self._twin.steps, self._twin.seed)
        self.settings = replace(self.usual, **asked)  # type: ignore[arg-type]

    def large(self, view: str) -> UnitPicture:
        """Return the large picture of a view.

        Args:
            view: one of ``urls.VIEWS``; "" for the picture that maximises the activation.
        """
        return self._take(view, self.settings)

    def usual_picture(self, view: str) -> UnitPicture:
        """Return the large picture of a view with the default settings."""
        return self._take(view, self.usual)

    def small(self, view: str) -> UnitPicture:
        """Return the picture of a view with the default size and number of steps.

        It is for rows of small pictures.
        """
        return self._take(view, self._quick)

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
