"""A table of the fields of each kind of recipe: bounds, defaults, choices and texts for users.

Command-line options, controls and URLs of pages, and captions are built from these tables. A field
that is added to a table is thus known to all pages for its kind of recipe.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from core.numbers import WEIGHT_RANGE
from core.recipes import dream, neuron, style_film, style_grid, variations
from core.recipes.style import StyleRecipe
from explorer.recipe_fields.field import SEED, SIZE, SWITCHED, UNITS, RecipeField, field_table
from explorer.recipe_fields.style_fields import (
    STYLE_DEPTHS_FIELDS,
    STYLE_FIELDS,
    STYLE_FILM_FIELDS,
)

NEURONS, DREAM = neuron.NeuronRecipe.kind, dream.DreamRecipe.kind
STYLE, STYLE_DEPTHS = StyleRecipe.kind, style_grid.StyleDepthsRecipe.kind
STYLE_FILM = style_film.StyleFilmRecipe.kind
VARIATIONS = variations.VariationsRecipe.kind
# Dreams of one image at several depths: recipes of the kind DREAM, with other bounds and texts.
DREAM_DEPTHS = "dream-depths"
# The command line accepts this objective for the last layer; it means the objective ``channel``.
LOGIT = "logit"


# In this and the following tables, the order is that of the controls on pages.
NEURON_FIELDS = field_table(
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

DREAM_FIELDS = field_table(
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
    SWITCHED,
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
