"""The recipe of style at several depths: one photograph and one painting, painted many times.

It is made of style recipes that differ in nothing but in which depths speak. Each of them has a
result of its own, so cells fill in one by one, are found again after a stop, and are shared with
whoever paints the same thing by itself.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from core.errors import ExplorerError, unknown
from core.recipes.recipe import Recipe, require_fingerprint
from core.recipes.style import StyleRecipe

# More than this do not fit side by side.
DEPTHS = (1, 8)

# What can be shown: the matrix of style depth by content depth; style by ever more layers, or by
# one alone; style without content, from noise, by ever more layers; content without style, from
# noise, by one layer (the last two are figure 1 of Gatys et al. 2016).
MATRIX, NESTED, SINGLE, TEXTURE, CONTENT = SHOWS = (
    "matrix",
    "nested",
    "single",
    "texture",
    "content",
)


@dataclass(frozen=True)
class StyleCell:
    """One picture among those side by side.

    Attributes:
        show: in which part it stands, one of ``SHOWS``.
        row, column: where in that part.
        recipe: of the picture.
    """

    show: str
    row: int
    column: int
    recipe: StyleRecipe


@dataclass(frozen=True)
class StyleDepthsRecipe(Recipe):
    """One photograph painted in the style of one painting, with one depth after the other.

    Attributes:
        content: fingerprint of the photograph.
        style: fingerprint of the painting.
        style_depths, content_depths: names of the layers of the matrix, its rows and columns, from
            shallow to deep; each speaks alone.
        stages: names of the layers of all other parts, from shallow to deep.
        content_layer: name of the layer that speaks for content where only style's depth changes.
        shows: what is painted, some of ``SHOWS``.
        size, smallest, scale, steps, balance, variation, loss, pooling: of every picture, as in a
            ``StyleRecipe``.
        content_variations: the variation of each of the stages where content speaks without style;
            none for ``variation``.
    """

    kind: ClassVar[str] = "style-depths"
    version: ClassVar[int] = 4

    content: str = ""
    style: str = ""
    style_depths: tuple[str, ...] = ()
    content_depths: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    content_layer: str = ""
    shows: tuple[str, ...] = (MATRIX,)
    size: int = 192
    smallest: int = StyleRecipe.smallest
    scale: float = StyleRecipe.scale
    steps: int = StyleRecipe.steps
    balance: float = StyleRecipe.balance
    variation: float = StyleRecipe.variation
    loss: str = StyleRecipe.loss
    pooling: str = StyleRecipe.pooling
    content_variations: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("content", "style"):
            if not getattr(self, name):
                raise ExplorerError(f"name a picture for {name}")
            require_fingerprint(name, getattr(self, name))
        low, high = DEPTHS
        for name in ("style_depths", "content_depths", "stages"):
            layers = getattr(self, name)
            if not isinstance(layers, tuple) or not all(isinstance(it, str) for it in layers):
                raise ExplorerError(f"{name} is {layers!r}; it must be a list of layers")
            if not low <= len(layers) <= high or len(set(layers)) < len(layers):
                raise ExplorerError(
                    f"{name} are {len(layers)} layers; name {low} to {high} different ones"
                )
        stages, variations = len(self.stages), self.content_variations
        if not isinstance(variations, tuple) or len(variations) not in (0, stages):
            raise ExplorerError(
                f"content_variations are {variations!r}; give one for each of {stages} stages, or "
                "none"
            )
        if not isinstance(self.shows, tuple) or not self.shows:
            raise ExplorerError("say what to show, such as matrix")
        for show in self.shows:
            if show not in SHOWS:
                raise unknown("part", show, SHOWS, "style at several depths")
        self.cells()  # What is wrong with any other setting, these say.

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fingerprints of the photograph and of the painting."""
        return tuple(dict.fromkeys((self.content, self.style)))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of all layers of the parts that are shown, each once."""
        matrix = (*self.style_depths, *self.content_depths) if MATRIX in self.shows else ()
        others = (*self.stages, self.content_layer) if set(self.shows) - {MATRIX} else ()
        return tuple(dict.fromkeys((*matrix, *others)))

    @property
    def layer(self) -> str:
        """All layers in one word, to search by."""
        return " + ".join(self.layers)

    @property
    def pictures(self) -> tuple[int, ...]:
        """The numbers of its pictures, in the order of ``parts``."""
        return tuple(range(len(self.parts())))

    @classmethod
    def number(cls, position: int, own: int) -> int:
        """Number pictures by the place of their part, as each part has one."""
        return position

    def parts(self) -> tuple[StyleRecipe, ...]:
        """List the recipes of all pictures, each once, in the order in which they are shown."""
        return tuple(dict.fromkeys(cell.recipe for cell in self.cells()))

    def cells(self) -> tuple[StyleCell, ...]:
        """List the places of all pictures; some recipes stand in several."""
        found: list[StyleCell] = []
        for show in dict.fromkeys(self.shows):
            for row, recipes in enumerate(self._rows(show)):
                found += [StyleCell(show, row, at, it) for at, it in enumerate(recipes)]
        return tuple(found)

    def _rows(self, show: str) -> list[list[StyleRecipe]]:
        """Write the recipes of a part, row by row."""
        nested = [self.stages[: at + 1] for at in range(len(self.stages))]
        single = [(stage,) for stage in self.stages]
        if show == MATRIX:
            return [
                [self._recipe((style,), (content,)) for content in self.content_depths]
                for style in self.style_depths
            ]
        if show == NESTED:
            return [[self._recipe(it, (self.content_layer,)) for it in nested]]
        if show == SINGLE:
            return [[self._recipe(it, (self.content_layer,)) for it in single]]
        if show == TEXTURE:
            return [[self._recipe(it, ()) for it in nested]]
        variations = self.content_variations or (self.variation,) * len(single)
        return [
            [
                replace(self._recipe((), it), variation=own)
                for it, own in zip(single, variations, strict=True)
            ]
        ]

    def _recipe(self, style: tuple[str, ...], content: tuple[str, ...]) -> StyleRecipe:
        return StyleRecipe(
            self.network,
            self.weights,
            self.seed,
            content=self.content if content else "",
            styles=(self.style,) if style else (),
            content_layers=content,
            style_layers=style,
            balance=self.balance,
            loss=self.loss,
            size=self.size,
            smallest=self.smallest,
            scale=self.scale,
            steps=self.steps,
            variation=self.variation,
            init="content" if style and content else "noise",
            pooling=self.pooling,
        )
