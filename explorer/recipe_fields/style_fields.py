"""Fields of the recipes of style transfer: of single pictures, films and sheets of all depths."""

from dataclasses import replace

from core.numbers import WEIGHT_RANGE
from core.recipes import style, style_film, style_grid
from core.recipes.style import StyleRecipe
from explorer.recipe_fields.field import SEED, SIZE, SWITCHED, RecipeField, field_table

STYLE_LAYERS = "Such as relu1a,relu2a, or relu1a:2,relu2a:1 with a weight for each."


def balance_label(value: float) -> str:
    """Return a balance of content and style as text relative to the default: ``style 2x``."""
    if value == StyleRecipe.balance:
        return "balanced"
    if value == 0:
        return "style alone"
    if value < StyleRecipe.balance:
        return f"style {StyleRecipe.balance / value:.2g}\N{MULTIPLICATION SIGN}"
    times = value / StyleRecipe.balance
    shown = f"{times:.2g}" if times < 100 else f"{times:.0f}"  # 2000 instead of 2e+03
    return f"content {shown}\N{MULTIPLICATION SIGN}"


STYLE_FIELDS = field_table(
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
            "wasserstein": "which neurons respond together, and how strongly (Wasserstein)",
            "gram": "only which neurons respond together (Gram)",
            "nearest": "keeps shapes: the nearest place of the painting (neighbours)",
        },
    ),
    RecipeField(
        "init",
        f"What it starts from: {', '.join(style.INITS)}.",
        known=style.INITS,
        title="Start from",
        caption="Start from",
        words={"content": "the picture", "noise": "noise"},
    ),
    RecipeField("start", "Start from this picture."),
    replace(SEED, title="Seed: another number starts from other noise"),
    RecipeField("variation", "Penalty on rough pictures.", bounds=WEIGHT_RANGE),
    RecipeField("pooling", f"Pooling: {', '.join(style.POOLINGS)}.", known=style.POOLINGS),
    RecipeField("method", f"Optimiser: {' or '.join(style.METHODS)}.", known=style.METHODS),
    RecipeField("rate", "Length of a step of the optimiser.", bounds=style.RATE_RANGE),
    SWITCHED,
)

STYLE_FILM_FIELDS = field_table(
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
    *(STYLE_FIELDS[it] for it in ("colours", "loss", "seed", "variation", "pooling", "switched")),
)

STYLE_DEPTHS_FIELDS = field_table(
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
