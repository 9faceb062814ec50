"""What all lessons share: their context, controls, results side by side, question and answer."""

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
from explorer.charts import depth_colours, figures
from explorer.text import formatting
from explorer.ui import chart as ui_chart
from explorer.ui import image_picker, job_status, server_state, urls
from explorer.ui.components.figure_row import CaptionedImage, captioned, figure_row
from explorer.ui.components.layer_pickers import depth_slider, slider_stop
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.image_picker import PickedImage
from explorer.ui.job_status import JobRequests
from explorer.ui.layers.small_pictures import SmallPictures
from explorer.ui.lessons.texts import Lesson

DEPTHS = 5
THUMBNAIL_PIXELS = 320
# Side of the example units above the slider.
EXAMPLE_PIXELS = 96


@dataclass(frozen=True)
class LessonContext:
    """The lesson that a page shows.

    Attributes:
        lesson: its texts.
        network: the network of all its experiments.
        problems: what in the link does not fit, in sentences.
        requests: the jobs that the page has requested.
    """

    lesson: Lesson
    network: Network
    problems: list[str]
    requests: JobRequests = field(default_factory=JobRequests)

    @property
    def key(self) -> str:
        """Names the lesson and its network, for the keys of widgets."""
        return f"lesson {self.lesson.number} {self.network.name}"


@dataclass(frozen=True)
class MeasuredAnswer:
    """The measured answer to a lesson's question.

    Attributes:
        right: the right option.
        words: the numbers in a sentence.
        values: the numbers by their name, then by layer or case.
        written: formats one of them.
    """

    right: str
    words: str
    values: Mapping[str, Mapping[str, float]]
    written: Callable[[float], str]


def sample_layers(network: Network, count: int = DEPTHS) -> list[Layer]:
    """Return layers with positions, evenly spaced from shallow to deep."""
    able = [it for it in network.shown if it.size is not None] or list(network.shown)
    return ends_of_equal_parts(able, count)


def layer_slider(context: LessonContext, layers: Sequence[Layer], first: int) -> Layer:
    """Show the slider of depths over some layers, and return the layer that the URL names."""
    network = context.network
    names = [it.name for it in layers]
    name = st.query_params.get("layer", names[first])
    if name not in names:
        context.problems.append(str(unknown("layer", name, names, network.name)))
        name = names[first]
    stops = []
    for layer in layers:
        unit = unit_labels.clearest_unit(network, layer.name) or 0
        found = SmallPictures(network, layer).find(unit)
        image = None if found is None else found.image
        stops.append(slider_stop(layer, image, pixels=EXAMPLE_PIXELS))

    def pick(layer: str) -> None:
        urls.update_query(layer=layer, unit=None)

    label = f"{network.name} {' '.join(names)}"
    if depth_slider(stops, names.index(name), f"slide {context.key}", label, pick):
        st.rerun()
    return layers[names.index(name)]


def layer_colour(layer: Layer) -> str:
    """Return the colour of a layer's depth."""
    return depth_colours.depth_colour(layer.depth)


def pick_painting(context: LessonContext, default: str) -> PickedImage:
    """Show the choice of one of the project's paintings, and return it."""
    picked = find_painting(default, "painting", context.problems)
    tiles = [
        PictureTile(
            name,
            painting.title,
            image_picker.thumbnail(name),
            caption=name,
            chosen=name == picked.name,
        )
        for name, painting in PAINTINGS.items()
    ]
    clicked = tile_grid(
        tiles,
        f"paintings {context.key}",
        "Paintings",
        lambda it: urls.update_query(painting=it),
        columns=len(tiles),
    )
    if clicked:
        st.rerun()
    return picked


def find_painting(default: str, name: str, problems: list[str]) -> PickedImage:
    """Return the painting that the URL names; the default where there is none such."""
    picked = st.query_params.get(name, default)
    if picked not in PAINTINGS:
        problems.append(str(unknown(name, picked, PAINTINGS)))
        picked = default
    return image_picker.find_image(picked)


def show_recipes(
    context: LessonContext,
    key: str,
    recipes: Sequence[Recipe],
    show: Callable[[job_status.Previews], None],
) -> bool:
    """Request some recipes, show their progress, and return whether all are finished."""
    asked = context.requests.ask(recipes)
    job_status.show_while_running(f"{key} {context.key}", asked, "{:.0%} made".format, show)
    return not asked


def show_result(
    context: LessonContext,
    key: str,
    recipe: Recipe,
    title: str,
    originals: Sequence[PickedImage],
    describe: Callable[[bytes | None], Sequence[Sequence[str]]],
    colour: str = "",
    size: tuple[int, int] | None = None,
) -> None:
    """Show some originals and what a recipe makes of them side by side.

    Args:
        context: the lesson.
        key: names the result within the lesson.
        recipe: makes one image.
        title: beneath the result.
        originals: the images before it.
        describe: returns the lines beneath each image and the result, given the result as far as
            it is finished.
        colour: of the dot before the title; "" for none.
        size: (height, width) of the frames; by default those of the first original.
    """

    def show(previews: job_status.Previews) -> None:
        image = finished_image(recipe)
        *lines, last = (tuple(it) for it in describe(image))
        images = [
            CaptionedImage(it.title, image_picker.small_url(it, THUMBNAIL_PIXELS), words)
            for it, words in zip(originals, lines, strict=True)
        ]
        preview = previews.get((recipe.key, 0))
        result = captioned(image, preview, THUMBNAIL_PIXELS, title, last, colour)
        figure_row([*images, result], size or originals[0].size)

    show_recipes(context, key, [recipe], show)


def make_all(context: LessonContext, key: str, recipes: Sequence[Recipe]) -> list[bytes] | None:
    """Request some recipes of one image each, and return all images once they are finished."""
    if not show_recipes(context, key, recipes, lambda _: None):
        return None
    return [finished_image(it) or b"" for it in recipes]


def finished_image(recipe: Recipe) -> bytes | None:
    """Return the image that a recipe has made, encoded; None if it is not finished."""
    found = server_state.store().picture(recipe.key, 0)
    return None if found is None else found.image


def image_tensor(image: bytes) -> Tensor:
    """Open an encoded image as a tensor, ``[1, 3, H, W]`` in ``[0, 1]``."""
    return image_io.to_tensor(image_io.open_picture(image))


def ask_question(
    context: LessonContext, options: Sequence[str], answer: Callable[[], MeasuredAnswer | None]
) -> None:
    """Show the question, and what was measured once the reader asks for it.

    Args:
        context: the lesson.
        options: the possible answers.
        answer: measures; returns None while images that it needs are still being made.
    """
    st.html(
        f'<div class="section lesson-question"><h3>{escape(context.lesson.question)}</h3></div>'
    )
    guess = st.pills("Your guess", list(options), key=f"guess {context.key}")
    key = f"answered {context.key}"
    if not st.session_state.get(key):
        st.button(
            "Show what was measured",
            key=f"tell {context.key}",
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
            show_answer(context, found, guess)


def show_answer(context: LessonContext, found: MeasuredAnswer, guess: str | None) -> None:
    """Show what was measured in a sentence and a chart."""
    verdict = f"{'Right' if guess == found.right else 'Measured'}: {found.right}."
    st.html(
        f'<p class="verdict"><b>{escape(verdict)}</b> {escape(found.words)}</p>'
        f'<p class="fact-words lesson-method">{escape(context.lesson.method)}</p>'
    )
    layers = {it.name: layer_colour(it) for it in context.network.shown}
    chart = figures.bars(found.values, layers, found.written)
    name = f"lesson-{context.lesson.number}-{context.network.name}"
    ui_chart.show_chart(chart, f"chart {context.key}", name)
