"""What all lessons share: where they stand, pictures in a row, the question and its answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import streamlit as st
from torch import Tensor

from core.analysis import unit_labels
from core.errors import ExplorerError, unknown
from core.images import image_io
from core.networks.depth_sampling import ends_of_equal_parts
from core.networks.layers import Layer
from core.networks.network import Network
from core.paintings import PAINTINGS
from core.recipes.recipe import Recipe
from explorer import layer_pages, thumbnails
from explorer.charts import depth_colours, figures
from explorer.text import formatting
from explorer.ui import chart as ui_chart
from explorer.ui import image_picker, job_status, server_state, urls
from explorer.ui.components import layer_pickers
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.image_picker import PickedImage
from explorer.ui.job_status import JobRequests
from explorer.ui.lessons.texts import Lesson

DEPTHS = 5
THUMBNAIL_PIXELS = 320
EMBLEM_PIXELS = 96


@dataclass(frozen=True)
class LessonContext:
    """Where a lesson stands.

    Attributes:
        lesson: which one.
        network: that it is about.
        problems: get a sentence where the link does not fit.
        wanted: what was asked of the workers.
    """

    lesson: Lesson
    network: Network
    problems: list[str]
    wanted: JobRequests = field(default_factory=JobRequests)

    @property
    def key(self) -> str:
        """Names the lesson with its network, for widgets."""
        return f"lesson {self.lesson.number} {self.network.name}"


@dataclass(frozen=True)
class MeasuredAnswer:
    """What was measured.

    Attributes:
        right: the answer to the question, one of its options.
        words: the numbers in a sentence.
        values: the numbers by what they are called, then by layer or case.
        written: writes one of them.
    """

    right: str
    words: str
    values: Mapping[str, Mapping[str, float]]
    written: Callable[[float], str]


@dataclass(frozen=True)
class LessonPicture:
    """A picture in a row.

    Attributes:
        title: beneath it.
        url: None while there is none yet.
        words: lines beneath the title.
        colour: of the dot before the title; "" for none.
        preview: whether it is unfinished.
    """

    title: str
    url: str | None
    words: tuple[str, ...] = ()
    colour: str = ""
    preview: bool = False


def picture_row(pictures: Sequence[LessonPicture], proportion: tuple[int, int] = (1, 1)) -> None:
    """Show pictures side by side, of one (height, width)."""
    written = []
    for it in pictures:
        alt = escape(it.title)
        shown = f'<div class="place" role="img" aria-label="{alt}, not there yet"></div>'
        if it.url is not None:
            kind = ' class="preview"' if it.preview else ""
            shown = f'<img{kind} src="{it.url}" alt="{alt}">'
        dot = f'<i style="background:{it.colour}"></i>' if it.colour else ""
        lines = "".join(f"<small>{escape(line)}</small>" for line in it.words)
        written.append(f"<figure>{shown}<figcaption><b>{dot}{alt}</b>{lines}</figcaption></figure>")
    style = f"--columns: {len(pictures)}; --proportion: {proportion[1]} / {proportion[0]}"
    alone = " alone" if len(pictures) == 1 else ""
    st.html(f'<div class="depths lesson-row{alone}" style="{style}">{"".join(written)}</div>')


def sample_layers(network: Network, count: int = DEPTHS) -> list[Layer]:
    """Choose layers with places, evenly from shallow to deep."""
    able = [it for it in network.shown if it.size is not None] or list(network.shown)
    return ends_of_equal_parts(able, count)


def layer_slider(desk: LessonContext, layers: Sequence[Layer], first: int) -> Layer:
    """Let the reader choose one of some layers with the slider of depths."""
    names = [it.name for it in layers]
    name = st.query_params.get("layer", names[first])
    if name not in names:
        desk.problems.append(str(unknown("layer", name, names, desk.network.name)))
        name = names[first]
    stops = [
        layer_pickers.SliderStop(
            it.name,
            f"{it.name}, depth {it.depth:.0%}",
            layer_colour(it),
            picture=layer_emblem(desk.network, it),
        )
        for it in layers
    ]
    key = f"slide {desk.key}"
    label = f"{desk.network.name} {' '.join(names)}"

    def pick(layer: str) -> None:
        urls.update_query(layer=layer, unit=None)

    if layer_pickers.depth_slider(stops, names.index(name), key, label, pick):
        st.rerun()
    return layers[names.index(name)]


def layer_emblem(network: Network, layer: Layer) -> str | None:
    """Give the picture of the neuron of a layer that is clearest, if it is drawn."""
    unit = unit_labels.clearest_unit(network, layer.name) or 0
    found = server_state.store().picture(layer_pages.part_of(network, layer, unit).key, unit)
    return None if found is None else thumbnails.thumbnail(found.image, EMBLEM_PIXELS)


def layer_colour(layer: Layer) -> str:
    """Give the colour of a layer's depth."""
    return depth_colours.depth_colour(layer.depth)


def pick_photograph(desk: LessonContext, default: str) -> PickedImage:
    """Let the reader choose the picture."""
    return image_picker.pick_image("picture", default, desk.problems) or image_picker.find_image(
        default
    )


def pick_painting(desk: LessonContext, default: str) -> PickedImage:
    """Let the reader choose one of our paintings."""
    chosen = painting_or_sample(default, "painting", desk.problems)
    tiles = [
        PictureTile(
            it,
            each.title,
            image_picker.thumbnail(it),
            caption=it,
            chosen=it == chosen.name,
        )
        for it, each in PAINTINGS.items()
    ]
    clicked = tile_grid(
        tiles,
        f"paintings {desk.key}",
        "Paintings",
        lambda it: urls.update_query(painting=it),
        columns=len(tiles),
    )
    if clicked:
        st.rerun()
    return chosen


def painting_or_sample(default: str, name: str, problems: list[str]) -> PickedImage:
    """Read from the URL which painting is chosen; the default where there is none such."""
    chosen = st.query_params.get(name, default)
    if chosen not in PAINTINGS:
        problems.append(str(unknown(name, chosen, PAINTINGS)))
        chosen = default
    return image_picker.find_image(chosen)


def show_recipes(
    desk: LessonContext,
    key: str,
    recipes: Sequence[Recipe],
    show: Callable[[job_status.Previews], None],
) -> bool:
    """Have pictures made, show them as they come, and tell whether all are there."""
    asked = desk.wanted.ask(recipes)
    ready = not asked
    job_status.show_while_running(f"{key} {desk.key}", asked, "{:.0%} made".format, show)
    return ready


def finished_picture(recipe: Recipe) -> bytes | None:
    """Find the picture that a recipe made."""
    found = server_state.store().picture(recipe.key, 0)
    return None if found is None else found.image


def recipe_picture(
    recipe: Recipe,
    previews: job_status.Previews,
    title: str,
    words: tuple[str, ...] = (),
    dot: str = "",
) -> LessonPicture:
    """Show what a recipe made, or has made so far."""
    image = finished_picture(recipe)
    if image is not None:
        return LessonPicture(title, thumbnails.thumbnail(image, THUMBNAIL_PIXELS), words, dot)
    preview = previews.get((recipe.key, 0))
    url = None if preview is None else thumbnails.data_url(preview)
    return LessonPicture(title, url, words, dot, preview is not None)


def input_picture(chosen: PickedImage) -> str:
    """Give a chosen picture's URL, of the size that is shown."""
    return image_picker.small_url(chosen, THUMBNAIL_PIXELS)


def image_tensor(image: bytes) -> Tensor:
    """Open an encoded picture, ``[1, 3, H, W]`` in ``[0, 1]``."""
    return image_io.to_tensor(image_io.open_picture(image))


def ask_question(
    desk: LessonContext, options: Sequence[str], answer: Callable[[], MeasuredAnswer | None]
) -> None:
    """Ask the question, and tell what was measured once the reader wants to know.

    Args:
        desk: where.
        options: what the reader may think.
        answer: measures; None while what it needs is still being made.
    """
    st.html(f'<div class="section lesson-question"><h3>{escape(desk.lesson.question)}</h3></div>')
    guess = st.pills("Your guess", list(options), key=f"guess {desk.key}")
    key = f"told {desk.key}"
    if not st.session_state.get(key):
        st.button(
            "Show what was measured",
            key=f"tell {desk.key}",
            type="primary",
            icon=":material/straighten:",
            on_click=lambda: st.session_state.update({key: True}),
        )
        return
    with st.container(key="lesson-answer"):
        try:
            found = answer()
        except ExplorerError as error:
            st.error(f"This cannot be measured: {formatting.escape_markdown(str(error))}")
            return
        if found is not None:
            show_answer(desk, found, guess)


def show_answer(desk: LessonContext, found: MeasuredAnswer, guess: str | None) -> None:
    """Say what was measured, and draw it."""
    verdict = f"Measured: {found.right}."
    if guess is not None:
        verdict = f"Right: {found.right}." if guess == found.right else f"Measured: {found.right}."
    st.html(
        f'<p class="verdict"><b>{escape(verdict)}</b> {escape(found.words)}</p>'
        f'<p class="fact-words lesson-method">{escape(desk.lesson.method)}</p>'
    )
    layers = {it.name: layer_colour(it) for it in desk.network.shown}
    chart = figures.bars(found.values, layers, found.written)
    name = f"lesson-{desk.lesson.number}-{desk.network.name}"
    ui_chart.show_chart(chart, f"chart {desk.key}", name)
