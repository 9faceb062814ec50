"""Code that all lessons share: their context, controls, rows of images, question and answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TypeVar

import streamlit as st
from torch import Tensor

from core.analysis import unit_labels
from core.images import image_io
from core.networks import Layer, Network, depth_sampling
from core.paintings import PAINTINGS
from core.recipes.recipe import Recipe
from explorer.charts import depth_colours, figures
from explorer.ui import chart as ui_chart
from explorer.ui import image_picker, job_status, link_problems, server_state, urls
from explorer.ui.components.figure_row import CaptionedImage, captioned, figure_row
from explorer.ui.components.layer_pickers import depth_slider, slider_stop
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.image_picker import PickedImage
from explorer.ui.layers.small_pictures import SmallPictures
from explorer.ui.lessons.texts import Lesson

Name = TypeVar("Name")

DEPTHS = 5
THUMBNAIL_PIXELS = 320
# Side in pixels of the pictures of example units above the slider.
EXAMPLE_PIXELS = 96


@dataclass(frozen=True)
class LessonContext:
    """The lesson that a page shows.

    Attributes:
        lesson: the texts of the lesson.
        network: the network with which all experiments of the lesson are made.
        problems: problems of the link, in sentences; the lesson appends to the list.
        requests: the jobs that this run of the page has requested.
    """

    lesson: Lesson
    network: Network
    problems: list[str]
    requests: job_status.JobRequests = field(default_factory=job_status.JobRequests)

    @property
    def key(self) -> str:
        """Text with the lesson's number and its network, for the keys of widgets."""
        return f"lesson {self.lesson.number} {self.network.name}"


@dataclass(frozen=True)
class MeasuredAnswer:
    """The measured answer to a lesson's question.

    Attributes:
        right: the option that the measurement shows to be right.
        words: a sentence with the most important numbers.
        values: the measured numbers for the chart: for each series its name, and in the series the
            number by layer or by case, such as ``balance 0.02``.
        written: formats one of the numbers as text.
    """

    right: str
    words: str
    values: Mapping[str, Mapping[str, float]]
    written: Callable[[float], str]


def sample_layers(network: Network, count: int = DEPTHS) -> list[Layer]:
    """Return ``count`` layers, evenly spaced from shallow to deep.

    Layers without positions (height and width), such as logits, are left out if there are others.
    """
    able = [it for it in network.shown if it.size is not None] or list(network.shown)
    return depth_sampling.ends_of_equal_parts(able, count)


def layer_slider(context: LessonContext, layers: Sequence[Layer], first: int) -> Layer:
    """Show a slider over some layers, and return the layer that the URL names.

    Args:
        context: the lesson.
        layers: the layers to choose from.
        first: index of the default layer in ``layers``.
    """
    network = context.network
    names = [it.name for it in layers]
    name = urls.one_of("layer", names, names[first], context.problems, network.name)
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
    """Return the CSS colour that charts use for a layer, which depends on the layer's depth."""
    return depth_colours.depth_colour(layer.depth)


def pick_painting(context: LessonContext, default: str) -> PickedImage:
    """Show the choice of one of the project's paintings, and return the chosen painting."""
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
    """Return the painting that the URL names; the default if it names none or an unknown one.

    Args:
        default: name of the default painting.
        name: parameter of the URL's query with the name of the painting.
        problems: a sentence is appended if the URL names an unknown painting.
    """
    return image_picker.find_image(urls.one_of(name, PAINTINGS, default, problems))


def show_recipes(
    context: LessonContext,
    key: str,
    recipes: Sequence[Recipe],
    show: Callable[[job_status.Previews], None],
) -> bool:
    """Request some recipes, and show their progress.

    Args:
        context: the lesson.
        key: name of the part of the page, for widgets' keys.
        recipes: the recipes.
        show: shows the results; called with the previews of those that are unfinished.

    Returns:
        Whether the results of all recipes were finished when this run of the page began.
    """
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
    """Show the result of a recipe at the right of the original images.

    Args:
        context: the lesson.
        key: name of the result within the lesson, for widgets' keys.
        recipe: the recipe, of one image.
        title: title beneath the result.
        originals: the original images.
        describe: returns the lines of text beneath each original and, as the last item, those
            beneath the result. Called with the encoded result; None if it is not finished.
        colour: CSS colour of a dot before the title; "" for no dot.
        size: (height, width) of the images' frames; by default the size of the first original.
    """

    def show(previews: job_status.Previews) -> None:
        image = server_state.finished_image(recipe)
        *lines, last = (tuple(it) for it in describe(image))
        images = [
            CaptionedImage(it.title, image_picker.small_url(it, THUMBNAIL_PIXELS), words)
            for it, words in zip(originals, lines, strict=True)
        ]
        preview = previews.get((recipe.key, 0))
        result = captioned(image, preview, THUMBNAIL_PIXELS, title, last, colour)
        figure_row([*images, result], size or originals[0].size)

    show_recipes(context, key, [recipe], show)


def make_all(
    context: LessonContext, key: str, recipes: Mapping[Name, Recipe]
) -> dict[Name, bytes] | None:
    """Request some recipes of one image each, and show their progress.

    Returns:
        The encoded images, by the names of the recipes; None while one of them is not finished.
    """
    if not show_recipes(context, key, list(recipes.values()), lambda _: None):
        return None
    return {name: server_state.finished_image(it) or b"" for name, it in recipes.items()}


def image_tensor(image: bytes) -> Tensor:
    """Return an encoded image as a tensor, ``[1, 3, H, W]`` in ``[0, 1]``."""
    return image_io.to_tensor(image_io.open_picture(image))


def ask_question(
    context: LessonContext, options: Sequence[str], answer: Callable[[], MeasuredAnswer | None]
) -> None:
    """Show the question of a lesson, and after a click on a button the measured answer.

    Args:
        context: the lesson.
        options: the possible answers.
        answer: measures the answer; returns None while images for the measurement are being made.
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
        found = None
        with link_problems.show_errors("This cannot be measured"):
            found = answer()
        if found is not None:
            show_answer(context, found, guess)


def show_answer(context: LessonContext, found: MeasuredAnswer, guess: str | None) -> None:
    """Show a measured answer as a sentence and a chart.

    Args:
        context: the lesson.
        found: the measured answer.
        guess: the option that the visitor guessed, if any.
    """
    verdict = f"{'Right' if guess == found.right else 'Measured'}: {found.right}."
    st.html(
        f'<p class="verdict"><b>{escape(verdict)}</b> {escape(found.words)}</p>'
        f'<p class="fact-words lesson-method">{escape(context.lesson.method)}</p>'
    )
    layers = {it.name: layer_colour(it) for it in context.network.shown}
    chart = figures.bars(found.values, layers, found.written)
    name = f"lesson-{context.lesson.number}-{context.network.name}"
    ui_chart.show_chart(chart, f"chart {context.key}", name)
