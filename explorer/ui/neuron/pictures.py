"""The pictures of one neuron: with which recipes they are drawn, and which of them are there.

What the Layers page draws a neuron with is the usual way; a link may ask for another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.networks.layers import Layer
from core.networks.network import Network
from core.neurons import render_neurons
from core.recipes.neuron import CANVASES, NeuronRecipe
from explorer import layer_pages
from explorer.store.results import StoredPicture
from explorer.ui import server_state, urls

# A neuron is drawn with so many other seeds, to see how much of its picture is chance.
OTHER_SEEDS = 2
PNG_SIGNATURE = b"\x89PNG"


@dataclass(frozen=True)
class RenderSettings:
    """How a neuron is drawn; the fields are those of ``NeuronRecipe``."""

    size: int
    steps: int
    seed: int = 0
    canvas: str = CANVASES[0]


@dataclass(frozen=True)
class UnitPicture:
    """One picture of a neuron.

    Attributes:
        recipe: draws it, perhaps among others of the same neuron.
        number: which of the recipe's pictures it is.
        twin: the recipe that draws the very same picture among a layer's others, if there is one.
    """

    recipe: NeuronRecipe
    number: int
    twin: NeuronRecipe | None = None

    def find(self) -> StoredPicture | None:
        """Get it out of the store, ``None`` if it is not drawn yet."""
        store = server_state.store()
        found = store.picture(self.recipe.key, self.number)
        if found is None and self.twin is not None:
            found = store.picture(self.twin.key, self.number)
        return found


def is_exact(stored: StoredPicture) -> bool:
    """Tell whether a picture is the very one that its recipe gives, rather than a smaller copy."""
    return stored.image.startswith(PNG_SIGNATURE)


class NeuronView:
    """One neuron, and all the pictures of it that its page shows.

    Attributes:
        network, layer, unit: which one.
        usual: how it is drawn where nobody asks for more.
        settings: how its large picture is drawn.
    """

    def __init__(self, network: Network, layer: Layer, unit: int, **asked: int | str) -> None:
        """Plan its pictures.

        Args:
            network, layer, unit: which one.
            asked: fields of ``Settings`` that are not as usual.
        """
        self.network, self.layer, self.unit = network, layer, unit
        self._twin = layer_pages.part_of(network, layer, unit)
        self.usual = RenderSettings(self._twin.size, self._twin.steps, self._twin.seed)
        self.settings = replace(self.usual, **asked)  # type: ignore[arg-type]

    def large(self, view: str) -> UnitPicture:
        """Plan the picture that is shown large: one of ``links.VIEWS``, or "" for the best."""
        return self._take(view, self.settings)

    def small(self, view: str) -> UnitPicture:
        """Plan the same picture for a row of several: of the usual size, as quick as usual."""
        return self._take(view, self._quick)

    def others(self) -> list[UnitPicture]:
        """Plan the best picture again, from other noise."""
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


def plan_missing(
    network: Network, layer: Layer, units: Sequence[int]
) -> tuple[NeuronRecipe | None, set[int]]:
    """Write the recipe for those neurons that the layer's own pages have not drawn yet."""
    parts = {unit: layer_pages.part_of(network, layer, unit).key for unit in units}
    here = server_state.store().present(parts.values())
    lacking = sorted(unit for unit, key in parts.items() if key not in here)
    if not lacking:
        return None, set()
    usual = layer_pages.part_of(network, layer, lacking[0])
    return render_neurons.plan(network, layer.name, lacking, usual.size, usual.steps), set(lacking)
