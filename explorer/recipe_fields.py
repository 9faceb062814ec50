"""A table of the fields of each kind of recipe: bounds, defaults, choices and texts for users.

Command-line options, controls and URLs of pages, and captions are built from these tables. A field
that is added to a table is thus known to all pages for its kind of recipe.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from core.numbers import WEIGHT_RANGE
from core.recipes import dream, neuron, style, style_film, style_grid, variations
from core.recipes.recipe import SEED_RANGE, Recipe
from core.recipes.style import StyleRecipe

NEURONS, DREAM = neuron.NeuronRecipe.kind, dream.DreamRecipe.kind
STYLE, STYLE_DEPTHS = StyleRecipe.kind, style_grid.StyleDepthsRecipe.kind
STYLE_FILM = style_film.StyleFilmRecipe.kind
VARIATIONS = variations.VariationsRecipe.kind
# Dreams of one image at several depths: recipes of the kind DREAM, with other bounds and texts.
DREAM_DEPTHS = "dream-depths"
# The command line accepts this objective for the last layer; it means the objective ``channel``.
LOGIT = "logit"


@dataclass(frozen=True)
class RecipeField:
    """One field of a recipe: its possible values, and the texts that users read about it.

    Attributes:
        name: name of the field.
        help: help text of the command-line option.
        default: default value, as in the class of the recipe.
        bounds: smallest and largest allowed number; None if the field is not a number.
        known: the allowed words; empty if the field is not one of a few words.
        query: name of the parameter in the URL of the page; "" if URLs do not contain the field.
        flag: value of the URL's parameter that means True: ``kept`` in ``?colours=kept``.
        title: label of the control on the page; "" if the page has no control for the field.
        choices: the numbers that a slider offers, if it offers only a few.
        slider: smallest number, largest number and step of a slider that offers a range.
        words: those words of ``known`` that the page offers, with their labels.
        label: returns the text that the slider shows for one of the ``choices``.
        caption: the field's name in the gallery; "" for ``name``.
        unit: unit of measurement that the gallery shows after the number, such as ``px``.
        summary: format of a non-default value in the recipe's description: ``strength {:g}``.
    """

    name: str
    help: str = ""
    default: Any = None
    bounds: tuple[Any, Any] | None = None
    known: tuple[str, ...] = ()
    query: str = ""
    flag: str = ""
    title: str = ""
    choices: tuple[float, ...] = ()
    slider: tuple[Any, Any, Any] | None = None
    words: Mapping[str, str] | None = None
    label: Callable[[Any], str] = str
    caption: str = ""
    unit: str = ""
    summary: str = ""

    @property
    def plain(self) -> bool:
        """Whether the field is a number, a word or a flag, and not layers, units or images."""
        return bool(self.bounds or self.known or isinstance(self.default, bool))


def balance_label(value: float) -> str:
    """Return a balance of content and style as text relative to the default: ``style 2x``."""
    if value == StyleRecipe.balance:
        return "balanced"
    if value == 0:
        return "style alone"
    if value < StyleRecipe.balance:
        return f"style {StyleRecipe.balance / value:.2g}\N{MULTIPLICATION SIGN}"
    return f"content {value / StyleRecipe.balance:.2g}\N{MULTIPLICATION SIGN}"


def _table(recipe: type[Recipe], *entries: RecipeField) -> dict[str, RecipeField]:
    """Return fields by name, each with its default from the class and its URL parameter."""
    defaults = {it.name: it.default for it in fields(recipe)}
    return {
        it.name: replace(it, default=defaults[it.name], query=it.query or (it.title and it.name))
        for it in entries
    }


SEED = RecipeField("seed", "Seed of all random numbers.", bounds=SEED_RANGE)
UNITS = RecipeField("units", caption="Neurons")
SIZE = RecipeField("size", unit="px")
STYLE_LAYERS = "Such as relu1a,relu2a, or relu1a:2,relu2a:1 with a weight for each."

# In this and the following tables, the order is that of the controls on pages.
NEURON_FIELDS = _table(
    neuron.NeuronRecipe,
    replace(UNITS, help="Such as 0-15,40; all by default."),
    replace(
        SIZE,
        help="Height and width in pixels; by default what suits the layer.",
        bounds=neuron.SIZE_RANGE,
        title="Size in pixels",
        choices=(64, 96, 128, 192, 256, 384, 512),
    ),
    RecipeField(
        "steps",
        "Steps of the optimisation, at most; by default what suits the layer.",
        bounds=neuron.STEPS_RANGE,
        title="Steps: more of them make the picture clearer",
        choices=(32, 64, 128, 256, 512, 1024),
    ),
    replace(SEED, title="Seed: another number starts from other noise"),
    RecipeField(
        "objective",
        f"What is maximised: {', '.join((*neuron.OBJECTIVES, LOGIT))}.",
        known=neuron.OBJECTIVES,
    ),
    RecipeField("negative", "Minimise instead: what the neurons want least.", summary="negative"),
    RecipeField(
        "count",
        "Number of pictures of each neuron, made to differ.",
        bounds=(1, neuron.BATCH),
        summary="{} different ones",
    ),
    RecipeField(
        "canvas",
        f"What the steps change: {', '.join(neuron.CANVASES)}.",
        known=neuron.CANVASES,
        title="Canvas: what the steps change",
        words={
            "fourier": "waves that add up to the picture (Fourier)",
            "pixels": "single pixels: rough",
            "maco": "waves as strong as in photographs (MACO)",
        },
        summary="{}",
    ),
    RecipeField("image", "Start from this picture; a caricature or inversion is made of it."),
    RecipeField("spectrum", "A folder of pictures whose frequencies the canvas maco keeps to."),
    RecipeField("total_variation", "Penalty on rough pictures.", bounds=WEIGHT_RANGE),
    RecipeField("l2", "Penalty on contrast.", bounds=WEIGHT_RANGE),
    RecipeField("blur", "Penalty on sharp detail.", bounds=WEIGHT_RANGE),
)

DREAM_FIELDS = _table(
    dream.DreamRecipe,
    replace(
        UNITS, help="Dream with these neurons alone, such as 0-15,40, or a direction: 3:1,40:-0.5."
    ),
    RecipeField(
        "strength",
        "How much the picture is changed, 0 to 4; the same at every depth.",
        bounds=dream.STRENGTH_RANGE,
        title="Strength: how much the picture is changed",
        slider=(*dream.STRENGTH_RANGE, 0.25),
        summary="strength {:g}",
    ),
    RecipeField(
        "octaves",
        "Number of sizes at which it is dreamt, small ones first.",
        bounds=dream.OCTAVES_RANGE,
        title="Octaves: number of sizes; more of them give larger forms",
        slider=(dream.OCTAVES_RANGE[0], 8, 1),
    ),
    RecipeField("octave_scale", "Each size divided by the one before.", bounds=dream.SCALE_RANGE),
    RecipeField(
        "steps",
        "Steps of the optimisation at each size.",
        bounds=dream.DREAM_STEPS,
        title="Steps at each size",
        choices=(5, 10, 20, 40),
    ),
    replace(
        SIZE,
        help="Longer side of the result in pixels.",
        bounds=dream.DREAM_SIZES,
        title="Longer side in pixels",
        choices=(256, 384, 512, 768, 1024, 1536, 2048),
    ),
    replace(SEED, title="Seed: another number gives another dream"),
    RecipeField(
        "keep_colours",
        "Keep the colours of the picture; change only its lightness.",
        query="colours",
        flag="kept",
        title="Keep the picture's colours",
    ),
    RecipeField("image", "The picture to dream over: a file, or one of ours, such as cat."),
    RecipeField("guide", "Dream of what this picture shows."),
    RecipeField("mask", "Dream only where this picture is bright."),
    RecipeField("frames", "How many pictures the film has.", bounds=dream.FRAMES_RANGE),
    RecipeField(
        "zoom", "How much larger each frame shows the middle of the last.", bounds=dream.ZOOM_RANGE
    ),
    RecipeField("turn", "Degrees, counter-clockwise, between frames.", bounds=dream.TURN_RANGE),
)

DREAM_DEPTHS_FIELDS = {
    it.name: it
    for it in (
        replace(DREAM_FIELDS["strength"], help="How much the pictures are changed, 0 to 4."),
        replace(DREAM_FIELDS["seed"], title="Seed"),
        replace(
            DREAM_FIELDS["size"],
            help="Longer side of each dream.",
            bounds=(dream.DREAM_SIZES[0], 2048),
            title="",
            query="",
        ),
    )
}

STYLE_FIELDS = _table(
    StyleRecipe,
    RecipeField("content", "A picture's file, or the name of a sample."),
    RecipeField("styles", "A painting's file, or one of ours: swirls, dots, mosaic ..."),
    RecipeField("style_shares", "Weight of each painting, such as 2,1."),
    RecipeField("masks", "Paint where this picture is bright; repeated, one for each painting."),
    RecipeField("content_layers", STYLE_LAYERS, query="content_layers"),
    RecipeField("style_layers", STYLE_LAYERS, query="style_layers"),
    RecipeField(
        "balance",
        "Weight of the content beside the style.",
        bounds=style.BALANCE_RANGE,
        title="Balance: from style to content",
        # From almost no content to almost nothing but content.
        choices=(0.003, 0.01, 0.025, StyleRecipe.balance, 0.1, 0.25, 1.0),
        label=balance_label,
    ),
    RecipeField(
        "style_scale",
        "Size of the paintings relative to the picture's.",
        bounds=style.STYLE_SCALES,
        title="Size of the strokes",
        choices=(0.5, 0.7, StyleRecipe.style_scale, 1.4, 2.0),
        label="\N{MULTIPLICATION SIGN} {:g}".format,
    ),
    replace(
        SIZE,
        help="Longer side of each picture in pixels.",
        bounds=style.STYLE_SIZES,
        title="Longer side in pixels",
        choices=(192, 256, 384, 512, 768, 1024),
    ),
    RecipeField(
        "steps",
        "Steps at each size, from small to large.",
        bounds=style.STYLE_STEPS,
        title="Steps at each size",
        choices=(5, 10, 20, 40, 80),
    ),
    RecipeField(
        "colours",
        f"Whose colours: {', '.join(style.COLOURS)}.",
        known=style.COLOURS,
        title="Whose colours",
        words={
            "style": "the painting's",
            "light": "the picture's own: only its lightness is painted",
            "matched": "the picture's own: the painting is recoloured first",
        },
        summary="own colours",
    ),
    RecipeField(
        "loss",
        f"What style is: {', '.join(style.LOSSES)}; nearest keeps shapes.",
        known=style.LOSSES,
        title="What style is",
        words={
            "wasserstein": "which neurons fire together, and how strongly (Wasserstein)",
            "gram": "only which neurons fire together (Gram)",
            "nearest": "keeps shapes: the nearest place of the painting (neighbours)",
        },
    ),
    RecipeField(
        "init",
        f"What it starts from: {', '.join(style.INITS)}.",
        known=style.INITS,
        title="Start from",
        words={"content": "the picture", "noise": "noise"},
    ),
    RecipeField("start", "Start from this picture."),
    replace(SEED, title="Seed: another number starts from other noise"),
    RecipeField("variation", "Penalty on rough pictures.", bounds=WEIGHT_RANGE),
    RecipeField("pooling", f"Pooling: {', '.join(style.POOLINGS)}.", known=style.POOLINGS),
    RecipeField("method", f"Optimiser: {' or '.join(style.METHODS)}.", known=style.METHODS),
    RecipeField("rate", "Length of a step of the optimiser.", bounds=style.RATE_RANGE),
)

STYLE_FILM_FIELDS = _table(
    style_film.StyleFilmRecipe,
    RecipeField("content", "The film: GIF, MP4 or alike."),
    *(
        STYLE_FIELDS[it]
        for it in ("styles", "style_shares", "content_layers", "style_layers", "balance")
    ),
    STYLE_FIELDS["style_scale"],
    replace(
        STYLE_FIELDS["size"],
        help="Longer side of the film in pixels.",
        bounds=style_film.STYLE_FILM_SIZES,
        choices=(192, 256, 384, 512),
    ),
    replace(
        STYLE_FIELDS["steps"],
        help="Steps of the first frame at each size, from small to large.",
        title="Steps of the first frame at each size",
    ),
    RecipeField(
        "frame_steps",
        "Steps of each later frame at each of its sizes.",
        bounds=style.STYLE_STEPS,
        title="Steps of each later frame",
        choices=(5, 10, 20, 40),
    ),
    RecipeField(
        "keep",
        "How strongly what was painted is kept; less flicker, and less that is new.",
        bounds=style_film.KEEP_RANGE,
        title="How strongly what was painted is kept",
        choices=(0.0, 0.3, style_film.StyleFilmRecipe.keep, 3.0, 10.0, 30.0),
        label="{:g}".format,
        summary="keep {:g}",
    ),
    *(STYLE_FIELDS[it] for it in ("colours", "loss", "seed", "variation", "pooling")),
)

STYLE_DEPTHS_FIELDS = _table(
    style_grid.StyleDepthsRecipe,
    RecipeField("shows", f"Parts of the sheet: {', '.join(style_grid.SHOWS)}; or all."),
    RecipeField("style_depths", "Style layers, the rows: relu1b,relu3b. Some by default."),
    RecipeField("content_depths", "Content layers, the columns. Some by default."),
    RecipeField("stages", "Layers of the other parts. Some by default."),
    replace(
        STYLE_FIELDS["balance"],
        title="Balance: larger numbers keep more content",
        choices=(0.003, 0.015, style_grid.StyleDepthsRecipe.balance, 0.15, 0.5),
        label=str,
    ),
    replace(
        STYLE_FIELDS["size"],
        title="Longer side of each in pixels",
        choices=(96, 128, 192, 256, 384),
    ),
    STYLE_FIELDS["steps"],
    STYLE_FIELDS["loss"],
    replace(SEED, title="Seed"),
)

FIELDS: Mapping[str, Mapping[str, RecipeField]] = {
    NEURONS: NEURON_FIELDS,
    DREAM: DREAM_FIELDS,
    DREAM_DEPTHS: DREAM_DEPTHS_FIELDS,
    STYLE: STYLE_FIELDS,
    STYLE_FILM: STYLE_FILM_FIELDS,
    STYLE_DEPTHS: STYLE_DEPTHS_FIELDS,
    # The variations of pages are small; a click opens one of them large.
    VARIATIONS: {"size": replace(SIZE, default=256, bounds=dream.DREAM_SIZES)},
}
# Defaults of pages, and of the command dream-depths, that differ from those of the recipe's class.
# The Style page renders smaller pictures in fewer steps, because a visitor waits for them. None
# means that the default depends on the layer or on the network; links to the page then always
# contain the value.
PAGE_DEFAULTS: dict[str, dict[str, Any]] = {
    NEURONS: {"size": None, "steps": None, "seed": None},
    DREAM_DEPTHS: {"size": 384},
    STYLE: {"balance": None, "size": 384, "steps": 20},
    STYLE_FILM: {"balance": None, "steps": 20},
}


def page_default(kind: str, name: str) -> Any:
    """Return the value that the page for a kind of recipe uses for a field missing in its URL."""
    own = PAGE_DEFAULTS.get(kind, {})
    return own[name] if name in own else FIELDS[kind][name].default


def query_fields(kind: str) -> list[RecipeField]:
    """Return the fields of a kind of recipe that the URL of its page may contain."""
    return [it for it in FIELDS[kind].values() if it.query]


def page_fields(kind: str, without: Iterable[str] = ()) -> list[RecipeField]:
    """Return the fields with controls on the page for a kind of recipe, except for ``without``."""
    return [it for it in FIELDS[kind].values() if it.title and it.name not in without]


def recipe_settings(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of ``values`` whose names are plain fields of a kind of recipe."""
    known = FIELDS[kind]
    return {name: it for name, it in values.items() if name in known and known[name].plain}
