"""The recipe of style at several depths: many style transfers of one photograph and one painting.

Its parts are style recipes with different layers, and each part's picture is stored separately. So
the pictures appear one by one, finished pictures are not rendered again after an interruption, and
a style recipe with the same settings has the same stored picture.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from core.errors import ExplorerError, quoted, unknown
from core.recipes.recipe import GridRecipe, require_fingerprint
from core.recipes.style import NEAREST, StyleRecipe

# Range of the number of layers; more pictures do not fit side by side.
DEPTHS = (1, 8)

# The sections of the grid. Matrix: each style layer with each content layer. Nested: style from the
# first layer, the first two layers and so on. Single: style from one layer at a time. Texture: as
# nested, but without content and starting from noise. Content: content from one layer at a time,
# without style and starting from noise. The last two are figure 1 of Gatys et al. 2016.
MATRIX, NESTED, SINGLE, TEXTURE, CONTENT = SHOWS = (
    "matrix",
    "nested",
    "single",
    "texture",
    "content",
)


@dataclass(frozen=True)
class StyleCell:
    """One picture of the grid.

    Attributes:
        show: the section of the grid, one of ``SHOWS``.
        row, column: position of the picture in this section.
        recipe: the recipe of the picture.
    """

    show: str
    row: int
    column: int
    recipe: StyleRecipe


@dataclass(frozen=True)
class StyleDepthsRecipe(GridRecipe):
    """One photograph in the style of one painting, with layers of different depths.

    Attributes:
        content: fingerprint of the photograph.
        style: fingerprint of the painting.
        style_depths, content_depths: names of the style layers (rows) and the content layers
            (columns) of the matrix, from shallow to deep. Each picture uses one style layer and one
            content layer.
        stages: names of the layers of all other sections, from shallow to deep.
        content_layer: name of the content layer in the sections nested and single.
        shows: the sections that are rendered, some of ``SHOWS``.
        size, smallest, scale, steps, balance, variation, loss, pooling: settings of every picture,
            as in a ``StyleRecipe``. Textures have the default loss instead of ``nearest``, because
            they have no photograph to match.
        content_variations: values of ``variation`` in the section content, one for each stage;
            empty to use ``variation`` for all.
    """

    kind: ClassVar[str] = "style-depths"
    version: ClassVar[int] = 10

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
                raise ExplorerError(f"{name} is {quoted(layers)}; it must be a list of layers")
            if not low <= len(layers) <= high or len(set(layers)) < len(layers):
                raise ExplorerError(
                    f"{name} are {len(layers)} layers; name {low} to {high} different ones"
                )
        stages, variations = len(self.stages), self.content_variations
        if not isinstance(variations, tuple) or len(variations) not in (0, stages):
            raise ExplorerError(
                f"content_variations are {quoted(variations)}; give one for each of {stages} "
                "stages, or none"
            )
        if not isinstance(self.shows, tuple) or not self.shows:
            raise ExplorerError("say what to show, such as matrix")
        for show in self.shows:
            if show not in SHOWS:
                raise unknown("part", show, SHOWS, "style at several depths")
        # The recipes of the cells check all other settings.
        self.cells()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fingerprints of the photograph and of the painting."""
        return tuple(dict.fromkeys((self.content, self.style)))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of all layers of the sections in ``shows``, each once."""
        matrix = (*self.style_depths, *self.content_depths) if MATRIX in self.shows else ()
        others = (*self.stages, self.content_layer) if set(self.shows) - {MATRIX} else ()
        return tuple(dict.fromkeys((*matrix, *others)))

    @property
    def layer(self) -> str:
        """The names of all layers in one text, which users can search: ``conv1 + conv2``."""
        return " + ".join(self.layers)

    def parts(self) -> tuple[StyleRecipe, ...]:
        """Return the recipes of all pictures, each once, in the order of the grid."""
        return tuple(dict.fromkeys(cell.recipe for cell in self.cells()))

    def cells(self) -> tuple[StyleCell, ...]:
        """Return the cells of all sections; the same recipe can be in several cells."""
        return tuple(
            StyleCell(show, row, column, recipe)
            for show in dict.fromkeys(self.shows)
            for row, recipes in enumerate(self._rows(show))
            for column, recipe in enumerate(recipes)
        )

    def _rows(self, show: str) -> list[list[StyleRecipe]]:
        """Return the recipes of a section of the grid, row by row."""
        nested = [self.stages[: i + 1] for i in range(len(self.stages))]
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
                replace(self._recipe((), layers), variation=variation)
                for layers, variation in zip(single, variations, strict=True)
            ]
        ]

    def _recipe(self, style: tuple[str, ...], content: tuple[str, ...]) -> StyleRecipe:
        unmatched = self.loss == NEAREST and not content
        return StyleRecipe(
            self.network,
            self.weights,
            self.seed,
            content=self.content if content else "",
            styles=(self.style,) if style else (),
            content_layers=content,
            style_layers=style,
            balance=self.balance,
            loss=StyleRecipe.loss if unmatched else self.loss,
            size=self.size,
            smallest=self.smallest,
            scale=self.scale,
            steps=self.steps,
            variation=self.variation,
            init="content" if style and content else "noise",
            pooling=self.pooling,
        )
