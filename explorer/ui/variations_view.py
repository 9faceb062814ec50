"""Variations of a dream or a style transfer: the choice of what differs, and the pictures."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import streamlit as st

from core.recipes.variations import VariationsRecipe, plan_variations
from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.recipe_fields import FIELDS, VARIATIONS, page_default
from explorer.rendering import render_recipe
from explorer.store import durations
from explorer.text import formatting
from explorer.ui import download_buttons, job_requests, job_status, server_state, urls
from explorer.ui import variation_codec as codec
from explorer.ui.components import matrix
from explorer.ui.components.tiles import PictureTile
from explorer.ui.variation_codec import ACROSS, DOWN, OFFERED, Base

THUMBNAIL_PIXELS = 256
NAMES = {
    "strength": "strength",
    "seed": "seed (chance)",
    "octaves": "octaves (size of the forms)",
    "balance": "balance of style and content",
    "style_scale": "size of the strokes",
    "steps": "steps",
}
NOTHING = ""


def read(base: Base) -> VariationsRecipe | None:
    """Return the variations that the URL names; None if it names none.

    Args:
        base: the recipe of the single picture that the URL describes otherwise.

    Raises:
        ExplorerError: a setting does not exist, or a value is misspelt or out of bounds.
    """
    return codec.read_variations(st.query_params.to_dict(), _small(base))


def _small(base: Base) -> Base:
    """Return a recipe in the small size of variations, unless the URL names a size."""
    size = base.size if "size" in st.query_params else page_default(VARIATIONS, "size")
    return replace(base, size=size)


def show_choice(base: Base) -> None:
    """Show the choice of the settings that differ, with how long the pictures will take."""
    offered = OFFERED[base.kind]
    with st.popover("Variations", icon=":material/grid_on:", key="variations"):
        st.caption("The same picture with several values of one or two settings, as one job.")
        usual = codec.USUAL[base.kind]
        across = _select("From left to right", list(offered), usual[0], "vary across")
        others = [NOTHING, *(it for it in offered if it != across)]
        fallback = usual[1] if usual[1] != across else usual[0]
        down = _select("From top to bottom", others, fallback, f"vary down {across}")
        values = (down, offered[down]) if down else ("", ())
        recipe = plan_variations(_small(base), across, offered[across], *values)
        st.caption(f"{len(recipe.pictures)} pictures of {recipe.size} px: {expected(recipe)}.")
        st.button(
            "Make them",
            key="make variations",
            type="primary",
            on_click=lambda: urls.update_query(**{DOWN: None, **codec.variations_query(recipe)}),
        )


def _select(label: str, names: Sequence[str], usual: str, key: str) -> str:
    """Show the choice of a setting, and return its name."""
    at = names.index(usual)
    return str(
        st.selectbox(label, names, at, key=key, format_func=lambda it: NAMES.get(it, "nothing"))
    )


def expected(recipe: VariationsRecipe) -> str:
    """Return how long variations will take on this machine, such as ``about 20 s``."""
    seconds = durations.estimate_seconds(server_state.store(), recipe)
    if seconds is None:
        return "how long they take is not known yet"
    return formatting.about_seconds(seconds) if seconds else "they are there already"


def describe_times(recipe: Base) -> str:
    """Return how long a picture takes in each of the sizes to choose from; "" if unknown."""
    known = durations.Durations(server_state.store(), recipe)
    sizes = (int(it) for it in FIELDS[recipe.kind]["size"].choices)
    seconds = {it: known.estimate(replace(recipe, size=it)) for it in sizes}
    words = [f"{size} px {formatting.about_seconds(it)}" for size, it in seconds.items() if it]
    return f"How long it takes here: {', '.join(words)}." if words else ""


def show_result(
    recipe: Base,
    variations: VariationsRecipe | None,
    asked: bool,
    size: tuple[int, int],
    place: str,
    show_single: Callable[[job_requests.Requested], None],
) -> None:
    """Request and show the variations that the URL names, or else the single picture.

    Args:
        recipe: the recipe of the single picture.
        variations: result of ``read``.
        asked: whether the visitor chose any of the settings.
        size, place: as for ``show_pictures``.
        show_single: shows the single picture, which was requested.
    """
    if variations is not None:
        show_pictures(variations, size, place)
    else:
        show_single(job_requests.request_exclusive(recipe, place, asked))


def show_pictures(recipe: VariationsRecipe, size: tuple[int, int], place: str) -> None:
    """Show the pictures in rows and columns as soon as they are finished, and what to do next.

    Args:
        recipe: the recipe of the variations.
        size: (height, width) of the picture that they start from.
        place: name of the part of the page, as for ``job_requests.request_exclusive``.
    """
    job = job_requests.request_exclusive(recipe, place, True)
    total = len(recipe.pictures)

    def show(previews: job_status.Previews) -> None:
        _show_matrix(recipe, size, previews)

    def doing(fraction: float) -> str:
        return f"{round(fraction * total)} of {total} pictures"

    with st.container(key="variations-pictures"):
        asked = [] if job is None else [job]
        job_status.show_while_running("variations", asked, doing, show)
    with st.container(key="variations-tools", horizontal=True, vertical_alignment="center"):
        st.button(
            "Back to one picture",
            key="one picture",
            icon=":material/arrow_back:",
            on_click=lambda: urls.update_query(**{ACROSS: None, DOWN: None}),
        )
        if len(server_state.store().present(it.key for it in recipe.parts())) == total:
            name = formatting.file_stem(f"variations {recipe.network} {recipe.layer}")
            st.download_button(
                "Save as one sheet",
                lambda: _sheet(recipe),
                f"{name}.png",
                "image/png",
                key="save sheet",
                icon=":material/download:",
                on_click="ignore",
            )
            download_buttons.python_button(recipe, None, "variations")


def _sheet(recipe: VariationsRecipe) -> bytes:
    """Return all finished pictures as one labelled PNG."""
    found = server_state.store().pictures(recipe)
    return render_recipe.render_sheet(recipe, [found[it] for it in recipe.pictures])


def _show_matrix(
    recipe: VariationsRecipe, size: tuple[int, int], previews: job_status.Previews
) -> None:
    images = {number: it.image for number, it in server_state.store().pictures(recipe).items()}
    columns = [_head(recipe, recipe.across, it) for it in recipe.across_values]
    heads: list[matrix.MatrixHead | None] = [
        _head(recipe, recipe.down, it) for it in recipe.down_values
    ]
    rows = []
    for row, head in enumerate(heads or [None]):
        first = row * len(columns)
        tiles = [
            _tile(recipe, number, images.get(number), previews.get((recipe.key, number)))
            for number in range(first, first + len(columns))
        ]
        rows.append((head, tiles))
    # On a phone the heads of columns have no room for the name of the setting.
    corner = f"{NAMES.get(recipe.across, recipe.across)} \N{RIGHTWARDS ARROW}" if heads else ""
    clicked = matrix.image_matrix(
        columns, rows, size, "variations cells", "Variations", corner, _open(recipe), recipe.key
    )
    if clicked:
        st.rerun()


def _head(recipe: VariationsRecipe, name: str, value: float) -> matrix.MatrixHead:
    """Return the head of a column or a row: the value, and what it is of."""
    field = FIELDS[recipe.single.kind][name]
    label = field.label(value) if field.choices else f"{value:g}"
    return matrix.MatrixHead(label, NAMES.get(name, name), depth_colours.depth_colour(0.5))


def _tile(
    recipe: VariationsRecipe, number: int, image: bytes | None, preview: bytes | None
) -> PictureTile:
    """Return a cell with the finished picture, else with the preview, else empty."""
    row, column = divmod(number, len(recipe.across_values))
    label = recipe.label(recipe.across, recipe.across_values[column])
    if recipe.down:
        label += f", {recipe.label(recipe.down, recipe.down_values[row])}"
    if image is not None:
        url = thumbnails.thumbnail(image, THUMBNAIL_PIXELS)
        return PictureTile(str(number), label, url)
    if preview is not None:
        url = thumbnails.data_url(preview)
        return PictureTile(str(number), f"{label}, unfinished", url, preview=True)
    return PictureTile(str(number), f"{label}, not made yet")


def _open(recipe: VariationsRecipe) -> Callable[[str], None]:
    """Return the callback that opens one of the pictures large, in the usual size."""

    def open_picture(number: str) -> None:
        chosen, kind = recipe.parts()[int(number)], recipe.single.kind
        query: dict[str, str | None] = {ACROSS: None, DOWN: None}
        for name in filter(None, (recipe.across, recipe.down)):
            value = getattr(chosen, name)
            usual = value == page_default(kind, name)
            query[FIELDS[kind][name].query] = None if usual else f"{value:g}"
        urls.update_query(**query)

    return open_picture
